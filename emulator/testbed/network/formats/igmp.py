"""IGMP, version 2 (RFC 2236); reports of version 1 count as such, those of version 3 are refused by name."""

from dataclasses import dataclass

from settop.errors import RemoteError

from testbed.network.formats import ip

QUERY, REPORT_1, REPORT, LEAVE, REPORT_3 = 0x11, 0x12, 0x16, 0x17, 0x22
BYTES = 8


@dataclass(frozen=True, slots=True)
class Message:
    """response: tenths of a second that an answer may take, in queries. group: zeros in a general query."""

    kind: int
    group: bytes
    response: int = 0


def pack(message: Message) -> bytes:
    """The octets, with their checksum."""
    return ip.with_checksum(bytes((message.kind, message.response, 0, 0)) + message.group, 2)


def unpack(data: bytes) -> Message:
    """RemoteError: too short, another checksum, or none of version 2. Later versions may be longer (RFC 2236, 2.5)."""
    if len(data) < BYTES:
        raise RemoteError("IGMP without a header")
    if ip.checksum(data):
        raise RemoteError("IGMP checksum")
    kind, response, group = data[0], data[1], bytes(data[4:8])
    if kind == REPORT_3:
        raise RemoteError("IGMP of version 3")
    if kind not in (QUERY, REPORT_1, REPORT, LEAVE):
        raise RemoteError("IGMP of no kind that there is")
    return Message(kind, group, response)
