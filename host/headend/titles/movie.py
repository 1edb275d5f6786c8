"""What `moov` says of the tracks (ISO/IEC 14496-12, 8.2 to 8.8): as much as it takes to find and open their samples."""

from dataclasses import dataclass, field

from settop.errors import RemoteError

from headend.titles.boxes import Box, Fields, children, find, inside, name_of, need
from headend.titles.groups import Groups, read_groups
from headend.titles.protection import Protection, read_entry

MOOV_LIMIT = 256 << 20
"""Octets of `moov` that are taken into memory: the sample tables of a long film, a cover and a score fit many times."""
_TRACKS_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample description. kind: of the codec, as it was before encryption. box: where it lies in `moov`."""

    kind: bytes
    protection: Protection | None
    box: Box


@dataclass(frozen=True, slots=True)
class Track:
    """A track. `timescale` in ticks a second, `duration` in ticks, 0 where `moov` does not know. `default_*`: of
    `trex`. `groups`: the key rotation groups that `moov` defines.
    """

    id: int
    handler: bytes
    timescale: int
    duration: int
    entries: list[Entry]
    table: Box
    groups: Groups
    default_entry: int = 1
    default_duration: int = 0
    default_size: int = 0

    @property
    def is_protected(self) -> bool:
        return any(entry.protection is not None for entry in self.entries)

    def protection(self, entry: int) -> Protection | None:
        """Of a sample description, counted from 1. Raises RemoteError where there is none of that number."""
        if not 1 <= entry <= len(self.entries):
            raise RemoteError(
                f"track {self.id} has {len(self.entries)} sample descriptions, and number {entry} is named"
            )
        return self.entries[entry - 1].protection


@dataclass(frozen=True, slots=True)
class Movie:
    """`data`: `moov` as it stands in the file, at `start`. `duration_s`: None where it does not say."""

    data: bytes = field(repr=False)
    start: int
    box: Box
    tracks: dict[int, Track]
    duration_s: float | None

    @property
    def is_protected(self) -> bool:
        return any(track.is_protected for track in self.tracks.values())


def read_movie(data: bytes, start: int = 0) -> Movie:
    """`data`: the whole `moov`, `start`: where it lies in the file. Raises RemoteError for what cannot be used."""
    found = children(data, 0, len(data), "moov")
    if len(found) != 1 or found[0].kind != b"moov":
        raise RemoteError("moov is damaged: its size is not its own")
    box = found[0]
    defaults: dict[int, tuple[int, int, int]] = {}
    tracks: dict[int, Track] = {}
    parts = inside(data, box)
    for part in parts:
        if part.kind == b"mvex":
            defaults.update(_defaults(data, one) for one in inside(data, part) if one.kind == b"trex")
    for part in parts:
        if part.kind == b"trak":
            track = _track(data, part, defaults)
            if track.id in tracks or len(tracks) >= _TRACKS_LIMIT:
                raise RemoteError(f"moov has track {track.id} twice, or more than {_TRACKS_LIMIT} tracks")
            tracks[track.id] = track
    if not tracks:
        raise RemoteError("moov has no trak: there is nothing to play in this file")
    return Movie(data, start, box, tracks, _duration_s(data, box))


def _defaults(data: bytes, box: Box) -> tuple[int, tuple[int, int, int]]:
    fields = Fields(data, box)
    fields.version_and_flags()
    track = fields.number(4)
    return track, (fields.number(4), fields.number(4), fields.number(4))


def _times(data: bytes, box: Box) -> tuple[int, int]:
    """(timescale, duration) of `mvhd` or `mdhd`."""
    fields = Fields(data, box)
    version, _ = fields.version_and_flags()
    octets = 8 if version else 4
    fields.take(2 * octets)
    timescale, duration = fields.number(4), fields.number(octets)
    return timescale, 0 if duration == (1 << 8 * octets) - 1 else duration


def _duration_s(data: bytes, moov: Box) -> float | None:
    timescale, duration = _times(data, need(data, moov, b"mvhd"))
    if not duration:
        fragments = find(data, moov, b"mvex", b"mehd")
        if fragments is not None:
            fields = Fields(data, fragments)
            duration = fields.number(8 if fields.version_and_flags()[0] else 4)
    return duration / timescale if timescale and duration else None


def _track(data: bytes, trak: Box, defaults: dict[int, tuple[int, int, int]]) -> Track:
    fields = Fields(data, need(data, trak, b"tkhd"))
    version, _ = fields.version_and_flags()
    fields.take(16 if version else 8)
    number = fields.number(4)
    timescale, duration = _times(data, need(data, trak, b"mdia", b"mdhd"))
    fields = Fields(data, need(data, trak, b"mdia", b"hdlr"))
    fields.take(8)
    handler = fields.take(4)
    table = need(data, trak, b"mdia", b"minf", b"stbl")
    stsd = need(data, table, b"stsd")
    entries = []
    for entry in inside(data, stsd, 8):
        kind, protection = read_entry(data, entry, handler)
        entries.append(Entry(kind, protection, entry))
    if not entries or not timescale:
        raise RemoteError(f"track {number} ({name_of(handler)}) has no sample description, or no clock")
    schemes = [entry.protection.scheme for entry in entries if entry.protection is not None]
    groups = read_groups(data, table, schemes[0] if schemes else "")
    return Track(number, handler, timescale, duration, entries, table, groups, *defaults.get(number, (1, 0, 0)))
