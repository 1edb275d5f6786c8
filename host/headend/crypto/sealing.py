"""What sealed sessions (settop.wire.sealed) are made of at the head-end, over pycryptodome."""

import hashlib
import hmac

from Crypto.Cipher import AES
from Crypto.Hash import CMAC, SHA256
from Crypto.Protocol.KDF import HKDF
from settop.errors import RemoteError


def sha256(*parts: bytes) -> bytes:
    """The digest of the parts' concatenation."""
    return hashlib.sha256(b"".join(parts)).digest()


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytearray:
    """HKDF-SHA256 (RFC 5869)."""
    okm = HKDF(bytes(secret), length, salt, SHA256, context=info)
    assert isinstance(okm, bytes)
    return bytearray(okm)


def cmac(key: bytes, *parts: bytes) -> bytes:
    """AES-CMAC (RFC 4493) over the parts' concatenation."""
    return CMAC.new(bytes(key), b"".join(parts), AES).digest()


def seal(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes, tag_len: int) -> bytes:
    """AES-CCM: ciphertext with its tag behind it."""
    cipher = AES.new(bytes(key), AES.MODE_CCM, nonce=nonce, mac_len=tag_len)
    cipher.update(aad)
    sealed, tag = cipher.encrypt_and_digest(plaintext)
    return sealed + tag


def open_sealed(key: bytes, nonce: bytes, aad: bytes, sealed: bytes, tag_len: int) -> bytearray:
    """The plaintext. Raises RemoteError where anything differs from what was sealed."""
    cipher = AES.new(bytes(key), AES.MODE_CCM, nonce=nonce, mac_len=tag_len)
    cipher.update(aad)
    try:
        return bytearray(cipher.decrypt_and_verify(sealed[:-tag_len], sealed[-tag_len:]))
    except ValueError:
        raise RemoteError("a sealed message with a wrong tag") from None


def wipe(buffer: bytearray) -> None:
    """Zeros, in place; Python keeps copies elsewhere, so this ends a key's use and not every copy."""
    buffer[:] = bytes(len(buffer))


PRIMITIVES = (sha256, hkdf, cmac, seal, open_sealed, hmac.compare_digest, wipe)
