"""A connected telephone line: two directions, each with a bit rate and a delay, bytes out at exact instants.

Times inside are integer nanoseconds. A byte sent at an idle instant t is out whole at
t + ceil(bits_per_char * 1e9 / bits_per_s) + delay; bytes of one burst follow without gap and without rounding
drift. Nothing here bounds what is queued: the modem does, from `backlog()`.
"""

from collections import deque

from settop.errors import LocalError

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Impairment:
    """What the line does to the bytes; this one does nothing. Subclasses take their randomness from a seed.

    One object serves one call. `carry` sees every byte in the order sent; `drop_after_ms` is asked once, on
    connection.
    """

    def carry(self, end: int, byte: int, out_ns: int) -> bytes:
        """What arrives for `byte` sent by `end` (0 caller, 1 called) and due at `out_ns`: b"" loses it."""
        return bytes((byte,))

    def drop_after_ms(self) -> int | None:
        """The connection fails this long after it was made, or never."""
        return None


class _Direction:
    """One way. `_runs` holds (start of burst, index of the first byte in the burst, bytes)."""

    def __init__(self, bits_per_s: int, delay_ns: int, bits_per_char: int) -> None:
        self._bits_per_s = bits_per_s
        self._char_bits = bits_per_char * NS_PER_S
        self._delay_ns = delay_ns
        self._runs: deque[tuple[int, int, bytes]] = deque()
        self._burst_ns = 0
        self._burst_bytes = 0

    def _out_ns(self, burst_ns: int, count: int) -> int:
        """When the first `count` bytes of a burst have left the sender."""
        return burst_ns - (-count * self._char_bits // self._bits_per_s)

    def _left(self, burst_ns: int, now_ns: int) -> int:
        """How many bytes of a burst have left the sender by `now_ns`."""
        return max(0, now_ns - burst_ns) * self._bits_per_s // self._char_bits

    def send(self, data: bytes, now_ns: int) -> None:
        if not data:
            return
        if now_ns >= self._out_ns(self._burst_ns, self._burst_bytes):
            self._burst_ns = now_ns
            self._burst_bytes = 0
        self._runs.append((self._burst_ns, self._burst_bytes, data))
        self._burst_bytes += len(data)

    def backlog(self, now_ns: int) -> int:
        return max(0, self._burst_bytes - self._left(self._burst_ns, now_ns))

    def take(self, now_ns: int) -> list[tuple[int, int]]:
        """(byte, instant out) of everything due by `now_ns`."""
        out: list[tuple[int, int]] = []
        while self._runs:
            burst_ns, first, data = self._runs[0]
            due = min(self._left(burst_ns, now_ns - self._delay_ns) - first, len(data))
            if due <= 0:
                break
            for i in range(due):
                out.append((data[i], self._out_ns(burst_ns, first + i + 1) + self._delay_ns))
            if due == len(data):
                self._runs.popleft()
            else:
                self._runs[0] = (burst_ns, first + due, data[due:])
        return out

    def next_ns(self) -> int | None:
        if not self._runs:
            return None
        burst_ns, first, _ = self._runs[0]
        return self._out_ns(burst_ns, first + 1) + self._delay_ns


class TelephoneLine:
    """Ends 0 (caller) and 1 (called). `bits_per_s` >= 1, `delay_ms` one way >= 0, else LocalError."""

    def __init__(
        self,
        bits_per_s: int = 2400,
        delay_ms: int = 0,
        *,
        bits_per_char: int = 10,
        impairment: Impairment | None = None,
    ) -> None:
        if bits_per_s < 1 or delay_ms < 0 or bits_per_char < 1:
            raise LocalError(
                f"line of {bits_per_s} bit/s, {delay_ms} ms, {bits_per_char} bits a character;"
                " expected at least 1 bit/s, 0 ms, 1 bit"
            )
        self.bits_per_s = bits_per_s
        self.impairment = impairment
        self.dropped = False
        self._from = tuple(_Direction(bits_per_s, delay_ms * NS_PER_MS, bits_per_char) for _ in range(2))

    def send(self, end: int, data: bytes, now_ms: int) -> None:
        """`end` puts `data` behind what it has not yet sent. On a dropped line it is lost."""
        if not self.dropped:
            self._from[end].send(data, now_ms * NS_PER_MS)

    def backlog(self, end: int, now_ms: int) -> int:
        """Bytes of `end` that have not left it yet."""
        return 0 if self.dropped else self._from[end].backlog(now_ms * NS_PER_MS)

    def take(self, end: int, now_ms: int) -> bytes:
        """What has come out at `end` by `now_ms` and was not taken yet."""
        return bytes(byte for byte, _ in self.take_timed(end, now_ms))

    def take_timed(self, end: int, now_ms: int) -> list[tuple[int, int]]:
        """As `take`, each byte with the nanosecond at which its last bit came out."""
        if self.dropped:
            return []
        timed = self._from[1 - end].take(now_ms * NS_PER_MS)
        if self.impairment is None:
            return timed
        carry = self.impairment.carry
        return [(out, at_ns) for byte, at_ns in timed for out in carry(1 - end, byte, at_ns)]

    def drop(self) -> None:
        """The connection fails: what is under way is lost, and so is whatever is sent later."""
        self.dropped = True

    def next_timer(self) -> int | None:
        """The first whole millisecond at which a byte is out, or None."""
        if self.dropped:
            return None
        due = [at_ns for at_ns in (way.next_ns() for way in self._from) if at_ns is not None]
        return -(-min(due) // NS_PER_MS) if due else None
