"""Where the samples of a track lie, and how each is encrypted: in a fragment (ISO/IEC 14496-12, 8.8) or by the sample
tables of `moov` (8.6, 8.7).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from settop.errors import RemoteError

from headend.titles.boxes import Box, Fields, find, inside, need
from headend.titles.groups import NO_GROUPS, Groups, protection_of, read_groups
from headend.titles.movie import Track
from headend.titles.protection import Protection

Numbers = NDArray[np.int64]
SAMPLES_LIMIT = 4_000_000
"""In one fragment, or by one table: 24 hours of AAC."""
_AT_ONCE = 1 << 16
_BASE, _ENTRY, _DURATION, _SIZE, _FLAGS, _BASE_IS_MOOF = 0x1, 0x2, 0x8, 0x10, 0x20, 0x20000
_RUN_OFFSET, _RUN_FIRST, _RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_COMPOSITION = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800


def each_of(numbers: Numbers) -> Iterator[int]:
    """One after the other, as Python has them: all at once they take ten times the memory."""
    for at in range(0, len(numbers), _AT_ONCE):
        yield from numbers[at : at + _AT_ONCE].tolist()


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one track, in their order. `offsets`: in the file; `sizes` in octets. `protections` of them all, where
    each span of (samples, protection) follows the one before; None is clear. `holder`: the `traf` or `stbl`, in `data`;
    `base`: what the offsets of its auxiliary information count from; `runs`: how many samples each run or chunk has.
    `ticks`: how long they last in all.
    """

    track: Track
    offsets: Numbers
    sizes: Numbers
    spans: list[tuple[int, Protection | None]]
    data: bytes = field(repr=False)
    holder: Box
    base: int
    runs: list[int]
    start_ticks: int = 0
    ticks: int = 0

    @property
    def is_protected(self) -> bool:
        return any(protection is not None for _, protection in self.spans)


def fragment_samples(data: bytes, start: int, tracks: dict[int, Track], room: int = SAMPLES_LIMIT) -> list[Samples]:
    """Those of a `moof` that lies at `start` of the file; `data` is all of it, `room` the octets that the file has:
    at one each, so many samples are believed. Raises RemoteError.
    """
    room = min(room, SAMPLES_LIMIT)
    moof = Box(b"moof", 0, 8, len(data))
    found: list[Samples] = []
    end = start
    for traf in inside(data, moof):
        if traf.kind == b"traf":
            made = _fragment(data, traf, start, end, not found, tracks, room)
            end = int(made.offsets[-1] + made.sizes[-1]) if len(made.sizes) else end
            found.append(made)
            room -= len(made.sizes)
    return found


def _fragment(
    data: bytes, traf: Box, start: int, end: int, is_first: bool, tracks: dict[int, Track], room: int
) -> Samples:
    fields = Fields(data, need(data, traf, b"tfhd"))
    _, flags = fields.version_and_flags()
    number = fields.number(4)
    track = tracks.get(number)
    if track is None:
        raise RemoteError(f"a fragment is of track {number}, which moov does not have")
    base = fields.number(8) if flags & _BASE else start if flags & _BASE_IS_MOOF or is_first else end
    entry = fields.number(4) if flags & _ENTRY else track.default_entry
    duration = fields.number(4) if flags & _DURATION else track.default_duration
    size = fields.number(4) if flags & _SIZE else track.default_size
    offsets, sizes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    runs: list[int] = []
    at, ticks, count = base, 0, 0
    for box in inside(data, traf):
        if box.kind == b"trun":
            run_at, run_sizes, run_ticks = _run(data, box, base, at, size, duration, room - count)
            count += len(run_sizes)
            runs.append(len(run_sizes))
            ends = run_at + np.cumsum(run_sizes)
            offsets.append(ends - run_sizes)
            sizes.append(run_sizes)
            ticks += run_ticks
            at = int(ends[-1]) if len(ends) else run_at
    own = track.protection(entry)
    groups = read_groups(data, traf, own.scheme) if own is not None else NO_GROUPS
    spans = _grouped(count, groups, track, own)
    decoded = find(data, traf, b"tfdt")
    begins = 0
    if decoded is not None:
        fields = Fields(data, decoded)
        begins = fields.number(8 if fields.version_and_flags()[0] else 4)
    where, lengths = np.concatenate(offsets), np.concatenate(sizes)
    return Samples(track, where, lengths, spans, data, traf, base, runs, begins, ticks)


