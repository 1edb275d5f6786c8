"""What is on air and which portion runs: it follows what the broadcaster announces, never what a terminal says."""

from dataclasses import dataclass, field

from settop.errors import LocalError
from settop.wire.ids import NO_PORTION


@dataclass(frozen=True)
class Position:
    """Where a broadcast stands: `portion` runs from start_ms to next_ms (ms of the head-end's clock)."""

    portion: int
    start_ms: int
    next_ms: int
    last: bool


@dataclass
class Broadcast:
    """One run of a programme on air, as the broadcaster announced it."""

    programme_id: int
    broadcast_id: bytes
    programme_secret: bytes = field(repr=False)
    position: Position | None = None
    """None before the first portion and after the last one."""

    def announce(self, portion: int, start_ms: int, next_ms: int, last: bool = False) -> None:
        """A portion has started; it ends at next_ms, and another one follows unless it is the last.

        Raises LocalError for an index outside 0 to 0xFFFFFFFE, the range of the protocol.
        """
        if not 0 <= portion < NO_PORTION:
            raise LocalError(f"portion index {portion}, expected 0 to {NO_PORTION - 1}: begin a new broadcast")
        self.position = Position(portion, start_ms, next_ms, last)

    def over(self) -> None:
        self.position = None


class Schedule:
    """The broadcasts on air, by programme id."""

    def __init__(self) -> None:
        self._on_air: dict[int, Broadcast] = {}

    def add(self, broadcast: Broadcast) -> None:
        self._on_air[broadcast.programme_id] = broadcast

    def remove(self, programme_id: int) -> None:
        self._on_air.pop(programme_id, None)

    def find(self, programme_id: int) -> Broadcast | None:
        return self._on_air.get(programme_id)
