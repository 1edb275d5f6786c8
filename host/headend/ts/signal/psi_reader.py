"""Follows PAT, CAT, PMTs and our entitlement messages through a file, chunk by chunk."""

from array import array
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError
from settop.wire.ecm import SECTION_BYTES, unpack_ecm
from settop.wire.transport import LOWEST_PID, NULL_PID, PACKET_BYTES, TABLE_PAT, TABLE_PMT

from headend.ts.packets import CHUNK_PACKETS, PIDS, Packets, Words, header_words, pids_of
from headend.ts.signal.psi import (
    CAT_PID,
    CAT_TABLE,
    PAT_PID,
    Pmt,
    SectionAssembler,
    ca_pids_named,
    parse_pat,
    parse_pmt,
    payload_of,
)
from headend.ts.signal.signalling import ca_pid_of
from headend.ts.signal.streams import carries_sections
from headend.ts.signal.tables import CatSeen, ContentSeen, PatInForce, PatSeen, PmtSeen, Seen

_SEEN, _TABLES, _ECMS = 1, 2, 4  # marks of a PID: a packet has it; it carries tables; it carries our messages
# What came before the table that names its PID is looked for only near the start, and so often at most: a stream that
# names new PIDs again and again is not read again and again.
_LOOK_BACK_PACKETS = 1 << 18
_LOOKS_BACK = 64


@dataclass(slots=True)
class PsiLog:
    """Packets of one PMT PID: index in the file, and which of the survey's distinct packets it is."""

    packet: "array[int]" = field(default_factory=lambda: array("q"))
    distinct: "array[int]" = field(default_factory=lambda: array("l"))


@dataclass(slots=True)
class EcmLog:
    """Our entitlement messages in order: index of the packet, portion, and which of `broadcasts` (their ids) it names.
    `carriers`: all packets of their PIDs, (index, PID, what header byte 1 says), whole messages or not.
    """

    packet: "array[int]" = field(default_factory=lambda: array("q"))
    portion: "array[int]" = field(default_factory=lambda: array("q"))
    broadcast: "array[int]" = field(default_factory=lambda: array("l"))
    broadcasts: list[bytes] = field(default_factory=list)
    carriers: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, at: int, pid: int, packet: bytes) -> None:
        """Take a packet of an ECM PID; what is no whole, undamaged message of ours tells nothing."""
        self.carriers.append((at, pid, packet[1]))
        payload = payload_of(packet)
        if not packet[1] & 0x40 or len(payload) <= SECTION_BYTES or payload[0]:
            return
        try:
            ecm = unpack_ecm(payload[1 : 1 + SECTION_BYTES])
        except RemoteError:
            return
        if ecm.broadcast_id not in self.broadcasts:
            self.broadcasts.append(ecm.broadcast_id)
        self.packet.append(at)
        self.portion.append(ecm.portion)
        self.broadcast.append(self.broadcasts.index(ecm.broadcast_id))


class Rereadable(Protocol):
    """What a reader looks back into: a TsFile, or packets that are held."""

    def buffer(self, packets: int) -> Packets: ...

    def read_at(self, first: int, packets: Packets) -> None: ...


