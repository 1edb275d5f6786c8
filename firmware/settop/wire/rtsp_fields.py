"""Fields of RTSP that have a form of their own (RFC 2326 section 12): transports, ranges of time, where play begins;
and the viewer's buffer (3GPP TS 26.234, 5.3.2.2)."""

from settop.wire.rtsp import INVALID_RANGE, MAX_CHANNEL, UNSUPPORTED_TRANSPORT, Refused, number_in

_HEX = b"0123456789abcdefABCDEF"


class Transport:
    """One way in which media may go (RFC 2326 12.39).

    secure: RTP/SAVP (RFC 3711 section 12) in place of RTP/AVP; channels: (RTP's, RTCP's) on this connection, or None
    where it goes by UDP; client, server: (port of RTP, of RTCP) or None; ssrc: 0 to 0xFFFFFFFF or None.
    """

    def __init__(self, secure=False, channels=None, client=None, server=None, ssrc=None, unicast=True, tcp=False):
        self.secure = secure
        self.tcp = tcp or channels is not None
        self.channels = channels
        self.client = client
        self.server = server
        self.ssrc = ssrc
        self.unicast = unicast

    def text(self):
        """As the field's value has it."""
        out = ["RTP/SAVP" if self.secure else "RTP/AVP"]
        if self.tcp:
            out[0] += "/TCP"
        out.append("unicast" if self.unicast else "multicast")
        for name, pair in (("interleaved", self.channels), ("client_port", self.client), ("server_port", self.server)):
            if pair is not None:
                out.append("%s=%d-%d" % (name, pair[0], pair[1]))
        if self.ssrc is not None:
            out.append("ssrc=%08X" % self.ssrc)
        return ";".join(out)


def parse_transports(value, most=8):
    """The ways of a field's value, in their order; those of other protocols are left out. Raises Refused for what
    cannot be read, for more than `most`, and where nothing is left."""
    found = []
    specs = value.split(b",")
    if len(specs) > most:
        raise Refused("more than %d transports" % most)
    for spec in specs:
        transport = _transport(spec.strip())
        if transport is not None:
            found.append(transport)
    if not found:
        raise Refused("no transport that is known; expected RTP/AVP or RTP/SAVP", UNSUPPORTED_TRANSPORT)
    return found


def _transport(spec):
    parts = spec.split(b";")
    names = parts[0].strip().upper().split(b"/")
    if len(names) < 2 or names[0] != b"RTP" or names[1] not in (b"AVP", b"SAVP", b"AVPF", b"SAVPF"):
        return None
    lower = names[2] if len(names) > 2 else b"UDP"
    if lower not in (b"UDP", b"TCP"):
        return None
    way = Transport(names[1][:1] == b"S", unicast=False, tcp=lower == b"TCP")
    for part in parts[1:]:
        key, _, text = part.strip().partition(b"=")
        key = key.lower()
        if key == b"unicast":
            way.unicast = True
        elif key == b"interleaved":
            way.channels = _pair(text, MAX_CHANNEL)
        elif key == b"client_port":
            way.client = _pair(text, 65535)
        elif key == b"server_port":
            way.server = _pair(text, 65535)
        elif key == b"ssrc":
            way.ssrc = _ssrc(text)
    if way.channels is not None and not way.tcp:
        raise Refused("channels of a transport that is not TCP")
    return way


def _pair(text, most):
    """Two numbers; RTCP's is the next one where it is not told (RFC 3550 section 11)."""
    first, dash, second = text.partition(b"-")
    low = number_in(first, 5, "a port that is no number")
    high = number_in(second, 5, "a port that is no number") if dash else low + 1
    if low > most or high > most or high == low:
        raise Refused("ports %d and %d; expected two of 0 to %d" % (low, high, most))
    return low, high


def _ssrc(text):
    """RFC 2326 12.39 has eight digits of base 16; servers in use also write fewer, and blanks ahead."""
    text = text.strip()
    if not 1 <= len(text) <= 8 or not all(octet in _HEX for octet in text):
        raise Refused("an SSRC that is no number")
    return int(text, 16)


