"""The run's clock: virtual, or tied to the wall."""

import time
from typing import Protocol


class RunClock(Protocol):
    """`now_ms` from the start of the run. `wait_until` returns with now_ms >= the instant asked for."""

    @property
    def now_ms(self) -> int: ...

    def wait_until(self, at_ms: int) -> None: ...


class VirtualClock:
    """Jumps to whatever instant is waited for."""

    def __init__(self) -> None:
        self._now_ms = 0

    @property
    def now_ms(self) -> int:
        return self._now_ms

    def wait_until(self, at_ms: int) -> None:
        self._now_ms = max(self._now_ms, at_ms)


class WallClock:
    """Real time, for machines that run by themselves."""

    def __init__(self) -> None:
        self._epoch_ns = time.monotonic_ns()

    @property
    def now_ms(self) -> int:
        return (time.monotonic_ns() - self._epoch_ns) // 1_000_000

    def ns_at(self, at_ms: int) -> int:
        """The instant on `time.monotonic_ns`."""
        return self._epoch_ns + at_ms * 1_000_000

    def wait_until(self, at_ms: int) -> None:
        left_ns = self.ns_at(at_ms) - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns / 1e9)
