"""The Ed25519 key pair by which terminals know whose modules they take.

The private key lies in a file that its owner alone can read; boards get the public one as SIGNER in their
board_config.py. It belongs to who makes the firmware, not to a shop that passes modules on.
"""

import os
import secrets
import stat
from pathlib import Path

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from settop.errors import LocalError, RemoteError

from headend.files import write_secret

BYTES = 32


class SigningKey:
    """Of 32 secret bytes. Raises LocalError for another length. Its repr tells nothing."""

    def __init__(self, private: bytes) -> None:
        if len(private) != BYTES:
            raise LocalError(f"signing key of {len(private)} bytes, expected {BYTES}")
        self._key = ECC.construct(curve="Ed25519", seed=bytes(private))
        self.public = bytes(self._key.public_key().export_key(format="raw"))
        """What boards are told of it: 32 bytes."""

    def __repr__(self) -> str:
        return "SigningKey(hidden)"

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes (RFC 8032, the same for the same message)."""
        return bytes(eddsa.new(self._key, "rfc8032").sign(message))


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """RemoteError: the signature is not that of this key. LocalError: it is no key."""
    try:
        key = eddsa.import_public_key(public)
    except ValueError:
        raise LocalError("the signer is no Ed25519 public key of 32 bytes") from None
    try:
        eddsa.new(key, "rfc8032").verify(message, signature)
    except ValueError:
        raise RemoteError("the signature is not that of this signer") from None


def make_key_file(path: Path) -> SigningKey:
    """A new key in a new file of mode 0600. LocalError: there is one already, or it cannot be made."""
    private = secrets.token_bytes(BYTES)
    try:
        write_secret(path, private.hex().encode() + b"\n")
    except FileExistsError:
        raise LocalError(f"{path} is there already: a key is never overwritten") from None
    except OSError as error:
        raise LocalError(f"cannot make the signing key file {path}: {error.strerror}") from None
    return SigningKey(private)


def read_key_file(path: Path) -> SigningKey:
    """Raises LocalError where it cannot be read, is malformed, or others may read it."""
    place = f"signing key file {path}"
    try:
        # One descriptor for both: what is looked at is what is read.
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise LocalError(f"{place} can be read by others: make it private with chmod 600, or a new key")
            text = file.read(4 * BYTES)
    except OSError as error:
        raise LocalError(f"cannot read the {place}: {error.strerror}") from None
    try:
        return SigningKey(bytes.fromhex(text.decode("ascii")))
    except (ValueError, LocalError):
        raise LocalError(f"{place} must hold {2 * BYTES} hex digits") from None
