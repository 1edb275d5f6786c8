"""First pass over a stream: which PIDs it uses, its tables, its entitlement messages, where its clock references are.

Reads every header and little else. What it keeps grows only with the number of PSI packets, entitlement messages and
clock references (some 20 bytes each), and by one bit per packet. A packet whose transport_error_indicator is set is
counted and says nothing.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError
from settop.wire.transport import LOWEST_FREE_PID, NULL_PID

from headend.ts.packets import (
    HAS_ADAPTATION,
    HAS_PAYLOAD,
    IS_DAMAGED,
    IS_START,
    PIDS,
    Packets,
    TsFile,
    Words,
    header_words,
    payload_offsets,
    pids_of,
)
from headend.ts.signal.psi import Pmt
from headend.ts.signal.psi_reader import EcmLog, PsiLog, PsiReader
from headend.ts.signal.tables import CatSeen, ContentSeen, PatSeen, PmtSeen

Progress = Callable[[int, int], None]  # (packets done, packets in all)
Flags = npt.NDArray[np.bool_]  # shape (PIDS,)
_PCR_FLAG = 0x10
_DISCONTINUITY_FLAG = 0x80
_CHUNK_PACKETS = 16384  # a multiple of 8


@dataclass(slots=True)
class PcrSamples:
    """Clock references of one PID: packet index, value in 27 MHz ticks (0..2^33*300-1), discontinuity flag."""

    packet: "array[int]" = field(default_factory=lambda: array("q"))
    ticks: "array[int]" = field(default_factory=lambda: array("q"))
    discontinuity: "array[int]" = field(default_factory=lambda: array("b"))


@dataclass(slots=True)
class Survey:
    """What the first pass found. `pats`, `cats` and `pmts` list each new or changed table with the packet that
    completed it, in order; `unreadable` the programmes with a PMT that cannot be read: (first packet, what is wrong).
    """

    packets: int = 0
    pids: Flags = field(default_factory=lambda: np.zeros(PIDS, np.bool_))  # a packet has it
    named: Flags = field(default_factory=lambda: np.zeros(PIDS, np.bool_))  # a table names it
    starts_pes: Flags = field(default_factory=lambda: np.zeros(PIDS, np.bool_))  # a PES begins in clear on it
    pats: list[PatSeen] = field(default_factory=list)
    cats: list[CatSeen] = field(default_factory=list)
    pmts: list[PmtSeen] = field(default_factory=list)
    content: list[ContentSeen] = field(default_factory=list)
    unreadable: dict[int, tuple[int, str]] = field(default_factory=dict)
    psi: dict[int, PsiLog] = field(default_factory=dict)
    distinct: list[bytes] = field(default_factory=list)
    ecms: EcmLog = field(default_factory=EcmLog)
    pcrs: dict[int, PcrSamples] = field(default_factory=dict)
    first_scrambled: int | None = None
    malformed: int = 0
    damaged: int = 0  # packets with transport_error_indicator
    damaged_sections: int = 0
    null_bits: bytearray = field(default_factory=bytearray)  # one bit per packet, set for a null packet

    @property
    def programmes(self) -> dict[int, int]:
        """Programme number -> PMT PID, as first announced."""
        found: dict[int, int] = {}
        for _, pat in self.pats:
            for number, pid in pat.programmes.items():
                found.setdefault(number, pid)
        return found

    def pmt_pids_of(self, programmes: list[int]) -> list[int]:
        """Every PID that a PAT ever names for these programmes' PMTs and that was read as such."""
        named = {pid for _, pat in self.pats for number, pid in pat.programmes.items() if number in programmes}
        return sorted(named & self.psi.keys())

    def pmts_of(self, programme: int) -> list[tuple[int, Pmt]]:
        return [(at, pmt) for at, _, pmt in self.pmts if pmt.programme == programme]

    def nulls(self, first: int, count: int) -> bytes:
        """One byte per packet, 1 for a null: `count` packets from packet `first`, a multiple of 8, on."""
        part = self.null_bits[first // 8 : (first + count + 7) // 8]
        return np.unpackbits(np.frombuffer(part, np.uint8), count=count).tobytes()

    def free_pid(self, highest: int) -> int:
        """The first PID from `highest` downwards that neither a packet nor a table uses; RemoteError if none."""
        for pid in range(highest, LOWEST_FREE_PID - 1, -1):
            if not self.pids[pid] and not self.named[pid]:
                return pid
        raise RemoteError("the input uses every PID; none is left for entitlement control messages")


def survey(source: TsFile, progress: Progress | None = None) -> Survey:
    """Read the whole of `source` once. Raises RemoteError for lost sync; the rest is the caller's to judge."""
    found = Survey(packets=source.packets)
    reader = PsiReader(source)
    for first, packets in source.chunks(_CHUNK_PACKETS):
        words = header_words(packets, first)
        pids = pids_of(words)
        found.null_bits += np.packbits(pids == NULL_PID).tobytes()
        look_at_headers(found, first, packets, words, pids)
        reader.read(first, packets, pids)
        if progress:
            progress(first + len(packets), source.packets)
    found.packets = source.packets  # where octets were lost there are fewer than it seemed
    found.pids, found.named = reader.seen_pids(), reader.named
    found.pats, found.cats, found.pmts = reader.pats, reader.cats, sorted(reader.pmts, key=lambda seen: seen.at)
    found.content, found.unreadable = reader.content, reader.unreadable
    found.psi, found.distinct, found.ecms = reader.logs, reader.distinct, reader.ecms
    found.damaged_sections = reader.damaged
    return found


def look_at_headers(found: Survey, first: int, packets: Packets, words: Words, pids: Words) -> None:
    """Note in `found` what the headers of packets first..first+n-1 say: damage, clocks, where PES begin."""
    damaged = words & IS_DAMAGED != 0
    if damaged.any():
        found.damaged += int(np.count_nonzero(damaged))
        words = np.where(damaged, HAS_PAYLOAD, words)  # nothing else is believed
    if found.first_scrambled is None:
        control = words & 0xC0
        scrambled = (control != 0) & (pids != NULL_PID) if control.any() else control
        if scrambled.any():
            found.first_scrambled = first + int(scrambled.argmax())
    _look_for_pes(found, packets, words, pids)
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


def _look_for_pes(found: Survey, packets: Packets, words: Words, pids: Words) -> None:
    rows = np.flatnonzero(words & (IS_START | 0xC0) == IS_START)
    if rows.size:
        found.starts_pes[pids[rows[pes_starts(packets, rows, words[rows])]]] = True


def pes_starts(packets: Packets, rows: npt.NDArray[np.int64], words: Words) -> npt.NDArray[np.bool_]:
    """Which of `rows` have a payload that begins as a PES does: packet_start_code_prefix 00 00 01 (ISO/IEC 13818-1,
    2.4.3.7). `words`: their header words.
    """
    at = np.minimum(payload_offsets(packets[rows], words), packets.shape[1] - 3)
    begins: npt.NDArray[np.bool_] = (
        (packets[rows, at] == 0) & (packets[rows, at + 1] == 0) & (packets[rows, at + 2] == 1)
    )
    return begins
