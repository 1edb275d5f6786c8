"""The run's clock: virtual, or tied to the wall. Time on the bench goes in quanta of QUANTUM_MS."""

import time

QUANTUM_MS = 1


class VirtualClock:
    """Jumps to whatever instant is waited for. `now_ms` counts from the start of the run."""

    def __init__(self) -> None:
        self._now_ms = 0

    @property
    def now_ms(self) -> int:
        return self._now_ms

    @staticmethod
    def ns_at(at_ms: int) -> int:
        """The instant in ns of the run."""
        return at_ms * 1_000_000

    def wait_until(self, at_ms: int) -> None:
        """Returns with now_ms >= at_ms."""
        self._now_ms = max(self._now_ms, at_ms)


class WallClock:
    """Real time, for machines that run by themselves; its first wait begins it.

    It moves in `wait_until` alone, and by LATE_MS beyond what was waited for at the most. A host that was held up
    catches up in such steps: what happens on the bench keeps its order and most of its spacing, and the broadcast
    stays in step with the clocks of the terminals, which hold its portions against them.
    """

    LATE_MS = 20

    def __init__(self) -> None:
        self._epoch_ns: int | None = None
        self._now_ms = 0

    @property
    def now_ms(self) -> int:
        return self._now_ms

    def ns_at(self, at_ms: int) -> int:
        """The instant on `time.monotonic_ns`."""
        if self._epoch_ns is None:
            self._epoch_ns = time.monotonic_ns()
        return self._epoch_ns + at_ms * 1_000_000

    def forgive(self) -> None:
        """Where the bench is late by more than a step it stays so, instead of catching up: its machines wait for it."""
        late_ns = time.monotonic_ns() - self.ns_at(self._now_ms)
        if late_ns > self.LATE_MS * 1_000_000 and self._epoch_ns is not None:
            self._epoch_ns += late_ns

    def wait_until(self, at_ms: int) -> None:
        """Returns with now_ms >= at_ms."""
        late_ns = time.monotonic_ns() - self.ns_at(at_ms)
        if late_ns < 0:
            time.sleep(-late_ns / 1e9)
            late_ns = 0
        self._now_ms = max(self._now_ms, at_ms + min(late_ns // 1_000_000, self.LATE_MS))
