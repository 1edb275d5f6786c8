"""The broadcaster: puts a scrambled transport stream on air at its own pace and announces its portions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from settop.errors import LocalError
from settop.wire.transport import PACKET_BYTES

from headend.broadcast.schedule import Broadcast
from headend.ts.packets import whole_stream
from headend.ts.portions import Portion

BITS_PER_OCTET_8N1 = 10
LAG_LIMIT_MS = 250
"""How far the tuner line may fall behind the stream's own clock in a burst before the input counts as too fast."""


def lag_ms(times_ns: npt.NDArray[np.int64], baud: int) -> float:
    """The worst lag of an 8N1 line of `baud` behind packets that are due at `times_ns`, in ms."""
    if len(times_ns) == 0:
        return 0.0
    packet_ns = PACKET_BYTES * BITS_PER_OCTET_8N1 * 1e9 / baud
    sent = np.arange(len(times_ns)) * packet_ns
    ahead = times_ns - sent
    return float((np.maximum.accumulate(ahead) - ahead).max() / 1e6)


def check_rate(times_ns: npt.NDArray[np.int64], baud: int) -> None:
    """Raises LocalError where the stream is faster than a tuner line of `baud`."""
    lag = lag_ms(times_ns, baud)
    if lag <= LAG_LIMIT_MS:
        return
    span_s = max(1e-9, float(times_ns[-1] - times_ns[0]) / 1e9)
    rate = len(times_ns) * PACKET_BYTES * 8 / span_s
    raise LocalError(
        f"the input runs at {rate / 1e6:.2f} Mbit/s and its bursts lag {lag:.0f} ms on a tuner line of {baud} baud "
        f"(8N1 carries {baud * 0.8 / 1e6:.2f} Mbit/s); encode it at a lower rate"
    )


class Broadcaster:
    """One run of a stream on air. `times_ns`: when each packet is due, from 0; `end_ms`: when the last portion ends."""

    def __init__(
        self,
        stream: Path,
        times_ns: npt.NDArray[np.int64],
        portions: Sequence[Portion],
        broadcast: Broadcast,
        end_ms: int,
    ) -> None:
        self.broadcast = broadcast
        self.end_ms = end_ms
        self._bytes = whole_stream(stream)
        self._due_ms = times_ns // 1_000_000
        self._portions = list(portions)
        self._next_portion = 0
        self._next_packet = 0
        self._over = False

    def due(self, at_ms: int, centre_now_ms: int) -> bytes:
        """Packets due by `at_ms` (broadcast time) that are not out yet; announces a portion as it begins.

        `centre_now_ms` is the same instant on the call centre's clock.
        """
        end = int(np.searchsorted(self._due_ms, at_ms, side="right"))
        while self._next_portion < len(self._portions) and self._portions[self._next_portion].started_ms <= at_ms:
            portion = self._portions[self._next_portion]
            self._next_portion += 1
            last = self._next_portion == len(self._portions)
            next_ms = self.end_ms if last else self._portions[self._next_portion].started_ms
            offset = centre_now_ms - at_ms
            self.broadcast.announce(portion.index, portion.started_ms + offset, next_ms + offset, last)
        if at_ms >= self.end_ms:
            self.broadcast.over()
            self._over = True
        if end <= self._next_packet:
            return b""
        data = self._bytes[self._next_packet * PACKET_BYTES : end * PACKET_BYTES].tobytes()
        self._next_packet = end
        return data

    def next_timer(self) -> int | None:
        """When `due` has something next, in ms of the broadcast's time; None when all is out and it is over."""
        timers = [] if self._over else [self.end_ms]
        if self._next_packet < len(self._due_ms):
            timers.append(int(self._due_ms[self._next_packet]))
        if self._next_portion < len(self._portions):
            timers.append(self._portions[self._next_portion].started_ms)
        return min(timers, default=None)
