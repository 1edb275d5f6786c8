"""Samples with another key than their track's: sample groups of kind `seig` (ISO/IEC 23001-7, 6; 14496-12, 8.9).
Loaded by titles that have them.
"""

from array import array

from settop.errors import RemoteError
from settop.titles.boxes import number
from settop.titles.header import read_lock

_DEFINED = 16
"""Groups that `moov` may define, and a fragment."""
_SPANS = 32
"""In a fragment: samples of one group, one behind the other."""
_OF_FRAGMENT = 0x10000
_PLAIN_BYTES = 20
_SPAN_BYTES = 8
_SPANS_AT_A_TIME = 8


class Groups:
    """What `sgpd` and `sbgp` say of the track that is played. `spans`: how many the fragment has."""

    def __init__(self):
        self.spans = 0
        self._rows = 0  # spans that the next step has
        self._of_movie = []
        self._of_fragment = []
        self._counts = array("I", bytes(4 * _SPANS))
        self._numbers = array("I", bytes(4 * _SPANS))

    def begin_fragment(self):
        self.spans = 0
        self._of_fragment.clear()

    def read(self, step, fields, boxes, in_movie):
        """More of an `sgpd` or `sbgp` of kind `seig`, whose first eight octets come first, in step 1."""
        if step == 1:
            self._version = fields[0]
            if fields[0] > 1:
                raise RemoteError("key groups (%s) of version %d: 0 and 1 are known" % (boxes.kind.decode(), fields[0]))
            return 8 if fields[0] else 4
        if boxes.kind == b"sbgp":
            return self._span(step, fields, boxes.rest())
        return self._define(step, fields, boxes.rest(), self._of_movie if in_movie else self._of_fragment)

    def _define(self, step, fields, left, defined):
        if step == 2:
            self._length = number(fields, 0) if self._version else _PLAIN_BYTES
            self._left = number(fields, 4 if self._version else 0)
            if self._left * (self._length or _PLAIN_BYTES) > left:
                raise RemoteError("sgpd says %d key groups, and is too short for them" % self._left)
            if len(defined) + self._left > _DEFINED:
                raise RemoteError("more than %d key groups" % _DEFINED)
            self._size = self._length
        elif not self._size:
            self._size = number(fields, 0)
            return self._checked(self._size)
        else:
            defined.append(read_lock(fields, 0, self._size, True))
            self._left -= 1
            self._size = self._length
        if not self._left:
            return 0
        return self._checked(self._size) if self._size else 4

    def _checked(self, size):
        if size < _PLAIN_BYTES:
            raise RemoteError("a key group of %d octets" % size)
        return size

    def _span(self, step, fields, left):
        if step == 2:
            self._left = number(fields, 4 if self._version else 0)
            if self._left * _SPAN_BYTES > left:
                raise RemoteError("sbgp says %d spans of samples, and is too short for them" % self._left)
            if self.spans + self._left > _SPANS:
                raise RemoteError("keys that change more than %d times in a fragment" % _SPANS)
        else:
            for at in range(0, self._rows * _SPAN_BYTES, _SPAN_BYTES):
                self._counts[self.spans] = number(fields, at)
                self._numbers[self.spans] = number(fields, at + 4)
                self.spans += 1
            self._left -= self._rows
        self._rows = min(self._left, _SPANS_AT_A_TIME)
        return self._rows * _SPAN_BYTES

    def check(self, count):
        """The fragment's header is over, and has `count` samples. RemoteError: what they say of them cannot be."""
        total = 0
        for span in range(self.spans):
            total += self._counts[span]
            self._defined(self._numbers[span], None)
        if total > count:
            raise RemoteError("key groups are of %d samples, and %d are there" % (total, count))

    def lock_of(self, sample, own):
        """How that sample of the fragment is encrypted. own: what those of no group have."""
        for span in range(self.spans):
            if sample < self._counts[span]:
                return self._defined(self._numbers[span], own)
            sample -= self._counts[span]
        return own

    def _defined(self, group, own):
        if not group:
            return own
        defined = self._of_movie
        if group > _OF_FRAGMENT:
            defined = self._of_fragment
            group -= _OF_FRAGMENT
        if group > len(defined):
            raise RemoteError("samples are of key group %d, which is not defined" % group)
        return defined[group - 1]
