"""Walks the boxes of an MP4 stream (ISO/IEC 14496-12, 4.2) octet by octet. What is held is one box's few fields.

rows: (what holds it, kind, action, what follows). In a box of such a kind in such a place `action(step, fields, boxes)`
is called, a method by its name, or "" for none. What that returns is how many octets of the box it wants to be called
with next, step by step; 0 is the end. INSIDE: then other boxes follow in it; STREAM: the rest goes to
`media(octets, start, end)`, which takes as much as it has room for; PASS: the rest is passed over. The kind b"" stands
for any; the top of a file is b"". A box that no row has is passed over, so that depth is bounded by the rows, whatever
a file says.
"""

from settop.codec.kernels import copy
from settop.codec.units import printable
from settop.errors import RemoteError

FIELDS_BYTES = 80
"""The most that an action may want at a time."""
PASS, INSIDE, STREAM = 0, 1, 2
PASS_OVER = -1
"""What an action returns where the rest of the box, whatever its row says, is of no use."""
_HEAD_BYTES = 8
_LARGE_BYTES = 16
_DEPTH = 12
_FIRST = (b"ftyp", b"styp", b"moov", b"moof", b"free", b"skip", b"sidx", b"uuid")
_HEAD, _FIELDS, _PASS, _STREAM = 0, 1, 2, 3


def name_of(kind):
    """A box's four octets as text for a message."""
    return printable("".join([chr(octet) for octet in kind]))


def number(fields, at, count=4):
    """`count` octets from fields[at] on, as a number, the high one first."""
    value = 0
    for i in range(at, at + count):
        value = value << 8 | fields[i]
    return value


class Boxes:
    """`at`: octets since the stream began. `kind`, `end`: of the box at hand (end: where it ends in the stream, None:
    with the stream). reader: `media`, and `end_box(kind)`: a box of those that hold others is over. others: objects
    that have actions before the reader has."""

    def __init__(self, rows, reader, others=()):
        self.at = 0
        self.kind = b""
        self.start = 0
        self.end = None
        self._rows = rows
        self._reader = reader
        self._actors = others + (reader,)
        self._kinds = [b""]
        self._ends = [None]
        self._fields = bytearray(FIELDS_BYTES)
        self._have = 0
        self._want = _HEAD_BYTES
        self._state = _HEAD
        self._row = None
        self._action = None
        self._step = 0

    def jump(self, place):
        """The next octet is that at `place` of the stream, where a box begins at the top."""
        del self._kinds[1:], self._ends[1:]
        self.at = place
        self._next()

    def rest(self):
        """Octets of the box at hand that were not collected yet."""
        return self.end - self.at

    def feed(self, octets, start, end):
        """Takes octets[start:end], less where the media has no room, and gives how many. RemoteError."""
        at = start
        while True:
            state = self._state
            if state <= _FIELDS:
                count = min(self._want - self._have, end - at)
                if count:
                    copy(octets, at, self._fields, count | self._have << 16)
                    self._have += count
                    self.at += count
                    at += count
                if self._have < self._want:
                    break
                self._have = 0
                if state == _HEAD:
                    self._head()
                else:
                    self._act()
                continue
            if self.end is not None and self.at == self.end:
                self._next()
                continue
            if at == end:
                break
            count = end - at if self.end is None else min(end - at, self.end - self.at)
            if state == _STREAM:
                count = self._reader.media(octets, at, at + count)
                if not count:
                    break
            self.at += count
            at += count
        return at - start

    def whole(self):
        """Whether the stream may end here."""
        if len(self._kinds) > 1:
            return False
        return self._have == 0 if self._state == _HEAD else self.end is None

    def _head(self):
        """A header is there, or its first eight octets."""
        fields = self._fields
        size = number(fields, 0)
        holder = self._ends[-1]
        if self._want == _HEAD_BYTES:
            self.start = self.at - _HEAD_BYTES
            self.kind = bytes(fields[4:8])
            if size == 1:
                self._have = _HEAD_BYTES
                self._want = _LARGE_BYTES
                if holder is not None and self.start + _LARGE_BYTES > holder:
                    raise RemoteError("box %s ends within its header" % name_of(self.kind))
                return
        else:
            size = number(fields, 8, 8)
        if size == 0 and holder is None:
            self.end = None
        else:
            self.end = self.start + size
            if self.end < self.at or (holder is not None and self.end > holder):
                raise RemoteError("box %s says %d octets, which cannot be" % (name_of(self.kind), size))
        if not self.start and self.kind not in _FIRST:
            raise RemoteError("what begins with %s is no MP4 file" % name_of(self.kind))
        self._row = self._find()
        if self._row is None:
            self._state = _PASS
        elif self._row[2]:
            for actor in self._actors:
                self._action = getattr(actor, self._row[2], None)
                if self._action:
                    break
            self._state = _FIELDS
            self._step = 0
            self._want = 0
        else:
            self._enter()

    def _find(self):
        holder = self._kinds[-1]
        for row in self._rows:
            if row[0] == holder and (row[1] == self.kind or not row[1]):
                return row
        return None

    def _wants(self, count):
        if count > FIELDS_BYTES or (self.end is not None and count > self.end - self.at):
            raise RemoteError("box %s is too short, or says more than it holds" % name_of(self.kind))
        self._want = count

    def _act(self):
        more = self._action(self._step, self._fields, self)
        self._step += 1
        if more == PASS_OVER:
            self._state = _PASS
        elif more:
            self._wants(more)
        else:
            self._enter()

    def _enter(self):
        inside = self._row[3]
        if inside == INSIDE:
            if self.end is None:
                raise RemoteError("box %s has no size" % name_of(self.kind))
            if len(self._kinds) == _DEPTH:
                raise RemoteError("boxes in boxes, more than %d deep" % _DEPTH)
            # What holds others is known by its row: a sample entry has many names.
            self._kinds.append(self._row[1] or self._row[2].encode())
            self._ends.append(self.end)
            self._next()
        else:
            self._state = _STREAM if inside == STREAM else _PASS

    def _next(self):
        """The next header, where nothing that holds it is over with it."""
        while self._ends[-1] is not None and self.at == self._ends[-1]:
            self._ends.pop()
            self._reader.end_box(self._kinds.pop())
        self._state = _HEAD
        self._have = 0
        self._want = _HEAD_BYTES
        holder = self._ends[-1]
        if holder is not None and holder - self.at < _HEAD_BYTES:
            raise RemoteError("box %s ends within a header" % name_of(self._kinds[-1]))
