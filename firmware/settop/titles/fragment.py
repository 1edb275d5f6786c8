"""What a `moof` says of the track that is played: where its samples lie, their sizes, IVs and maps (ISO/IEC 14496-12,
8.8; 23001-7, 7). All of it has its place before a title begins: a fragment that does not fit is refused.
"""

from array import array

from settop.codec.kernels import copy
from settop.errors import RemoteError
from settop.titles.boxes import number
from settop.titles.portions import NONE

SAMPLES = 512
"""Samples of a fragment: a second of AAC has 94 at most, and a title's fragments are no longer."""
AUXILIARY_BYTES = 4096
"""IVs and maps of a fragment's samples."""
PART_BYTES = 6
"""Of a sample's map: clear octets, then encrypted ones."""
_RUNS = 16
_STEP_BYTES = 64
_ROWS_BYTES = 80
_BASE, _ENTRY, _DURATION, _SIZE, _BASE_IS_MOOF = 0x1, 0x2, 0x8, 0x10, 0x20000
_RUN_OFFSET, _RUN_FIRST, _RUN_SIZE = 0x1, 0x4, 0x200
_RUN_COLUMNS = (0x100, 0x200, 0x400, 0x800)
_SUBSAMPLES = 0x2
_TYPED = 0x1
_KINDS = (b"cenc", b"cbcs", b"\0\0\0\0")
_NO_AUX, _SENC, _SAIZ = 0, 1, 2
_SEVERAL = -1


