"""PSI: sections out of packets and back, PAT and PMT (ISO/IEC 13818-1, 2.4.4)."""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from settop.errors import LocalError, RemoteError
from settop.wire.ecm import CA_DESCRIPTOR_TAG
from settop.wire.transport import PACKET_BYTES, SYNC, TABLE_PAT, TABLE_PMT

PAT_PID = 0
CAT_PID = 1
CAT_TABLE = 0x01
MAX_SECTION_LENGTH = 1021  # PAT and PMT: section_length's limit, counted from behind that field
_TOO_LONG = (
    "table 0x%02x would need a section of %d bytes, at most %d fit; remove descriptors or streams from the input"
)
_LONGEST_SECTION = 4096
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc32_mpeg2(data: bytes) -> int:
    """CRC-32/MPEG-2, computed by zlib's mirrored CRC: the same as `settop.wire.crc`, some 50 times faster."""
    mirrored = zlib.crc32(data.translate(_REVERSED)) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")


def payload_of(packet: bytes) -> bytes:
    """The payload of one packet, b"" where there is none, the adaptation field is too long, or
    transport_error_indicator says that nothing in it can be believed.
    """
    control = packet[3]
    if not control & 0x10 or packet[1] & 0x80:
        return b""
    return packet[5 + packet[4] :] if control & 0x20 else packet[4:]


class SectionAssembler:
    """Sections of one PID, fed packet by packet; several per packet, over packets, pointer_field and CC checked.

    `damaged` counts sections that were refused: wrong CRC (unless `unchecked`), impossible length, a lost packet in
    between. `idle` is True while no section is half received.
    """

    def __init__(self, unchecked: bool = False) -> None:
        self.damaged = 0
        self._unchecked = unchecked
        self._partial: bytearray | None = None  # None: wait for a section's start
        self._last = b""

    @property
    def idle(self) -> bool:
        return not self._partial

    @property
    def open_part(self) -> bytes:
        """What there is of a section that is half received."""
        return bytes(self._partial or b"")

    def misses(self, packet: bytes) -> bool:
        """Whether packets are missing between a half received section and `packet`, by the continuity counter."""
        return bool(self._partial and self._last and payload_of(packet) and (self._last[3] + 1 ^ packet[3]) & 15)

    def feed(self, packet: bytes) -> list[bytes]:
        """Take one 188-byte packet, return the sections that it completes."""
        payload = payload_of(packet)
        if not payload or packet == self._last:  # nothing to read, or the duplicate that the standard allows
            return []
        if self.misses(packet):
            self.damaged += 1
            self._partial = None
        self._last = packet
        sections: list[bytes] = []
        if packet[1] & 0x40:
            start = 1 + payload[0]
            if start > len(payload):
                self._drop()
                return []
            if self._partial:
                self._partial += payload[1:start]
                self._cut(sections)
                if self._partial:
                    self.damaged += 1
            self._partial = bytearray(payload[start:])
        elif self._partial:
            self._partial += payload
        else:
            return []
        self._cut(sections)
        return sections

    def _drop(self) -> None:
        self.damaged += 1
        self._partial = None

    def _cut(self, sections: list[bytes]) -> None:
        """Move whole sections out of the partial bytes; stuffing ends them."""
        while self._partial:
            if self._partial[0] == 0xFF:
                self._partial = None
                return
            if len(self._partial) < 3:
                return
            size = 3 + ((self._partial[1] & 0x0F) << 8 | self._partial[2])
            if size > _LONGEST_SECTION:
                self._drop()
                return
            if len(self._partial) < size:
                return
            section = bytes(self._partial[:size])
            del self._partial[:size]
            if section[1] & 0x80 and not self._unchecked and (size < 12 or crc32_mpeg2(section)):
                self.damaged += 1
            else:
                sections.append(section)


@dataclass(frozen=True, slots=True)
class Pat:
    """One PAT section, the `number`-th of 0..`last`; `programmes` maps programme number to PMT PID. The network PID
    (number 0) stands apart.
    """

    stream_id: int
    version: int
    current: bool
    programmes: dict[int, int]
    number: int = 0
    last: int = 0
    network_pid: int | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One elementary stream of a PMT; `descriptors` are its raw bytes."""

    stream_type: int
    pid: int
    descriptors: bytes = b""


@dataclass(frozen=True, slots=True)
class Pmt:
    """One PMT; `descriptors` are the programme's raw descriptor bytes. `number` and `last` are 0 by the standard."""

    programme: int
    version: int
    current: bool
    pcr_pid: int
    descriptors: bytes
    streams: tuple[Stream, ...]
    number: int = 0
    last: int = 0


