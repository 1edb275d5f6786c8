"""First pass over a stream: which PIDs it uses, its PAT and PMTs, where its clock references are.

Reads every header and little else. What it keeps grows only with the number of PSI packets and clock references
(some 20 bytes each), and by one bit per packet.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError

from headend.ts.packets import (
    HAS_ADAPTATION,
    HAS_PAYLOAD,
    NULL_PID,
    PACKET_BYTES,
    PIDS,
    Packets,
    TsFile,
    Words,
    header_words,
    pids_of,
)
from headend.ts.psi import PAT_PID, PAT_TABLE, PMT_TABLE, Pmt, SectionAssembler, parse_pat, parse_pmt

Progress = Callable[[int, int], None]  # (packets done, packets in all)
_PCR_FLAG = 0x10
_DISCONTINUITY_FLAG = 0x80
_CHUNK_PACKETS = 16384  # a multiple of 8
_SEEN, _WANTED = 1, 2  # marks of a PID: a packet has it; it carries PAT or PMTs


@dataclass(slots=True)
class PcrSamples:
    """Clock references of one PID: packet index, value in 27 MHz ticks (0..2^33*300-1), discontinuity flag."""

    packet: "array[int]" = field(default_factory=lambda: array("q"))
    ticks: "array[int]" = field(default_factory=lambda: array("q"))
    discontinuity: "array[int]" = field(default_factory=lambda: array("b"))


@dataclass(slots=True)
class PsiLog:
    """Packets of one PMT PID: index in the file, and which of the survey's distinct packets it is."""

    packet: "array[int]" = field(default_factory=lambda: array("q"))
    distinct: "array[int]" = field(default_factory=lambda: array("l"))


