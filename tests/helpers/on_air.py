"""A second look at what is on air, from ISO/IEC 13818-1 alone: it imports nothing of the head-end and shares no code
with it, so that two equal mistakes do not hide each other.
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

SECTION_TYPES = {0x05, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x13, 0x14, 0x16, 0x86, 0x95}
_MIRROR = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def packets_of(data: bytes) -> list[bytes]:
    return [data[at : at + 188] for at in range(0, len(data), 188)]


def pid_of(packet: bytes) -> int:
    return (packet[1] & 31) << 8 | packet[2]


def payload(packet: bytes) -> bytes:
    if not packet[3] & 0x10:
        return b""
    return packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]


def _whole(section: bytes) -> bool:
    return zlib.crc32(section.translate(_MIRROR)) == 0xFFFFFFFF if section[1] & 0x80 else True


class _Sections:
    def __init__(self) -> None:
        self.open: bytes | None = None
        self.last = b""

    def feed(self, packet: bytes) -> list[bytes]:
        data = payload(packet)
        if not data or packet == self.last:
            return []
        if self.open and self.last and (packet[3] - self.last[3]) % 16 != 1:
            self.open = None
        self.last = packet
        found: list[bytes] = []
        if packet[1] & 0x40:
            start = 1 + data[0]
            if self.open is not None:
                self.open += data[1:start]
                self._cut(found)
            self.open = data[start:]
        elif self.open is not None:
            self.open += data
        self._cut(found)
        return found

    def _cut(self, found: list[bytes]) -> None:
        while self.open and len(self.open) >= 3 and self.open[0] != 0xFF:
            size = 3 + ((self.open[1] & 15) << 8 | self.open[2])
            if len(self.open) < size:
                return
            section, self.open = self.open[:size], self.open[size:]
            if _whole(section):
                found.append(section)
        if self.open and self.open[0] == 0xFF:
            self.open = None


@dataclass
class OnAir:
    """`clear`: packets of streams that a PMT in force named, with a payload, unscrambled, by PID. `unannounced`: PMTs
    in force (packet numbers) without our CA descriptor. `named`: PIDs that any table names. `ca_pids`: our own.
    """

    clear: Counter[int] = field(default_factory=Counter)
    unannounced: list[int] = field(default_factory=list)
    named: set[int] = field(default_factory=set)
    ca_pids: set[int] = field(default_factory=set)
    pmts: int = 0


def descriptors(loop: bytes) -> Iterator[bytes]:
    while len(loop) >= 2 and 2 + loop[1] <= len(loop):
        yield loop[: 2 + loop[1]]
        loop = loop[2 + loop[1] :]


def watch(data: bytes, programmes: set[int] | None = None) -> OnAir:
    """Walk through a stream as a receiver does: tables hold from where they end until the next one."""
    seen = OnAir()
    sections: dict[int, _Sections] = {}
    pat: dict[int, int] = {}
    parts: dict[tuple[int, int, int], dict[int, int]] = {}  # PAT sections by version, last and number
    streams: dict[int, list[tuple[int, int]]] = {}
    pes: dict[int, bool] = {}
    ever = _pmt_pids(data)
    for place, packet in enumerate(packets_of(data)):
        if packet[1] & 0x80:
            continue
        pid = pid_of(packet)
        if packet[1] & 0x40:
            pes[pid] = payload(packet)[:3] == b"\x00\x00\x01"
        if pid in (0, 1) or pid in ever:
            for section in sections.setdefault(pid, _Sections()).feed(packet):
                if section[0] == 0 and pid == 0:
                    entries = [section[at : at + 4] for at in range(8, len(section) - 7, 4)]
                    seen.named |= {(one[2] & 31) << 8 | one[3] for one in entries}
                    if section[5] & 1:
                        version, number, last = section[5] >> 1 & 31, section[6], section[7]
                        parts = {key: found for key, found in parts.items() if key[:2] == (version, last)}
                        parts[version, last, number] = {
                            one[0] << 8 | one[1]: (one[2] & 31) << 8 | one[3] for one in entries if one[0] | one[1]
                        }
                        pat = {} if len(parts) > last else pat
                        for found in parts.values():
                            pat |= found
                elif section[0] == 1 and pid == 1:
                    seen.named |= {(one[4] & 31) << 8 | one[5] for one in descriptors(section[8:-4]) if one[0] == 9}
                elif section[0] == 2:
                    _pmt(seen, place, pid, section, pat, streams, programmes)
        due = {one for key, found in streams.items() if key in pat for kind, one in found if kind not in SECTION_TYPES}
        if pid in due and pid != 0x1FFF and payload(packet) and packet[3] < 0x80:
            # The PAT has given the PID to a new PMT while an old one still names it: no stream's, if no PES is there.
            seen.clear.update([] if pid in pat.values() and not pes.get(pid) else [pid])
    return seen


def _pmt_pids(data: bytes) -> set[int]:
    reader, found = _Sections(), set()
    for packet in packets_of(data):
        if pid_of(packet) == 0 and not packet[1] & 0x80:
            for section in reader.feed(packet):
                found |= {
                    (section[at + 2] & 31) << 8 | section[at + 3]
                    for at in range(8, len(section) - 7, 4)
                    if section[at] | section[at + 1]
                }
    return found - {0x1FFF}


def _pmt(
    seen: OnAir,
    number: int,
    pid: int,
    section: bytes,
    pat: dict[int, int],
    streams: dict[int, list[tuple[int, int]]],
    programmes: set[int] | None,
) -> None:
    programme = section[3] << 8 | section[4]
    end = 12 + ((section[10] & 15) << 8 | section[11])
    loops = [section[12:end]]
    found = []
    at = end
    while at + 5 <= len(section) - 4:
        size = (section[at + 3] & 15) << 8 | section[at + 4]
        found.append((section[at], (section[at + 1] & 31) << 8 | section[at + 2]))
        loops.append(section[at + 5 : min(at + 5 + size, len(section) - 4)])
        at += 5 + size
    cas = [one for loop in loops for one in descriptors(loop) if one[0] == 9 and len(one) >= 6]
    ours = {(one[4] & 31) << 8 | one[5] for one in cas if one[2:4] == b"\xff\xfe"}
    seen.named |= {one for _, one in found} | {(one[4] & 31) << 8 | one[5] for one in cas} - ours
    seen.ca_pids |= ours
    if section[5] & 1 and pat.get(programme) == pid and (programmes is None or programme in programmes):
        seen.pmts += 1
        streams[programme] = found
        if not ours:
            seen.unannounced.append(number)
