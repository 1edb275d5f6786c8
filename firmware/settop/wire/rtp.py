"""RTP, the real-time transport protocol's data packets (RFC 3550, 5.1).

    V=2 u2, padding u1, extension u1, CSRC count u4, marker u1, payload type u7, sequence number u16
    timestamp u32
    SSRC u32
    CSRC u32 each
    extension, if any: its own kind u16, words behind this one u16, the words
    payload
    padding, if any: anything, and in the last octet how many these are

Its control packets are settop.wire.rtcp.
"""

import struct

from settop.errors import LocalError, RemoteError

VERSION = 2
HEADER_BYTES = 12
MAX_CSRCS = 15
PADDING, EXTENSION, CSRC_COUNT = 0x20, 0x10, 0x0F  # in the first octet
MARKER, PAYLOAD_TYPE = 0x80, 0x7F  # in the second

# Static payload types (RFC 3551, 6)
MPEG_VIDEO = 32  # an MPEG-1 or MPEG-2 video elementary stream (RFC 2250, 3)
MPEG_TS = 33  # whole packets of a transport stream (RFC 2250, 2)
CLOCK_HZ = 90000  # of both


class Packet:
    """What one packet says; `read` fills it in, so that one object serves a whole stream and nothing is copied.

    `payload_at`, `payload_end`: where the payload lies; `extension_at`, `extension_end`: where the extension's words
    do (equal: there are none), `extension_kind`: the 16 bits before them; `csrcs`: how many; `source_at`: place of the
    SSRC's four octets.
    """

    def __init__(self):
        self.marker = False
        self.payload_type = self.sequence = self.timestamp = self.ssrc = self.csrcs = 0
        self.extension_kind = self.extension_at = self.extension_end = 0
        self.payload_at = self.payload_end = 0

    def read(self, data, size):
        """Take over the packet data[:size]. Raises RemoteError for what is none; what was there before is lost then."""
        at = header_bytes(data, size)
        first, second = data[0], data[1]
        if first >> 6 != VERSION:
            raise RemoteError("RTP of version %d" % (first >> 6))
        self.marker = second & MARKER != 0
        self.payload_type = second & PAYLOAD_TYPE
        self.sequence = data[2] << 8 | data[3]
        self.timestamp, self.ssrc = struct.unpack_from(">II", data, 4)
        self.csrcs = first & CSRC_COUNT
        self.extension_at = self.extension_end = at
        if first & EXTENSION:
            self.extension_at = HEADER_BYTES + 4 * self.csrcs + 4
            self.extension_kind = data[self.extension_at - 4] << 8 | data[self.extension_at - 3]
        end = size
        if first & PADDING:
            padding = data[size - 1]
            if not 1 <= padding <= size - at:
                raise RemoteError("RTP padding of %d octets in %d" % (padding, size - at))
            end -= padding
        self.payload_at = at
        self.payload_end = end

    def csrc(self, data, number):
        """The contributing source of this number, 0 to csrcs - 1."""
        return struct.unpack_from(">I", data, HEADER_BYTES + 4 * number)[0]


def header_bytes(data, size):
    """Octets before the payload of data[:size], with contributing sources and extension: what SRTP leaves in the clear.

    Of any version. Raises RemoteError where they are more than there are.
    """
    if size < HEADER_BYTES:
        raise RemoteError("an RTP packet of %d octets" % size)
    first = data[0]
    at = HEADER_BYTES + 4 * (first & CSRC_COUNT)
    if first & EXTENSION:
        at += 4
        if at <= size:
            at += 4 * (data[at - 2] << 8 | data[at - 1])
    if at > size:
        raise RemoteError("an RTP header of %d octets in %d" % (at, size))
    return at


def write_header(buffer, payload_type, sequence, timestamp, ssrc, marker=False, csrcs=(), extension=None):
    """Put a header at the beginning of `buffer` and return its length; the payload goes behind it.

    payload_type 0 to 127, sequence 16 bits, timestamp and ssrc 32 bits; csrcs: up to 15 of 32 bits; extension: None, or
    (kind of 16 bits, octets, a multiple of four). Raises LocalError for other values, or where `buffer` is too short.
    """
    if payload_type >> 7 or sequence >> 16 or len(csrcs) > MAX_CSRCS:
        raise LocalError("an RTP header's number is out of range")
    size = HEADER_BYTES + 4 * len(csrcs)
    first = VERSION << 6 | len(csrcs)
    if extension is not None:
        kind, words = extension
        if len(words) & 3 or len(words) >> 18:
            raise LocalError("an RTP extension is of whole words, at most 65,535")
        first |= EXTENSION
        size += 4 + len(words)
    if len(buffer) < size:
        raise LocalError("an RTP header of %d octets in a buffer of %d" % (size, len(buffer)))
    struct.pack_into(">BBHII", buffer, 0, first, (MARKER if marker else 0) | payload_type, sequence, timestamp, ssrc)
    at = HEADER_BYTES
    for source in csrcs:
        struct.pack_into(">I", buffer, at, source)
        at += 4
    if extension is not None:
        struct.pack_into(">HH", buffer, at, kind, len(words) // 4)
        buffer[at + 4 : size] = words
    return size


def pad(buffer, size, padding):
    """Put `padding` octets (1 to 255) behind the packet buffer[:size] and say so in it; returns the new size.

    Raises LocalError where there is no room, or for another count.
    """
    if not 1 <= padding <= 255 or size + padding > len(buffer):
        raise LocalError("RTP padding of %d octets" % padding)
    for at in range(size, size + padding):
        buffer[at] = 0
    buffer[size + padding - 1] = padding
    buffer[0] |= PADDING
    return size + padding


def later(sequence, than):
    """How far a sequence number of 16 bits is ahead of another, -32,768 to 32,767, the shorter way round."""
    return ((sequence - than + 0x8000) & 0xFFFF) - 0x8000