class Fragment:
    """`count` samples of `sizes`, in `runs`: where in the stream each begins (`starts`), how many samples it has
    (`counts`). `auxiliary`: their IVs and maps, one behind the other; `aux_at`: where in the stream these are still to
    come, None: they are there. header: of the title."""

    def __init__(self, header):
        self.sizes = array("I", bytes(4 * SAMPLES))
        self.starts = [0] * _RUNS
        self.counts = [0] * _RUNS
        self.auxiliary = bytearray(AUXILIARY_BYTES)
        self._header = header
        self._entry_sizes = bytearray(SAMPLES)
        self._groups = None  # settop.titles.groups.Groups, where keys change
        self._tables = None  # settop.titles.tables.Tables, in moov
        self.begin(0)

    def begin(self, start):
        """A `moof` begins at `start` of the stream."""
        if len(self.starts) != _RUNS:  # moov had tables
            self.starts = [0] * _RUNS
            self.counts = [0] * _RUNS
        self.count = self.runs = self.have = 0
        self.aux_at = None
        self._start = self._end = start
        self._first = True
        self._done = False  # the track had its traf
        self._own = False  # the lock of its samples that are of no group
        self._grouped = False
        if self._groups:
            self._groups.begin_fragment()
        self._has_map = self._by_size = False
        self._end_traf()

    def _end_traf(self):
        self._track = None
        self._mine = False
        self._base = 0
        self._size = 0
        self._aux = _NO_AUX
        self._aux_count = self._taken = 0
        self._aux_start = None
        self._mapped = False

    def begin_traf(self, step, fields, boxes):
        self._end_traf()
        return 0

    def tfhd(self, step, fields, boxes):
        if step == 0:
            return 8
        header = self._header
        if step == 1:
            self._flags = flags = number(fields, 1, 3)
            if self._track is not None:
                raise RemoteError("a track's fragment with two tfhd")
            self._track = number(fields, 4)
            self._mine = self._track == header.track
            if self._mine:
                if self._done:
                    raise RemoteError("a fragment has the title's track twice")
                self._done = True
            more = (8 if flags & _BASE else 0) + 4 * (bool(flags & _ENTRY) + bool(flags & _DURATION))
            more += 4 * bool(flags & _SIZE)
            if more:
                return more
        at = 8 if self._flags & _BASE else 0
        base = number(fields, 0, 8) if at else None
        self._description = header.description
        if self._flags & _ENTRY:
            self._description = number(fields, at)
            at += 4
        if self._flags & _DURATION:
            at += 4
        if base is None:
            base = self._start if self._first or self._flags & _BASE_IS_MOOF else self._end
        self._base = self._at = base
        self._size = number(fields, at) if self._flags & _SIZE else header.size
        self._first = False
        return 0

    def trun(self, step, fields, boxes):
        if step == 0:
            if self._track is None:
                raise RemoteError("a run of samples (trun) without tfhd")
            return 8
        if step == 1:
            flags = number(fields, 1, 3)
            self._left = number(fields, 4)
            self._columns = 0
            self._size_at = -1
            for flag in _RUN_COLUMNS:
                if flags & flag:
                    if flag == _RUN_SIZE:
                        self._size_at = self._columns
                    self._columns += 4
            self._flags = flags
            self._rows = 0  # that the next step has
            head = 4 * (bool(flags & _RUN_OFFSET) + bool(flags & _RUN_FIRST))
            if self._columns * self._left + head > boxes.rest():
                raise RemoteError("trun says %d samples, and is too short for them" % self._left)
            if self._mine:
                if self.count + self._left > SAMPLES or self.runs == _RUNS:
                    raise RemoteError("a fragment of more than %d samples, or %d runs" % (SAMPLES, _RUNS))
                self.starts[self.runs] = self._at
                self.counts[self.runs] = self._left
                self.runs += 1
            if head:
                return head
        elif not self._rows:
            if self._flags & _RUN_OFFSET:
                offset = number(fields, 0)
                self._at = self._base + offset - (offset >> 31 << 32)
                if self._mine:
                    self.starts[self.runs - 1] = self._at
        elif self._size_at >= 0:
            for row in range(self._rows):
                self._sample(number(fields, row * self._columns + self._size_at))
        if self._size_at < 0:
            # The rows say nothing of use.
            if self._mine:
                while self._left:
                    self._sample(self._size)
            self._at += self._left * self._size
            self._left = 0
        self._end = self._at
        self._rows = min(self._left, _ROWS_BYTES // (self._columns or 1))
        return self._rows * self._columns

    def _sample(self, size):
        self._left -= 1
        self._at += size
        if self._mine:
            self.sizes[self.count] = size
            self.count += 1

    def senc(self, step, fields, boxes):
        if not self._mine or self._header.scheme == NONE:
            return 0
        if step == 0:
            return 8
        left = boxes.rest()
        if step == 1:
            flags = number(fields, 1, 3)
            if flags & _TYPED or fields[0]:
                raise RemoteError("senc of version %d, or with parameters of its own" % fields[0])
            self._aux = _SENC
            self._mapped = bool(flags & _SUBSAMPLES)
            self._aux_count = number(fields, 4)
            self.have = 0
            if left > AUXILIARY_BYTES:
                raise RemoteError("a fragment with IVs and maps of more than %d octets" % AUXILIARY_BYTES)
        else:
            self.put(fields, 0, self._taken)
        self._taken = min(left, _STEP_BYTES)
        return self._taken

    def put(self, octets, at, count):
        """More of the auxiliary information."""
        copy(octets, at, self.auxiliary, count | self.have << 16)
        self.have += count

    def saiz(self, step, fields, boxes):
        if not self._mine or self._aux == _SENC:
            return 0
        if step == 0:
            return 4
        if step == 1:
            self._flags = fields[3] & _TYPED
            if fields[0]:
                raise RemoteError("saiz of version %d" % fields[0])
            return 13 if self._flags else 5
        if step == 2:
            at = 8 if self._flags else 0
            if at and bytes(fields[:4]) not in _KINDS:
                return 0
            self._aux_count = number(fields, at + 1)
            if self._aux_count > SAMPLES:
                raise RemoteError("saiz is of %d samples" % self._aux_count)
            self._aux = _SAIZ
            self._filled = 0
            if fields[at]:
                while self._filled < self._aux_count:
                    self._entry_sizes[self._filled] = fields[at]
                    self._filled += 1
        else:
            copy(fields, 0, self._entry_sizes, self._taken | self._filled << 16)
            self._filled += self._taken
        self._taken = min(self._aux_count - self._filled, _STEP_BYTES)
        return self._taken

    def saio(self, step, fields, boxes):
        if not self._mine:
            return 0
        if step == 0:
            return 4
        if step == 1:
            self._long = fields[0]
            self._flags = fields[3] & _TYPED
            return 12 if self._flags else 4
        if step == 2:
            if self._flags and bytes(fields[:4]) not in _KINDS:
                return 0
            if number(fields, 8 if self._flags else 0) != 1:
                self._aux_start = _SEVERAL
                return 0
            return 8 if self._long else 4
        self._aux_start = self._base + number(fields, 0, 8 if self._long else 4)
        return 0

    def group(self, step, fields, boxes):
        """`sgpd` and `sbgp`: of keys, in `moov` or in a fragment; others do not matter."""
        in_movie = self._track is None
        if not (self._header.takes() if in_movie else self._mine):
            return 0
        if step == 0:
            return 8
        if step == 1:
            if bytes(fields[4:8]) != b"seig":
                return 0
            if self._groups is None:
                from settop.titles.groups import Groups

                self._groups = Groups()
        return self._groups.read(step, fields, boxes, in_movie)

    def table(self, step, fields, boxes):
        """In `stbl`: samples that lie outside fragments."""
        if not self._header.takes():
            return 0
        if self._tables is None:
            if boxes.kind not in (b"stsz", b"stsc", b"stco", b"co64"):
                return 0
            at = 8 if boxes.kind == b"stsz" else 4
            if step == 0:
                return at + 4
            if not number(fields, at):
                return 0
            from settop.titles.tables import Tables

            self._tables = Tables(self, SAMPLES)
            self._mine = True
        return self._tables.read(step, fields, boxes)

    def end_traf(self):
        """A `traf` is over, or the `stbl` of a track. RemoteError: its samples cannot be opened."""
        if self._mine:
            if self._tables is not None:
                self._description = self._tables.end()
                self._tables = None
            locks = self._header.locks
            self._own = locks[self._description - 1] if 0 < self._description <= len(locks) else False
            if self._own is False:
                raise RemoteError(
                    "samples of description %d, which is not there or of another codec" % self._description
                )
            if self._header.scheme != NONE:
                self._check()
        self._end_traf()

    def _check(self):
        self._grouped = self._groups is not None and self._groups.spans > 0
        if self._grouped:
            self._groups.check(self.count)
        if self._aux_count > self.count or (self._aux == _SENC and self._aux_count != self.count):
            raise RemoteError("IVs of %d samples, and %d are there" % (self._aux_count, self.count))
        if self._aux == _SENC:
            self._has_map = self._mapped
        elif self._aux == _SAIZ:
            self._by_size = True
            for sample in range(self._aux_count, self.count):
                self._entry_sizes[sample] = 0
            total = sum(memoryview(self._entry_sizes)[: self.count])
            if total > AUXILIARY_BYTES:
                raise RemoteError("a fragment with IVs and maps of more than %d octets" % AUXILIARY_BYTES)
            if total:
                if self._aux_start is None:
                    raise RemoteError("saiz without saio: where the IVs are is not said")
                if self._aux_start == _SEVERAL:
                    raise RemoteError("IVs in several places of a fragment")
                self.aux_at = self._aux_start
                self.aux_bytes = total
                return
        self.check_entries()

    def check_entries(self):
        """The auxiliary information is all there. RemoteError: it is not what its samples need, so that each would be
        opened with octets of another."""
        at = 0
        for sample in range(self.count):
            start = at
            lock = self.lock_of(sample)
            iv_bytes = lock[1] if lock else 0
            at += iv_bytes
            if self.is_mapped(sample, iv_bytes):
                if at + 2 <= self.have:
                    at += PART_BYTES * number(self.auxiliary, at, 2)
                at += 2
            if at > self.have or (self._by_size and at - start != self._entry_sizes[sample]):
                break
        else:
            if at == self.have:
                return
        raise RemoteError("the IVs and maps of a fragment's samples are not as long as they must be")

    def lock_of(self, sample):
        """How that sample is encrypted (header.read_lock); None: it is clear."""
        return self._groups.lock_of(sample, self._own) if self._grouped else self._own

    def is_mapped(self, sample, iv_bytes):
        """Whether that sample, with an IV of so many octets, has a map."""
        if self._by_size:
            return self._entry_sizes[sample] > iv_bytes
        return self._has_map
