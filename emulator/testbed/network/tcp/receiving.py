"""What comes from the other end: put in order, kept where the user has not read it, and the window for more.

Positions count the other end's sequence numbers from its SYN, which is 0, without ever wrapping round.
"""

MAX_WINDOW = 0xFFFF


class Receiver:
    """`next`: the position that is awaited. `fin`: where the stream ends, once that is known."""

    def __init__(self, capacity: int) -> None:
        self.next = 1
        self.fin: int | None = None
        self.unread = bytearray()
        self._capacity = min(capacity, MAX_WINDOW)
        self._early: dict[int, bytes] = {}
        self._told = 0  # the right edge that the other end knows

    def window(self) -> int:
        """What the other end is told. The right edge never moves back (RFC 9293, 3.8.6), nor forward by a little
        (3.8.6.2.2)."""
        edge = self.next + self._capacity - len(self.unread)
        if edge - self._told < min(self._capacity // 2, 1460) and self._told >= self.next:
            edge = self._told
        self._told = max(self._told, edge)
        return max(0, min(self._told - self.next, MAX_WINDOW))

    def widened(self) -> bool:
        """Whether the other end has something to gain from being told."""
        edge = self.next + self._capacity - len(self.unread)
        return edge - self._told >= min(self._capacity // 2, 1460)

    def acceptable(self, position: int, length: int) -> bool:
        """Whether any of it lies within the window (RFC 9293, 3.10.7.4)."""
        right = max(self._told, self.next)
        if not length:
            return self.next <= position < right or position == self.next
        return position < right and position + length > self.next

    def take(self, position: int, data: bytes, fin: bool) -> int:
        """A segment that is acceptable. How many octets have come in order, and lie at the end of `unread`."""
        end = position + len(data)
        if fin and (self.fin is None or self.fin == end) and end <= max(self._told, self.next):
            self.fin = end
        right = max(self._told, self.next) if self.fin is None else min(self.fin, max(self._told, self.next))
        if position < self.next:
            data, position = data[self.next - position :], self.next
        data = data[: max(0, right - position)]
        known = len(self._early.get(position, b""))
        if len(data) > known and sum(map(len, self._early.values())) - known + len(data) <= self._capacity:
            self._early[position] = data
        return self._gather()

    @property
    def finished(self) -> bool:
        """Whether all has come, its end included; `next` is behind the FIN then."""
        return self.fin is not None and self.next > self.fin

    def _gather(self) -> int:
        before = len(self.unread)
        while self._early:
            position = min(self._early)
            if position > self.next:
                break
            data = self._early.pop(position)[self.next - position :]
            self.unread += data
            self.next += len(data)
        if self.fin == self.next:
            self.next += 1
        return len(self.unread) - before
