"""AES in counter mode over part of a packet, where it lies, as SRTP counts: a salt, a source, an index, then blocks.

Its loops are settop.crypto.packet_kernels; AES comes by the one door, settop.crypto.aes.
"""

from settop.crypto.aes import aes_ecb, wipe_aes
from settop.crypto.packet_kernels import go_on, start, xor
from settop.crypto.wipe import wipe

STREAM_BLOCKS = 83  # of key stream at a time: seven packets of a transport stream go through at once
STREAM_BYTES = 16 * STREAM_BLOCKS
_BLOCKS_AT = 32  # in `work`, behind where counting begins and the salt
CONTROL, GCM = 1, 2  # kinds of packet: RTCP's source stands four octets earlier; GCM counts otherwise


class CounterMode:
    """key: 16 or 32 octets; salt: what changes a block's first octets, 14 at most; kind: CONTROL, GCM, both, or 0.
    `close` wipes all of them and the key stream."""

    def __init__(self, key, salt, kind):
        self._work = bytearray(_BLOCKS_AT + STREAM_BYTES)
        self._work[16 : 16 + len(salt)] = salt
        self._view = memoryview(self._work)
        self._kind = kind
        self._cipher = aes_ecb(key)
        self._part = self._view[_BLOCKS_AT:]  # of the blocks: most packets of a stream are equally long
        self._part_blocks = STREAM_BLOCKS

    def crypt(self, packet, high, low, begin, end):
        """Encrypt or decrypt packet[begin:end], 65,535 octets at most, where it lies; high, low: the upper 32 and the
        lower 16 bits of its index."""
        size = end - begin
        blocks = size + 15 >> 4
        if blocks > STREAM_BLOCKS:
            blocks = STREAM_BLOCKS
            size = STREAM_BYTES
        start(self._work, packet, high, low << 9 | blocks << 2 | self._kind)
        if blocks != self._part_blocks:
            self._cut(blocks)
        part = self._part
        self._cipher.encrypt(part, part)
        xor(packet, part, size, begin)
        if begin + size < end:
            self._crypt_rest(packet, STREAM_BLOCKS, begin + size, end)

    def mask(self, packet, high, low, out):
        """The first block of key stream, into `out` of 16 octets, and `crypt_behind` goes on from there (GCM)."""
        start(self._work, packet, high, low << 9 | 1 << 2 | self._kind)
        self._cut(1)
        self._cipher.encrypt(self._part, out)

    def crypt_behind(self, packet, begin, end):
        """Encrypt or decrypt packet[begin:end] with the blocks from 2 on."""
        self._crypt_rest(packet, 2, begin, end)

    def close(self):
        """Wipes key, salt and key stream; nothing can be done with it any more."""
        if self._cipher is not None:
            wipe_aes(self._cipher)
        self._cipher = None
        wipe(self._work)

    def _crypt_rest(self, packet, block, begin, end):
        while begin < end:
            size = min(end - begin, STREAM_BYTES)
            blocks = size + 15 >> 4
            go_on(self._work, block, blocks)
            self._cut(blocks)
            self._cipher.encrypt(self._part, self._part)
            xor(packet, self._part, size, begin)
            begin += size
            block += blocks

    def _cut(self, blocks):
        if blocks != self._part_blocks:
            self._part_blocks = blocks
            self._part = self._view[_BLOCKS_AT : _BLOCKS_AT + (blocks << 4)]
