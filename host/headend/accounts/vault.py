"""Secrets of any system, each under an id of its own, sealed under the master key; within the caller's transaction."""

import secrets

from settop.errors import LocalError
from sqlalchemy import Connection, Engine, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from headend.accounts.engine import transaction
from headend.accounts.errors import LedgerError
from headend.accounts.master_key import MasterKey
from headend.accounts.models import MasterKeyCheck, SealedSecret
from headend.accounts.terminals import check_master_key, keys_by_version, newest_version

ID_BYTES = 16
SECRET_LIMIT = 64
"""Octets of a secret; the length is a multiple of 8, as key wrap wants it."""

_PUT = insert(SealedSecret)
_GET = select(SealedSecret.sealed, SealedSecret.key_version).where(SealedSecret.secret_id == bindparam("secret"))
_NEWEST = (
    select(MasterKeyCheck.check_id)
    .order_by(MasterKeyCheck.check_id.desc())
    .limit(1)
    .with_for_update(read=True, key_share=True)
)
"""Made once: to put a statement together takes longer than the database does."""


class Vault:
    """Seals and opens. Raises LocalError where it is not the database's master key; an empty one is tied to it."""

    def __init__(self, engine: Engine, master_key: MasterKey) -> None:
        self._master_key = master_key
        self._versions = check_master_key(engine, master_key)

    def put(self, connection: Connection, secret: bytes, secret_id: bytes | None = None) -> bytes:
        """Keeps a secret; its id, drawn where none is given. Raises LocalError for an impossible size, and
        IntegrityError where there is one of that id.
        """
        owner = secrets.token_bytes(ID_BYTES) if secret_id is None else secret_id
        if len(owner) != ID_BYTES or len(secret) % 8 or not 8 <= len(secret) <= SECRET_LIMIT:
            raise LocalError(f"a secret of {len(secret)} octets under an id of {len(owner)}")
        version, key = self._newest(connection)
        row = {"secret_id": owner, "sealed": key.seal(owner, secret), "key_version": version}
        connection.execute(_PUT, row)
        return owner

    def get(self, connection: Connection, secret_id: bytes) -> bytes:
        """The secret. Raises LedgerError where there is none of that id, or where it does not open."""
        found = connection.execute(_GET, {"secret": secret_id}).one_or_none()
        if found is None:
            raise LedgerError(f"there is no secret {secret_id.hex()} in the database")
        return self.open(connection, secret_id, found.sealed, found.key_version)

    def open(self, connection: Connection, secret_id: bytes, sealed: bytes, version: int) -> bytes:
        """The secret of a row that was read already. Raises LedgerError where it does not open."""
        try:
            if version not in self._versions:
                self._versions = keys_by_version(connection, self._master_key)
            if version not in self._versions:
                raise LocalError(f"it is sealed under version {version} of the master key, which is not held here")
            return self._versions[version].open(secret_id, sealed)
        except LocalError as error:
            raise LedgerError(f"secret {secret_id.hex()}: {error}") from None

    def drop(self, connection: Connection, secret_id: bytes) -> None:
        """Forgets a secret to which nothing refers any more."""
        connection.execute(delete(SealedSecret).where(SealedSecret.secret_id == secret_id))

    def _newest(self, connection: Connection) -> tuple[int, MasterKey]:
        """The newest version whose key is held; it does not go before the transaction is over."""
        version = connection.scalar(_NEWEST)
        if version in self._versions:
            assert version is not None
            return version, self._versions[version]
        self._versions = keys_by_version(connection, self._master_key)
        return newest_version(connection, self._master_key)


def shared_secret(engine: Engine, vault: Vault, secret_id: bytes, drawn: bytes) -> bytes:
    """The secret of this fixed id; `drawn` becomes it where there is none. Of two programs that come first
    one's counts.

    Raises LedgerError.
    """
    there = select(SealedSecret.secret_id).where(SealedSecret.secret_id == secret_id)
    with transaction(engine) as connection:
        if connection.scalar(there) is not None:
            return vault.get(connection, secret_id)
    try:
        with engine.begin() as connection:
            vault.put(connection, drawn, secret_id)
    except IntegrityError:
        pass  # another program was first
    with transaction(engine) as connection:
        return vault.get(connection, secret_id)
