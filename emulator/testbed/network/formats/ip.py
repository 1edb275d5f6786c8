"""IPv4 datagrams (RFC 791): one header, whole datagrams only, and the checksum of RFC 1071 that all above share.

What `unpack` refuses it refuses with a RemoteError whose text is the reason and nothing else, so that it is counted.
"""

import struct
from dataclasses import dataclass, replace

from settop.errors import LocalError, RemoteError

ICMP, IGMP, TCP, UDP = 1, 2, 6, 17
HEADER_BYTES = 20
MAX_BYTES = 0xFFFF
TTL = 64
ROUTER_ALERT = b"\x94\x04\x00\x00"
"""The option of RFC 2113, which IGMP's messages carry."""

_DONT_FRAGMENT = 0x4000
_FRAGMENT = 0x3FFF  # more fragments, or an offset
_HEADER = struct.Struct(">BBHHHBBH4s4s")


@dataclass(frozen=True, slots=True)
class Packet:
    """One datagram. Addresses are four octets; options are padded to whole words."""

    source: bytes
    destination: bytes
    protocol: int
    payload: bytes
    ttl: int = TTL
    identifier: int = 0
    options: bytes = b""

    @property
    def octets(self) -> int:
        """Its length on a link."""
        return HEADER_BYTES + len(self.options) + len(self.payload)


def checksum(data: bytes) -> int:
    """The one's complement of the one's complement sum of 16-bit words (RFC 1071); 0 over data that has its own."""
    if len(data) & 1:
        data += b"\0"
    # A sum of words is the number in base 65536 modulo 65535; 0 stands for the other zero, 0xFFFF, unless all is 0.
    rest = int.from_bytes(data, "big") % 0xFFFF
    if not rest:
        return 0 if any(data) else 0xFFFF
    return 0xFFFF - rest


def with_checksum(data: bytes, at: int, pseudo: bytes = b"") -> bytes:
    """`data` with its checksum at octet `at`, where zeros stand; `pseudo` is summed and not part of it."""
    return data[:at] + checksum(pseudo + data).to_bytes(2, "big") + data[at + 2 :]


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """What TCP and UDP sum in front of themselves (RFC 9293, 3.1; RFC 768)."""
    return source + destination + struct.pack(">BBH", 0, protocol, length)


def pack(packet: Packet) -> bytes:
    """The octets of a datagram that may not be fragmented. LocalError: too long."""
    if packet.octets > MAX_BYTES:
        raise LocalError(f"datagram of {packet.octets} octets, at most {MAX_BYTES}")
    words = (HEADER_BYTES + len(packet.options)) // 4
    header = _HEADER.pack(
        0x40 | words,
        0,
        packet.octets,
        packet.identifier,
        _DONT_FRAGMENT,
        packet.ttl,
        packet.protocol,
        0,
        packet.source,
        packet.destination,
    )
    return with_checksum(header + packet.options, 10) + packet.payload


def unpack(data: bytes) -> Packet:
    """The datagram in `data`; octets behind it are padding of the link. RemoteError: refused, the text says why."""
    if len(data) < HEADER_BYTES:
        raise RemoteError("datagram without a header")
    first, _, length, identifier, fragment, ttl, protocol, _, source, destination = _HEADER.unpack_from(data)
    header = (first & 15) * 4
    if first >> 4 != 4:
        raise RemoteError("not version 4")
    if not HEADER_BYTES <= header <= length <= len(data):
        raise RemoteError("lengths that lie")
    if checksum(data[:header]):
        raise RemoteError("header checksum")
    if fragment & _FRAGMENT:
        raise RemoteError("fragment")
    options = bytes(data[HEADER_BYTES:header])
    return Packet(source, destination, protocol, bytes(data[header:length]), ttl, identifier, options)


def forwarded(packet: Packet) -> Packet:
    """The datagram one hop on. RemoteError: its time to live is over."""
    if packet.ttl <= 1:
        raise RemoteError("time to live")
    return replace(packet, ttl=packet.ttl - 1)
