"""AES in counter mode over part of a packet, where it lies, as SRTP counts: a salt, a source, an index, then blocks.

Its loops are settop.crypto.packet_kernels; AES comes by the one door, settop.crypto.aes.
"""

from settop.crypto.aes import aes_ecb, wipe_aes
from settop.crypto.packet_kernels import begin, counters, xor
from settop.crypto.wipe import wipe

STREAM_BYTES = 1328  # of key stream at a time: seven packets of a transport stream go through at once


class CounterMode:
    """key: 16 or 32 octets; salt: what changes the first 14 octets of a block or fewer; to: where in the block a source's
    four octets go, 2 or 4, and behind them the 48 bits of an index; scratch: STREAM_BYTES that others may use between
    the calls. `close` wipes key, salt and scratch."""

    def __init__(self, key, salt, to, scratch):
        self._block = bytearray(32)  # where counting begins, and the salt (packet_kernels.begin)
        self._block[16 : 16 + len(salt)] = salt
        self._to = to
        self._cipher = aes_ecb(key)
        self._scratch = scratch
        self._view = memoryview(scratch)
        self._part = None  # of the view: most packets of a stream are equally long
        self._part_blocks = 0

    def begin(self, packet, source_at, high, low):
        """A packet whose source's octets stand at packet[source_at], at most 15, and whose index of 48 bits is `high`
        (32 of them) and `low` (16)."""
        begin(self._block, packet, high, low << 8 | source_at << 4 | self._to)

    def mask(self, out):
        """The key stream's block 1, into `out` of 16 octets; `crypt` goes on with block 2 (GCM's tag)."""
        block = self._block
        block[15] = 1
        counters(block, out, 1)
        self._cipher.encrypt(out, out)
        block[15] = 2

    def crypt(self, packet, start, end):
        """Encrypt or decrypt packet[start:end], 65,535 octets at most, where it lies. Once for each `begin`."""
        scratch = self._scratch
        while start < end:
            size = end - start
            if size > STREAM_BYTES:
                size = STREAM_BYTES
            blocks = size + 15 >> 4
            counters(self._block, scratch, blocks)
            if blocks != self._part_blocks:
                self._part_blocks = blocks
                self._part = self._view[: blocks << 4]
            self._cipher.encrypt(self._part, self._part)
            xor(packet, start, scratch, size)
            start += size
            if start < end:
                blocks += self._block[15]
                self._block[15] = blocks & 0xFF
                self._block[14] += blocks >> 8  # 16 bits hold a packet's blocks

    def close(self):
        """Wipes key, salt and key stream; nothing can be done with it any more."""
        if self._cipher is not None:
            wipe_aes(self._cipher)
        self._cipher = None
        wipe(self._block)
        wipe(self._scratch)
