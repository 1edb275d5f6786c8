"""Broadcasts on air, and who is tuned to which: content reaches a terminal by its tuner, whatever brings the keys."""

from typing import Protocol

from headend.broadcast.broadcaster import Broadcaster


class Receiver(Protocol):
    """Something with a tuner line: a station, or a machine by itself."""

    def send(self, line: str, data: bytes) -> None: ...


class Air:
    """A part of a world (testbed.world): its broadcasts advance in the order in which they were put on air."""

    def __init__(self) -> None:
        self._on_air: list[tuple[Broadcaster, int]] = []
        self._tuned: dict[Receiver, Broadcaster | None] = {}

    def put_on(self, broadcaster: Broadcaster, at_ms: int) -> None:
        """The broadcast begins at `at_ms`; everyone who is tuned to it gets its packets from there."""
        self._on_air.append((broadcaster, at_ms))

    def tune(self, receiver: Receiver, broadcaster: Broadcaster | None) -> None:
        """The viewer switches channel; None is between channels."""
        self._tuned[receiver] = broadcaster

    def advance(self, now_ms: int) -> None:
        for broadcaster, begin_ms in self._on_air:
            if now_ms < begin_ms:
                continue
            data = broadcaster.due(now_ms - begin_ms, now_ms)
            if data:
                for receiver, tuned in self._tuned.items():
                    if tuned is broadcaster:
                        receiver.send("tuner", data)

    def next_timer(self) -> int | None:
        timers = ((broadcaster.next_timer(), begin_ms) for broadcaster, begin_ms in self._on_air)
        return min((begin_ms + at_ms for at_ms, begin_ms in timers if at_ms is not None), default=None)
