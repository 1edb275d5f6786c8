"""Changes PSI sections inside a stream while every other byte keeps its place.

Sections of one PID come in groups: from a packet that begins a section to the one where no section is left open. A
changed group goes back into the packets that it came from, adaptation fields untouched; only what no longer fits
takes further packets behind them. Continuity counters after that run on with the same shift.
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

from settop.wire.transport import PACKET_BYTES

from headend.ts.signal.psi import SectionAssembler, fill_slots, make_packet, payload_of
from headend.ts.signal.roles import STREAM, RolePlan
from headend.ts.signal.signalling import Edit
from headend.ts.survey import Survey

_MAX_GROUP_PACKETS = 64


@dataclass(slots=True)
class Edits:
    """What to write instead of some packets: index of the packet, and the packets to write (none, one, several)."""

    at: "array[int]" = field(default_factory=lambda: array("q"))
    packets: list[tuple[bytes, ...]] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)  # packets whose sections should have been changed and were not

    def in_order(self) -> "Edits":
        """The same, sorted by packet."""
        order = sorted(range(len(self.at)), key=self.at.__getitem__)
        return Edits(array("q", [self.at[row] for row in order]), [self.packets[row] for row in order], self.given_up)

    def taken(self, end: int) -> "Edits":
        """Those before packet `end`, in order, which are gone from here."""
        ordered = self.in_order()
        count = bisect_left(ordered.at, end)
        self.at[:], self.packets[:] = ordered.at[count:], ordered.packets[count:]
        return Edits(ordered.at[:count], ordered.packets[:count])


class PidRewriter:
    """Rewrites one PID. Feed its packets in order, then call `finish`; the result gathers in `edits`."""

    def __init__(self, edit: Edit, edits: Edits) -> None:
        self._edit = edit
        self._edits = edits
        self._group: list[tuple[int, bytes]] = []
        self._sections: list[bytes] = []
        self._assembler = SectionAssembler(unchecked=True)  # a damaged section keeps its place beside whole ones
        self._previous = b""
        self._made: tuple[bytes, ...] = ()  # what the last packet became
        self._shift = 0  # packets added so far, less those left out
        # Tables repeat: remember what became of groups of one packet, and of packets whose counter was shifted.
        self._known: dict[bytes, tuple[bytes, ...]] = {}
        self._shifted: dict[tuple[tuple[bytes, ...], int], tuple[bytes, ...]] = {}

    def feed(self, at: int, packet: bytes) -> None:
        if packet == self._previous and payload_of(packet):
            self._repeat(at, packet)
            return
        self._previous = packet
        if self._group and self._assembler.misses(packet):
            self._break_off()
        if not self._group:
            known = self._known.get(packet)
            if known is not None:
                self._emit(at, packet, known)
                return
            if not packet[1] & 0x40 or not payload_of(packet):
                self._emit(at, packet, (packet,))
                return
        damaged = self._assembler.damaged
        self._sections += self._assembler.feed(packet)
        self._group.append((at, packet))
        if self._assembler.damaged != damaged or len(self._group) > _MAX_GROUP_PACKETS:
            self._give_up()
        elif self._assembler.idle:
            self._close()

    def _repeat(self, at: int, packet: bytes) -> None:
        """The duplicate that the standard allows (2.4.3.3): of what became one packet, or it goes."""
        if not self._group and len(self._made) == 1:
            if self._made != (packet,):
                self._note(at, self._made)
        else:
            self._note(at, ())

    @property
    def open_since(self) -> int | None:
        """The packet with which an open group begins: what becomes of it is not known yet."""
        return self._group[0][0] if self._group else None

    def forget(self) -> None:
        """The edit is another one from here on."""
        self._known.clear()
        self._shifted.clear()

    def finish(self) -> None:
        """The stream is over."""
        if self._group:
            self._break_off()

    def _break_off(self) -> None:
        """The rest of an open section is lost: it stays as far as it came, behind the whole ones."""
        self._close(self._assembler.open_part.rstrip(b"\xff"))

    def _give_up(self) -> None:
        """Leave an open group as it is."""
        if any(self._edit(section) != section for section in self._sections):
            self._edits.given_up.append(self._group[0][0])
        for at, packet in self._group:
            self._emit(at, packet, (packet,))
        self._restart()

    def _restart(self) -> None:
        self._group, self._sections, self._assembler = [], [], SectionAssembler(unchecked=True)

    def _close(self, rest: bytes = b"") -> None:
        """The group is whole, but for `rest`, which stays behind it."""
        changed = [self._edit(section) for section in self._sections]
        group = self._group
        if changed == self._sections:
            for at, packet in group:
                self._emit(at, packet, (packet,))
            self._restart()
            if len(group) == 1 and not rest:
                self._known[group[0][1]] = (group[0][1],)
            return
        slots = [(at, packet) for at, packet in group if payload_of(packet)]
        for at, packet in group:
            if not payload_of(packet):
                self._emit(at, packet, (packet,))
        first = payload_of(slots[0][1])
        rooms = [len(payload_of(packet)) for _, packet in slots]
        filled = fill_slots([*changed, rest] if rest else changed, rooms, first[1 : 1 + first[0]])
        made: list[bytes] = []
        for (_, packet), (start, payload) in zip(slots, filled, strict=False):
            head = bytearray(packet[: PACKET_BYTES - len(payload)])
            head[1] = head[1] & 0xBF | start << 6
            made.append(bytes(head) + payload)
        last = slots[-1][1]
        pid = (last[1] & 0x1F) << 8 | last[2]
        for extra, (start, payload) in enumerate(filled[len(slots) :], 1):
            made.append(make_packet(pid, last[3] + extra, payload, start))
        for row, (at, packet) in enumerate(slots):
            new = tuple(made[row:]) if row + 1 == len(slots) else tuple(made[row : row + 1])
            if len(group) == 1 and not rest:
                self._known[packet] = new
            self._emit(at, packet, new)
        self._restart()

    def _emit(self, at: int, packet: bytes, new: tuple[bytes, ...]) -> None:
        """Note what replaces `packet`; `new` carries counters as if nothing had been added before."""
        shift = self._shift & 15
        if shift:
            key = (new, shift)
            new = self._shifted.get(key) or tuple(_shift_counter(one, shift) for one in key[0])
            self._shifted[key] = new
        self._made = new
        if new != (packet,):
            self._note(at, new)
        if payload_of(packet):
            self._shift += len(new) - 1

    def _note(self, at: int, new: tuple[bytes, ...]) -> None:
        self._edits.at.append(at)
        self._edits.packets.append(new)


def _shift_counter(packet: bytes, shift: int) -> bytes:
    return packet[:3] + bytes((packet[3] & 0xF0 | packet[3] + shift & 15,)) + packet[4:]


def rewrite_psi(found: Survey, pids: list[int], edit: Edit, roles: RolePlan | None = None) -> Edits:
    """Apply `edit` to every section on `pids`, in the order of the stream; where a PID is a stream by `roles`, it has
    none.
    """
    edits = Edits()
    for pid in sorted(set(pids)):
        rewriter = PidRewriter(edit, edits)
        log = found.psi[pid]
        for at, number in zip(log.packet, log.distinct, strict=True):
            if roles is None or roles.role_at(at, pid) != STREAM:
                rewriter.feed(at, found.distinct[number])
        rewriter.finish()
    return edits.in_order()
