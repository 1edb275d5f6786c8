"""Makes of a title with MP3 a file of which every tenth octet is encrypted, for players that can do no more
(docs/titles.md), as it comes. No IO. The frames' headers are not spared.
"""

from settop.crypto.aes import BLOCK_BYTES, aes_ecb, wipe_aes
from settop.crypto.wipe import wipe
from settop.errors import RemoteError
from settop.titles.outlet import Outlet
from settop.titles.reader import TitleReader
from settop.wire.tenth import LABEL, STEP

CODECS = ("mp4a.6b", "mp4a.69", "mp4a.40.34")
"""Names of MP3 (settop.codec.units)."""


class TenthWriter(Outlet):
    """find_key(kid): the title's key, as TitleReader has it. key: the copy's, a bytearray of 16 which is wiped here.
    Octets of the title go in by `feed` when nothing waits, FEED_BYTES at most; those of the copy come out by `take`."""

    def __init__(self, find_key, key):
        super().__init__()
        self._reader = TitleReader(find_key, self)
        self._next = 0  # octets until the next one that is shifted
        self._shifts = bytearray(BLOCK_BYTES)
        self._shift = BLOCK_BYTES  # which of them is next
        self._block = 0
        try:
            self._cipher = aes_ecb(key)
        finally:
            wipe(key)

    def feed(self, octets, start, end):
        """octets[start:end] of the title. RemoteError: it cannot be opened, or not from here on."""
        if self._reader.feed(octets, start, end) != end - start:
            raise RemoteError("a title that comes to more than was fed of it")

    def finish(self):
        """The title's octets were all fed. RemoteError: it cannot end here."""
        self._reader.finish()

    def close(self):
        """Keys and what was decrypted are wiped."""
        self._reader.close()
        if self._cipher is not None:
            wipe_aes(self._cipher)
            self._cipher = None
        wipe(self._shifts)
        super().close()

    def write(self, octets, start, end):
        """The codec's unit has these: the next octets of the copy."""
        self.put(octets, start, end)
        out = self._out
        at = self._end - (end - start) + self._next
        while at < self._end:
            if self._shift == BLOCK_BYTES:
                self._refill()
            out[at] = out[at] + 1 + self._shifts[self._shift] % 255 & 0xFF
            self._shift += 1
            at += STEP
        self._next = at - self._end
        return end - start

    def _refill(self):
        shifts = self._shifts
        shifts[:8] = LABEL
        shifts[8:] = self._block.to_bytes(8, "big")
        self._cipher.encrypt(shifts, shifts)
        self._block += 1
        self._shift = 0
