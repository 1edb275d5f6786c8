"""What a presentation consists of, in SDP (RFC 8866), as RTSP uses it (RFC 2326 appendix C): THE definition.

Of a description are read: the session's and each medium's control URL and range, each medium's kind, protocol, payload
types, and how these are mapped. What else stands there is checked for its form and passed over.
"""

from settop.errors import RemoteError
from settop.wire.rtsp import Refused
from settop.wire.rtsp_fields import pack_range, parse_range

MEDIA_TYPE = "application/sdp"
MAX_OCTETS = 4096
MAX_LINES = 96
MAX_MEDIA = 8
MAX_FORMATS = 16
ADAPTATION = "3GPP-Adaptation-Support"  # a medium's: its sender goes by the viewer's buffer (3GPP TS 26.234, 5.3.3.5)


class Medium:
    """kind: video, audio, application ...; protocol: RTP/AVP ...; formats: payload types as str.

    maps: {payload type: (encoding in small letters, clock rate in Hz)}; details: {payload type: the value of fmtp};
    control: the URL as it stands there, or None; others: the other attributes of it, (name, value) as str.
    """

    def __init__(self, kind, port, protocol, formats):
        self.kind = kind
        self.port = port
        self.protocol = protocol
        self.formats = formats
        self.maps = {}
        self.details = {}
        self.control = None
        self.range_ms = None
        self.others = []


class Description:
    """name: of the session; control, range_ms, others: as of a medium, for all of them together."""

    def __init__(self):
        self.name = ""
        self.control = None
        self.range_ms = None
        self.others = []
        self.media = []


def parse(octets):
    """The Description. Lines may end with LF alone (RFC 8866 section 5). Raises RemoteError for what is none, and for
    more than the limits above."""
    if not 0 < len(octets) <= MAX_OCTETS:
        raise RemoteError("a description of %d octets; expected 1 to %d" % (len(octets), MAX_OCTETS))
    try:
        text = bytes(octets).decode()
    except UnicodeError:
        raise RemoteError("a description that is no UTF-8")
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise RemoteError("a description of more than %d lines" % MAX_LINES)
    if lines[0].rstrip("\r") != "v=0":
        raise RemoteError("a description that does not begin with v=0")
    found = Description()
    part = found
    for line in lines[1:]:
        line = line.rstrip("\r")
        if not line:
            continue
        if len(line) < 2 or line[1] != "=":
            raise RemoteError("a line of a description without type")
        kind, value = line[0], line[2:]
        if kind == "m":
            if len(found.media) == MAX_MEDIA:
                raise RemoteError("more than %d media" % MAX_MEDIA)
            part = _medium(value)
            found.media.append(part)
        elif kind == "s" and part is found:
            found.name = value
        elif kind == "a":
            _attribute(part, value)
    return found


def _medium(value):
    words = value.split()
    if not 4 <= len(words) <= 3 + MAX_FORMATS:
        raise RemoteError("a medium without format, or with more than %d" % MAX_FORMATS)
    port = words[1].partition("/")[0]
    if len(port) > 5 or not _is_number(port) or int(port) > 65535:
        raise RemoteError("a medium whose port is no number")
    return Medium(words[0], int(port), words[2], words[3:])


def _is_number(text):
    """Of digits alone, and not of those that Unicode has besides."""
    return len(text) > 0 and all("0" <= letter <= "9" for letter in text)


def _attribute(part, value):
    name, _, rest = value.partition(":")
    if name == "control":
        part.control = rest.strip()
    elif name == "range":
        try:
            part.range_ms = parse_range(rest.encode())
        except Refused:
            part.range_ms = None  # of another unit: where it lies is not known
    elif name == "rtpmap" and isinstance(part, Medium):
        number, _, mapped = rest.partition(" ")
        words = mapped.strip().split("/")
        if number not in part.formats or len(words) < 2 or len(words[1]) > 9 or not _is_number(words[1]):
            raise RemoteError("a payload type that is mapped to nothing")
        part.maps[number] = (words[0].lower(), int(words[1]))
    elif name == "fmtp" and isinstance(part, Medium):
        number, _, details = rest.partition(" ")
        if number in part.formats:
            part.details[number] = details
    else:
        part.others.append((name, rest))


def pack(description, address, version=0):
    """The octets; `version` is told apart by those that keep one (RFC 8866 5.2)."""
    out = [
        "v=0",
        "o=- %d %d IN IP4 %s" % (version, version, address),
        "s=" + (description.name or "-"),
        "c=IN IP4 " + address,
        "t=0 0",
    ]
    _pack_attributes(out, description)
    for medium in description.media:
        out.append("m=%s %d %s %s" % (medium.kind, medium.port, medium.protocol, " ".join(medium.formats)))
        for number in medium.formats:
            if number in medium.maps:
                out.append("a=rtpmap:%s %s/%d" % ((number,) + medium.maps[number]))
            if number in medium.details:
                out.append("a=fmtp:%s %s" % (number, medium.details[number]))
        _pack_attributes(out, medium)
    return ("\r\n".join(out) + "\r\n").encode()


def _pack_attributes(out, part):
    if part.control is not None:
        out.append("a=control:" + part.control)
    if part.range_ms is not None:
        out.append("a=range:" + pack_range(part.range_ms[0] or 0, part.range_ms[1]))
    for name, value in part.others:
        out.append("a=%s:%s" % (name, value) if value else "a=" + name)


def control_url(base, control):
    """Where a medium is controlled (RFC 2326 C.1.1): `*` or none is the presentation itself; without a scheme it is
    relative to `base`, the Content-Base or the URL that was asked for."""
    if control is None or control == "*" or not control:
        return base
    if "://" in control:
        return control
    return base + control if base.endswith("/") else base + "/" + control


def report_every(medium):
    """In at least every how many of its RTCP packets a viewer is to tell of its buffer, 1 to 99; None where the sender
    does not go by it (3GPP TS 26.234, 5.3.3.5)."""
    for name, value in medium.others:
        if name == ADAPTATION and len(value) <= 2 and _is_number(value) and value[0] != "0":
            return int(value)
    return None
