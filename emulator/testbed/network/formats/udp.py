"""UDP (RFC 768)."""

import struct
from dataclasses import dataclass

from settop.errors import LocalError, RemoteError

from testbed.network.formats import ip

HEADER_BYTES = 8
MAX_DATA_BYTES = ip.MAX_BYTES - ip.HEADER_BYTES - HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Datagram:
    source_port: int
    destination_port: int
    data: bytes


def pack(datagram: Datagram, source: bytes, destination: bytes) -> bytes:
    """The octets, with the checksum over these addresses, too. LocalError: too long."""
    length = HEADER_BYTES + len(datagram.data)
    if len(datagram.data) > MAX_DATA_BYTES:
        raise LocalError(f"UDP of {len(datagram.data)} octets, at most {MAX_DATA_BYTES}")
    data = struct.pack(">HHHH", datagram.source_port, datagram.destination_port, length, 0) + datagram.data
    total = ip.checksum(ip.pseudo_header(source, destination, ip.UDP, length) + data)
    return data[:6] + (total or 0xFFFF).to_bytes(2, "big") + data[8:]  # 0 would say that there is none


def unpack(data: bytes, source: bytes, destination: bytes) -> Datagram:
    """RemoteError: lengths that lie, or another checksum. One of 0 means that the sender made none."""
    if len(data) < HEADER_BYTES:
        raise RemoteError("UDP without a header")
    source_port, destination_port, length, total = struct.unpack_from(">HHHH", data)
    if not HEADER_BYTES <= length <= len(data):
        raise RemoteError("UDP lengths that lie")
    data = bytes(data[:length])
    if total and ip.checksum(ip.pseudo_header(source, destination, ip.UDP, length) + data):
        raise RemoteError("UDP checksum")
    return Datagram(source_port, destination_port, data[HEADER_BYTES:])
