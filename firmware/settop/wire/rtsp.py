"""RTSP 1.0 (RFC 2326, and RFC 7826 where that made clear what 2326 leaves open): THE definition of what a connection
carries, messages and between them frames of media (10.12), and of the fields that we use.

    message     a head as in settop.wire.http, with CSeq; a body of Content-Length octets, none where that is missing
    frame       $ CHANNEL LENGTH(2) and so many octets, never within a message
"""

from settop.errors import LocalError, RemoteError
from settop.wire.http import CHUNKED, RTSP, Head, pack_request

VERSION = RTSP[0]
METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER")
DEFAULT_PORT = 554
DEFAULT_TIMEOUT_S = 60  # RFC 2326 12.37
FRAME_HEAD = 4
MAX_FRAME = 65535
MAX_CHANNEL = 255
MORE, MESSAGE, FRAME = range(3)

OK = 200
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, METHOD_NOT_ALLOWED = 400, 401, 403, 404, 405
NOT_ACCEPTABLE = 406
TOO_LARGE, URI_TOO_LONG, UNSUPPORTED_MEDIA = 413, 414, 415
PARAMETER_NOT_UNDERSTOOD, NOT_ENOUGH_BANDWIDTH, SESSION_NOT_FOUND, NOT_IN_STATE = 451, 453, 454, 455
FIELD_NOT_VALID, INVALID_RANGE, AGGREGATE_NOT_ALLOWED, AGGREGATE_ONLY, UNSUPPORTED_TRANSPORT = 456, 457, 459, 460, 461
SERVER_ERROR, NOT_IMPLEMENTED, UNAVAILABLE, VERSION_NOT_SUPPORTED, OPTION_NOT_SUPPORTED = 500, 501, 503, 505, 551
# RFC 2326 7.1.1
REASONS = (
    (OK, "OK"),
    (BAD_REQUEST, "Bad Request"),
    (UNAUTHORIZED, "Unauthorized"),
    (FORBIDDEN, "Forbidden"),
    (NOT_FOUND, "Not Found"),
    (METHOD_NOT_ALLOWED, "Method Not Allowed"),
    (NOT_ACCEPTABLE, "Not Acceptable"),
    (TOO_LARGE, "Request Entity Too Large"),
    (URI_TOO_LONG, "Request-URI Too Long"),
    (UNSUPPORTED_MEDIA, "Unsupported Media Type"),
    (PARAMETER_NOT_UNDERSTOOD, "Parameter Not Understood"),
    (NOT_ENOUGH_BANDWIDTH, "Not Enough Bandwidth"),
    (SESSION_NOT_FOUND, "Session Not Found"),
    (NOT_IN_STATE, "Method Not Valid in This State"),
    (FIELD_NOT_VALID, "Header Field Not Valid for Resource"),
    (INVALID_RANGE, "Invalid Range"),
    (AGGREGATE_NOT_ALLOWED, "Aggregate operation not allowed"),
    (AGGREGATE_ONLY, "Only aggregate operation allowed"),
    (UNSUPPORTED_TRANSPORT, "Unsupported transport"),
    (SERVER_ERROR, "Internal Server Error"),
    (NOT_IMPLEMENTED, "Not Implemented"),
    (UNAVAILABLE, "Service Unavailable"),
    (VERSION_NOT_SUPPORTED, "RTSP Version not supported"),
    (OPTION_NOT_SUPPORTED, "Option not supported"),
)

_DOLLAR = 36
_DIGITS = b"0123456789"
_SESSION = b"$-_.+0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 2326 15.1
_MAX_SESSION = 64
_MAX_CSEQ_DIGITS = 9
_MAX_BETWEEN = 64
_BETWEEN, _HEAD, _BODY, _FRAME_HEAD, _FRAME = range(5)


class Refused(RemoteError):
    """What the other side sent is not to be done; `status` is what to answer."""

    def __init__(self, text, status=BAD_REQUEST):
        super().__init__(text)
        self.status = status


