"""What is to happen at which nanosecond, in the order in which it was said."""

import heapq
from collections.abc import Callable

Action = Callable[[int], None]
"""Takes the ns at which it happens."""


class Events:
    """Two that are due at one instant happen in the order in which they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._serial = 0

    def at(self, at_ns: int, action: Action) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (at_ns, self._serial, action))

    def next_ns(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def pop_until(self, now_ns: int) -> tuple[int, Action] | None:
        """The first that is due by `now_ns`, or None."""
        if not self._heap or self._heap[0][0] > now_ns:
            return None
        at_ns, _, action = heapq.heappop(self._heap)
        return at_ns, action
