"""The bench's time: a clock, the parts that go by it in a stated order, and what is to be done at instants.

Time is cut into quanta of QUANTUM_MS, and nothing passes from part to part between two of them: what is due within one
(an octet on a line of so many bit/s) passes at its end. A timer is met at the very quantum that it names. What one part
brings another is there in the same round for a part behind it, and a quantum later for one before.

Where all machines are virtual, time jumps to the next quantum at which a part or an action wants something, with the
same bytes at the same instants as going from quantum to quantum: the same seed gives the same run. Machines that run by
themselves (the unix port, a board) tie the same loop to the wall, quantum by quantum.
"""

import heapq
from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol, TypeVar, runtime_checkable

from settop.errors import LocalError

from testbed.clock import QUANTUM_MS, VirtualClock, WallClock


class Part(Protocol):
    """Something on the bench. Times are ms of the world's clock, which never goes back."""

    def advance(self, now_ms: int) -> None:
        """Do what is due by `now_ms`. Comes at `next_timer` and at any quantum before it, where nothing may be due."""

    def next_timer(self) -> int | None:
        """When `advance` must come next if nobody brings this part anything: what lies in the past means the next
        quantum. None: nothing by itself."""


@runtime_checkable
class OwnClock(Protocol):
    """A part that has a clock of its own. All such parts of a world are virtual, or none is."""

    @property
    def virtual(self) -> bool:
        """Whether its time is the world's. A real one goes by the wall."""

    def keep_step(self, now_ms: int) -> bool:
        """A round at `now_ms` begins: be where stepping would have left it, a quantum before.

        True: a real part whose time is held against the bench's, so that neither runs away from the other.
        """


@runtime_checkable
class Closable(Protocol):
    """A part that has something to give back."""

    def close(self) -> None:
        """May be called twice."""


P = TypeVar("P", bound=Part)


class World:
    """Give it parts with `add`; then `run_until`. Times are ms from its start.

    jumps: False goes from quantum to quantum, whatever the parts want.
    """

    def __init__(self, jumps: bool = True) -> None:
        self.clock: VirtualClock | WallClock = VirtualClock()
        self._jumps = jumps
        self._parts: list[Part] = []
        self._own_clocks: list[OwnClock] = []
        self._serial = 0
        self._actions: list[tuple[int, int, Callable[[], None]]] = []
        self._closing = ExitStack()

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms

    def ns_at(self, at_ms: int) -> int:
        """The instant on the clock of the world's machines: ns of this world, or of `time.monotonic_ns`."""
        return self.clock.ns_at(at_ms)

    def add(self, part: P) -> P:
        """In a round parts are advanced in the order in which they were added.

        From here on the part is the world's to close, also where it is refused with a LocalError.
        """
        if isinstance(part, Closable):
            self._closing.callback(part.close)
        if isinstance(part, OwnClock):
            if any(other.virtual != part.virtual for other in self._own_clocks):
                raise LocalError("virtual and real machines cannot share one world")
            if not (self._own_clocks or part.virtual):
                self.clock = WallClock()
            self._own_clocks.append(part)
        self._parts.append(part)
        return part

    def at(self, at_ms: int, action: Callable[[], None]) -> None:
        """Do something at an instant of the run, before the parts are advanced."""
        self._serial += 1
        heapq.heappush(self._actions, (at_ms, self._serial, action))

    def run_until(
        self, end_ms: int, until: Callable[[], bool] | None = None, progress: Callable[[int], None] | None = None
    ) -> bool:
        """Let time pass up to `end_ms`, or until the condition `until` holds, which is asked after every round.

        False: the condition did not hold by then. True: it does, or there is none. `progress` gets the time after
        every round. The first round is a quantum away, for the caller may have done anything to the parts. Under a wall
        clock a round may end some ms late, and so may this.
        """
        next_ms = self.now_ms + QUANTUM_MS
        while self.now_ms < end_ms:
            self._round(next_ms)
            if until is not None and until():
                return True
            if progress is not None:
                progress(self.now_ms)
            next_ms = self._next_ms(end_ms)
        return until is None

    def close(self) -> None:
        """Close every part, also when one of them fails; then raises what it raised. May be called twice."""
        self._closing.close()

    def _next_ms(self, end_ms: int) -> int:
        """The next quantum at which somebody wants something, `end_ms` at the latest."""
        next_ms = self.now_ms + QUANTUM_MS
        if not self._jumps or isinstance(self.clock, WallClock):
            return next_ms
        soonest_ms = min(end_ms, self._actions[0][0]) if self._actions else end_ms
        for part in self._parts:
            if soonest_ms <= next_ms:
                return next_ms
            timer_ms = part.next_timer()
            if timer_ms is not None and timer_ms < soonest_ms:
                soonest_ms = timer_ms
        return max(next_ms, soonest_ms)

    def _round(self, at_ms: int) -> None:
        self.clock.wait_until(at_ms)
        now_ms = self.now_ms
        kept = [part.keep_step(now_ms) for part in self._own_clocks]
        if any(kept) and isinstance(self.clock, WallClock):
            # Who waits for whom takes longer on a slow host, and nothing on the bench is out of time.
            self.clock.forgive()
        while self._actions and self._actions[0][0] <= now_ms:
            heapq.heappop(self._actions)[2]()
        for part in self._parts:
            part.advance(now_ms)
