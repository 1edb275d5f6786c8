"""Three-key Triple DES in cipher block chaining (SP 800-67), the historic suite of the streaming server.

64 bits of a block are few: no more than 2^20 blocks under one key (SP 800-67, 3.3). Looks tables up by what is secret,
as settop.crypto.soft_aes does. Its loop is settop.crypto.tdes_kernels.
"""

import struct

from settop.crypto.tdes_kernels import chain
from settop.crypto.wipe import wipe
from settop.errors import LocalError

BLOCK_BYTES = 8
KEY_BYTES = 24
_KEYS_AT, _MASKS_AT, _LAST_AT, _WORDS = 512, 608, 614, 618  # tdes_kernels_plain
_MASKS = (0x0F0F0F0F, 0x0000FFFF, 0x33333333, 0x00FF00FF, 0x55555555, 0xFFFFFFFF)

# FIPS 46-3: the boxes, two values to an octet, row by row; P; PC-1; PC-2; the shifts of a round
_BOXES = (
    b"\xe4\xd1\x2f\xb8\x3a\x6c\x59\x07\x0f\x74\xe2\xd1\xa6\xcb\x95\x38"
    b"\x41\xe8\xd6\x2b\xfc\x97\x3a\x50\xfc\x82\x49\x17\x5b\x3e\xa0\x6d"
    b"\xf1\x8e\x6b\x34\x97\x2d\xc0\x5a\x3d\x47\xf2\x8e\xc0\x1a\x69\xb5"
    b"\x0e\x7b\xa4\xd1\x58\xc6\x93\x2f\xd8\xa1\x3f\x42\xb6\x7c\x05\xe9"
    b"\xa0\x9e\x63\xf5\x1d\xc7\xb4\x28\xd7\x09\x34\x6a\x28\x5e\xcb\xf1"
    b"\xd6\x49\x8f\x30\xb1\x2c\x5a\xe7\x1a\xd0\x69\x87\x4f\xe3\xb5\x2c"
    b"\x7d\xe3\x06\x9a\x12\x85\xbc\x4f\xd8\xb5\x6f\x03\x47\x2c\x1a\xe9"
    b"\xa6\x90\xcb\x7d\xf1\x3e\x52\x84\x3f\x06\xa1\xd8\x94\x5b\xc7\x2e"
    b"\x2c\x41\x7a\xb6\x85\x3f\xd0\xe9\xeb\x2c\x47\xd1\x50\xfa\x39\x86"
    b"\x42\x1b\xad\x78\xf9\xc5\x63\x0e\xb8\xc7\x1e\x2d\x6f\x09\xa4\x53"
    b"\xc1\xaf\x92\x68\x0d\x34\xe7\x5b\xaf\x42\x7c\x95\x61\xde\x0b\x38"
    b"\x9e\xf5\x28\xc3\x70\x4a\x1d\xb6\x43\x2c\x95\xfa\xbe\x17\x60\x8d"
    b"\x4b\x2e\xf0\x8d\x3c\x97\x5a\x61\xd0\xb7\x49\x1a\xe3\x5c\x2f\x86"
    b"\x14\xbd\xc3\x7e\xaf\x68\x05\x92\x6b\xd8\x14\xa7\x95\x0f\xe2\x3c"
    b"\xd2\x84\x6f\xb1\xa9\x3e\x50\xc7\x1f\xd8\xa3\x74\xc5\x6b\x0e\x92"
    b"\x7b\x41\x9c\xe2\x06\xad\xf3\x58\x21\xe7\x4a\x8d\xfc\x90\x35\x6b"
)
_P = (
    b"\x10\x07\x14\x15\x1d\x0c\x1c\x11\x01\x0f\x17\x1a\x05\x12\x1f\x0a"
    b"\x02\x08\x18\x0e\x20\x1b\x03\x09\x13\x0d\x1e\x06\x16\x0b\x04\x19"
)
_PC1 = (
    b"\x39\x31\x29\x21\x19\x11\x09\x01\x3a\x32\x2a\x22\x1a\x12\x0a\x02\x3b\x33\x2b\x23\x1b\x13\x0b\x03\x3c\x34\x2c\x24"
    b"\x3f\x37\x2f\x27\x1f\x17\x0f\x07\x3e\x36\x2e\x26\x1e\x16\x0e\x06\x3d\x35\x2d\x25\x1d\x15\x0d\x05\x1c\x14\x0c\x04"
)
_PC2 = (
    b"\x0e\x11\x0b\x18\x01\x05\x03\x1c\x0f\x06\x15\x0a\x17\x13\x0c\x04\x1a\x08\x10\x07\x1b\x14\x0d\x02"
    b"\x29\x34\x1f\x25\x2f\x37\x1e\x28\x33\x2d\x21\x30\x2c\x31\x27\x38\x22\x35\x2e\x2a\x32\x24\x1d\x20"
)
_TWO = 0x3F7E  # rounds that turn by two bits and not by one, the first one in the highest of 16 bits


