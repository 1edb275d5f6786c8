"""Variants of one title, of fewer and fewer octets, and where one may follow another: at a random access point."""

from collections.abc import Iterator, Sequence

import numpy as np
from settop.wire.transport import PACKET_BYTES

from headend.media.flow import Flow
from headend.media.source import BLOCK_PACKETS, TsSource
from headend.ts.portions import TICKS_PER_MS

WITHIN_MS = 10_000
"""How far ahead a random access point is looked for."""
APART_MS = 2_000
"""How far apart in two variants the packets lie with which the same picture begins."""
_ADAPTATION = 0x20  # in the fourth octet
_RANDOM_ACCESS_AND_CLOCK = 0x50  # in the sixth


def random_access(source: TsSource, from_ms: int, within_ms: int = WITHIN_MS) -> Iterator[tuple[int, int | None]]:
    """(packet, presentation time in 90 kHz or None) of each packet from there on that says that a decoder may begin
    with it, of the PID with the programme's clock (ISO/IEC 13818-1, 2.4.3.5: there it carries the clock, too). Raises
    as TsSource.read does.
    """
    at, last = source.packet_at(max(from_ms, 0)), source.packet_at(max(from_ms + within_ms, 0))
    while at < last:
        packets = np.frombuffer(source.read(at, min(BLOCK_PACKETS, last - at)), np.uint8).reshape(-1, PACKET_BYTES)
        has = (packets[:, 3] & _ADAPTATION != 0) & (packets[:, 4] > 0)
        found = np.flatnonzero(has & (packets[:, 5] & _RANDOM_ACCESS_AND_CLOCK == _RANDOM_ACCESS_AND_CLOCK))
        for place in found:
            yield at + int(place), _presented(packets[place].tobytes())
        at += len(packets)


def _presented(packet: bytes) -> int | None:
    """The PTS of the PES packet that begins here (ISO/IEC 13818-1, 2.4.3.7)."""
    pes = packet[5 + packet[4] :]
    if len(pes) < 14 or pes[:3] != b"\0\0\1" or not pes[7] & 0x80:
        return None
    return (pes[9] >> 1 & 7) << 30 | pes[10] << 22 | pes[11] >> 1 << 15 | pes[12] << 7 | pes[13] >> 1


def set_discontinuity(packet: bytearray | memoryview) -> None:
    """Let a packet with an adaptation field say that counters and clock begin anew (ISO/IEC 13818-1, 2.4.3.5)."""
    packet[5] |= 0x80


class Choice:
    """Which variant goes. sources: the heaviest first; all show the same at the same times, and in all of them the
    pictures with which a decoder may begin are the same ones, now and then.
    """

    def __init__(self, sources: Sequence[TsSource]) -> None:
        self.number = 0
        self.begins: int | None = None  # the packet with which it began behind another one
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
        self.number, self._planned, self.begins = number, None, first
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
        for first, presented in random_access(other, -(-self.source.ticks(following) // TICKS_PER_MS)):
            end = self._end(other.ticks(first) // TICKS_PER_MS, presented)
            if end is not None and end >= following:
                self._planned = number, first, end
                return

    def _end(self, at_ms: int, presented: int | None) -> int | None:
        """The packet of this variant with which the picture begins that the other one begins with; where pictures say
        no time, the one that is due then."""
        if presented is None:
            return self.source.packet_at(at_ms + 1)
        points = random_access(self.source, at_ms - APART_MS, 2 * APART_MS)
        return next((packet for packet, when in points if when == presented), None)
