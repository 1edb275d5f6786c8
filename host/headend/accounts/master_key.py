"""The master key, under which device keys lie in the database: AES-256 key wrap (RFC 3394).

It comes from a file that its owner alone can read, or from the environment, and never enters the database. While it is
changed (headend.accounts.rotating) there are two in that place, the newer one first.
"""

import hmac
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from settop.errors import LocalError

from headend.files import write_secret

BYTES = 32
HELD_LIMIT = 2
WRONG = "this master key does not open the database: give the key file that was made with it"
ENVIRONMENT = "RINGCAST_MASTER_KEY"
_TEXT_LIMIT = 1_000
"""Characters of a key file that are read: two keys, and then some."""


class MasterKey:
    """AES-256 key of 32 bytes. Raises LocalError for another length. Its repr tells nothing.

    older: the one that lies beside it while keys are changed. again: reads the place anew where they came from.
    """

    def __init__(
        self, key: bytes, older: "Sequence[MasterKey]" = (), again: "Callable[[], MasterKey] | None" = None
    ) -> None:
        if len(key) != BYTES:
            raise LocalError(f"master key of {len(key)} bytes, expected {BYTES}")
        self._key = bytes(key)
        self._older = tuple(older)
        self._again = again

    def __repr__(self) -> str:
        return "MasterKey(hidden)"

    def held(self) -> "tuple[MasterKey, ...]":
        """All that were read, the newest first."""
        return (self, *self._older)

    def look_again(self) -> "tuple[MasterKey, ...]":
        """All that are in that place by now. Raises LocalError where there is none any more."""
        return self.held() if self._again is None else self._again().held()

    def text(self) -> bytes:
        """As it stands in a key file. Secret."""
        return self._key.hex().encode() + b"\n"

    def seal(self, owner: bytes, secret: bytes) -> bytes:
        """`secret` wrapped with its owner's id (8 bytes), so that it opens for no other row. 16 longer."""
        from headend.crypto.keywrap import wrap

        return wrap(self._key, owner + secret)

    def open(self, owner: bytes, sealed: bytes) -> bytes:
        """The secret. Raises LocalError where the master key, the owner or the data is another one."""
        from headend.crypto.keywrap import unwrap

        try:
            opened = unwrap(self._key, sealed)
        except ValueError:
            opened = b""
        if not opened or not hmac.compare_digest(opened[: len(owner)], owner):
            raise LocalError(WRONG)
        return opened[len(owner) :]


def draw_master_key() -> MasterKey:
    """A new random key, which lies nowhere yet."""
    return MasterKey(secrets.token_bytes(BYTES))


def create_master_key(path: Path) -> MasterKey:
    """A new random key in a new file of mode 0600, as hex. Raises LocalError where that cannot be made."""
    key = draw_master_key()
    try:
        write_secret(path, key.text())
    except OSError as error:
        raise LocalError(f"cannot make the master key file {path}: {error.strerror}") from None
    return key


def load_master_key(path: Path | None = None) -> MasterKey:
    """The key in `path`, or without one in the environment variable RINGCAST_MASTER_KEY (64 hex digits).

    Of two, the newer one, which stands first; it knows of the other. Raises LocalError where there is none, where it is
    malformed, or where others may read the file.
    """
    if path is None:
        text, place = os.environ.get(ENVIRONMENT, ""), f"environment variable {ENVIRONMENT}"
        if not text:
            raise LocalError(f"no master key: name its file, or set {ENVIRONMENT} to {2 * BYTES} hex digits")
    else:
        place = f"master key file {path}"
        try:
            with path.open(encoding="ascii") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise LocalError(f"{place} can be read by others: make it private with chmod 600")
                text = file.read(_TEXT_LIMIT)
        except (OSError, UnicodeDecodeError) as error:
            what = error.strerror if isinstance(error, OSError) else "not text"
            raise LocalError(f"cannot read the {place}: {what}") from None
    words = text.split()
    try:
        if not 1 <= len(words) <= HELD_LIMIT:
            raise ValueError
        newest, *older = (bytes.fromhex(word) for word in words)
        again = None if path is None else partial(load_master_key, path)
        return MasterKey(newest, [MasterKey(key) for key in older], again)
    except (ValueError, LocalError):
        wanted = f"{2 * BYTES} hex digits, or while the key is changed twice as many: the newer key, a space, the older"
        raise LocalError(f"{place} must hold {wanted}") from None