class Tdes:
    """key: 24 octets, whose parity bits count for nothing; iv: 8; decrypts: which of the two ways. Raises LocalError
    for other lengths. `close` wipes the key."""

    def __init__(self, key, iv, decrypts):
        if len(key) != KEY_BYTES or len(iv) != BLOCK_BYTES:
            raise LocalError("a Triple DES key of 24 octets and an IV of 8 are expected")
        self._decrypts = 1 if decrypts else 0
        self._work = bytearray(4 * _WORDS)
        _spread(self._work)
        struct.pack_into("6I", self._work, 4 * _MASKS_AT, *_MASKS)
        for part in range(3):
            for number in range(16):
                at = 16 * part + (15 - number if part == 1 else number)  # the middle one the other way round
                _round_key(key, 8 * part, number, self._work, _KEYS_AT + 2 * (47 - at if decrypts else at))
        self.restart(iv)

    def restart(self, iv):
        """The next block is the first of a chain with that IV."""
        struct.pack_into("2I", self._work, 4 * _LAST_AT, *struct.unpack(">2I", iv))

    def crypt(self, data, begin, end):
        """data[begin:end], whole blocks, where it lies; the chain goes on from call to call."""
        if (end - begin) % BLOCK_BYTES:
            raise LocalError("Triple DES over %d octets, which are no whole blocks" % (end - begin))
        chain(self._work, data, begin, (end - begin) // BLOCK_BYTES << 1 | self._decrypts)

    def close(self):
        """Wipes the key; nothing can be done with it any more."""
        wipe(self._work)


def _spread(work):
    """The boxes, each value where P puts it."""
    places = [0] * 4  # where P puts each bit of a value
    for box in range(8):
        for to in range(32):
            bit = _P[to] - 1 - 4 * box
            if 0 <= bit < 4:
                places[bit] = 31 - to
        for number in range(64):
            row = number >> 4 & 2 | number & 1
            value = _BOXES[32 * box + 8 * row + (number >> 2 & 7)]
            value = value & 15 if number & 2 else value >> 4
            out = 0
            for bit in range(4):
                out |= (value >> 3 - bit & 1) << places[bit]
            struct.pack_into("I", work, 4 * (64 * box + number), out)


def _round_key(key, at, number, work, word):
    """The 48 bits of a round, six to an octet: those of boxes 1, 3, 5, 7 in one word, of the others in the next."""
    turned = 0
    for before in range(number + 1):
        turned += 1 + (_TWO >> 15 - before & 1)
    halves = [0, 0]
    for to in range(48):
        bit = _PC2[to] - 1
        start = 28 if bit > 27 else 0
        bit = _PC1[start + (bit - start + turned) % 28] - 1
        if key[at + (bit >> 3)] >> 7 - (bit & 7) & 1:
            box = to // 6
            halves[box & 1] |= 1 << 31 - 8 * (box >> 1) - to % 6
    struct.pack_into("2I", work, 4 * word, halves[0], halves[1])
