"""HMAC-SHA-1 (RFC 2104) for many messages under one key.

Where a hash can be copied (CPython) the key's two blocks are hashed once. MicroPython's cannot, and hashes them again
for each message: 5,400 cycles of an RP2040, of the 300,000 that a packet of 1,316 octets takes.
"""

import hashlib

from settop.crypto.wipe import wipe
from settop.errors import LocalError

DIGEST_BYTES = 20
_BLOCK_BYTES = 64
_sha1 = getattr(hashlib, "sha1", None)  # a port may have been built without


class HmacSha1:
    """key: up to 64 octets, copied. Raises LocalError for a longer one, or where the board has no SHA-1."""

    def __init__(self, key):
        if _sha1 is None:
            raise LocalError("this board's hashlib has no SHA-1")
        if len(key) > _BLOCK_BYTES:
            raise LocalError("an HMAC key of %d octets, expected up to 64" % len(key))
        self._inner = bytearray(_BLOCK_BYTES)
        self._outer = bytearray(_BLOCK_BYTES)
        self._inner[: len(key)] = key
        for i in range(_BLOCK_BYTES):
            self._outer[i] = self._inner[i] ^ 0x5C
            self._inner[i] ^= 0x36
        self._begun = None
        if hasattr(_sha1(), "copy"):
            self._begun = _sha1(self._inner), _sha1(self._outer)

    def tag(self, data, more):
        """The 20 octets over both together."""
        if self._begun is not None:
            inner = self._begun[0].copy()
            outer = self._begun[1].copy()
        else:
            inner = _sha1(self._inner)
            outer = _sha1(self._outer)
        inner.update(data)
        inner.update(more)
        outer.update(inner.digest())
        return outer.digest()

    def close(self):
        """Wipes the key. CPython's hashes are beyond reach."""
        wipe(self._inner)
        wipe(self._outer)
        self._begun = None
