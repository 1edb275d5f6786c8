"""ICMP (RFC 792): echo, and the two errors that senders act on."""

import struct
from dataclasses import dataclass

from settop.errors import RemoteError

from testbed.network.formats import ip

ECHO_REPLY, UNREACHABLE, ECHO, TIME_EXCEEDED = 0, 3, 8, 11
NO_HOST, NO_PORT, TOO_BIG = 1, 3, 4
"""Codes of UNREACHABLE."""

_QUOTED_BYTES = 8  # of the datagram's payload: the ports


@dataclass(frozen=True, slots=True)
class Message:
    """kind and code as above; `rest` is the word behind the checksum, `data` what follows."""

    kind: int
    code: int
    rest: bytes
    data: bytes


def pack(message: Message) -> bytes:
    """The octets, with their checksum."""
    return ip.with_checksum(struct.pack(">BBH", message.kind, message.code, 0) + message.rest + message.data, 2)


def unpack(data: bytes) -> Message:
    """RemoteError: too short, or another checksum."""
    if len(data) < 8:
        raise RemoteError("ICMP without a header")
    if ip.checksum(data):
        raise RemoteError("ICMP checksum")
    return Message(data[0], data[1], bytes(data[4:8]), bytes(data[8:]))


def echo(identifier: int, sequence: int, data: bytes) -> Message:
    """The question of a ping."""
    return Message(ECHO, 0, struct.pack(">HH", identifier, sequence), data)


def error(kind: int, code: int, about: ip.Packet, mtu: int = 0) -> Message:
    """That `about` did not get through; mtu: for TOO_BIG, what the next hop takes (RFC 1191)."""
    quoted = ip.pack(about)[: ip.HEADER_BYTES + len(about.options) + _QUOTED_BYTES]
    return Message(kind, code, struct.pack(">HH", 0, mtu), quoted)


@dataclass(frozen=True, slots=True)
class Quote:
    """The datagram that an error is about, as far as it was quoted."""

    source: bytes
    destination: bytes
    protocol: int
    source_port: int
    destination_port: int


def quote(message: Message) -> Quote:
    """RemoteError: too little of it, or none that could have been ours."""
    data = message.data
    header = (data[0] & 15) * 4 if data else 0
    if header < ip.HEADER_BYTES or len(data) < header + _QUOTED_BYTES:
        raise RemoteError("ICMP without a quotation")
    ports = struct.unpack_from(">HH", data, header)
    return Quote(bytes(data[12:16]), bytes(data[16:20]), data[9], *ports)
