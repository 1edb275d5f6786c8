"""Registers tariffs and subscribers, and seals their device keys."""

from collections.abc import Iterable

from settop.errors import LocalError
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from headend.accounts.master_key import MasterKey
from headend.accounts.models import AllowedProgramme, MasterKeyCheck, Subscriber, Tariff

_CHECK_ID = 1
_CHECK_OWNER = b"ringcast"
_CHECK_VALUE = bytes(8)


def check_master_key(engine: Engine, master_key: MasterKey) -> None:
    """Ties an empty database to this key, or raises LocalError where it is tied to another."""
    look = select(MasterKeyCheck.sealed).where(MasterKeyCheck.check_id == _CHECK_ID)
    with engine.begin() as connection:
        sealed = connection.scalar(look)
    if sealed is None:
        try:
            with engine.begin() as connection:
                sealed = master_key.seal(_CHECK_OWNER, _CHECK_VALUE)
                connection.execute(insert(MasterKeyCheck).values(check_id=_CHECK_ID, sealed=sealed))
        except IntegrityError:
            # Another process was first: its key counts.
            with engine.begin() as connection:
                sealed = connection.scalar(look)
    assert sealed is not None
    master_key.open(_CHECK_OWNER, sealed)


def has_master_key(engine: Engine) -> bool:
    """Whether the database is tied to a master key already."""
    with engine.begin() as connection:
        return connection.scalar(select(MasterKeyCheck.check_id)) is not None


def has_tariff(engine: Engine, name: str) -> bool:
    """Whether there is a tariff of this name."""
    with engine.begin() as connection:
        return connection.scalar(select(Tariff.tariff_id).where(Tariff.name == name)) is not None


def set_tariff(engine: Engine, name: str, portion_price: int, set_up_price: int = 0, currency: str = "EUR") -> None:
    """Makes a tariff, or changes its prices (hundredths, 0 or more) for calls that begin from now on."""
    if not 1 <= len(name) <= 64 or not 1 <= len(currency) <= 8:
        raise LocalError("a tariff's name has 1 to 64 characters, its currency 1 to 8")
    if portion_price < 0 or set_up_price < 0:
        raise LocalError("prices must be 0 or more hundredths")
    prices = {"portion_price": portion_price, "set_up_price": set_up_price, "currency": currency}
    with engine.begin() as connection:
        if not connection.execute(update(Tariff).where(Tariff.name == name).values(**prices)).rowcount:
            connection.execute(insert(Tariff).values(name=name, **prices))


def add_subscriber(
    engine: Engine,
    master_key: MasterKey,
    terminal_id: bytes,
    device_key: bytes,
    tariff: str,
    programmes: Iterable[int] | None = None,
    credit: int | None = None,
) -> int:
    """Registers a terminal; its subscriber id. `programmes` None: all; `credit` None: no limit.

    Raises LocalError for an impossible size, tariff, programme id or credit, and for a known terminal.
    """
    if len(terminal_id) != TERMINAL_ID_BYTES or len(device_key) != DEVICE_KEY_BYTES:
        raise LocalError(f"expected a terminal id of {TERMINAL_ID_BYTES} bytes and a key of {DEVICE_KEY_BYTES}")
    if credit is not None and credit < 0:
        raise LocalError("credit must be 0 or more hundredths")
    check_master_key(engine, master_key)
    sealed = master_key.seal(terminal_id, device_key)
    try:
        with engine.begin() as connection:
            tariff_id = connection.scalar(select(Tariff.tariff_id).where(Tariff.name == tariff))
            if tariff_id is None:
                raise LocalError(f"no tariff {tariff!r}: make it first")
            row = {
                "terminal_id": terminal_id,
                "sealed_key": sealed,
                "tariff_id": tariff_id,
                "every_programme": programmes is None,
                "credit": credit,
            }
            key = connection.execute(insert(Subscriber).values(**row)).inserted_primary_key
            assert key is not None
            _allow(connection, key[0], programmes)
    except IntegrityError:
        raise LocalError(f"terminal {terminal_id.hex()} is registered already") from None
    return int(key[0])


def remove_subscriber(engine: Engine, subscriber_id: int) -> None:
    """Takes back a registration that came to nothing. Raises LocalError for one that has calls: records stay."""
    try:
        with engine.begin() as connection:
            connection.execute(delete(AllowedProgramme).where(AllowedProgramme.subscriber_id == subscriber_id))
            connection.execute(delete(Subscriber).where(Subscriber.subscriber_id == subscriber_id))
    except IntegrityError:
        raise LocalError(f"subscriber {subscriber_id} has call records and stays") from None


def allow_programmes(engine: Engine, subscriber_id: int, programmes: Iterable[int] | None) -> None:
    """Replaces what a subscription covers. None: all; empty: none. Raises LocalError if unknown."""
    with engine.begin() as connection:
        change = update(Subscriber).where(Subscriber.subscriber_id == subscriber_id)
        if not connection.execute(change.values(every_programme=programmes is None)).rowcount:
            raise LocalError(f"no subscriber {subscriber_id}")
        connection.execute(delete(AllowedProgramme).where(AllowedProgramme.subscriber_id == subscriber_id))
        _allow(connection, subscriber_id, programmes)


def set_credit(engine: Engine, subscriber_id: int, credit: int | None) -> None:
    """Sets what a subscriber may still spend, in hundredths; None: no limit. Raises LocalError if unknown."""
    if credit is not None and credit < 0:
        raise LocalError("credit must be 0 or more hundredths")
    with engine.begin() as connection:
        change = update(Subscriber).where(Subscriber.subscriber_id == subscriber_id)
        if not connection.execute(change.values(credit=credit)).rowcount:
            raise LocalError(f"no subscriber {subscriber_id}")


def credit_left(engine: Engine, subscriber_id: int) -> int | None:
    """Credit in hundredths, None for no limit. Raises LocalError if unknown."""
    with engine.begin() as connection:
        row = connection.execute(
            select(Subscriber.credit).where(Subscriber.subscriber_id == subscriber_id)
        ).one_or_none()
    if row is None:
        raise LocalError(f"no subscriber {subscriber_id}")
    return row[0]


def _allow(connection: Connection, subscriber_id: int, programmes: Iterable[int] | None) -> None:
    for programme_id in sorted(set(programmes or ())):
        if not 0 <= programme_id <= 0xFFFFFFFF:
            raise LocalError(f"programme id {programme_id}, expected 0 to {0xFFFFFFFF}")
        connection.execute(insert(AllowedProgramme).values(subscriber_id=subscriber_id, programme_id=programme_id))
