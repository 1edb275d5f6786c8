"""GHASH (SP 800-38D, 6.4), four bits at a time from a table of the hash key's multiples. Its loop is ghash_kernels.

The table is looked up by what is to be authenticated, which leaks through a data cache; the boards that use it have
none.
"""

import struct

from settop.crypto.ghash_kernels import absorb
from settop.crypto.wipe import wipe

_WORK_BYTES = 368  # ghash_kernels_plain
_SUM_AT = 320


class Ghash:
    """key: the 16 octets that the cipher makes of zeros."""

    def __init__(self, key):
        self._work = bytearray(_WORK_BYTES)
        self._lengths = bytearray(16)
        self._zeros = bytes(16)
        multiples = [0] * 16
        value = int.from_bytes(key, "big")
        at = 8
        while at:  # a bit's place, high one first: the key itself, and it shifted by one, two, three
            multiples[at] = value
            value = value >> 1 ^ (0xE1 << 120 if value & 1 else 0)
            at >>= 1
        for at in (2, 4, 8):
            for below in range(1, at):
                multiples[at + below] = multiples[at] ^ multiples[below]
        for at in range(16):
            struct.pack_into(
                "IIII", self._work, 16 * at, *[multiples[at] >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)]
            )
            fallen = 0
            for bit in range(4):
                if at >> bit & 1:
                    fallen ^= 0xE1 << 24 >> (3 - bit)
            struct.pack_into("I", self._work, 256 + 4 * at, fallen)

    def begin(self):
        """Another message."""
        self._work[_SUM_AT : _SUM_AT + 16] = self._zeros

    def absorb(self, data, at, size):
        """data[at:at + size], filled with zeros to whole blocks."""
        absorb(self._work, data, at, size)

    def finish(self, tag, associated, size):
        """`tag`, 16 octets, changes by the hash of what was absorbed: `associated` octets, and `size` of a message."""
        struct.pack_into(">QQ", self._lengths, 0, 8 * associated, 8 * size)
        absorb(self._work, self._lengths, 0, 16)
        work = self._work
        for i in range(16):
            tag[i] ^= work[_SUM_AT + i]

    def close(self):
        """Wipes the table."""
        wipe(self._work)