def _run(data: bytes, box: Box, base: int, at: int, size: int, duration: int, room: int) -> tuple[int, Numbers, int]:
    """(where a `trun` begins in the file, its samples' sizes, their ticks)"""
    fields = Fields(data, box)
    _, flags = fields.version_and_flags()
    count = fields.number(4)
    if flags & _RUN_OFFSET:
        offset = fields.number(4)
        at = base + (offset - (1 << 32) if offset >> 31 else offset)
    if flags & _RUN_FIRST:
        fields.take(4)
    columns = [flag for flag in (_RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_COMPOSITION) if flags & flag]
    fields.room_for(count, 4 * len(columns), "samples")
    # A run without columns is as long for a million samples as for one.
    if count > room:
        raise RemoteError(f"a fragment says {count} samples: more than the file has room for")
    table = np.frombuffer(fields.take(4 * count * len(columns)), ">u4").reshape(count, len(columns)).astype(np.int64)
    sizes = table[:, columns.index(_RUN_SIZE)] if flags & _RUN_SIZE else np.full(count, size, np.int64)
    ticks = int(table[:, columns.index(_RUN_DURATION)].sum()) if flags & _RUN_DURATION else duration * count
    return at, sizes, ticks


def _grouped(count: int, groups: Groups, track: Track, own: Protection | None) -> list[tuple[int, Protection | None]]:
    """Spans that cover `count` samples: what no group has is the track's own."""
    if own is None:
        return [(count, None)]
    spans: list[tuple[int, Protection | None]] = []
    left = count
    own = own if own.is_protected else None
    for samples, number in groups.spans:
        if not left:
            break
        samples = min(samples, left)
        spans.append((samples, protection_of(number, groups, track.groups, own)))
        left -= samples
    return [*spans, (left, own)] if left or not spans else spans


def table_samples(data: bytes, track: Track, room: int = SAMPLES_LIMIT) -> Samples:
    """Those that `moov`, in `data`, has in its sample tables; `room`: as for `fragment_samples`. Raises RemoteError."""
    sizes = _table_sizes(data, track, min(room, SAMPLES_LIMIT))
    offsets, entries, chunks = _table_offsets(data, track, sizes)
    spans: list[tuple[int, Protection | None]] = []
    if len(entries):
        edges = [*(np.flatnonzero(np.diff(entries)) + 1).tolist(), len(entries)]
        if len(edges) > 1 and track.groups.spans:
            raise RemoteError(f"track {track.id} has several sample descriptions and key groups at once: not supported")
        first = 0
        for edge in edges:
            spans += _grouped(edge - first, track.groups, track, track.protection(int(entries[first])))
            first = edge
    return Samples(track, offsets, sizes, spans, data, track.table, 0, chunks, 0, track.duration)


def _table_sizes(data: bytes, track: Track, room: int) -> Numbers:
    box = find(data, track.table, b"stsz")
    if box is None:
        raise RemoteError(f"track {track.id} has no stsz: compact sample sizes (stz2) are not supported")
    fields = Fields(data, box)
    fields.version_and_flags()
    size, count = fields.number(4), fields.number(4)
    if count > room:
        raise RemoteError(f"track {track.id} says {count} samples: more than the file has room for")
    if size:
        return np.full(count, size, np.int64)
    fields.room_for(count, 4, "sample sizes")
    return np.frombuffer(fields.take(4 * count), ">u4").astype(np.int64)


def _table_offsets(data: bytes, track: Track, sizes: Numbers) -> tuple[Numbers, Numbers, list[int]]:
    """(offset, sample description) of each sample, and how many each chunk has (14496-12, 8.7.4 and 8.7.5)."""
    large = find(data, track.table, b"co64")
    fields = Fields(data, large or need(data, track.table, b"stco"))
    fields.version_and_flags()
    chunks = fields.number(4)
    octets = 8 if large else 4
    fields.room_for(chunks, octets, "chunks")
    starts = np.frombuffer(fields.take(octets * chunks), f">u{octets}").astype(np.int64)
    fields = Fields(data, need(data, track.table, b"stsc"))
    fields.version_and_flags()
    count = fields.number(4)
    fields.room_for(count, 12, "kinds of chunks")
    rows = np.frombuffer(fields.take(12 * count), ">u4").reshape(count, 3).astype(np.int64)
    firsts = rows[:, 0]
    if not len(sizes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), []
    if not count or firsts[0] != 1 or (np.diff(firsts) <= 0).any() or firsts[-1] > chunks:
        raise RemoteError(f"track {track.id}: stsc does not begin with chunk 1, or does not go up")
    repeats = np.diff(np.append(firsts, chunks + 1))
    per_chunk, entry = np.repeat(rows[:, 1], repeats), np.repeat(rows[:, 2], repeats)
    if int(per_chunk.sum()) != len(sizes):
        raise RemoteError(
            f"track {track.id}: its chunks hold {int(per_chunk.sum())} samples, and stsz has {len(sizes)}"
        )
    ends = np.cumsum(sizes)
    begins = ends - sizes
    first_sample = np.cumsum(per_chunk) - per_chunk
    nonempty = per_chunk > 0
    origin = starts.copy()
    origin[nonempty] -= begins[first_sample[nonempty]]
    return begins + np.repeat(origin, per_chunk), np.repeat(entry, per_chunk), per_chunk.tolist()
