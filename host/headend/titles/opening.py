"""Open a title, ours or another packager's: each sample is decrypted where it lies, and what said how becomes `free`.

So nothing moves, and whatever names places in the file (indexes, sample tables) stays true. A window of media is in
memory, and one fragment's header, or the sample tables of a file without fragments.
"""

import heapq
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from settop.errors import LocalError, RemoteError

from headend.titles.auxiliary import is_about_encryption, is_senc, works
from headend.titles.boxes import HEADER_BYTES, Box, File, inside, name_of
from headend.titles.ciphers import Work
from headend.titles.groups import is_seig
from headend.titles.keys import Keys
from headend.titles.movie import MOOV_LIMIT, Movie, Track, read_movie
from headend.titles.output import Output
from headend.titles.protection import Protection, entry_fields
from headend.titles.samples import Samples, each_of, fragment_samples, table_samples

MOOF_LIMIT = 64 << 20
_WINDOW_BYTES = 1 << 20
_Job = tuple[int, int, Protection | None, Work | None]
"""Where a sample lies, its size, how it is encrypted."""


class DamagedError(RemoteError):
    """The file is good up to a place; what was good has been written. `samples`: how many of them."""

    def __init__(self, message: str, samples: int) -> None:
        super().__init__(message)
        self.samples = samples


@dataclass(slots=True)
class Opened:
    """What `unpack` did: samples decrypted, and those that were clear already (in tracks that are encrypted)."""

    decrypted: int = 0
    clear: int = 0


def find_movie(file: File) -> Movie:
    """The file's `moov`, wherever it stands. Raises RemoteError where it is missing or damaged."""
    for box in file.tops():
        if box.kind == b"moov":
            if box.size > MOOV_LIMIT:
                raise RemoteError(f"moov says {box.size} bytes; up to {MOOV_LIMIT} are read")
            return read_movie(file.read(box.start, box.size), box.start)
    raise RemoteError("the file has no moov: what is in it is not said; it may be cut, or one part of a stream")


def unpack(
    source: str | os.PathLike[str],
    output: Output,
    keys: Keys,
    progress: Callable[[int, int], None] | None = None,
) -> Opened:
    """Write `source` in clear to `output`: as long as it was, each octet at its place.

    `progress(done, total)` counts octets. Raises DamagedError where something is wrong behind samples that were good:
    those have been written; RemoteError where nothing was good, or a key is missing; LocalError for a clear title;
    OSError.
    """
    with File(source) as file:
        movie = find_movie(file)
        if not movie.is_protected:
            raise LocalError(f"{file.name} is a clear title: it is not encrypted, and can be played as it is")
        return _Opening(file, movie, output, keys, progress).run()


