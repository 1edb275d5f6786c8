"""What a title brings beside its sound: lyrics, cover, composer, score, and its purchaser's number (docs/titles.md).
They are read from any copy, clear or encrypted, and without a key. Loaded by who wants them.

They pass by: a cover of megabytes goes to a sink in the pieces in which it comes.
"""

from settop.codec.kernels import copy
from settop.errors import RemoteError
from settop.titles.boxes import FIELDS_BYTES, INSIDE, PASS, PASS_OVER, STREAM, Boxes, number

BINARY, TEXT, JPEG, PNG = 0, 1, 13, 14
"""Kinds of extras: the well-known types of iTunes' metadata."""
PURCHASER = "purchaser"
_MEANING = b"ringcast"
_NAMES = (
    (b"\xa9nam", "title"),
    (b"\xa9ART", "artist"),
    (b"\xa9alb", "album"),
    (b"\xa9wrt", "composer"),
    (b"\xa9lyr", "lyrics"),
    (b"covr", "cover"),
)
_LONGEST_NAME = 64
_DIGITS = 20
_LIMIT = 1 << 64
_ROWS = (
    (b"", b"moov", "movie", INSIDE),
    (b"moov", b"udta", "", INSIDE),
    (b"udta", b"meta", "meta", INSIDE),
    (b"meta", b"ilst", "", INSIDE),
    (b"ilst", b"", "item", INSIDE),
    (b"item", b"mean", "mean", PASS),
    (b"item", b"name", "called", PASS),
    (b"item", b"data", "value", STREAM),
)


class _Boxes(Boxes):
    """`unread`: of the octets that an action was given, how many are of what follows."""

    unread = 0

    def _next(self):
        count = self.unread
        self.unread = 0
        self.at -= count
        Boxes._next(self)
        if count:
            copy(self._fields, 8 - count, self._fields, count)
            self._have = count
            self.at += count


class Extras:
    """sink: `begin(name, kind, size)` says whether it wants an extra of `size` octets; kind: TEXT, JPEG, PNG, BINARY or
    another; `write(octets, start, end)` then takes as many as it has room for and gives how many.

    `purchaser`: the number, None: it is not said, or was not reached. `done`: all of them were read.
    """

    def __init__(self, sink):
        self.purchaser = None
        self.done = False
        self._sink = sink
        self._boxes = _Boxes(_ROWS, self)
        self._name = None
        self._mine = False
        self._begun = False  # the item's first value was there
        self._is_purchaser = False
        self._digits = bytearray()
        self._left = 0
        self._why = ""

    def feed(self, octets, start=0, end=None):
        """Takes octets[start:end] as far as the sink has room, and gives how many. RemoteError: the boxes are damaged,
        or the purchaser's number is none; it is said again by each further call."""
        if self._why:
            raise RemoteError(self._why)
        end = len(octets) if end is None else end
        if self.done:
            return end - start
        try:
            return self._boxes.feed(octets, start, end)
        except RemoteError as error:
            self._why = str(error)
            raise

    def finish(self):
        """The title's octets are over. RemoteError: it has no whole `moov`, where extras lie."""
        if not self.done and not self._why:
            self._why = "the title ends before its extras were read: it has no moov, or half of one"
        if self._why:
            raise RemoteError(self._why)

    def movie(self, step, fields, boxes):
        return 0

    def meta(self, step, fields, boxes):
        """Four octets of version, and then boxes; QuickTime's has no version."""
        if not step:
            return 8 if boxes.rest() >= 8 else PASS_OVER
        boxes.unread = 8 if bytes(fields[4:8]) == b"hdlr" else 4
        return 0

    def item(self, step, fields, boxes):
        self._name = None
        self._mine = False
        self._begun = False
        for kind, name in _NAMES:
            if kind == boxes.kind:
                self._name = name
        return 0 if self._name or boxes.kind == b"----" else PASS_OVER

    def mean(self, step, fields, boxes):
        """Whose names they are."""
        if not step:
            self._length = boxes.rest()
            return min(self._length, FIELDS_BYTES)
        self._mine = bytes(fields[4 : self._length]) == _MEANING
        return 0

    def called(self, step, fields, boxes):
        if not step:
            self._length = boxes.rest()
            return min(self._length, FIELDS_BYTES) if self._mine else 0
        name = bytes(fields[4 : self._length])
        if 0 < len(name) <= _LONGEST_NAME and all([32 <= octet < 127 for octet in name]):
            self._name = name.decode()
        return 0

    def value(self, step, fields, boxes):
        """The first one of an item; others, say a second cover, are passed over."""
        if not step:
            if not self._name or self._begun:
                return PASS_OVER
            return 8
        self._begun = True
        self._left = size = boxes.rest()
        self._is_purchaser = self._name == PURCHASER
        if self._is_purchaser:
            if self.purchaser is not None:
                return PASS_OVER
            if not 0 < size <= _DIGITS:
                self._refuse()
            self._digits = bytearray()
        elif not self._sink.begin(self._name, number(fields, 0) & 0xFFFFFF, size):
            return PASS_OVER
        return 0

    def media(self, octets, start, end):
        if not self._is_purchaser:
            return self._sink.write(octets, start, end)
        self._digits.extend(octets[start:end])
        if len(self._digits) == self._left:
            if not all([48 <= octet < 58 for octet in self._digits]) or int(self._digits.decode()) >= _LIMIT:
                self._refuse()
            self.purchaser = int(self._digits.decode())
        return end - start

    def _refuse(self):
        raise RemoteError("the purchaser's number of this title is not a number of 64 bits")

    def end_box(self, kind):
        """A box that holds others is over."""
        if kind == b"moov":
            self.done = True


class Texts:
    """A sink that keeps texts, at most `most_bytes` of each of `names`; `cut`: the names of those that were longer."""

    def __init__(self, names=("title", "artist", "album", "composer"), most_bytes=256):
        self.cut = []
        self._names = names
        self._most = most_bytes
        self._found = {}
        self._name = None

    def begin(self, name, kind, size):
        if kind != TEXT or name not in self._names or name in self._found:
            return False
        self._name = name
        self._found[name] = bytearray()
        if size > self._most:
            self.cut.append(name)
        return True

    def write(self, octets, start, end):
        kept = self._found[self._name]
        kept.extend(octets[start : min(end, start + self._most - len(kept))])
        return end - start

    def get(self, name):
        """The text, "" where there is none; what would do something to a console, and what is no UTF-8, becomes ?."""
        octets = self._found.get(name, b"")
        if name in self.cut:
            octets = _whole(octets)
        try:
            text = bytes(octets).decode()
        except UnicodeError:
            text = "".join([chr(octet) if octet < 128 else "?" for octet in octets])
        return "".join([c if " " <= c < "\x7f" or c >= "\xa0" or c == "\n" else "?" for c in text])


def _whole(octets):
    """Without the character of UTF-8 in the middle of which they end."""
    end = len(octets)
    while end and octets[end - 1] & 0xC0 == 0x80:
        end -= 1
    if not end:
        return b""
    first = octets[end - 1]
    need = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    return octets if len(octets) - end + 1 == need else octets[: end - 1]
