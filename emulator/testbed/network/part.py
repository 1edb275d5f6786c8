"""A network as a part of the bench's world, which goes by whole milliseconds."""

from typing import Protocol

from testbed.network.links import NS_PER_MS


class Stepped(Protocol):
    """A Network, or a Bridge with one in it."""

    def advance(self, now_ns: int) -> None: ...
    def due_ns(self) -> int | None: ...


class NetworkPart:
    """Add it behind the machines, so that what they send in a quantum sets out in it.

    Within the quantum each packet still has its own nanosecond.
    """

    def __init__(self, network: Stepped) -> None:
        self._network = network

    def advance(self, now_ms: int) -> None:
        self._network.advance(now_ms * NS_PER_MS)

    def next_timer(self) -> int | None:
        due_ns = self._network.due_ns()
        return None if due_ns is None else -(-due_ns // NS_PER_MS)
