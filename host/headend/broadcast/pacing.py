"""Puts packets out when their programme time is due, and says how well that went."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from headend.broadcast.udp import DATAGRAM_PACKETS
from headend.ts.packets import Packets
from headend.ts.portions import TICKS_PER_MS, Int64s

TICKS_PER_NS = TICKS_PER_MS / 1_000_000
LATE_NS = 500_000_000
"""Behind by so much, the output begins a new count of time: the input stood still."""
AHEAD_NS = 5_000_000_000
"""So much may wait; beyond, the output begins a new count: the input's clock jumped, or is faster than ours."""


@dataclass
class Jitter:
    """How late datagrams left, in ns. `restarts`: how often the count of time began anew."""

    datagrams: int = 0
    restarts: int = 0
    worst_ns: int = 0
    _sum_ns: int = 0
    _last: deque[int] = field(default_factory=lambda: deque(maxlen=100_000))

    def add(self, late_ns: int) -> None:
        self.datagrams += 1
        self._sum_ns += late_ns
        self.worst_ns = max(self.worst_ns, late_ns)
        self._last.append(late_ns)

    def line(self) -> str:
        """One line for people; the percentile is of the last 100,000 datagrams."""
        if not self.datagrams:
            return "nothing was sent"
        late = np.percentile(np.array(self._last), 99) / 1e6
        text = (
            f"{self.datagrams} datagrams paced by PCR, late by {self._sum_ns / self.datagrams / 1e6:.2f} ms on "
            f"average, {late:.2f} ms at most in 99 of 100, {self.worst_ns / 1e6:.2f} ms at worst"
        )
        return text + (f"; the clock was taken up anew {self.restarts} times" if self.restarts else "")


class Pacer:
    """Takes packets with their times, sends datagrams when they are due. `now_ns` and `sleep_s` are the clock's.

    `cushion_ns`: how long the first one waits, so that an input which comes in bursts does not make the output late.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep_s: Callable[[float], None] = time.sleep,
        cushion_ns: int = 0,
    ) -> None:
        self._cushion_ns = cushion_ns
        self._send = send
        self._now_ns = now_ns
        self._sleep_s = sleep_s
        self._waiting: deque[tuple[int, bytes]] = deque()  # (due in ns of programme time, datagram)
        self._rest: tuple[Packets, Int64s] | None = None
        self._offset_ns: int | None = None
        self.jitter = Jitter()

    def put(self, packets: Packets, ticks: Int64s) -> None:
        """Packets (n, 188) and their programme time (n,), as LiveScrambler releases them."""
        if self._rest is not None:
            packets, ticks = np.concatenate((self._rest[0], packets)), np.concatenate((self._rest[1], ticks))
        whole = len(packets) // DATAGRAM_PACKETS * DATAGRAM_PACKETS
        for row in range(0, whole, DATAGRAM_PACKETS):
            self._queue(packets[row : row + DATAGRAM_PACKETS], int(ticks[row]))
        self._rest = packets[whole:], ticks[whole:]

    def finish(self) -> None:
        """No more packets come: what makes no full datagram goes too. Returns when all has been sent."""
        if self._rest is not None and len(self._rest[0]):
            self._queue(self._rest[0], int(self._rest[1][0]))
        self._rest = None
        while self._waiting:
            self.run(1.0)

    def run(self, limit_s: float, until_ns: int = 0) -> None:
        """Send what is due for at most `limit_s`; returns earlier when no more than `until_ns` of programme waits."""
        end_ns = self._now_ns() + round(limit_s * 1e9)
        while self._waiting and self._waiting[-1][0] - self._waiting[0][0] >= until_ns:
            due_ns, datagram = self._waiting[0]
            now_ns = self._now_ns()
            if self._offset_ns is None:
                self._offset_ns = now_ns - due_ns + self._cushion_ns
            ahead_ns = due_ns + self._offset_ns - now_ns
            if ahead_ns < -LATE_NS or ahead_ns > AHEAD_NS:
                self._offset_ns, ahead_ns = now_ns - due_ns + self._cushion_ns, self._cushion_ns
                self.jitter.restarts += 1
            if now_ns + max(ahead_ns, 0) > end_ns:
                self._sleep_s(max(end_ns - now_ns, 0) / 1e9)
                return
            if ahead_ns > 0:
                self._sleep_s(ahead_ns / 1e9)
                now_ns = self._now_ns()
            self._waiting.popleft()
            self._send(datagram)
            self.jitter.add(max(now_ns - due_ns - self._offset_ns, 0))

    def _queue(self, packets: Packets, ticks: int) -> None:
        self._waiting.append((round(ticks / TICKS_PER_NS), packets.tobytes()))