def pack_range(start_ms, end_ms=None):
    """Normal play time (RFC 2326 3.6), in milliseconds."""
    return "npt=%d.%03d-%s" % (
        start_ms // 1000,
        start_ms % 1000,
        "" if end_ms is None else "%d.%03d" % (end_ms // 1000, end_ms % 1000),
    )


def parse_range(value):
    """(from, to) of normal play time in milliseconds; from None: where it is (`now`), to None: to the end. Raises
    Refused for other units and for what cannot be read."""
    unit, mark, rest = value.partition(b";")[0].strip().partition(b"=")
    first, dash, last = rest.partition(b"-")
    if unit.strip().lower() != b"npt" or not mark or not dash:
        raise Refused("a range that is no normal play time", INVALID_RANGE)
    first, last = first.strip(), last.strip()
    if not first and not last:
        raise Refused("a range without a time", INVALID_RANGE)
    start = None if first == b"now" else _npt(first) if first else 0
    end = _npt(last) if last else None
    if end is not None and start is not None and end < start:
        raise Refused("a range that ends before it begins", INVALID_RANGE)
    return start, end


def _npt(text):
    """SECONDS[.DIGITS] or HOURS:MINUTES:SECONDS[.DIGITS]"""
    why = "a time that is none"
    whole, _, digits = text.partition(b".")
    parts = whole.split(b":")
    if len(parts) == 3:
        hours, minutes, seconds = [number_in(part, 5, why, INVALID_RANGE) for part in parts]
        if minutes > 59 or seconds > 59:
            raise Refused(why, INVALID_RANGE)
        seconds += 60 * minutes + 3600 * hours
    elif len(parts) == 1:
        seconds = number_in(whole, 9, why, INVALID_RANGE)
    else:
        raise Refused(why, INVALID_RANGE)
    fraction = 0
    if digits:
        number_in(digits, 12, why, INVALID_RANGE)
        fraction = int((digits + b"00")[:3])
    return 1000 * seconds + fraction


def pack_rtp_info(url, sequence, time):
    """RFC 2326 12.33: the next packet's sequence number, and the RTP time of where play begins."""
    return "url=%s;seq=%d;rtptime=%d" % (url, sequence, time)


def parse_rtp_info(value):
    """[(url, sequence number or None, RTP time or None), ...] Raises Refused."""
    found = []
    for entry in value.split(b","):
        url, sequence, time = b"", None, None
        for part in entry.strip().split(b";"):
            key, _, text = part.strip().partition(b"=")
            key = key.lower()
            if key == b"url":
                url = text.strip(b'"')
                if any(octet >= 127 for octet in url):
                    raise Refused("a URL with a character that none may have")
            elif key == b"seq":
                sequence = number_in(text, 5, "a sequence number that is none") & 0xFFFF
            elif key == b"rtptime":
                time = number_in(text, 10, "an RTP time that is none") & 0xFFFFFFFF
        found.append((url.decode(), sequence, time))
        if len(found) > 8:
            raise Refused("more than 8 streams")
    return found


ADAPTATION = "3GPP-Adaptation"


def pack_adaptation(url, size, target_ms):
    """3GPP TS 26.234, 5.3.2.2: the buffer for the stream at `url` holds `size` octets, and shall hold media for
    target_ms at least; both of nine digits at most."""
    return 'url="%s";size=%d;target-time=%d' % (url, size, target_ms)


def parse_adaptation(value):
    """[(url, size in octets or None, target time in ms or None), ...] Raises Refused."""
    found = []
    for entry in value.split(b","):
        url, size, target = None, None, None
        for part in entry.strip().split(b";"):
            key, _, text = part.strip().partition(b"=")
            key = key.strip().lower()
            text = text.strip()
            if key == b"url":
                url = text.strip(b'"')
                if not url or any(not 32 < octet < 127 for octet in url):
                    raise Refused("a buffer of a URL with a character that none may have")
            elif key == b"size":
                size = number_in(text, 9, "a buffer whose size is no number")
            elif key == b"target-time":
                target = number_in(text, 9, "a buffer whose target time is no number")
        if url is None:
            raise Refused("a buffer without the URL of its stream")
        found.append((url.decode(), size, target))
        if len(found) > 8:
            raise Refused("buffers of more than 8 streams")
    return found
