"""A portable player's dock: what one UART sends, the other one gets, as long as the player is in."""


class DockEnd:
    """What hangs on one of the two UARTs (testbed.station.Attachment): for it, the other end's octets are `take`n.

    `sent`: all that went into this end, whether it arrived or not.
    """

    def __init__(self) -> None:
        self.other: DockEnd | None = None
        self.sent = bytearray()
        self._coming = bytearray()

    @property
    def waiting(self) -> bool:
        return bool(self._coming)

    def receive(self, data: bytes, now_ms: int) -> None:
        self.sent += data
        if self.other is not None:
            self.other._coming += data  # both are of one dock

    def poll(self, now_ms: int) -> None:
        """Nothing is ever due."""

    def take(self) -> bytes:
        data = bytes(self._coming)
        self._coming.clear()
        return data

    def next_timer(self) -> int | None:
        return None


def put_in(one: DockEnd, other: DockEnd) -> None:
    """The player is docked: the two ends are each other's. Whatever either of them was in is pulled out of it."""
    pull_out(one)
    pull_out(other)
    one.other, other.other = other, one


def pull_out(end: DockEnd) -> None:
    """The player is out of the dock; what was on its way is lost."""
    if end.other is not None:
        end.other._coming.clear()
        end.other.other = None
    end.other = None
    end._coming.clear()
