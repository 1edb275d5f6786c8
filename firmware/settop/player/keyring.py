"""The keys in hand: at most the running portion's and the next one's, each with its cipher, wiped when it is over."""

from settop.crypto.aes import aes_ecb, wipe_aes
from settop.crypto.wipe import wipe


class Keyring:
    """Control words by portion, of one broadcast. `on_change()`, where somebody has set it, is called when one has come
    or gone."""

    def __init__(self):
        self.on_change = None
        self._ciphers = {}

    def install(self, portion, key):
        """Take over `key` (bytearray of 16): it is wiped here, the cipher made from it stays."""
        try:
            if portion not in self._ciphers:
                self._ciphers[portion] = aes_ecb(key)
        finally:
            wipe(key)
        self._changed()

    def cipher(self, portion):
        """ECB object of the portion's control word, or None."""
        return self._ciphers.get(portion)

    def held(self):
        """The portions whose keys are here, in order."""
        return sorted(self._ciphers)

    def drop_before(self, portion):
        """Portions before this one are over."""
        self._drop([p for p in self._ciphers if p < portion])

    def drop_after(self, portion):
        """The viewer has hung up in `portion`: later keys go at once."""
        self._drop([p for p in self._ciphers if p > portion])

    def wipe(self):
        self._drop(list(self._ciphers))

    def _drop(self, portions):
        for portion in portions:
            wipe_aes(self._ciphers.pop(portion))
        if portions:
            self._changed()

    def _changed(self):
        if self.on_change is not None:
            self.on_change()
