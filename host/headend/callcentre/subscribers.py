"""Registers tariffs, and subscribers with their terminals and accounts."""

from collections.abc import Iterable

from settop.errors import LocalError
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from headend.accounts import money
from headend.accounts.engine import transaction
from headend.accounts.master_key import MasterKey
from headend.accounts.models import Terminal
from headend.accounts.terminals import add_terminal, check_master_key, check_sizes, remove_terminal
from headend.callcentre.models import AllowedProgramme, Subscriber, Tariff
from headend.callcentre.tokens import CLONE_RULES


def has_tariff(engine: Engine, name: str) -> bool:
    """Whether there is a tariff of this name."""
    with transaction(engine) as connection:
        return connection.scalar(select(Tariff.tariff_id).where(Tariff.name == name)) is not None


def set_tariff(engine: Engine, name: str, portion_price: int, set_up_price: int = 0, currency: str = "EUR") -> None:
    """Makes a tariff, or changes its prices (hundredths, 0 or more) for calls that begin from now on."""
    if not 1 <= len(name) <= 64 or not 1 <= len(currency) <= 8:
        raise LocalError("a tariff's name has 1 to 64 characters, its currency 1 to 8")
    if portion_price < 0 or set_up_price < 0:
        raise LocalError("prices must be 0 or more hundredths")
    prices = {"portion_price": portion_price, "set_up_price": set_up_price, "currency": currency}
    with transaction(engine) as connection:
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
    money.checked(credit)
    check_sizes(terminal_id, device_key)
    check_master_key(engine, master_key)
    with transaction(engine) as connection:
        tariff_id = connection.scalar(select(Tariff.tariff_id).where(Tariff.name == tariff))
        if tariff_id is None:
            raise LocalError(f"no tariff {tariff!r}: make it first")
        add_terminal(connection, master_key, terminal_id, device_key, money.open_account(connection, credit))
        row = {"terminal_id": terminal_id, "tariff_id": tariff_id, "every_programme": programmes is None}
        key = connection.execute(insert(Subscriber).values(**row)).inserted_primary_key
        assert key is not None
        _allow(connection, key[0], programmes)
    return int(key[0])


def remove_subscriber(engine: Engine, subscriber_id: int) -> None:
    """Takes back a registration that came to nothing, with terminal and account.

    Raises LocalError for one that has calls: records stay.
    """
    with transaction(engine) as connection:
        try:
            connection.execute(delete(AllowedProgramme).where(AllowedProgramme.subscriber_id == subscriber_id))
            terminal_id = connection.scalar(
                delete(Subscriber).where(Subscriber.subscriber_id == subscriber_id).returning(Subscriber.terminal_id)
            )
            if terminal_id is not None:
                remove_terminal(connection, terminal_id)
        except IntegrityError:
            raise LocalError(f"subscriber {subscriber_id} has call records and stays") from None


def allow_programmes(engine: Engine, subscriber_id: int, programmes: Iterable[int] | None) -> None:
    """Replaces what a subscription covers. None: all; empty: none. Raises LocalError if unknown."""
    with transaction(engine) as connection:
        change = update(Subscriber).where(Subscriber.subscriber_id == subscriber_id)
        if not connection.execute(change.values(every_programme=programmes is None)).rowcount:
            raise LocalError(f"no subscriber {subscriber_id}")
        connection.execute(delete(AllowedProgramme).where(AllowedProgramme.subscriber_id == subscriber_id))
        _allow(connection, subscriber_id, programmes)


def set_clone_rule(engine: Engine, subscriber_id: int, rule: str) -> None:
    """What an outdated token means for a subscription (headend.callcentre.tokens): "warn", "deny" or "reprovision".

    Raises LocalError for another rule, or if the subscriber is unknown.
    """
    if rule not in CLONE_RULES:
        raise LocalError(f"rule {rule!r} for copies: expected one of {', '.join(CLONE_RULES)}")
    change = update(Subscriber).where(Subscriber.subscriber_id == subscriber_id).values(clone_rule=rule)
    with transaction(engine) as connection:
        if not connection.execute(change).rowcount:
            raise LocalError(f"no subscriber {subscriber_id}")


def set_credit(engine: Engine, subscriber_id: int, credit: int | None) -> None:
    """Sets what a subscriber may still spend, in hundredths; None: no limit. Raises LocalError if unknown."""
    money.set_credit(engine, account_of(engine, subscriber_id), credit)


def credit_left(engine: Engine, subscriber_id: int) -> int | None:
    """Credit in hundredths, None for no limit. Raises LocalError if unknown."""
    return money.credit_left(engine, account_of(engine, subscriber_id))


def account_of(engine: Engine, subscriber_id: int) -> int:
    """The account that pays. Raises LocalError if the subscriber is unknown."""
    with transaction(engine) as connection:
        account_id = connection.scalar(
            select(Terminal.account_id)
            .join(Subscriber, Subscriber.terminal_id == Terminal.terminal_id)
            .where(Subscriber.subscriber_id == subscriber_id)
        )
    if account_id is None:
        raise LocalError(f"no subscriber {subscriber_id}")
    return int(account_id)


def _allow(connection: Connection, subscriber_id: int, programmes: Iterable[int] | None) -> None:
    for programme_id in sorted(set(programmes or ())):
        if not 0 <= programme_id <= 0xFFFFFFFF:
            raise LocalError(f"programme id {programme_id}, expected 0 to {0xFFFFFFFF}")
        connection.execute(insert(AllowedProgramme).values(subscriber_id=subscriber_id, programme_id=programme_id))
