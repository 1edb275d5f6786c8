"""Variants of one title, of fewer and fewer octets, and where one may follow another: at a random access point."""

from collections.abc import Sequence

import numpy as np
from settop.wire.transport import PACKET_BYTES

from headend.media.flow import Flow
from headend.media.source import BLOCK_PACKETS, TsSource
from headend.ts.portions import TICKS_PER_MS

WITHIN_MS = 10_000
"""How far ahead a random access point is looked for."""
_ADAPTATION = 0x20  # in the fourth octet
_RANDOM_ACCESS_AND_CLOCK = 0x50  # in the sixth


def random_access(source: TsSource, from_ms: int, within_ms: int = WITHIN_MS) -> int | None:
    """The first packet from there on that says that a decoder may begin with it, of the PID with the programme's clock
    (ISO/IEC 13818-1, 2.4.3.5: there it carries the clock, too). None where none is near. Raises as TsSource.read does.
    """
    at, last = source.packet_at(from_ms), source.packet_at(from_ms + within_ms)
    while at < last:
        packets = np.frombuffer(source.read(at, min(BLOCK_PACKETS, last - at)), np.uint8).reshape(-1, PACKET_BYTES)
        has = (packets[:, 3] & _ADAPTATION != 0) & (packets[:, 4] > 0)
        found = np.flatnonzero(has & (packets[:, 5] & _RANDOM_ACCESS_AND_CLOCK == _RANDOM_ACCESS_AND_CLOCK))
        if found.size:
            return at + int(found[0])
        at += len(packets)
    return None


class Choice:
    """Which variant goes. sources: the heaviest first; all begin at the same time and show the same."""

    def __init__(self, sources: Sequence[TsSource]) -> None:
        self.number = 0
        self._sources = tuple(sources)
        self._planned: tuple[int, int, int] | None = None  # (variant, its first packet, the first that does not go)

    @property
    def source(self) -> TsSource:
        """The one that goes now."""
        return self._sources[self.number]

    def until(self, end: int) -> int:
        """Up to which packet it goes, `end` at most."""
        return end if self._planned is None else min(end, self._planned[2])

    def stay(self) -> None:
        """What was planned is not any more: play goes on elsewhere."""
        self._planned = None

    def turn(self, flow: Flow, following: int, now_ms: int) -> int:
        """The packet that goes next, `following` of this variant or another one's, as the viewer's line wants it."""
        if self._planned is None:
            self._plan(flow, following, now_ms)
        if self._planned is None or following < self._planned[2]:
            return following
        number, first, _ = self._planned
        flow.changed(number > self.number, now_ms)
        self.number, self._planned = number, None
        return first

    def _plan(self, flow: Flow, following: int, now_ms: int) -> None:
        number = self.number
        if number + 1 < len(self._sources) and flow.wants_lighter(now_ms):
            number += 1
        elif number and flow.wants_heavier(now_ms):
            number -= 1
        else:
            return
        other = self._sources[number]
        first = random_access(other, -(-self.source.ticks(following) // TICKS_PER_MS))
        if first is not None:
            end = self.source.packet_at(-(-other.ticks(first) // TICKS_PER_MS))
            self._planned = number, first, max(end, following)