def _long_section(table: int, extension: int, version: int, current: bool, body: bytes) -> bytes:
    length = 5 + len(body) + 4
    if length > MAX_SECTION_LENGTH:
        raise RemoteError(_TOO_LONG % (table, length, MAX_SECTION_LENGTH))
    flags = 0xC0 | (version & 31) << 1 | current
    head = struct.pack(">BHHBBB", table, 0xB000 | length, extension, flags, 0, 0) + body
    return head + crc32_mpeg2(head).to_bytes(4, "big")


def _open_section(section: bytes, table: int) -> tuple[int, int, bool, bytes]:
    """(extension, version, current, body) of an undamaged long section, else RemoteError."""
    if len(section) < 12 or section[0] != table or not section[1] & 0x80:
        raise RemoteError(f"not a section of table 0x{table:02x}")
    if 3 + ((section[1] & 0x0F) << 8 | section[2]) != len(section) or crc32_mpeg2(section):
        raise RemoteError(f"section of table 0x{table:02x} with a wrong length or CRC")
    extension, flags = struct.unpack_from(">HB", section, 3)
    return extension, flags >> 1 & 31, bool(flags & 1), section[8:-4]


def parse_pat(section: bytes) -> Pat:
    """Raises RemoteError for another table, a wrong length or a wrong CRC. Octets behind the last entry are ignored."""
    stream_id, version, current, body = _open_section(section, TABLE_PAT)
    entries = [struct.unpack_from(">HH", body, at) for at in range(0, len(body) - 3, 4)]
    programmes = {number: pid & 0x1FFF for number, pid in entries if number}
    network_pid = next((pid & 0x1FFF for number, pid in entries if not number), None)
    return Pat(stream_id, version, current, programmes, section[6], section[7], network_pid)


def build_pat(pat: Pat) -> bytes:
    """The PAT's section. Raises RemoteError where it exceeds 1,021 bytes."""
    body = b"".join(struct.pack(">HH", number, 0xE000 | pid) for number, pid in pat.programmes.items())
    return _long_section(TABLE_PAT, pat.stream_id, pat.version, pat.current, body)


def parse_pmt(section: bytes) -> Pmt:
    """Raises RemoteError for another table, a wrong CRC, or a programme loop that is longer than the section.

    A stream whose descriptor loop is longer than the section is named all the same, with what there is of its loop;
    octets behind the last stream that make no entry are ignored.
    """
    programme, version, current, body = _open_section(section, TABLE_PMT)
    if len(body) < 4:
        raise RemoteError("PMT that is too short")
    pcr_pid, info = struct.unpack_from(">HH", body)
    at = 4 + (info & 0x0FFF)
    if at > len(body):
        raise RemoteError(f"PMT of programme {programme} whose programme loop is {at - len(body)} octets too long")
    descriptors = body[4:at]
    streams = []
    while at + 5 <= len(body):
        stream_type, pid, info = struct.unpack_from(">BHH", body, at)
        end = at + 5 + (info & 0x0FFF)
        streams.append(Stream(stream_type, pid & 0x1FFF, body[at + 5 : end]))
        at = end
    pcr_pid &= 0x1FFF
    return Pmt(programme, version, current, pcr_pid, descriptors, tuple(streams), section[6], section[7])


def build_pmt(pmt: Pmt) -> bytes:
    """The PMT's section. Raises RemoteError where it exceeds 1,021 bytes."""
    parts = [struct.pack(">HH", 0xE000 | pmt.pcr_pid, 0xF000 | len(pmt.descriptors)), pmt.descriptors]
    for stream in pmt.streams:
        parts.append(struct.pack(">BHH", stream.stream_type, 0xE000 | stream.pid, 0xF000 | len(stream.descriptors)))
        parts.append(stream.descriptors)
    return _long_section(TABLE_PMT, pmt.programme, pmt.version, pmt.current, b"".join(parts))


