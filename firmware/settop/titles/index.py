"""Finds the fragment in which an instant lies, from the index (`sidx`, ISO/IEC 14496-12, 8.16.3) that a title has in
front of its fragments. It passes by and is not kept: who looks for another instant reads the title's beginning again.
"""

from settop.errors import RemoteError
from settop.titles.boxes import PASS, Boxes, number

_ROWS = ((b"", b"sidx", "sidx", PASS), (b"", b"moof", "late", PASS))
_ENTRY_BYTES = 12


class Index:
    """ms: from the title's beginning on. Octets of the title go in by `feed` until `place` is there: where in the title
    that fragment begins (see TitleReader.jump), and `begins_ms`, its instant. Later than the end is the last fragment.
    """

    def __init__(self, ms):
        self.place = None
        self.begins_ms = 0
        self._ms = ms
        self._boxes = Boxes(_ROWS, self)

    def feed(self, octets, start=0, end=None):
        """Takes octets[start:end]. RemoteError: there is no index in front of the fragments, or a damaged one."""
        self._boxes.feed(octets, start, len(octets) if end is None else end)

    def sidx(self, step, fields, boxes):
        if step == 0:
            return 12
        if step == 1:
            self._long = 4 * (fields[0] > 0)
            self._scale = number(fields, 8)
            if not self._scale:
                raise RemoteError("the title's index has no clock")
            return 12 + 2 * self._long
        if step == 2:
            width = 4 + self._long
            if boxes.end is None:
                raise RemoteError("the title's index has no end")
            self._at = boxes.end + number(fields, width, width)
            self._ticks = 0
            self._left = number(fields, 2 * width + 2, 2)
            if self._left * _ENTRY_BYTES > boxes.rest():
                raise RemoteError("the title's index says %d entries, and is too short for them" % self._left)
        elif self.place is None:
            self._entry(number(fields, 0), number(fields, 4))
        return _ENTRY_BYTES if self._left else 0

    def _entry(self, size, ticks):
        self._left -= 1
        if size >> 31:
            raise RemoteError("the title's index leads to another one")
        after = self._ticks + ticks
        if not self._left or after * 1000 > self._ms * self._scale:
            self.place = self._at
            self.begins_ms = self._ticks * 1000 // self._scale
            self._left = 0
        self._at += size
        self._ticks = after

    def late(self, step, fields, boxes):
        """A fragment: no index comes any more."""
        if self.place is None:
            raise RemoteError("the title has no index (sidx): it plays from its beginning only")
        return 0

    def end_box(self, kind):
        """No box here holds others."""
