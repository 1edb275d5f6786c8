"""Four buttons without IO: what of their bits is a stroke. Contacts bounce, fingers lie on two at once, and rest."""

NAMES = ("up", "down", "ok", "back")
"""Of bit 0, 1, 2 and 3 of what a board's buttons() gives."""
STILL_MS = 20  # for so long must the contacts be as they are
HOLD_MS = 600  # from then on "up" and "down" are said again
AGAIN_MS = 150
_REPEATED = 2  # bits below that many are said again


class Buttons:
    """A button that is down when this begins counts once it was up."""

    def __init__(self):
        self._bits = None  # of the last look
        self._since_ms = 0
        self._free = False  # all of them were up since the last stroke
        self._held = -1
        self._again_ms = 0

    def look(self, bits, now_ms):
        """The name of a stroke, or None. To be called often; two at once are no stroke, nor is what remains of them."""
        if bits != self._bits:
            self._bits = bits
            self._since_ms = now_ms
            self._held = -1
            return None
        if now_ms - self._since_ms < STILL_MS:
            return None
        if not bits:
            self._free = True
        elif self._held >= 0:
            if self._held < _REPEATED and now_ms >= self._again_ms:
                self._again_ms = now_ms + AGAIN_MS
                return NAMES[self._held]
        elif self._free:
            self._free = False
            for number in range(len(NAMES)):
                if bits == 1 << number:
                    self._held = number
                    self._again_ms = now_ms + HOLD_MS
                    return NAMES[number]
        return None
