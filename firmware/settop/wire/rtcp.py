"""RTCP, RTP's control packets (RFC 3550, 6), which travel several in one datagram, a compound packet.

Each begins with V=2 u2, padding u1, count u5, type u8, words behind this one u16. Times are of NTP: seconds since 1900
u32, then 2^32ths u32; in reports the middle 32 bits of those.

    SR   SSRC u32, time u32 + u32, RTP timestamp u32, packets u32, octets u32, report blocks
    RR   SSRC u32, report blocks
    SDES chunks: SSRC u32, items: kind u8, length u8, text; a zero, and more of them up to a whole word
    BYE  SSRCs u32 each, reason: length u8, text
    APP  SSRC u32, name of four letters, words

    report block: SSRC u32, share lost in 256ths u8, packets lost s24, highest sequence number with its cycles u32,
    jitter u32, middle of the last SR's time u32, time since then in 65,536ths of a second u32

The client's buffer is told by an APP packet of 3GPP TS 26.234 (6.2.3.2), "PSS0" of subtype 0, by which a sender paces:

    for each source: SSRC u32, ms until the next unit is played u16 (65,535: not known), its sequence number u16,
    11 bits of nothing and its number within that packet u5, free space of the buffer in units of 64 octets u16
"""

import struct

from settop.errors import LocalError, RemoteError

SR, RR, SDES, BYE, APP = 200, 201, 202, 203, 204
CNAME = 1  # the SDES item that everybody sends (6.5.1)
HEADER_BYTES = 4
BLOCK_BYTES = 24
MAX_COUNT = 31
MAX_PACKETS = 32  # of one compound packet, which may be 64 KB of headers
MAX_ITEMS = 16  # of one source
NADU_NAME = b"PSS0"
NADU_BYTES = 12
UNKNOWN_DELAY = 0xFFFF
FREE_UNIT_BYTES = 64
_COUNTS_BLOCKS = {SR: 28, RR: 8}  # where the report blocks begin


def unpack(data, size):
    """[(type, count, at, end), ...] of the compound packet data[:size]: what lies in data[at:end] is the whole packet
    without padding. Types that are not known are among them.

    Raises RemoteError for what is no compound packet (A.2): lengths that do not add up, another version, a first packet
    that is no report, padding anywhere but in the last one, more than MAX_PACKETS.
    """
    found = []
    at = 0
    while at < size:
        if size - at < HEADER_BYTES:
            raise RemoteError("an RTCP packet that is cut short")
        first, kind = data[at], data[at + 1]
        end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
        if first >> 6 != 2 or end > size:
            raise RemoteError("an RTCP packet that is damaged")
        if not found and kind not in (SR, RR):
            raise RemoteError("an RTCP packet that begins with no report")
        last = end
        if first & 0x20:
            padding = data[end - 1]
            if end != size or not padding or padding & 3 or padding > end - at - HEADER_BYTES:
                raise RemoteError("RTCP padding where none can be")
            last -= padding
        if len(found) == MAX_PACKETS:
            raise RemoteError("more than %d RTCP packets in one" % MAX_PACKETS)
        found.append((kind, first & MAX_COUNT, at, last))
        at = end
    if not found:
        raise RemoteError("an RTCP packet of nothing")
    return found


def sender(data, at, end):
    """(SSRC, seconds, fraction, RTP timestamp, packets, octets) of an SR at data[at:end]."""
    _need(at + 28, end)
    return struct.unpack_from(">6I", data, at + 4)


def source(data, at, end):
    """The SSRC that a packet other than SDES and BYE begins with."""
    _need(at + 8, end)
    return struct.unpack_from(">I", data, at + 4)[0]


def blocks(data, kind, count, at, end):
    """[(SSRC, share lost in 256ths, packets lost, highest sequence number, jitter, last SR, since then), ...] of the SR
    or RR at data[at:end]; packets lost may be negative: some came twice."""
    at += _COUNTS_BLOCKS[kind]
    _need(at + BLOCK_BYTES * count, end)
    found = []
    for _ in range(count):
        ssrc, lost, highest, jitter, last, since = struct.unpack_from(">6I", data, at)
        share = lost >> 24
        lost &= 0xFFFFFF
        found.append((ssrc, share, lost - (lost >> 23 << 24), highest, jitter, last, since))
        at += BLOCK_BYTES
    return found


def descriptions(data, count, at, end):
    """[(SSRC, [(kind, octets), ...]), ...] of the SDES packet at data[at:end]."""
    found = []
    start = at
    at += HEADER_BYTES
    for _ in range(count):
        _need(at + 4, end)
        ssrc = struct.unpack_from(">I", data, at)[0]
        at += 4
        items = []
        while True:
            _need(at + 1, end)
            kind = data[at]
            at += 1
            if not kind:
                break
            _need(at + 1, end)
            length = data[at]
            at += 1
            _need(at + length, end)
            if len(items) == MAX_ITEMS:
                raise RemoteError("more than %d SDES items of a source" % MAX_ITEMS)
            items.append((kind, bytes(data[at : at + length])))
            at += length
        at = start + (at - start + 3 & ~3)
        _need(at, end)
        found.append((ssrc, items))
    return found


