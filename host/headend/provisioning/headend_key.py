"""The head-end's static X25519 key pair, by which a board knows its head-end when it is provisioned.

The private key lies in a file that its owner alone can read, beside the master key; boards get the public one when they
are flashed.
"""

import os
import secrets
import stat
from pathlib import Path

from settop.errors import LocalError

from headend.crypto.x25519 import public_key, x25519_shared
from headend.files import write_secret

BYTES = 32
ENVIRONMENT = "RINGCAST_HEADEND_KEY"


class HeadendKey:
    """Of 32 secret bytes. Raises LocalError for another length. Its repr tells nothing."""

    def __init__(self, private: bytes) -> None:
        if len(private) != BYTES:
            raise LocalError(f"head-end key of {len(private)} bytes, expected {BYTES}")
        self._private = bytes(private)
        self.public = public_key(self._private)
        """What boards are told of it: 32 bytes."""

    def __repr__(self) -> str:
        return "HeadendKey(hidden)"

    def shared(self, peer_public: bytes) -> bytes:
        """The secret shared with whoever has the private key of `peer_public`. RemoteError for a useless key."""
        return x25519_shared(self._private, peer_public)


def headend_key(path: Path) -> HeadendKey:
    """The key of the environment variable RINGCAST_HEADEND_KEY (64 hex digits), or in the file `path`, which is made,
    with mode 0600, where there is none.

    Raises LocalError where it cannot be made or read, is malformed, or others may read the file.
    """
    if os.environ.get(ENVIRONMENT):
        return _parsed(os.environ[ENVIRONMENT], f"environment variable {ENVIRONMENT}")
    if not path.exists():
        return _create(path)
    place = f"head-end key file {path}"
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise LocalError(f"{place} can be read by others: make it private with chmod 600")
        return _parsed(path.read_text(encoding="ascii"), place)
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "not text"
        raise LocalError(f"cannot read the {place}: {what}") from None


def _parsed(text: str, place: str) -> HeadendKey:
    try:
        return HeadendKey(bytes.fromhex(text.strip()))
    except (ValueError, LocalError):
        raise LocalError(f"{place} must hold {2 * BYTES} hex digits") from None


def _create(path: Path) -> HeadendKey:
    key = secrets.token_bytes(BYTES)
    try:
        write_secret(path, key.hex().encode() + b"\n")
    except OSError as error:
        raise LocalError(f"cannot make the head-end key file {path}: {error.strerror}") from None
    return HeadendKey(key)