class _Opening:
    def __init__(
        self,
        file: File,
        movie: Movie,
        output: Output,
        keys: Keys,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._file = file
        self._movie = movie
        self._output = output
        self._keys = keys
        self._progress = progress
        self._done = Opened()
        self._seen = 0

    def run(self) -> Opened:
        try:
            self._all(_jobs(self._of_tables(), self._file))
        except RemoteError as error:
            if not self._seen:
                raise
            raise DamagedError(str(error), self._seen) from None
        return self._done

    def _of_tables(self) -> list[Samples]:
        found, room = [], self._file.size
        for track in self._movie.tracks.values():
            if track.is_protected and has_table(self._movie, track):
                found.append(table_samples(self._movie.data, track, room))
                room -= len(found[-1].sizes)
        return found

    def _all(self, jobs: "_Jobs") -> None:
        for box in self._file.tops():
            if box.kind == b"moov" and box.start == self._movie.start:
                self._output.write(_cleared_movie(self._movie))
            elif box.kind == b"moof":
                jobs.must_be_over()
                if box.size > MOOF_LIMIT:
                    raise RemoteError(f"a fragment's header says {box.size} bytes; up to {MOOF_LIMIT} are read")
                data = self._file.read(box.start, box.size)
                if box.body - box.start != HEADER_BYTES:
                    raise RemoteError("a fragment's header with a long size: not supported")
                found = fragment_samples(data, box.start, self._movie.tracks, self._file.size)
                jobs = _jobs([samples for samples in found if samples.track.is_protected], self._file)
                self._output.write(_cleared_fragment(data))
            else:
                self._copy(box, jobs)
            if self._progress is not None:
                self._progress(min(box.end, self._file.size), self._file.size)
        jobs.must_be_over()

    def _copy(self, box: Box, jobs: "_Jobs") -> None:
        """A box with the samples in it opened."""
        at, end = box.start, min(box.end, self._file.size)
        while at < end:
            stop, chosen, trouble = self._with_keys(*jobs.take(at, end))
            self._output.write(self._opened(at, stop, chosen))
            at = stop
            if trouble is not None:
                raise trouble
        if box.end > self._file.size:
            raise RemoteError(
                f"the file is cut: {box.end - self._file.size} bytes of its last box, {name_of(box.kind)}, are missing"
            )

    def _with_keys(
        self, stop: int, chosen: list[_Job], trouble: RemoteError | None
    ) -> tuple[int, list[_Job], RemoteError | None]:
        """What `_Jobs.take` gave, up to the first sample that there is no key for."""
        for number, (offset, _, protection, _) in enumerate(chosen):
            if protection is not None:
                try:
                    self._keys.cipher(protection.kid)
                except RemoteError as error:
                    return offset, chosen[:number], error
        return stop, chosen, trouble

    def _opened(self, at: int, stop: int, chosen: list[_Job]) -> bytes:
        data = self._file.read(at, stop - at)
        by_protection: dict[Protection, list[Work]] = {}
        for offset, _, protection, work in chosen:
            if protection is None or work is None:
                self._done.clear += 1
                continue
            place = offset - at
            moved = Work(work.iv, [(place + start, length) for start, length in work.ranges])
            by_protection.setdefault(protection, []).append(moved)
        if by_protection:
            octets = np.frombuffer(data, np.uint8).copy()
            for protection, own in by_protection.items():
                self._keys.cipher(protection.kid).decrypt(octets, protection, own)
                self._done.decrypted += len(own)
            data = octets.tobytes()
        self._seen += len(chosen)
        return data


class _Jobs:
    """Samples in the order in which they lie in the file."""

    def __init__(self, jobs: Iterator[_Job], size: int) -> None:
        self._jobs = jobs
        self._size = size
        self._next: _Job | None = None
        self._trouble: RemoteError | None = None
        self._advance()

    def _advance(self) -> None:
        try:
            self._next = next(self._jobs, None)
        except RemoteError as error:
            self._next, self._trouble = None, error

    def take(self, at: int, end: int) -> tuple[int, list[_Job], RemoteError | None]:
        """What to do in a window from `at` on, up to `end` at the most: (its end, its samples, what is wrong behind
        it).
        """
        chosen: list[_Job] = []
        reached = at
        while self._next is not None:
            offset, size, _, _ = self._next
            if offset < reached:
                return (
                    reached,
                    chosen,
                    RemoteError(f"a sample at byte {offset} lies in another one, or not in the media"),
                )
            if offset >= end or (chosen and offset + size > at + _WINDOW_BYTES):
                break
            if offset + size > end:
                what = "the file ends" if end == self._size else "the media end"
                return reached, chosen, RemoteError(f"{what} in mid sample: {offset + size - end} bytes are missing")
            chosen.append(self._next)
            reached = offset + size
            self._advance()
        if self._trouble is not None:
            return reached, chosen, self._trouble
        if chosen:
            return reached, chosen, None
        # No sample begins here for a while.
        limit = end if self._next is None else min(end, self._next[0])
        return min(limit, at + _WINDOW_BYTES), chosen, None

    def must_be_over(self) -> None:
        """Raises RemoteError where samples are left whose media did not come."""
        if self._trouble is not None:
            raise self._trouble
        if self._next is not None:
            raise RemoteError(
                f"a sample is said to lie at byte {self._next[0]}, and no media are there: cut, or damaged"
            )


def _jobs(found: list[Samples], file: File) -> _Jobs:
    return _Jobs(heapq.merge(*(_of_track(samples, file) for samples in found), key=lambda job: job[0]), file.size)


def _of_track(samples: Samples, file: File) -> Iterator[_Job]:
    made = works(samples, file.read)
    for offset, size in zip(each_of(samples.offsets), each_of(samples.sizes), strict=True):
        protection, work = next(made)
        if size:
            yield offset, size, protection, work


def has_table(movie: Movie, track: Track) -> bool:
    """Whether `moov` has samples of a track: it has none where all of them are in fragments."""
    boxes = inside(movie.data, track.table)
    sizes = next((box for box in boxes if box.kind in (b"stsz", b"stz2")), None)
    return sizes is not None and any(movie.data[sizes.body + 8 : min(sizes.body + 12, sizes.end)])


def _hide(data: bytearray, box: Box) -> None:
    data[box.start + 4 : box.start + 8] = b"free"


def _hide_in(data: bytearray, source: bytes, holder: Box) -> None:
    """What `stbl` or `traf` says of encryption."""
    for box in inside(source, holder):
        of_samples = box.kind in (b"saiz", b"saio") and is_about_encryption(source, box)
        of_groups = box.kind in (b"sgpd", b"sbgp") and is_seig(source, box)
        if of_samples or of_groups or is_senc(source, box):
            _hide(data, box)


def _cleared_movie(movie: Movie) -> bytes:
    data = bytearray(movie.data)
    for track in movie.tracks.values():
        for entry in track.entries:
            if entry.protection is None:
                continue
            data[entry.box.start + 4 : entry.box.start + 8] = entry.kind
            for box in inside(movie.data, entry.box, entry_fields(movie.data, entry.box, track.handler)):
                if box.kind == b"sinf":
                    _hide(data, box)
        if track.is_protected:
            _hide_in(data, movie.data, track.table)
    for box in inside(movie.data, movie.box):
        if box.kind == b"pssh":
            _hide(data, box)
    return bytes(data)


def _cleared_fragment(source: bytes) -> bytes:
    data = bytearray(source)
    for box in inside(source, Box(b"moof", 0, HEADER_BYTES, len(source))):
        if box.kind == b"traf":
            _hide_in(data, source, box)
        elif box.kind == b"pssh":
            _hide(data, box)
    return bytes(data)
