"""Where entitlement control messages go: first in every portion, then at most 100 ms apart, on null packets if near."""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from settop.wire.ecm import SECTION_BYTES, Ecm, pack_ecm

from headend.ts.portions import TICKS_PER_MS, PortionMap
from headend.ts.psi import make_packet

REPEAT_MS = 100
_REPEAT_TICKS = (REPEAT_MS - 2) * TICKS_PER_MS  # messages that are inserted move those behind them by some µs
_EARLIEST_TICKS = 60 * TICKS_PER_MS  # a null packet this long after the last message may take the next one
# transport_priority on an ECM packet says that it stands in a null packet's place: descrambling puts that back.
IN_PLACE_OF_NULL = 0x20


class PlacedEcm(NamedTuple):
    """An ECM packet that goes in before packet `at`, or, `in_place`, replaces it; `begins`: first of its portion."""

    at: int
    in_place: bool
    begins: bool
    packet: bytes


class _EcmSections:
    """ECM sections that differ in portion and remaining time only, made fast.

    CRC-32 is linear: flipping a bit of the message flips the same bits of the section wherever it stands. So one
    packed section per portion and one pattern per bit of remaining_ms give all others by xor.
    """

    def __init__(self, programme_id: int, broadcast_id: bytes) -> None:
        self._programme_id = programme_id
        self._broadcast_id = broadcast_id
        self._portion = 0
        self._base = self._pack(0, 0)
        self._flips = [self._base ^ self._pack(0, 1 << bit) for bit in range(32)]

    def _pack(self, portion: int, remaining_ms: int) -> int:
        ecm = Ecm(self._programme_id, self._broadcast_id, portion, remaining_ms)
        return int.from_bytes(pack_ecm(ecm), "big")

    def section(self, portion: int, remaining_ms: int) -> bytes:
        if portion != self._portion:
            self._portion, self._base = portion, self._pack(portion, 0)
        packed = self._base
        left = remaining_ms
        while left:
            lowest = left & -left
            packed ^= self._flips[lowest.bit_length() - 1]
            left ^= lowest
        return packed.to_bytes(SECTION_BYTES, "big")


class EcmSchedule:
    """Plans chunk by chunk; call `plan` with rising `first`. `inserted` and `replaced` count the messages so far."""

    def __init__(self, portions: PortionMap, pid: int, programme_id: int, broadcast_id: bytes) -> None:
        self._portions = portions
        self._timeline = portions.timeline
        self._pid = pid
        self._sections = _EcmSections(programme_id, broadcast_id)
        self._next_portion = 0
        self._deadline = 0  # packet before which the next repetition is due
        self._earliest = 0  # packet from which on a null packet may carry it
        self._used = -1  # the last null packet that gave its place
        self._cc = 0
        self.inserted = 0
        self.replaced = 0

    def plan(self, first: int, count: int, nulls: list[int]) -> list[PlacedEcm]:
        """The messages for packets first..first+count-1, in order. `nulls` lists this range's null packets, rising."""
        planned: list[PlacedEcm] = []
        end = first + count
        starts = self._portions.starts
        while True:
            change = starts[self._next_portion] if self._next_portion < len(starts) else self._timeline.packets
            if self._next_portion and self._deadline < change:
                portion, at = self._next_portion - 1, self._deadline
                if at < end:
                    row = bisect_right(nulls, at) - 1  # the last null packet before the deadline: fewest messages
                    if row >= 0 and nulls[row] >= self._earliest:
                        at = nulls[row]
            else:
                portion, at = self._next_portion, change
            if at >= end:
                return planned
            begins = portion == self._next_portion
            self._next_portion += begins
            row = bisect_left(nulls, at)
            in_place = row < len(nulls) and nulls[row] == at and at > self._used
            if in_place:
                self._used = at
            planned.append(PlacedEcm(at, in_place, begins, self._message(at, portion, in_place)))
            self._set_next(at, in_place)

    def _set_next(self, at: int, in_place: bool) -> None:
        """A message before (or at) packet `at` is on air from the end of the packet before it: count from there."""
        since = self._timeline.ticks(at if in_place else at - 1)
        due = self._timeline.first_packet_at(since + _REPEAT_TICKS + 1) - 1
        self._deadline = max(due, at + 1)
        self._earliest = self._timeline.first_packet_at(since + _EARLIEST_TICKS)

    def _message(self, at: int, portion: int, in_place: bool) -> bytes:
        remaining = self._portions.remaining_ms(at, portion)
        section = self._sections.section(portion, min(remaining, 0xFFFFFFFF))
        packet = bytearray(make_packet(self._pid, self._cc, b"\x00" + section))
        self._cc = self._cc + 1 & 15
        if in_place:
            packet[1] |= IN_PLACE_OF_NULL
            self.replaced += 1
        else:
            self.inserted += 1
        return bytes(packet)
