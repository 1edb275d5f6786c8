"""What a title says of itself without a key: tracks, codecs, encryption, extras, purchaser."""

import os
from dataclasses import asdict, dataclass
from typing import Any

from settop.errors import RemoteError

from headend.titles.boxes import File, inside, name_of
from headend.titles.extras import read_extras, read_purchaser
from headend.titles.movie import Movie, Track
from headend.titles.opening import MOOF_LIMIT, find_movie, has_table
from headend.titles.protection import NONE, Protection
from headend.titles.samples import fragment_samples, table_samples

_HANDLERS = {b"soun": "audio", b"vide": "video", b"text": "text", b"sbtl": "subtitles", b"subt": "subtitles"}
_OBJECTS = {0x40: "AAC", 0x66: "AAC", 0x67: "AAC", 0x68: "AAC", 0x69: "MP3", 0x6B: "MP3"}
_CODECS = {
    b"avc1": "H.264",
    b"avc3": "H.264",
    b"hvc1": "HEVC",
    b"hev1": "HEVC",
    b"vp09": "VP9",
    b"av01": "AV1",
    b"Opus": "Opus",
    b"fLaC": "FLAC",
    b"ipcm": "PCM",
    b"sowt": "PCM",
    b"twos": "PCM",
    b"ac-3": "AC-3",
    b".mp3": "MP3",
    b"ms\0\x11": "IMA ADPCM",
    b"ima4": "IMA ADPCM",
}
_ES, _CONFIGURATION = 3, 4


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One track. `scheme` "none" for a clear one, `kid` and `iv` empty then. `key_ids`: those of rotated keys."""

    id: int
    kind: str
    codec: str
    entry: str
    samples: int
    octets: int
    duration_s: float
    scheme: str
    kid: str
    iv: str
    pattern: str
    key_ids: list[str]


@dataclass(frozen=True, slots=True)
class TitleInfo:
    """A title. `extras`: octets of each by name. `note`: what is wrong with the rest of the file, empty for nothing."""

    brand: str
    fragments: int
    duration_s: float
    octets: int
    scheme: str
    tracks: list[TrackInfo]
    extras: dict[str, int]
    purchaser: int | None
    systems: list[str]
    note: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _Count:
    samples: int = 0
    octets: int = 0
    ticks: int = 0


def read_info(source: str | os.PathLike[str]) -> TitleInfo:
    """Raises RemoteError where the file's header cannot be read; what is wrong behind it is `note`. OSError."""
    with File(source) as file:
        movie = find_movie(file)
        counts = {number: _Count() for number in movie.tracks}
        kids: dict[int, list[str]] = {number: _kids(track.groups.defined) for number, track in movie.tracks.items()}
        note, brand, fragments = "", "", 0
        try:
            for track in movie.tracks.values():
                if has_table(movie, track):
                    table = table_samples(movie.data, track, file.size)
                    counts[track.id] = _Count(len(table.sizes), int(table.sizes.sum()), track.duration)
            for box in file.tops():
                if box.kind == b"ftyp" and box.body + 4 <= box.end:
                    brand = name_of(file.read(box.body, 4))
                elif box.kind == b"moof":
                    fragments += 1
                    if box.size > MOOF_LIMIT:
                        raise RemoteError(f"a fragment's header says {box.size} bytes; up to {MOOF_LIMIT} are read")
                    moof = file.read(box.start, box.size)
                    for samples in fragment_samples(moof, box.start, movie.tracks, file.size):
                        count = counts[samples.track.id]
                        count.samples += len(samples.sizes)
                        count.octets += int(samples.sizes.sum())
                        count.ticks += samples.ticks
                        _add(kids[samples.track.id], [one for _, one in samples.spans if one is not None])
                if box.end > file.size:
                    missing = box.end - file.size
                    note = f"the file is cut: {missing} bytes of its last box, {name_of(box.kind)}, are missing"
        except RemoteError as error:
            note = str(error)
        tracks = [_track(movie, track, counts[track.id], kids[track.id]) for track in movie.tracks.values()]
        schemes = {track.scheme for track in tracks if track.scheme != NONE}
        return TitleInfo(
            brand,
            fragments,
            round(max(track.duration_s for track in tracks), 3),
            file.size,
            " ".join(sorted(schemes)) or NONE,
            tracks,
            {name: len(value) for name, value in read_extras(movie).items()},
            read_purchaser(movie),
            [
                movie.data[box.body + 4 : box.body + 20].hex()
                for box in inside(movie.data, movie.box)
                if box.kind == b"pssh"
            ],
            note,
        )


def _kids(protections: list[Protection]) -> list[str]:
    found: list[str] = []
    _add(found, [one for one in protections if one.is_protected])
    return found


def _add(kids: list[str], protections: list[Protection]) -> None:
    for protection in protections:
        if protection.kid.hex() not in kids:
            kids.append(protection.kid.hex())


def _track(movie: Movie, track: Track, count: _Count, kids: list[str]) -> TrackInfo:
    entry = track.entries[0]
    protection = entry.protection
    own = "" if protection is None else protection.kid.hex()
    if protection is None:
        iv = pattern = ""
    else:
        constant = protection.constant_iv
        iv = f"constant, {len(constant)} bytes" if constant else f"{protection.iv_bytes} bytes a sample"
        pattern = f"{protection.crypt}:{protection.skip}" if protection.skip else ""
    return TrackInfo(
        track.id,
        _HANDLERS.get(track.handler, name_of(track.handler)),
        _codec(movie, track),
        name_of(entry.kind),
        count.samples,
        count.octets,
        round((count.ticks or track.duration) / track.timescale, 3),
        NONE if protection is None else protection.scheme,
        own,
        iv,
        pattern,
        [kid for kid in kids if kid != own],
    )


def _codec(movie: Movie, track: Track) -> str:
    entry = track.entries[0]
    if entry.kind == b"mp4a":
        at = movie.data.find(b"esds", entry.box.body, entry.box.end)
        object_type = _object_type(movie.data[at + 8 : entry.box.end]) if at >= 0 else 0
        return _OBJECTS.get(object_type, f"MPEG-4 audio 0x{object_type:02x}")
    return _CODECS.get(entry.kind, name_of(entry.kind))


def _object_type(descriptors: bytes) -> int:
    """objectTypeIndication of an ES_Descriptor (ISO/IEC 14496-1, 7.2.6); 0 where there is none."""
    at = _inside_descriptor(descriptors, 0, _ES)
    if at < 0 or at + 3 > len(descriptors):
        return 0
    flags = descriptors[at + 2]
    at += 3 + 2 * (flags >> 7) + 2 * (flags >> 5 & 1)
    if flags & 0x40:
        at += 1 + (descriptors[at] if at < len(descriptors) else 0)
    at = _inside_descriptor(descriptors, at, _CONFIGURATION)
    return descriptors[at] if 0 <= at < len(descriptors) else 0


def _inside_descriptor(data: bytes, at: int, tag: int) -> int:
    """Where the body of the descriptor at `at` begins; -1 where it is another one."""
    if at >= len(data) or data[at] != tag:
        return -1
    at += 1
    while at < len(data) and data[at] & 0x80:
        at += 1
    return at + 1
