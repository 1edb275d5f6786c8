"""Heads of HTTP/1.1 messages (RFC 9112) and of RTSP, which has the same lines (RFC 2326 section 4): THE definition.

    METHOD TARGET VERSION, or VERSION STATUS REASON     start line
    NAME: VALUE                                         fields, none or more
                                                        an empty line

Every line ends with CR LF. What a tolerant reader would repair is refused, since two readers that repair it differently
can be played against each other: a line end without CR, a CR within a line, a folded line (RFC 9112 5.2), blanks before
the colon (5.1), control characters (RFC 9110 5.5), two lengths or one that is no number (RFC 9112 6.3), a coding beside
a length (6.1).
"""

from settop.errors import LocalError, RemoteError

HTTP = (b"HTTP/1.1", b"HTTP/1.0")
RTSP = (b"RTSP/1.0",)
CHUNKED = -1  # in place of a length
MAX_LENGTH_DIGITS = 15

# RFC 9110 5.6.2
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = b"0123456789"
_HTAB, _LF, _CR, _BLANK, _COLON, _DEL = 9, 10, 13, 32, 58, 127

# What the next octet belongs to
_START, _LINE, _NAME, _BEFORE_VALUE, _VALUE, _LINE_END, _HEAD_END, _WHOLE, _REFUSED = range(9)