class Reader:
    """Splits what one connection brings, in buffers that are made once.

    head_octets, fields: of a message's head at most; body_octets: of its body; frame_octets: of a frame, 0 where there
    are none.
    """

    def __init__(self, head_octets=1024, body_octets=2048, frame_octets=0, fields=24):
        self.head = Head(head_octets, head_octets, fields, RTSP)
        self._body = memoryview(bytearray(body_octets))
        self._frame = memoryview(bytearray(frame_octets))
        self._prefix = bytearray(FRAME_HEAD)
        self._part = _BETWEEN
        self._have = self._want = self._blank = 0
        self.channel = 0

    def feed(self, data):
        """(how many octets it took, what is whole then): MORE is wanted, a MESSAGE (`head`, `body`) or a FRAME
        (`channel`, `frame`), which are good until the next call. Nothing of what follows it is taken.

        Raises Refused for what breaks a rule or a limit; nothing that follows can be told apart then.
        """
        taken = 0
        while taken < len(data):
            rest = data[taken:] if taken else data
            if self._part == _BETWEEN:
                took, what = self._begin(rest), MORE
            elif self._part == _HEAD:
                took, what = self._read_head(rest)
            elif self._part == _FRAME_HEAD:
                took, what = self._read_frame_head(rest)
            else:
                took, what = self._fill(rest)
            taken += took
            if what != MORE:
                return taken, what
        return taken, MORE

    @property
    def between(self):
        """Whether nothing has begun that is not whole."""
        return self._part == _BETWEEN

    @property
    def body(self):
        return self._body[: self._want]

    @property
    def frame(self):
        return self._frame[: self._want]

    def _begin(self, data):
        """RFC 2326 4.1: empty lines ahead of a message are passed over."""
        octet = data[0]
        if octet == 13 or octet == 10:
            self._blank += 1
            if self._blank > _MAX_BETWEEN:
                raise Refused("empty lines without end")
            return 1
        self._blank = self._have = self._want = 0
        if octet == _DOLLAR:
            self._part = _FRAME_HEAD
        else:
            self.head.reset()
            self._part = _HEAD
        return 0

    def _read_head(self, data):
        try:
            took = self.head.feed(data)
            if not self.head.whole:
                return took, MORE
            length = self.head.body_length() or 0
        except RemoteError as error:
            raise Refused(str(error))
        if length == CHUNKED:
            raise Refused("a coding in RTSP, which has none")
        if length > len(self._body):
            raise Refused("a body of %d octets; expected %d at most" % (length, len(self._body)), TOO_LARGE)
        self._want = length
        self._part = _BODY if length else _BETWEEN
        return took, MORE if length else MESSAGE

    def _read_frame_head(self, data):
        took = min(len(data), FRAME_HEAD - self._have)
        self._prefix[self._have : self._have + took] = data[:took]
        self._have += took
        if self._have < FRAME_HEAD:
            return took, MORE
        self.channel = self._prefix[1]
        self._want = self._prefix[2] << 8 | self._prefix[3]
        if self._want > len(self._frame):
            raise Refused("a frame of %d octets; expected %d at most" % (self._want, len(self._frame)), TOO_LARGE)
        self._have = 0
        self._part = _FRAME if self._want else _BETWEEN
        return took, MORE if self._want else FRAME

    def _fill(self, data):
        of_frame = self._part == _FRAME
        took = min(len(data), self._want - self._have)
        (self._frame if of_frame else self._body)[self._have : self._have + took] = data[:took]
        self._have += took
        if self._have < self._want:
            return took, MORE
        self._part = _BETWEEN
        return took, FRAME if of_frame else MESSAGE


# --- messages -------------------------------------------------------------------------------------------------------


def pack(method, url, cseq, fields=(), body=b"", kind=None):
    """A request. fields: (name, value) as str; kind: the body's media type. Raises LocalError as pack_request does."""
    return pack_request(method, url, _framed(cseq, fields, body, kind), VERSION) + body


def pack_answer(status, cseq, fields=(), body=b"", kind=None):
    """A response; cseq None: the request had none that could be read."""
    lines = ["%s %d %s\r\n" % (VERSION.decode(), status, reason(status))]
    for name, value in _framed(cseq, fields, body, kind):
        if any(char < " " and char != "\t" for char in value):
            raise LocalError("a control character in the field " + name)
        lines.append("%s: %s\r\n" % (name, value))
    return ("".join(lines) + "\r\n").encode() + body


def _framed(cseq, fields, body, kind):
    lines = [] if cseq is None else [("CSeq", str(cseq))]
    lines.extend(fields)
    if body:
        lines.append(("Content-Type", kind))
        lines.append(("Content-Length", str(len(body))))
    return lines


def reason(status):
    """The words for a status; for another one, those of its hundred."""
    for known, words in REASONS:
        if known == status:
            return words
    return "Error" if status >= 300 else "OK"


def pack_frame_head(channel, length):
    if not 0 <= channel <= MAX_CHANNEL or not 0 <= length <= MAX_FRAME:
        raise LocalError("a frame of %d octets on channel %d" % (length, channel))
    return bytes((_DOLLAR, channel, length >> 8, length & 255))


def cseq_of(head):
    """The number of a message (RFC 2326 12.17). Raises Refused for none, several or no number."""
    value = _one(head, b"cseq")
    if value is None:
        raise Refused("a message without CSeq")
    return number_in(value, _MAX_CSEQ_DIGITS, "a CSeq that is no number")


def _one(head, name):
    try:
        return head.get(name)
    except RemoteError as error:
        raise Refused(str(error))


def number_in(text, digits, why, status=BAD_REQUEST):
    if not 1 <= len(text) <= digits or not all(octet in _DIGITS for octet in text):
        raise Refused(why, status)
    return int(text)


def session_of(head):
    """(the session's id as str, its timeout in seconds), or None (RFC 2326 12.37). Raises Refused."""
    value = _one(head, b"session")
    if value is None:
        return None
    name, _, rest = value.partition(b";")
    name = name.strip()
    if not 1 <= len(name) <= _MAX_SESSION or not all(octet in _SESSION for octet in name):
        raise Refused("a session with a name that none may have", SESSION_NOT_FOUND)
    timeout = DEFAULT_TIMEOUT_S
    for part in rest.split(b";"):
        key, _, number = part.strip().partition(b"=")
        if key.lower() == b"timeout":
            timeout = number_in(number, 6, "a timeout that is no number")
    return name.decode(), timeout
