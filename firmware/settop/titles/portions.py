"""Decrypts samples portion by portion, in place: Common Encryption's `cenc` and `cbcs` (ISO/IEC 23001-7, 9 and 10).

A portion is PORTION_BYTES long, or as long as what is left of an encrypted range. In it the octets begin at `phase`, so
that blocks of counter mode, which run on from range to range of a sample, lie at whole blocks of the buffer.
"""

from settop.codec.kernels import copy
from settop.crypto.aes import BLOCK_BYTES, aes_ecb, wipe_aes
from settop.crypto.wipe import wipe
from settop.titles.kernels import counters, gather, scatter, unchain, xor

PORTION_BYTES = 1024
NONE, CENC, CBCS = "none", "cenc", "cbcs"
_ZEROS = bytes(BLOCK_BYTES)


class Portions:
    """One title's buffer and ciphers. scheme: NONE, CENC or CBCS; key: 16 octets, None: `change` comes before the first
    encrypted sample; crypt, skip: blocks of the pattern (CBCS), 0 and 0 without one.

    `phase`: where the next portion's octets begin.
    """

    def __init__(self, scheme, key=None, crypt=0, skip=0):
        self.buffer = bytearray(PORTION_BYTES)
        self.phase = 0
        self._view = memoryview(self.buffer)
        self.scheme = scheme
        self.set_pattern(crypt, skip)
        self._cipher = None
        self._counts = scheme == CENC
        self._iv = bytearray(2 * BLOCK_BYTES)  # and, of a chain, the last block as it was encrypted
        self._block = 0  # of this range, modulo the pattern
        self._fresh = 0  # 0x10000: the next block begins a chain (kernels.unchain)
        # What AES makes: key stream, or blocks that are to be unchained. Samples are often of one length, whose
        # parts of both buffers are kept.
        self._made = self._made_part = self._part = None
        if scheme in (CENC, CBCS):
            self._made = bytearray(PORTION_BYTES)
            self._made_view = memoryview(self._made)
        if key is not None:
            self.change(key)

    def set_pattern(self, crypt, skip):
        """Between samples: the pattern of those that come."""
        self._crypt = crypt if skip else 1
        self._skip = skip
        self._part_span = -1  # with a pattern, only one of the two parts is kept

    def change(self, key):
        """Between samples: another key for those that come. The one of before is wiped."""
        self._forget_key()
        self._cipher = aes_ecb(key)

    def _forget_key(self):
        if self._cipher is not None:
            wipe_aes(self._cipher)
            self._cipher = None

    def begin(self, source, at, count):
        """A sample begins whose IV is source[at:at + count]: 8 octets, or 16."""
        if count < 16:
            copy(_ZEROS, 0, self._iv, 16)
        copy(source, at, self._iv, count)
        self.phase = 0

    def begin_range(self):
        """An encrypted range of the sample begins."""
        self._fresh = 0x10000

    def open(self, end):
        """buffer[phase:end] is all of a portion, or the rest of a range: decrypted where it lies."""
        if self._counts:
            blocks = end + 15 >> 4
            made = self._made
            counters(self._iv, made, blocks | end >> 4 << 16)
            if blocks != self._part_span:
                self._part_span = blocks
                self._made_part = self._made_view[: blocks << 4]
            part = self._made_part
            self._cipher.encrypt(part, part)
            xor(self.buffer, made, blocks << 2)
            self.phase = end & 15
        elif self._skip:
            self._open_pattern(end >> 4)
        elif end > 15:
            # AES block by block, and the chain undone here, is faster than a chained cipher whose beginning is put
            # right for each sample, or which is made anew: 300 octets.
            blocks = end >> 4
            if blocks != self._part_span:
                self._part_span = blocks
                self._part = self._view[: blocks << 4]
                self._made_part = self._made_view[: blocks << 4]
            self._cipher.decrypt(self._part, self._made_part)
            unchain(self.buffer, self._made, self._iv, blocks | self._fresh)
            self._fresh = 0

    def close(self):
        """Wipes key and buffers; nothing can be opened any more."""
        self._forget_key()
        wipe(self.buffer)
        if self._made is not None:
            wipe(self._made)

    def _open_pattern(self, blocks):
        """The encrypted blocks side by side: one call of the cipher, however short the pattern's runs are."""
        if self._fresh:
            self._block = 0
        span = blocks | self._block << 8 | self._crypt << 16 | self._skip << 20
        count = gather(self.buffer, self._made, span)
        if count:
            if count != self._part_span:
                self._part_span = count
                self._made_part = self._made_view[: count << 4]
            self._cipher.decrypt(self._made_part, self._made_part)
            scatter(self.buffer, self._made, self._iv, span | self._fresh << 8)
            self._fresh = 0
        self._block = (self._block + blocks) % (self._crypt + self._skip)