class Head:
    """The head of one message after another, read octet by octet or in pieces, in buffers that are made once.

    size: octets of a head at most; max_line: of one line; max_fields: fields in it, trailers included.
    versions: those that are understood, HTTP or RTSP.

    `whole`: it is complete; then `version`, and of a response `status` (100 to 599) and `reason`, of a request `method`
    and `target`, as bytes; status is None for a request. Fields are asked for by their names in small letters.
    """

    def __init__(self, size=2048, max_line=1024, max_fields=32, versions=HTTP):
        self._octets = bytearray(size)
        self._view = memoryview(self._octets)
        self._ends = [0] * (3 * max_fields)  # of each field: where name begins, value begins, value ends
        self._max_line = max_line
        self._versions = versions
        self.reset()

    def reset(self):
        """The next octet begins another message."""
        self._part = _START
        self._kept = self._octets_seen = self._line = 0
        self._value_end = 0
        self._fields = self._own = 0
        self._trailing = False
        self.version = self.method = self.target = self.reason = b""
        self.status = None

    @property
    def whole(self):
        return self._part == _WHOLE

    @property
    def begun(self):
        """Whether an octet of it has come."""
        return self._octets_seen > 0

    def begin_trailers(self):
        """The next octet begins the trailer section (RFC 9112 7.1.2), within the same limits. Its fields are checked,
        and never mixed with those of the head."""
        if self._part != _WHOLE:
            raise LocalError("trailers before the head is whole")
        self._part = _LINE
        self._line = 0
        self._trailing = True

    def feed(self, data):
        """Takes octets up to the end of the head, and returns how many it took.

        Raises RemoteError for what breaks a rule or a limit, and takes nothing more until reset().
        """
        if self._part >= _WHOLE:
            if self._part == _REFUSED:
                raise LocalError("this head was refused; reset it")
            return 0
        try:
            return self._feed(data)
        except RemoteError:
            self._part = _REFUSED
            raise

    def _feed(self, data):
        part, kept, line = self._part, self._kept, self._line
        octets = self._octets
        room = len(octets) - self._octets_seen
        taken = 0
        for octet in data:
            if taken >= room:
                raise RemoteError("a head of more than %d octets" % len(octets))
            taken += 1
            line += 1
            if line > self._max_line:
                raise RemoteError("a line of more than %d octets in a head" % self._max_line)
            if part == _LINE_END or part == _HEAD_END:
                if octet != _LF:
                    raise RemoteError("a CR without LF in a head")
                line = 0
                if part == _HEAD_END:
                    part = _WHOLE
                    break
                part = _LINE
            elif octet == _CR:
                if part == _LINE:
                    part = _HEAD_END
                elif part == _START:
                    self._kept = kept
                    self._start_line()
                    part = _LINE_END
                elif part == _NAME:
                    raise RemoteError("a field without colon")
                else:
                    self._ends[3 * self._fields + 2] = self._value_end if part == _VALUE else kept
                    self._fields += 1
                    part = _LINE_END
            elif (octet < _BLANK and octet != _HTAB) or octet == _DEL:
                raise RemoteError(
                    "a control character in a head" if octet != _LF else "a line end without CR in a head"
                )
            elif part == _START:
                octets[kept] = octet
                kept += 1
            elif part == _NAME and octet == _COLON:
                self._ends[3 * self._fields + 1] = kept
                part = _BEFORE_VALUE
            elif part <= _NAME:
                if octet not in _TOKEN:
                    if part == _LINE and octet in (_BLANK, _HTAB):
                        raise RemoteError("a folded line in a head")
                    raise RemoteError("a field name with a character that none may have")
                if part == _LINE:
                    self._begin_field(kept)
                    part = _NAME
                octets[kept] = octet | 0x20 if 65 <= octet <= 90 else octet
                kept += 1
            elif octet != _BLANK and octet != _HTAB:
                octets[kept] = octet
                kept += 1
                part = _VALUE
                self._value_end = kept
            elif part == _VALUE:  # within a value, unless nothing follows
                octets[kept] = octet
                kept += 1
        self._part, self._kept, self._line = part, kept, line
        self._octets_seen += taken
        if part == _WHOLE:
            self._finish()
        return taken

    def _begin_field(self, at):
        if 3 * self._fields >= len(self._ends):
            raise RemoteError("more than %d fields in a head" % (len(self._ends) // 3))
        self._ends[3 * self._fields] = at

    def _start_line(self):
        """RFC 9112 section 3 and 4."""
        words = bytes(self._view[: self._kept]).split(b" ", 2)
        if words[0] in self._versions:
            status = words[1] if len(words) > 1 else b""
            if len(status) != 3 or not _only(status, _DIGITS) or not 100 <= int(status) <= 599:
                raise RemoteError("a status that is no number from 100 to 599")
            self.version, self.status = words[0], int(status)
            self.reason = words[2] if len(words) > 2 else b""
            return
        if len(words) != 3 or words[2] not in self._versions:
            raise RemoteError("a start line of another protocol or version")
        if not words[0] or not _only(words[0], _TOKEN):
            raise RemoteError("a method with a character that none may have")
        if not words[1] or any(octet <= _BLANK or octet >= _DEL for octet in words[1]):
            raise RemoteError("a target with a character that none may have")
        self.method, self.target, self.version = words

    def _finish(self):
        if not self._trailing:
            self._own = self._fields
        for at in range(self._own, self._fields):
            if self._name(at) in (b"content-length", b"transfer-encoding", b"host"):  # RFC 9110 6.5.1
                raise RemoteError("a trailer that says how the message is framed")

    # --- fields ---------------------------------------------------------------------------------------------------

    def _name(self, at):
        return self._view[self._ends[3 * at] : self._ends[3 * at + 1]]

    def _value(self, at):
        return self._view[self._ends[3 * at + 1] : self._ends[3 * at + 2]]

    def fields(self):
        """[(name in small letters, value), ...] as bytes, in their order, without trailers."""
        return [(bytes(self._name(at)), bytes(self._value(at))) for at in range(self._own)]

    def get(self, name):
        """The value of the one field of this name, or None. Raises RemoteError where there are several, of which none
        could be preferred."""
        found = None
        for at in range(self._own):
            if self._name(at) == name:
                if found is not None:
                    raise RemoteError("two fields " + name.decode())
                found = bytes(self._value(at))
        return found

    def words(self, name):
        """The words of all fields of this name, which hold lists with commas (RFC 9110 5.6.1), in small letters."""
        found = []
        for at in range(self._own):
            if self._name(at) == name:
                for word in bytes(self._value(at)).lower().split(b","):
                    word = word.strip(b" \t")
                    if word:
                        found.append(word)
        return found

    def body_length(self):
        """Octets of the body by the fields, CHUNKED, or None where none says it. Raises RemoteError where they cannot
        be true together (RFC 9112 6.1, 6.3)."""
        coding = self.get(b"transfer-encoding")
        length = self.get(b"content-length")
        if coding is not None:
            if length is not None:
                raise RemoteError("a length beside a transfer coding")
            if coding.lower() != b"chunked" or self.version == b"HTTP/1.0":
                raise RemoteError("a transfer coding that nobody asked for")
            return CHUNKED
        return None if length is None else number(length)


def number(text):
    """A decimal number without sign, of at most MAX_LENGTH_DIGITS digits. Raises RemoteError for anything else."""
    if not 1 <= len(text) <= MAX_LENGTH_DIGITS or not _only(text, _DIGITS):
        raise RemoteError("a length that is no number")
    return int(text)


def check_host(head):
    """A request of HTTP/1.1 names its host, once (RFC 9112 3.2); of 1.0 at most once. Raises RemoteError."""
    if head.get(b"host") is None and head.version == HTTP[0]:
        raise RemoteError("a request without host")


def pack_request(method, target, fields, version=HTTP[0]):
    """A request's head. fields: (name, value) as str, in the order in which they go out. Raises LocalError for what
    would be another head than it looks like."""
    if not method or not _only(method.encode(), _TOKEN):
        raise LocalError("a method with a character that none may have")
    if not target or any(octet <= _BLANK or octet >= _DEL for octet in target.encode()):
        raise LocalError("a target with a character that none may have; escape it by %")
    lines = ["%s %s %s\r\n" % (method, target, version.decode())]
    for name, value in fields:
        if not name or not _only(name.encode(), _TOKEN):
            raise LocalError("a field name with a character that none may have")
        if any((octet < _BLANK and octet != _HTAB) or octet == _DEL for octet in value.encode()):
            raise LocalError("a control character in the field " + name)
        lines.append("%s: %s\r\n" % (name, value))
    return ("".join(lines) + "\r\n").encode()


def _only(text, allowed):
    for octet in text:
        if octet not in allowed:
            return False
    return True
