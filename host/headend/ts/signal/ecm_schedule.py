"""Where entitlement control messages go: first in every portion, then at most 100 ms apart, on null packets if near."""

from typing import NamedTuple

from settop.wire.ecm import SECTION_BYTES, Ecm, pack_ecm
from settop.wire.transport import PACKET_BYTES

from headend.ts.portions import TICKS_PER_MS, PortionMap
from headend.ts.signal.psi import make_packet

REPEAT_MS = 100
_REPEAT_TICKS = (REPEAT_MS - 2) * TICKS_PER_MS  # messages that are inserted move those behind them by some µs
_EARLIEST_TICKS = 60 * TICKS_PER_MS  # a null packet this long after the last message may take the next one
# transport_priority on an ECM packet says that it stands in a null packet's place: descrambling puts that back.
IN_PLACE_OF_NULL = 0x20
_HEAD_BYTES = 5
_STUFFING = b"\xff" * (PACKET_BYTES - _HEAD_BYTES - SECTION_BYTES)


class PlacedEcm(NamedTuple):
    """An ECM packet that goes in before packet `at`, or, `in_place`, replaces it; `begins`: first of its portion."""

    at: int
    in_place: bool
    begins: bool
    packet: bytes


class _EcmSections:
    """ECM sections that differ in portion and remaining time only, made fast.

    CRC-32 is linear: flipping a bit of the message flips the same bits of the section wherever it stands. So one
    packed section per portion and one pattern per value of each byte of remaining_ms give all others by xor.
    """

    def __init__(self, programme_id: int, broadcast_id: bytes) -> None:
        self._programme_id = programme_id
        self._broadcast_id = broadcast_id
        self._portion = 0
        self._base = self._pack(0, 0)
        self._flips = [self._patterns(low_bit) for low_bit in (0, 8, 16, 24)]

    def _patterns(self, low_bit: int) -> list[int]:
        """What to flip for each value of the byte of remaining_ms that begins at `low_bit`."""
        patterns = [0]
        for bit in range(low_bit, low_bit + 8):
            flip = self._base ^ self._pack(0, 1 << bit)
            patterns += [pattern ^ flip for pattern in patterns]
        return patterns

    def _pack(self, portion: int, remaining_ms: int) -> int:
        ecm = Ecm(self._programme_id, self._broadcast_id, portion, remaining_ms)
        return int.from_bytes(pack_ecm(ecm), "big")

    def section(self, portion: int, remaining_ms: int) -> bytes:
        if portion != self._portion:
            self._portion, self._base = portion, self._pack(portion, 0)
        packed = self._base
        for patterns in self._flips:
            packed ^= patterns[remaining_ms & 0xFF]
            remaining_ms >>= 8
        return packed.to_bytes(SECTION_BYTES, "big")


def _packet_heads(pid: int) -> list[bytes]:
    """Header and pointer_field for each continuity counter: 16 of a message that is inserted, 16 of one in place."""
    plain = [make_packet(pid, cc, b"\x00")[:_HEAD_BYTES] for cc in range(16)]
    return plain + [bytes((head[0], head[1] | IN_PLACE_OF_NULL)) + head[2:] for head in plain]


class EcmSchedule:
    """Plans chunk by chunk; call `plan` with rising `first`. `inserted` and `replaced` count the messages so far."""

    def __init__(self, portions: PortionMap, pid: int, programme_id: int, broadcast_id: bytes) -> None:
        self._portions = portions
        self._timeline = portions.timeline
        self._sections = _EcmSections(programme_id, broadcast_id)
        self._heads = _packet_heads(pid)
        self._next_portion = 0
        self._deadline = 0  # packet before which the next repetition is due
        self._earliest = 0  # packet from which on a null packet may carry it
        self._used = -1  # the last null packet that gave its place
        self._cc = 0
        self.inserted = 0
        self.replaced = 0

    @property
    def undecided(self) -> tuple[int, int]:
        """The next message takes the place of one of the null packets from the first to the second of these packets,
        or comes before the second.
        """
        starts = self._portions.starts
        change = starts[self._next_portion] if self._next_portion < len(starts) else self._timeline.packets
        return (self._earliest, self._deadline) if self._next_portion and self._deadline < change else (change, change)

    def move(self, pid: int) -> None:
        """Messages from here on go to another PID."""
        self._heads, self._cc = _packet_heads(pid), 0

    def plan(self, first: int, count: int, nulls: bytes) -> list[PlacedEcm]:
        """The messages for packets first..first+count-1, in order. `nulls` has one byte per packet, 1 for a null."""
        planned: list[PlacedEcm] = []
        end = first + count
        starts = self._portions.starts
        while True:
            change = starts[self._next_portion] if self._next_portion < len(starts) else self._timeline.packets
            if self._next_portion and self._deadline < change:
                portion, at = self._next_portion - 1, self._deadline
                if at < end:
                    # The last null packet before the deadline: fewest messages.
                    row = nulls.rfind(1, max(self._earliest - first, 0), at - first + 1)
                    if row >= 0:
                        at = first + row
            else:
                portion, at = self._next_portion, change
            if at >= end:
                return planned
            begins = portion == self._next_portion
            self._next_portion += begins
            in_place = nulls[at - first] == 1 and at > self._used
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
        cc = self._cc
        self._cc = cc + 1 & 15
        self.inserted += not in_place
        self.replaced += in_place
        head = self._heads[in_place * 16 + cc]
        return head + section + _STUFFING
