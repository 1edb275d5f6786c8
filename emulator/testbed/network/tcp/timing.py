"""When to send again: RFC 6298, with Karn's rule."""

from collections import deque

NS_PER_MS = 1_000_000
FIRST_NS = 1_000 * NS_PER_MS
LEAST_NS = 200 * NS_PER_MS
"""RFC 6298 asks for a second (2.4); the servers that a terminal meets have this."""
MOST_NS = 60_000 * NS_PER_MS
GRANULARITY_NS = NS_PER_MS
AFTER_A_LOST_SYN_NS = 3_000 * NS_PER_MS  # 5.7


class Timing:
    """The retransmission timeout. Every segment that was sent once is timed, as long windows change much in one round;
    which of two an answer is for cannot be told (Karn). Positions count octets of the stream."""

    def __init__(self, least_ns: int = LEAST_NS) -> None:
        self.timeout_ns = FIRST_NS
        self.smoothed_ns = 0
        self._variation_ns = 0
        self._least_ns = least_ns
        self._sent: deque[tuple[int, int]] = deque()  # (position behind it, when it was sent)
        self._sent_twice = 0  # up to here

    def sent(self, end: int, now_ns: int) -> None:
        """New octets up to `end` were sent."""
        self._sent.append((end, now_ns))

    def sent_again(self, end: int) -> None:
        """Octets up to `end` were sent twice."""
        self._sent_twice = max(self._sent_twice, end)

    def acknowledged(self, upto: int, now_ns: int) -> int:
        """The other end has everything up to here. How long ago the latest of that was sent first."""
        first_ns, latest_ns = now_ns, None
        while self._sent and self._sent[0][0] <= upto:
            end, first_ns = self._sent.popleft()
            if end > self._sent_twice:
                latest_ns = first_ns
        if latest_ns is not None:
            self._measure(now_ns - latest_ns)
        return now_ns - first_ns

    def at_least(self, took_ns: int) -> None:
        """So long an answer may have taken, if it was not for a repetition."""
        self.timeout_ns = min(max(self.timeout_ns, took_ns), MOST_NS)

    def back_off(self) -> None:
        """The timeout came (5.5). It stays as long until something is measured again (Karn): a line that is slower than
        was thought would else be asked too early for ever."""
        self.timeout_ns = min(2 * self.timeout_ns, MOST_NS)

    def after_a_lost_syn(self) -> None:
        """The SYN had to be repeated: begin more carefully."""
        if not self.smoothed_ns:
            self.timeout_ns = AFTER_A_LOST_SYN_NS

    def _measure(self, took_ns: int) -> None:
        if not self.smoothed_ns:
            self.smoothed_ns, self._variation_ns = max(1, took_ns), took_ns // 2
        else:
            self._variation_ns = (3 * self._variation_ns + abs(self.smoothed_ns - took_ns)) // 4
            self.smoothed_ns = (7 * self.smoothed_ns + took_ns) // 8
        timeout_ns = self.smoothed_ns + max(GRANULARITY_NS, 4 * self._variation_ns)
        self.timeout_ns = min(max(timeout_ns, self._least_ns), MOST_NS)
