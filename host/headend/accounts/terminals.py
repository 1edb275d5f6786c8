"""Terminals and their device keys, which lie sealed under the master key."""

from settop.errors import LocalError
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES
from sqlalchemy import Connection, Engine, delete, exists, insert, select
from sqlalchemy.exc import IntegrityError

from headend.accounts.engine import declared, transaction
from headend.accounts.errors import LedgerError
from headend.accounts.master_key import MasterKey
from headend.accounts.models import Account, MasterKeyCheck, Terminal

_CHECK_ID = 1
_CHECK_OWNER = b"ringcast"
_CHECK_VALUE = bytes(8)


class DeviceKeys:
    """Opens device keys under one master key; a wrong one is a LocalError at the first `check`."""

    def __init__(self, engine: Engine, master_key: MasterKey) -> None:
        self._engine = engine
        self._master_key = master_key
        self._stranger = master_key.seal(bytes(TERMINAL_ID_BYTES), bytes(DEVICE_KEY_BYTES))
        self._checked = False

    def check(self) -> None:
        """Whether it is the database's master key, once. Raises LocalError where it is another."""
        if not self._checked:
            check_master_key(self._engine, self._master_key)
            self._checked = True

    def open(self, terminal_id: bytes, sealed: bytes | None) -> bytes | None:
        """The device key of `Terminal.sealed_key`; for None nothing, after unwrapping a key all the same.

        Raises LedgerError where it does not open.
        """
        owner, blob = (bytes(TERMINAL_ID_BYTES), self._stranger) if sealed is None else (terminal_id, sealed)
        try:
            device_key = self._master_key.open(owner, blob)
        except LocalError as error:
            raise LedgerError(f"terminal {terminal_id.hex()}: {error}") from None
        return None if sealed is None else device_key


def check_master_key(engine: Engine, master_key: MasterKey) -> None:
    """Ties an empty database to this key, or raises LocalError where it is tied to another."""
    look = select(MasterKeyCheck.sealed).where(MasterKeyCheck.check_id == _CHECK_ID)
    with declared():
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
    with transaction(engine) as connection:
        return connection.scalar(select(MasterKeyCheck.check_id)) is not None


def seal_device_key(engine: Engine, master_key: MasterKey, terminal_id: bytes, device_key: bytes) -> bytes:
    """For `add_terminal`. Raises LocalError for an impossible size and for another master key than the database's."""
    if len(terminal_id) != TERMINAL_ID_BYTES or len(device_key) != DEVICE_KEY_BYTES:
        raise LocalError(f"expected a terminal id of {TERMINAL_ID_BYTES} bytes and a key of {DEVICE_KEY_BYTES}")
    check_master_key(engine, master_key)
    return master_key.seal(terminal_id, device_key)


def add_terminal(connection: Connection, terminal_id: bytes, sealed_key: bytes, account_id: int) -> None:
    """Registers a terminal. Raises LocalError for a known one; the transaction is over then."""
    row = {"terminal_id": terminal_id, "sealed_key": sealed_key, "account_id": account_id}
    try:
        connection.execute(insert(Terminal).values(**row))
    except IntegrityError:
        raise LocalError(f"terminal {terminal_id.hex()} is registered already") from None


def remove_terminal(connection: Connection, terminal_id: bytes) -> None:
    """Takes a terminal away, and its account with the last one. Raises IntegrityError where a system refers to it."""
    account_id = connection.scalar(
        delete(Terminal).where(Terminal.terminal_id == terminal_id).returning(Terminal.account_id)
    )
    others = exists().where(Terminal.account_id == account_id)
    connection.execute(delete(Account).where(Account.account_id == account_id, ~others))
