"""How much may be on its way: slow start, congestion avoidance, fast retransmit and recovery (RFC 5681, RFC 6582)."""

DUPLICATES = 3
FIRST_SEGMENTS = 10
"""The first window (RFC 6928), in segments."""


class Congestion:
    """`window`: octets that may be on their way. `repeats` counts losses that duplicates told of."""

    def __init__(self, mss: int) -> None:
        self.mss = mss
        self.window = FIRST_SEGMENTS * mss
        self.repeats = 0
        self.recovering = False
        self._threshold = 1 << 30
        self._recover = 0  # what must be acknowledged before another loss is believed
        self._duplicates = 0
        self._gained = 0
        self._before = (self.window, self._threshold)

    @property
    def allowance(self) -> int:
        """Octets beyond `window` for the first duplicates (RFC 3042): they say that something has arrived."""
        return 0 if self.recovering else min(self._duplicates, DUPLICATES - 1) * self.mss

    def acknowledged(self, octets: int, upto: int, on_their_way: int) -> bool:
        """So many new octets are there. True: the next one is missing, too, and is to be sent again (RFC 6582, 3.2)."""
        self._duplicates = 0
        if self.recovering:
            if upto >= self._recover:
                self.recovering = False
                self.window = min(self._threshold, max(on_their_way, self.mss) + self.mss)
                return False
            self.window = max(self.window - octets, self.mss) + (self.mss if octets >= self.mss else 0)
            return True
        if self.window < self._threshold:
            self.window += min(octets, 2 * self.mss)  # RFC 3465
        else:
            self._gained += octets
            if self._gained >= self.window:
                self._gained -= self.window
                self.window += self.mss
        return False

    def duplicate(self, upto: int, sent: int, on_their_way: int) -> bool:
        """The same acknowledgement again. True: what it asks for is lost and is to be sent again."""
        self._duplicates += 1
        if self.recovering:
            self.window += self.mss
        elif self._duplicates == DUPLICATES and upto > self._recover:
            self.repeats += 1
            self.recovering = True
            self._recover = sent
            self._threshold = max(on_their_way // 2, 2 * self.mss)
            self.window = self._threshold + DUPLICATES * self.mss
            return True
        return False

    def timed_out(self, sent: int, on_their_way: int, once_more: bool) -> None:
        """Nothing came back in time (RFC 5681, 3.1); once_more: to what was repeated already."""
        if not once_more:
            self._before = (self.window, self._threshold)
        self._threshold = max(on_their_way // 2, 2 * self.mss)
        self.window = self.mss
        self.recovering = False
        self._recover = sent
        self._duplicates = self._gained = 0

    def allow_two_more(self, on_their_way: int) -> None:
        """After a timeout that may have come too early: new octets show whether it has (RFC 5682, 2.1)."""
        self.window = on_their_way + 2 * self.mss

    def believe(self) -> None:
        """It had not: from the beginning."""
        self.window = self.mss

    def undo(self) -> None:
        """It had: nothing was lost."""
        self.window, self._threshold = self._before