def goodbye(data, count, at, end):
    """([SSRC, ...], reason as octets) of the BYE packet at data[at:end]."""
    at += HEADER_BYTES
    _need(at + 4 * count, end)
    sources = [struct.unpack_from(">I", data, at + 4 * number)[0] for number in range(count)]
    at += 4 * count
    if at == end:
        return sources, b""
    length = data[at]
    _need(at + 1 + length, end)
    return sources, bytes(data[at + 1 : at + 1 + length])


def application(data, at, end):
    """(SSRC, name of four octets, where its data begins) of the APP packet at data[at:end]."""
    _need(at + 12, end)
    return struct.unpack_from(">I", data, at + 4)[0], bytes(data[at + 8 : at + 12]), at + 12


def next_units(data, at, end):
    """[(SSRC, ms until it is played, sequence number, number within the packet, free octets), ...] of the APP packet at
    data[at:end], whose name is NADU_NAME and whose subtype is 0. The ms may be UNKNOWN_DELAY."""
    at += 12
    if at >= end or (end - at) % NADU_BYTES or (end - at) // NADU_BYTES > MAX_COUNT:
        raise RemoteError("feedback of %d octets about the next unit" % (end - at))
    found = []
    while at < end:
        ssrc, delay, sequence, unit, free = struct.unpack_from(">IHHHH", data, at)
        found.append((ssrc, delay, sequence, unit & 31, FREE_UNIT_BYTES * free))
        at += NADU_BYTES
    return found


def pack_sender(ssrc, seconds, fraction, timestamp, packets, octets, reported=()):
    """An SR: counts modulo 2^32; `reported` as `blocks` gives them, 31 at most."""
    head = struct.pack(">6I", ssrc, seconds, fraction, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _pack(SR, len(reported), head + _pack_blocks(reported))


def pack_receiver(ssrc, reported=()):
    """An RR, 31 blocks at most."""
    return _pack(RR, len(reported), struct.pack(">I", ssrc) + _pack_blocks(reported))


def pack_description(ssrc, name):
    """An SDES packet with the canonical name of one source, 1 to 255 octets."""
    if not 1 <= len(name) <= 255:
        raise LocalError("a canonical name of %d octets, expected 1 to 255" % len(name))
    chunk = struct.pack(">IBB", ssrc, CNAME, len(name)) + name
    return _pack(SDES, 1, chunk + bytes(4 - (len(chunk) & 3)))


def pack_goodbye(sources, reason=b""):
    """A BYE: up to 31 SSRCs, a reason of up to 255 octets."""
    if len(reason) > 255:
        raise LocalError("a reason of %d octets" % len(reason))
    body = b"".join([struct.pack(">I", ssrc) for ssrc in sources])
    if reason:
        body += bytes((len(reason),)) + reason
        body += bytes(-len(body) & 3)
    return _pack(BYE, len(sources), body)


def pack_application(subtype, ssrc, name, data=b""):
    """An APP packet: subtype 0 to 31, a name of four octets, whole words."""
    if len(name) != 4:
        raise LocalError("a name of an RTCP packet has four octets")
    return _pack(APP, subtype, struct.pack(">I", ssrc) + name + data)


def pack_next_unit(ssrc, about, delay_ms, sequence, free, unit=0):
    """What `ssrc` says of its buffer for the packets of the source `about`: when the next unit is to be played (None:
    not known), which one that is, and how many octets have room (rounded down to 64, 4,194,240 at most)."""
    delay = UNKNOWN_DELAY if delay_ms is None else min(max(delay_ms, 0), UNKNOWN_DELAY - 1)
    units = min(free // FREE_UNIT_BYTES, 0xFFFF)
    return pack_application(0, ssrc, NADU_NAME, struct.pack(">IHHHH", about, delay, sequence, unit & 31, units))


def _pack(kind, count, body):
    if count > MAX_COUNT or len(body) & 3 or len(body) >> 18:
        raise LocalError("an RTCP packet holds 31 parts at most, in whole words")
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def _pack_blocks(reported):
    out = b""
    for ssrc, share, lost, highest, jitter, last, since in reported:
        lost = min(max(lost, -0x800000), 0x7FFFFF)  # it stays at the ends of its range (A.3)
        out += struct.pack(">6I", ssrc, share << 24 | lost & 0xFFFFFF, highest, jitter, last, since)
    return out


def _need(at, end):
    if at > end:
        raise RemoteError("an RTCP packet that is shorter than it says")
