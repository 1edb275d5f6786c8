"""Terminals and their device keys, which lie sealed under the master key."""

from dataclasses import dataclass, field

from settop.errors import LocalError
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES
from sqlalchemy import Connection, Engine, delete, exists, insert, select
from sqlalchemy.exc import IntegrityError

from headend.accounts.engine import declared, transaction
from headend.accounts.errors import LedgerError
from headend.accounts.master_key import WRONG, MasterKey
from headend.accounts.models import Account, MasterKeyCheck, Terminal

FIRST_VERSION = 1
CHECK_OWNER = b"ringcast"
CHECK_VALUE = bytes(8)


@dataclass(frozen=True)
class SealedKey:
    """What `Terminal.sealed_key` and `Terminal.key_version` hold."""

    version: int
    sealed: bytes = field(repr=False)


class DeviceKeys:
    """Opens device keys under one master key; a wrong one is a LocalError at the first `check`.

    A key that was sealed anew meanwhile has the master key looked for again where it came from.
    """

    def __init__(self, engine: Engine, master_key: MasterKey) -> None:
        self._engine = engine
        self._master_key = master_key
        self._stranger = master_key.seal(bytes(TERMINAL_ID_BYTES), bytes(DEVICE_KEY_BYTES))
        self._versions: dict[int, MasterKey] = {}

    def check(self) -> None:
        """Whether it is the database's master key, once. Raises LocalError where it is another."""
        if not self._versions:
            self._versions = check_master_key(self._engine, self._master_key)

    def open(self, terminal_id: bytes, sealed: SealedKey | None) -> bytes | None:
        """The device key; for None nothing, after unwrapping a key all the same.

        Raises LedgerError where it does not open.
        """
        try:
            if sealed is None:
                self._master_key.open(bytes(TERMINAL_ID_BYTES), self._stranger)
                return None
            return self._key_of(sealed.version).open(terminal_id, sealed.sealed)
        except LocalError as error:
            raise LedgerError(f"terminal {terminal_id.hex()}: {error}") from None

    def _key_of(self, version: int) -> MasterKey:
        if version not in self._versions:
            with transaction(self._engine) as connection:
                self._versions = keys_by_version(connection, self._master_key)
        if version not in self._versions:
            raise LocalError(f"its key is sealed under version {version} of the master key, which is not held here")
        return self._versions[version]


def check_master_key(engine: Engine, master_key: MasterKey) -> dict[int, MasterKey]:
    """Ties an empty database to this key, or raises LocalError where it is tied to another. The keys by version."""
    look = select(MasterKeyCheck.check_id)
    with declared():
        with engine.begin() as connection:
            tied = connection.scalar(look) is not None
        if not tied:
            try:
                with engine.begin() as connection:
                    connection.execute(insert(MasterKeyCheck).values(**check_row(FIRST_VERSION, master_key)))
            except IntegrityError:
                pass  # another process was first: its key counts
        with engine.begin() as connection:
            return keys_by_version(connection, master_key)


def check_all_versions(engine: Engine, master_key: MasterKey) -> None:
    """Whether what is held opens every row of a database that nobody else uses. Raises LocalError where it does not."""
    with transaction(engine) as connection:
        versions = connection.scalars(select(MasterKeyCheck.check_id)).all()
        if versions and len(keys_by_version(connection, master_key)) < len(versions):
            raise LocalError(
                "this database was copied while its master key was changed: give a key file with both keys"
            )


def check_row(version: int, master_key: MasterKey) -> dict[str, object]:
    """The row that ties a database to this key."""
    return {"check_id": version, "sealed": master_key.seal(CHECK_OWNER, CHECK_VALUE)}


def keys_by_version(connection: Connection, master_key: MasterKey) -> dict[int, MasterKey]:
    """Which of the keys that are held has which version in the database; at least one has.

    Raises LocalError where none is the database's.
    """
    look = select(MasterKeyCheck.check_id, MasterKeyCheck.sealed)
    rows = {row.check_id: row.sealed for row in connection.execute(look)}
    found = matching(rows, master_key.held())
    if len(found) < len(rows):
        found = matching(rows, master_key.look_again())
    if not found:
        raise LocalError(WRONG)
    return found


def newest_version(connection: Connection, master_key: MasterKey) -> tuple[int, MasterKey]:
    """The newest version whose key is held; it does not go before the transaction is over."""
    while True:
        version, key = max(keys_by_version(connection, master_key).items(), key=lambda item: item[0])
        # This one alone: whoever gives up an older one would wait for everybody who registers a terminal.
        row = select(MasterKeyCheck.check_id).where(MasterKeyCheck.check_id == version)
        if connection.scalar(row.with_for_update(read=True, key_share=True)) is not None:
            return version, key


def matching(rows: dict[int, bytes], held: tuple[MasterKey, ...]) -> dict[int, MasterKey]:
    """The keys by version, as far as one of `held` opens the row of the version."""
    found = {}
    for version, sealed in rows.items():
        for key in held:
            try:
                key.open(CHECK_OWNER, sealed)
            except LocalError:
                continue
            found[version] = key
    return found


def has_master_key(engine: Engine) -> bool:
    """Whether the database is tied to a master key already."""
    with transaction(engine) as connection:
        return connection.scalar(select(MasterKeyCheck.check_id)) is not None


def check_sizes(terminal_id: bytes, device_key: bytes) -> None:
    """Raises LocalError for an impossible size."""
    if len(terminal_id) != TERMINAL_ID_BYTES or len(device_key) != DEVICE_KEY_BYTES:
        raise LocalError(f"expected a terminal id of {TERMINAL_ID_BYTES} bytes and a key of {DEVICE_KEY_BYTES}")


def add_terminal(
    connection: Connection, master_key: MasterKey, terminal_id: bytes, device_key: bytes, account_id: int
) -> None:
    """Registers a terminal in a database that `check_master_key` has tied to this key, under its newest version.

    Raises LocalError for an impossible size, another master key and a known terminal; the transaction is over then.
    """
    check_sizes(terminal_id, device_key)
    version, key = newest_version(connection, master_key)
    row = {"terminal_id": terminal_id, "sealed_key": key.seal(terminal_id, device_key), "key_version": version}
    try:
        connection.execute(insert(Terminal).values(account_id=account_id, **row))
    except IntegrityError:
        raise LocalError(f"terminal {terminal_id.hex()} is registered already") from None


def remove_terminal(connection: Connection, terminal_id: bytes) -> None:
    """Takes a terminal away, and its account with the last one. Raises IntegrityError where a system refers to it."""
    account_id = connection.scalar(
        delete(Terminal).where(Terminal.terminal_id == terminal_id).returning(Terminal.account_id)
    )
    others = exists().where(Terminal.account_id == account_id)
    connection.execute(delete(Account).where(Account.account_id == account_id, ~others))