class PsiReader:
    """Call `read` with chunk after chunk; the lists are then as `Survey` describes them."""

    def __init__(self, source: Rereadable) -> None:
        self._source = source
        self._assemblers = {PAT_PID: SectionAssembler(), CAT_PID: SectionAssembler()}
        self._marks = np.zeros(PIDS, np.uint8)
        self._marks[[PAT_PID, CAT_PID]] = _TABLES
        self._pat = PatInForce()
        self._ids: dict[bytes, int] = {}
        self._plain: dict[bytes, list[bytes]] = {}  # packets that began and ended with whole sections
        self._last: dict[int, bytes] = {}  # the one of them that each PID carried last
        self._latest: dict[tuple[int, ...], object] = {}
        self._pes: dict[int, bool] = {}
        self._missed: list[int] = []  # PIDs that had packets before they were watched
        self._looks_back = 0
        self._changes = 0  # of what is watched
        self.named: npt.NDArray[np.bool_] = np.zeros(PIDS, np.bool_)
        self.pats: list[PatSeen] = []
        self.cats: list[CatSeen] = []
        self.pmts: list[PmtSeen] = []
        self.content: list[ContentSeen] = []
        self.unreadable: dict[int, tuple[int, str]] = {}
        self.logs: dict[int, PsiLog] = {}
        self.distinct: list[bytes] = []
        self.ecms = EcmLog()

    @property
    def damaged(self) -> int:
        return sum(assembler.damaged for assembler in self._assemblers.values())

    def seen_pids(self) -> npt.NDArray[np.bool_]:
        seen: npt.NDArray[np.bool_] = self._marks & _SEEN != 0
        return seen

    def programmes_in_force(self) -> list[int]:
        return list(self._pat.named)

    def take_tables(self) -> list[Seen]:
        """The tables that have come since the last call, in order; they are forgotten here."""
        seen: list[Seen] = [*self.pats, *self.cats, *self.pmts, *self.content]
        for kind in (self.pats, self.cats, self.pmts, self.content):
            kind.clear()
        return sorted(seen, key=lambda one: one.at)

    def stop_looking_back(self) -> None:
        """What has come so far is gone."""
        self._looks_back = _LOOKS_BACK

    def forget(self, distinct: int) -> None:
        """Drop what is only remembered to be fast, where it has become so much; the logs must be empty."""
        if len(self.distinct) > distinct:
            self.distinct.clear()
            self._ids.clear()
            self._plain.clear()
            self._last.clear()

    def read(self, first: int, packets: Packets, pids: Words) -> None:
        """Packets first..first+n-1, whose PIDs are `pids`."""
        marks = self._marks[pids]
        if not (marks & _SEEN).all():
            self._marks[pids] |= _SEEN
        start = 0
        while True:
            rows = np.flatnonzero(marks[start:] & (_TABLES | _ECMS)) + start
            data = packets[rows].tobytes()
            at = 0
            changes = self._changes
            for row, pid in zip(rows.tolist(), pids[rows].tolist(), strict=True):
                self._packet(first + row, pid, data[at : at + PACKET_BYTES])
                at += PACKET_BYTES
                if self._changes != changes:  # a table named new PIDs: look for them from here on
                    self._look_back(first + row)
                    marks = self._marks[pids]
                    start = row + 1
                    break
            else:
                return

    def _watch(self, pid: int, mark: int) -> None:
        if not self._marks[pid] & mark:
            if self._marks[pid] & _SEEN and pid not in self.logs:
                self._missed.append(pid)
            self._marks[pid] |= mark
            self._changes += 1

    def _look_back(self, end: int) -> None:
        """Read what the PIDs that were just named carried before packet `end`."""
        while self._missed:
            pids, self._missed = self._missed, []
            self._looks_back += 1
            if end > _LOOK_BACK_PACKETS or self._looks_back > _LOOKS_BACK:
                return
            buffer = self._source.buffer(CHUNK_PACKETS)
            for first in range(0, end, CHUNK_PACKETS):
                chunk = buffer[: end - first]
                self._source.read_at(first, chunk)
                there = pids_of(header_words(chunk, first))
                for row in np.flatnonzero(np.isin(there, pids)).tolist():
                    self._packet(first + row, int(there[row]), chunk[row].tobytes())
            self._look_anew()

    def _packet(self, at: int, pid: int, packet: bytes) -> None:
        if self._marks[pid] & _ECMS:
            self.ecms.add(at, pid, packet)
        if not self._marks[pid] & _TABLES:
            return
        assembler = self._assemblers[pid]
        logged = pid in self.logs
        if logged and packet[3] & 0xC0:
            return  # tables are never scrambled: a stream had this PID
        if logged and (packet[1] & 0x40 or self._pes.get(pid)) and self._carries_pes(at, pid, packet):
            return
        if logged:
            number = self._ids.setdefault(packet, len(self._ids))
            if number == len(self.distinct):
                self.distinct.append(packet)
            log = self.logs[pid]
            log.packet.append(at)
            log.distinct.append(number)
        # Tables repeat: a packet of whole sections is taken apart once, and looked at again only after another one.
        key = packet[:3] + packet[4:]  # all but the continuity counter
        whole = assembler.idle
        if whole and self._last.get(pid) == key:
            return
        sections = self._plain.get(key) if whole else None
        if sections is None:
            sections = assembler.feed(packet)
            if whole and assembler.idle and packet[3] & 0xF0 == 0x10:
                self._plain[key] = sections
        self._last[pid] = key if key in self._plain else b""
        for section in sections:
            try:
                self._section(at, pid, section)
            except RemoteError:
                assembler.damaged += 1

    def _carries_pes(self, at: int, pid: int, packet: bytes) -> bool:
        """Whether PES and not sections are on `pid` now: what begins in a packet tells."""
        payload = payload_of(packet)
        if packet[1] & 0x40 and payload:
            pes = payload[:3] == b"\x00\x00\x01"
            start = 1 + payload[0]
            section = payload[start : start + 2]
            table = len(section) == 2 and section[0] == TABLE_PMT and section[1] & 0xC0 == 0x80
            if (pes or table) and self._pes.get(pid) is not pes:
                self._pes[pid] = pes
                self.content.append(ContentSeen(at, pid, pes))
        return self._pes.get(pid, False)

    def _section(self, at: int, pid: int, section: bytes) -> None:
        table = section[0]
        if pid == PAT_PID and table == TABLE_PAT:
            self._on_pat(at, section)
        elif pid == CAT_PID and table == CAT_TABLE:
            pids = tuple(ca_pids_named(section[8:-4]))
            self.named[list(pids)] = True
            if self._is_new((CAT_PID, section[6]), pids):
                self.cats.append(CatSeen(at, pids))
        elif pid > CAT_PID and table == TABLE_PMT:
            self._on_pmt(at, pid, section)

    def _is_new(self, key: tuple[int, ...], table: object) -> bool:
        new = self._latest.get(key) != table
        self._latest[key] = table
        return new

    def _on_pat(self, at: int, section: bytes) -> None:
        pat = parse_pat(section)
        self.named[list(pat.programmes.values())] = True
        if pat.network_pid is not None:
            self.named[pat.network_pid] = True
        if not pat.current:
            return
        before = self._pat.named
        self._pat.take(pat)
        if not self._is_new((PAT_PID, pat.number), pat) and self._pat.named == before:
            return
        self.pats.append(PatSeen(at, pat))
        self._look_anew()
        for pmt_pid in set(self._pat.named.values()):
            if LOWEST_PID <= pmt_pid < NULL_PID:
                if pmt_pid not in self._assemblers:
                    self._assemblers[pmt_pid] = SectionAssembler()
                self._watch(pmt_pid, _TABLES)
                self.logs.setdefault(pmt_pid, PsiLog())

    def _look_anew(self) -> None:
        """What a PMT says may count from now on, even if it says nothing new."""
        self._latest = {key: table for key, table in self._latest.items() if len(key) == 2}
        self._last.clear()

    def _on_pmt(self, at: int, pid: int, section: bytes) -> None:
        try:
            pmt = parse_pmt(section)
        except RemoteError as error:
            self.unreadable.setdefault(int.from_bytes(section[3:5], "big"), (at, str(error)))
            raise
        self._name(pmt)
        if not pmt.current or not self._is_new((pid, pmt.programme, pmt.number), pmt):
            return
        self.pmts.append(PmtSeen(at, pid, pmt))
        ca_pid = ca_pid_of(pmt)
        if ca_pid is not None and LOWEST_PID <= ca_pid < NULL_PID:
            self._watch(ca_pid, _ECMS)
        if self._pat.named.get(pmt.programme) == pid:
            for stream in pmt.streams:
                if not carries_sections(stream) and stream.pid not in self._pat.named.values():
                    self._leave(stream.pid)

    def _leave(self, pid: int) -> None:
        """No PAT names it any more, and a PMT gives it another use: its packets are not kept from here on."""
        if pid in self.logs and self._marks[pid] & _TABLES:
            self._marks[pid] &= ~_TABLES & 0xFF
            self._changes += 1

    def _name(self, pmt: Pmt) -> None:
        pids = [pmt.pcr_pid, *(stream.pid for stream in pmt.streams)]
        for loop in (pmt.descriptors, *(stream.descriptors for stream in pmt.streams)):
            pids += ca_pids_named(loop)
        self.named[pids] = True
