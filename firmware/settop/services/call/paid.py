"""When what was paid for has stayed dark long enough to tell the call centre (DARK in docs/protocols/call.md)."""

from settop.wire.dark import CLEAR, NOTHING_SCRAMBLED, PAID_DARK_MS, PAID_DARK_PORTIONS

# A forged table or ECM shuts the picture until the true one comes again, half a second later at most (ETSI TR 101 290):
# short portions must not make two changes of that.
LEAST_DARK_MS = 1500
LONGEST_LOOK_MS = 1000  # a board that was busy for longer has not seen what was on air


class PaidDark:
    """look() at every look of settop.player.darkness while keys come."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Another call or another programme."""
        self._begin(-1)

    def _begin(self, clear):
        self._clear = clear  # the last portion of which something was clear
        self._dark_ms = 0
        self._portion_ms = None  # how long a portion lasts, once one was dark from end to end
        self._change_ms = None  # when the portion last changed, in ms of the dark
        self._first = self._last = None
        self._looked_ms = None

    def look(self, cause, position, now_ms):
        """(first, last) portion that was paid for and stayed dark, once it is time to say so, or None.

        A portion of which something was clear is not among them; where there is no other yet, `first` is the next one.
        `cause`: of settop.wire.dark, None where it is not certain. `position`: the portion on air as far as that is
        known, or None where there is no key for it: such a time is not paid.
        """
        looked_ms, self._looked_ms = self._looked_ms, now_ms
        if cause == CLEAR:
            self._begin(self._clear if position is None else position)
            return None
        if cause is None or position is None:
            return None
        if self._first is None:
            self._first = self._last = position
            return None
        if looked_ms is not None:
            self._dark_ms += min(now_ms - looked_ms, LONGEST_LOOK_MS)
        if position > self._last:
            if self._change_ms is not None:
                self._portion_ms = (self._dark_ms - self._change_ms) // (position - self._last)
            self._change_ms = self._dark_ms
            self._last = position
        limit_ms = PAID_DARK_MS
        # A programme may have nothing to send for a while, of short portions even for two.
        if self._portion_ms is not None and cause != NOTHING_SCRAMBLED:
            limit_ms = min(limit_ms, max(LEAST_DARK_MS, PAID_DARK_PORTIONS * self._portion_ms))
        if self._dark_ms < limit_ms:
            return None
        first = max(self._first, self._clear + 1)
        return first, max(first, self._last)