def descriptors_of(raw: bytes) -> list[bytes]:
    """Split a descriptor loop, as far as it can be: what follows a descriptor that is longer than the loop is left."""
    found = []
    at = 0
    while at + 2 <= len(raw) and at + 2 + raw[at + 1] <= len(raw):
        end = at + 2 + raw[at + 1]
        found.append(raw[at:end])
        at = end
    return found


def ca_pids_named(raw: bytes) -> list[int]:
    """PIDs that the CA_descriptors (ISO/IEC 13818-1, 2.6.16) of a loop name, of whatever system."""
    found = [one for one in descriptors_of(raw) if one[0] == CA_DESCRIPTOR_TAG and len(one) >= 6]
    return [(one[4] & 0x1F) << 8 | one[5] for one in found]


def insert_descriptors(section: bytes, added: bytes, step: int = 1) -> bytes:
    """A PMT with `added` in front of its programme loop and version_number + `step`; every other octet as it was.

    Raises RemoteError where it would exceed 1,021 bytes.
    """
    info = int.from_bytes(section[10:12], "big") + len(added)
    return _respun(section, step, section[8:10] + info.to_bytes(2, "big") + added + section[12:-4])


def remove_descriptors(section: bytes, start: int, size: int) -> bytes:
    """Undo `insert_descriptors`: `size` octets from `start` of the programme loop go, version_number - 1."""
    info = int.from_bytes(section[10:12], "big") - size
    at = 12 + start
    return _respun(section, -1, section[8:10] + info.to_bytes(2, "big") + section[12:at] + section[at + size : -4])


def _respun(section: bytes, step: int, body: bytes) -> bytes:
    length = 5 + len(body) + 4
    if length > MAX_SECTION_LENGTH:
        raise RemoteError(_TOO_LONG % (section[0], length, MAX_SECTION_LENGTH))
    flags = section[5] & 0xC1 | ((section[5] >> 1) + step & 31) << 1
    head = section[:1] + bytes((section[1] & 0xF0 | length >> 8, length & 0xFF))
    head += section[3:5] + bytes((flags,)) + section[6:8] + body
    return head + crc32_mpeg2(head).to_bytes(4, "big")


def fill_slots(sections: Iterable[bytes], rooms: Iterable[int], tail: bytes = b"") -> list[tuple[bool, bytes]]:
    """Lay sections back to back into payloads of the given sizes (184 once those are used up). `tail`: the end of a
    section that began before, to come first.

    Returns (payload_unit_start, payload) per packet, stuffed with 0xFF, as many as are needed.
    """
    data = tail
    starts = []
    for section in sections:
        starts.append(len(data))
        data += section
    sizes = iter(rooms)
    filled = []
    at = 0
    while at < len(data):
        room = next(sizes, PACKET_BYTES - 4)
        ahead = next((start - at for start in starts if start >= at), None)
        if ahead is not None and ahead < room - 1:
            payload = bytes((ahead,)) + data[at : at + room - 1]
            at += room - 1
            filled.append((True, payload.ljust(room, b"\xff")))
        else:
            # A start that would need the last byte goes to the next packet, where its pointer_field has room.
            take = room if ahead is None else min(room, ahead)
            filled.append((False, data[at : at + take].ljust(room, b"\xff")))
            at += take
    return filled


def make_packet(pid: int, cc: int, payload: bytes, start: bool = True) -> bytes:
    """One packet of 184 payload bytes, stuffed with 0xFF where `payload` is shorter."""
    if len(payload) > PACKET_BYTES - 4:
        raise LocalError(f"payload of {len(payload)} bytes, at most 184 fit one packet")
    head = struct.pack(">BHB", SYNC, start << 14 | pid, 0x10 | cc & 15)
    return (head + payload).ljust(PACKET_BYTES, b"\xff")


class Packetiser:
    """Sections of one PID to packets, with a continuity counter that runs on from call to call."""

    def __init__(self, pid: int, cc: int = 0) -> None:
        self.pid = pid
        self.cc = cc

    def packets(self, *sections: bytes) -> list[bytes]:
        """The sections back to back in as few packets as they need."""
        made = []
        for start, payload in fill_slots(sections, ()):
            made.append(make_packet(self.pid, self.cc, payload, start))
            self.cc = self.cc + 1 & 15
        return made