@dataclass(slots=True)
class Survey:
    """What the first pass found. `pmts` lists each new PMT with the packet that completed it, in order."""

    packets: int = 0
    pids: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(PIDS, np.bool_))
    programmes: dict[int, int] = field(default_factory=dict)  # programme number -> PMT PID, as first announced
    pmts: list[tuple[int, Pmt]] = field(default_factory=list)
    psi: dict[int, PsiLog] = field(default_factory=dict)
    distinct: list[bytes] = field(default_factory=list)
    pcrs: dict[int, PcrSamples] = field(default_factory=dict)
    first_scrambled: int | None = None
    malformed: int = 0
    damaged_sections: int = 0
    null_bits: bytearray = field(default_factory=bytearray)  # one bit per packet, set for a null packet

    def pmts_of(self, programme: int) -> list[tuple[int, Pmt]]:
        return [(at, pmt) for at, pmt in self.pmts if pmt.programme == programme]

    def nulls(self, first: int, count: int) -> bytes:
        """One byte per packet, 1 for a null: `count` packets from packet `first`, a multiple of 8, on."""
        part = self.null_bits[first // 8 : (first + count + 7) // 8]
        return np.unpackbits(np.frombuffer(part, np.uint8), count=count).tobytes()

    def free_pid(self, highest: int) -> int:
        """The first PID from `highest` downwards that neither a packet nor a table uses; RemoteError if none."""
        taken = self.pids.copy()
        for _, pmt in self.pmts:
            taken[[pmt.pcr_pid, *(stream.pid for stream in pmt.streams)]] = True
        for pid in range(highest, 0x1F, -1):
            if not taken[pid]:
                return pid
        raise RemoteError("the input uses every PID; none is left for entitlement control messages")


def survey(source: TsFile, progress: Progress | None = None) -> Survey:
    """Read the whole of `source` once. Raises RemoteError for lost sync; the rest is the caller's to judge."""
    found = Survey(packets=source.packets)
    reader = _PsiReader(found)
    for first, packets in source.chunks(_CHUNK_PACKETS):
        words = header_words(packets, first)
        pids = pids_of(words)
        found.null_bits += np.packbits(pids == NULL_PID).tobytes()
        _look_at_headers(found, first, packets, words, pids)
        reader.read(first, packets, pids)
        if progress:
            progress(first + len(packets), source.packets)
    found.packets = source.packets  # where octets were lost there are fewer than it seemed
    found.pids = reader.marks & _SEEN != 0
    found.damaged_sections = reader.damaged
    return found


def _look_at_headers(found: Survey, first: int, packets: Packets, words: Words, pids: Words) -> None:
    if found.first_scrambled is None:
        control = words & 0xC0
        scrambled = (control != 0) & (pids != NULL_PID) if control.any() else control
        if scrambled.any():
            found.first_scrambled = first + int(scrambled.argmax())
    found.malformed += int(np.count_nonzero(words & (HAS_PAYLOAD | HAS_ADAPTATION) == 0))
    rows = np.flatnonzero(words & HAS_ADAPTATION)
    if not rows.size:
        return
    fields = packets[rows, 4:12]
    length = fields[:, 0]
    found.malformed += int(np.count_nonzero(length > np.where(words[rows] & HAS_PAYLOAD, 182, 183)))
    has_pcr = (length >= 7) & (length <= 183) & (fields[:, 1] & _PCR_FLAG != 0)
    if not has_pcr.any():
        return
    rows, fields = rows[has_pcr], fields[has_pcr].astype(np.int64)
    base = fields[:, 2] << 25 | fields[:, 3] << 17 | fields[:, 4] << 9 | fields[:, 5] << 1 | fields[:, 6] >> 7
    extension = (fields[:, 6] & 1) << 8 | fields[:, 7]
    ticks = base * 300 + np.minimum(extension, 299)
    flags = (fields[:, 1] & _DISCONTINUITY_FLAG != 0).astype(np.int8)
    clock_pids = pids[rows]
    for pid in sorted(set(clock_pids.tolist())):
        mine = clock_pids == pid
        samples = found.pcrs.setdefault(pid, PcrSamples())
        samples.packet.frombytes((rows[mine] + first).astype(np.int64).tobytes())
        samples.ticks.frombytes(ticks[mine].tobytes())
        samples.discontinuity.frombytes(flags[mine].tobytes())


class _PsiReader:
    """Follows PAT and PMTs through the chunks."""

    def __init__(self, found: Survey) -> None:
        self._found = found
        self._assemblers = {PAT_PID: SectionAssembler()}
        self.marks = np.zeros(PIDS, np.uint8)
        self.marks[PAT_PID] = _WANTED
        self._ids: dict[bytes, int] = {}
        self._plain: set[bytes] = set()  # packets read before that began and ended with whole sections
        self._latest: dict[int, Pmt] = {}

    @property
    def damaged(self) -> int:
        return sum(assembler.damaged for assembler in self._assemblers.values())

    def read(self, first: int, packets: Packets, pids: Words) -> None:
        marks = self.marks[pids]
        if not (marks & _SEEN).all():
            self.marks[pids] |= _SEEN
        start = 0
        while True:
            known = len(self._assemblers)
            rows = np.flatnonzero(marks[start:] & _WANTED) + start
            data = packets[rows].tobytes()
            at = 0
            for row, pid in zip(rows.tolist(), pids[rows].tolist(), strict=True):
                self._packet(first + row, pid, data[at : at + PACKET_BYTES])
                at += PACKET_BYTES
                if len(self._assemblers) != known:  # a PAT named new PIDs: look for them from here on
                    marks = self.marks[pids]
                    start = row + 1
                    break
            else:
                return

    def _packet(self, at: int, pid: int, packet: bytes) -> None:
        if pid != PAT_PID:
            number = self._ids.setdefault(packet, len(self._ids))
            if number == len(self._found.distinct):
                self._found.distinct.append(packet)
            log = self._found.psi[pid]
            log.packet.append(at)
            log.distinct.append(number)
        assembler = self._assemblers[pid]
        whole = assembler.idle
        if whole and packet in self._plain:
            return
        key = packet[:3] + packet[4:]  # all but the continuity counter
        if whole and key in self._plain:
            self._plain.add(packet)
            return
        for section in assembler.feed(packet):
            try:
                self._section(at, pid, section)
            except RemoteError:
                assembler.damaged += 1
        if whole and assembler.idle and packet[3] & 0xF0 == 0x10:
            self._plain.add(key)

    def _section(self, at: int, pid: int, section: bytes) -> None:
        if pid == PAT_PID and section[0] == PAT_TABLE:
            pat = parse_pat(section)
            for programme, pmt_pid in pat.programmes.items() if pat.current else ():
                self._found.programmes.setdefault(programme, pmt_pid)
                if pmt_pid not in self._assemblers:
                    self._assemblers[pmt_pid] = SectionAssembler()
                    self._found.psi[pmt_pid] = PsiLog()
                    self.marks[pmt_pid] |= _WANTED
        elif pid != PAT_PID and section[0] == PMT_TABLE:
            pmt = parse_pmt(section)
            if pmt.current and self._latest.get(pmt.programme) != pmt:
                self._latest[pmt.programme] = pmt
                self._found.pmts.append((at, pmt))
