"""The master key, under which device keys lie in the database: AES-256 key wrap (RFC 3394).

It comes from a file that its owner alone can read, or from the environment, and never enters the database.
"""

import hmac
import os
import secrets
import stat
from pathlib import Path

from settop.errors import LocalError

from headend.files import write_all
from headend.stopping import undisturbed

BYTES = 32
ENVIRONMENT = "RINGCAST_MASTER_KEY"


class MasterKey:
    """AES-256 key of 32 bytes. Raises LocalError for another length. Its repr tells nothing."""

    def __init__(self, key: bytes) -> None:
        if len(key) != BYTES:
            raise LocalError(f"master key of {len(key)} bytes, expected {BYTES}")
        self._key = bytes(key)

    def __repr__(self) -> str:
        return "MasterKey(hidden)"

    def seal(self, owner: bytes, secret: bytes) -> bytes:
        """`secret` wrapped with its owner's id (8 bytes), so that it opens for no other row. 16 longer."""
        from Crypto.Cipher import AES

        return AES.new(self._key, AES.MODE_KW).seal(owner + secret)

    def open(self, owner: bytes, sealed: bytes) -> bytes:
        """The secret. Raises LocalError where the master key, the owner or the data is another one."""
        from Crypto.Cipher import AES

        try:
            opened = AES.new(self._key, AES.MODE_KW).unseal(sealed)
        except ValueError:
            opened = b""
        if not opened or not hmac.compare_digest(opened[: len(owner)], owner):
            raise LocalError("this master key does not open the database: give the key file that was made with it")
        return opened[len(owner) :]


def create_master_key(path: Path) -> MasterKey:
    """A new random key in a new file of mode 0600, as hex. Raises LocalError where that cannot be made."""
    key = secrets.token_bytes(BYTES)
    try:
        with undisturbed():  # a few dozen octets: a signal waits for them
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                write_all(descriptor, key.hex().encode() + b"\n")
                os.fsync(descriptor)
            except BaseException:
                path.unlink()  # half a key opens nothing, and would be in the way of a whole one
                raise
            finally:
                os.close(descriptor)
    except OSError as error:
        raise LocalError(f"cannot make the master key file {path}: {error.strerror}") from None
    return MasterKey(key)


def load_master_key(path: Path | None = None) -> MasterKey:
    """The key in `path`, or without one in the environment variable RINGCAST_MASTER_KEY (64 hex digits).

    Raises LocalError where there is none, where it is malformed, or where others may read the file.
    """
    if path is None:
        text, place = os.environ.get(ENVIRONMENT, ""), f"environment variable {ENVIRONMENT}"
        if not text:
            raise LocalError(f"no master key: name its file, or set {ENVIRONMENT} to {2 * BYTES} hex digits")
    else:
        place = f"master key file {path}"
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise LocalError(f"{place} can be read by others: make it private with chmod 600")
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            what = error.strerror if isinstance(error, OSError) else "not text"
            raise LocalError(f"cannot read the {place}: {what}") from None
    try:
        return MasterKey(bytes.fromhex(text.strip()))
    except (ValueError, LocalError):
        raise LocalError(f"{place} must hold {2 * BYTES} hex digits") from None
