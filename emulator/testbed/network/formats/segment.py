"""TCP segments (RFC 9293, 3.1)."""

import struct
from dataclasses import dataclass

from settop.errors import RemoteError

from testbed.network.formats import ip

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
HEADER_BYTES = 20
DEFAULT_MSS = 536
"""What a peer takes that does not say (RFC 9293, 3.7.1)."""

_END, _NOTHING, _MSS = 0, 1, 2
_HEADER = struct.Struct(">HHIIBBHHH")


@dataclass(frozen=True, slots=True)
class Segment:
    """sequence and acknowledgement: 32 bits, as on the wire. mss: the option, 0 where there is none."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int
    flags: int
    window: int = 0
    data: bytes = b""
    mss: int = 0

    @property
    def length(self) -> int:
        """How many sequence numbers it takes: data, SYN and FIN."""
        return len(self.data) + bool(self.flags & SYN) + bool(self.flags & FIN)


def pack(segment: Segment, source: bytes, destination: bytes) -> bytes:
    """The octets, with the checksum over these addresses, too."""
    options = struct.pack(">BBH", _MSS, 4, segment.mss) if segment.mss else b""
    header = _HEADER.pack(
        segment.source_port,
        segment.destination_port,
        segment.sequence,
        segment.acknowledgement,
        (HEADER_BYTES + len(options)) << 2,
        segment.flags,
        segment.window,
        0,
        0,
    )
    data = header + options + segment.data
    return ip.with_checksum(data, 16, ip.pseudo_header(source, destination, ip.TCP, len(data)))


def unpack(data: bytes, source: bytes, destination: bytes) -> Segment:
    """RemoteError: lengths that lie, or another checksum. Options that are none end the list of them."""
    if len(data) < HEADER_BYTES:
        raise RemoteError("TCP without a header")
    fields = _HEADER.unpack_from(data)
    source_port, destination_port, sequence, acknowledgement, offset, flags, window, _, _ = fields
    header = (offset >> 4) * 4
    if not HEADER_BYTES <= header <= len(data):
        raise RemoteError("TCP lengths that lie")
    if ip.checksum(ip.pseudo_header(source, destination, ip.TCP, len(data)) + data):
        raise RemoteError("TCP checksum")
    return Segment(
        source_port,
        destination_port,
        sequence,
        acknowledgement,
        flags & 0x3F,
        window,
        bytes(data[header:]),
        _mss(data[HEADER_BYTES:header]),
    )


def _mss(options: bytes) -> int:
    at = 0
    while at < len(options) and options[at] != _END:
        if options[at] == _NOTHING:
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            break
        if options[at] == _MSS and size == 4:
            return int.from_bytes(options[at + 2 : at + 4], "big")
        at += size
    return 0
