"""Files without fragments: where their samples lie is said by `moov`'s own tables (ISO/IEC 14496-12, 8.7), which are
read into the one Fragment. So such a file is short. Loaded by files that have samples there.
"""

from settop.errors import RemoteError
from settop.titles.boxes import FIELDS_BYTES, name_of, number

_WIDTHS = {b"stsz": 4, b"stsc": 12, b"stco": 4, b"co64": 8}
_CHUNKS = 256
_OF_FRAGMENTS_TOO = (b"senc", b"saiz", b"saio")


class Tables:
    """Fills `fragment` (fragment.Fragment), for no more than `samples`."""

    def __init__(self, fragment, samples):
        self._fragment = fragment
        self._most = samples
        self._rows = 0  # that the next step has
        self._spans = []  # (first chunk, samples in each, their description)
        self._chunks = []

    def read(self, step, fields, boxes):
        """More of a box in `stbl`."""
        kind = boxes.kind
        if kind in _OF_FRAGMENTS_TOO:
            return getattr(self._fragment, kind.decode())(step, fields, boxes)
        if kind not in _WIDTHS:
            return 0
        fragment = self._fragment
        width = _WIDTHS[kind]
        if step == 0:
            return 12 if kind == b"stsz" else 8
        if step == 1:
            self._left = left = number(fields, 8 if kind == b"stsz" else 4)
            size = number(fields, 4) if kind == b"stsz" else 0
            if kind == b"stsz":
                twice = fragment.count
                most = self._most
            else:
                twice = self._spans if kind == b"stsc" else self._chunks
                most = _CHUNKS
            if twice:
                raise RemoteError("moov has %s twice" % name_of(kind))
            if left > most:
                raise RemoteError(
                    "a file without fragments, and %s says %d: this terminal has room for %d"
                    % (name_of(kind), left, most)
                )
            while size and self._left:
                self._left -= 1
                fragment.sizes[fragment.count] = size
                fragment.count += 1
            if self._left * width > boxes.rest():
                raise RemoteError("%s says %d entries, and is too short for them" % (name_of(kind), left))
        else:
            for at in range(0, self._rows * width, width):
                self._take(kind, fields, at, width)
            self._left -= self._rows
        self._rows = min(self._left, FIELDS_BYTES // width)
        return self._rows * width

    def _take(self, kind, fields, at, width):
        fragment = self._fragment
        if kind == b"stsz":
            fragment.sizes[fragment.count] = number(fields, at)
            fragment.count += 1
        elif kind == b"stsc":
            self._spans.append((number(fields, at), number(fields, at + 4), number(fields, at + 8)))
        else:
            self._chunks.append(number(fields, at, width))

    def end(self):
        """`stbl` is over: its chunks are the fragment's runs. Gives which description they have. RemoteError."""
        fragment = self._fragment
        description = self._spans[0][2] if self._spans else 0
        counts = []
        for place, span in enumerate(self._spans):
            last = self._spans[place + 1][0] if place + 1 < len(self._spans) else len(self._chunks) + 1
            if span[0] != len(counts) + 1 or not span[0] < last <= len(self._chunks) + 1:
                raise RemoteError("stsc is not in order")
            if span[2] != description:
                raise RemoteError("a file without fragments, and several descriptions")
            counts += [span[1]] * (last - span[0])
        if sum(counts) != fragment.count or len(counts) != len(self._chunks):
            raise RemoteError("the tables of moov are not of the same samples")
        fragment.starts = self._chunks
        fragment.counts = counts
        fragment.runs = len(counts)
        return description
