"""HMAC-SHA-256 (RFC 2104) and HKDF (RFC 5869).

Results are bytearrays for the caller to wipe; intermediates are wiped here.
"""

import hashlib

from settop.crypto.wipe import wipe, wipe_bytes, wipe_hash
from settop.errors import LocalError

HASH_BYTES = 32
_BLOCK_BYTES = 64


def sha256(*parts):
    """32-byte digest of the parts' concatenation, as a bytearray; leaves no copy."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return _finish(state)


def hmac_sha256(key, *parts):
    """32-byte tag over the parts' concatenation, as a bytearray; a key of any length."""
    pad = bytearray(_BLOCK_BYTES)
    if len(key) > _BLOCK_BYTES:
        short = sha256(key)
        pad[:HASH_BYTES] = short
        wipe(short)
    else:
        pad[: len(key)] = key
    for i in range(_BLOCK_BYTES):
        pad[i] ^= 0x36
    inner = sha256(pad, *parts)
    for i in range(_BLOCK_BYTES):
        pad[i] ^= 0x36 ^ 0x5C
    outer = sha256(pad, inner)
    wipe(pad)
    wipe(inner)
    return outer


def hkdf_extract(salt, secret):
    """Pseudorandom key, 32 bytes; an empty salt counts as 32 zeros."""
    return hmac_sha256(salt or bytes(HASH_BYTES), secret)


def hkdf_expand(prk, info, length):
    """`length` bytes (1..8160) for the purpose that `info` names. Raises LocalError for another length."""
    if not 1 <= length <= 255 * HASH_BYTES:
        raise LocalError("HKDF output of %d bytes, expected 1 to 8160" % length)
    out = bytearray(length)
    block = bytearray(0)
    at = 0
    number = 1
    while at < length:
        following = hmac_sha256(prk, block, info, bytes((number,)))
        wipe(block)
        block = following
        for i in range(min(HASH_BYTES, length - at)):
            out[at + i] = block[i]
        at += HASH_BYTES
        number += 1
    wipe(block)
    return out


def hkdf(secret, salt, info, length):
    """Extract, then expand: `length` bytes from `secret` (RFC 5869, 2)."""
    prk = hkdf_extract(salt, secret)
    out = hkdf_expand(prk, info, length)
    wipe(prk)
    return out


def _finish(state):
    digest = state.digest()
    out = bytearray(digest)
    wipe_bytes(digest)
    wipe_hash(state)
    return out
