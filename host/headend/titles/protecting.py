"""A fragmented MP4 stream, clear as it comes from the muxer, becomes a title: encrypted, with extras, with an index.

Box by box: what is in memory is one fragment. `senc` and, for players that want them, `saiz` and `saio` say how each
sample opens (ISO/IEC 23001-7, 7).
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from settop.errors import LocalError, RemoteError

from headend.titles.boxes import HEADER_BYTES, Box, box, find, full_box, head_of, inside
from headend.titles.ciphers import Octets, SampleCipher, Work
from headend.titles.extras import with_extras
from headend.titles.fragment_index import FragmentIndex
from headend.titles.movie import Movie, Track, read_movie
from headend.titles.output import Output
from headend.titles.protection import BLOCK, CBCS, ENCRYPTED_ENTRIES, KID_BYTES, Protection, entry_fields
from headend.titles.samples import Samples, fragment_samples
from headend.titles.slices import KINDS, length_octets, parts_of

PATTERN = (1, 9)
_PICTURED = frozenset((b"vide",))
_SAIO_BYTES, _SENC_HEAD_BYTES = 20, 16
_SAIZ_LIMIT = 255
"""Octets that `saiz` can say of a sample: a picture of more than 40 slices has `senc` alone."""
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Lock:
    """What to encrypt with. `scheme`: CENC or CBCS; `key` and `kid`: 16 octets; `iv_bytes`: 8 or 16 for each sample, 0
    for one that is constant (CBCS alone). `sound_pattern`: of sound under CBCS, whose whole blocks are encrypted by the
    standard (10.4.2), so that another one than (0, 0) is for trials. Its repr has no key.
    """

    scheme: str
    cipher: SampleCipher
    kid: bytes
    iv_bytes: int
    sound_pattern: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if len(self.kid) != KID_BYTES:
            raise LocalError(f"a key id has {KID_BYTES} bytes, not {len(self.kid)}")
        wanted = (0, 16) if self.scheme == CBCS else (8, 16)
        if self.iv_bytes not in wanted:
            raise LocalError(f"{self.scheme} takes IVs of {wanted[0] or 'constant'} or {wanted[1]} bytes")


class _TrackLock:
    """One track under a lock: its protection, and the IVs of its samples, none of which comes twice."""

    def __init__(self, lock: Lock, track: Track, data: bytes, random: Random) -> None:
        self.kind = track.entries[0].kind
        self.octets = 0
        is_video = track.handler in _PICTURED
        if is_video:
            self.octets = _nal_octets(track, data)
        constant = random(BLOCK) if not lock.iv_bytes else b""
        crypt, skip = (0, 0) if lock.scheme != CBCS else PATTERN if is_video else lock.sound_pattern
        self.protection = Protection(lock.scheme, True, lock.kid, lock.iv_bytes, constant, crypt, skip)
        # Eight octets count samples. Of sixteen, the last eight count blocks: they go on where the sample before ended.
        self._fixed = random(8) if lock.iv_bytes == BLOCK else b""
        self._next = 0 if self._fixed else int.from_bytes(random(8), "big")

    def work(self, sample: memoryview, start: int) -> tuple[Work, list[tuple[int, int]] | None]:
        """What to do with the sample that lies at `start` of the fragment's media, and its map; None without one."""
        parts = parts_of(sample, self.kind, self.octets, self.protection.scheme) if self.octets else None
        if parts is None:
            ranges = [(start, len(sample))]
        else:
            ranges, at = [], start
            for clear, hidden in parts:
                ranges.append((at + clear, hidden))
                at += clear + hidden
        iv = self._iv(sum(length for _, length in ranges))
        return Work(iv or self.protection.constant_iv, ranges), parts

    def _iv(self, size: int) -> bytes:
        if not self.protection.iv_bytes:
            return b""
        made = self._fixed + (self._next % (1 << 64)).to_bytes(8, "big")
        self._next += -(-size // BLOCK) if self._fixed else 1
        return made


def _nal_octets(track: Track, data: bytes) -> int:
    entry = track.entries[0]
    if entry.kind not in KINDS:
        raise RemoteError(f"video of kind {entry.kind.decode('latin-1')} cannot be encrypted: H.264 and HEVC can")
    boxes = inside(data, entry.box, entry_fields(data, entry.box, track.handler))
    found = next((one for one in boxes if one.kind in (b"avcC", b"hvcC")), None)
    if found is None:
        raise RemoteError("the video has no avcC or hvcC: its samples cannot be told apart")
    return length_octets(entry.kind, data[found.body : found.end])


class Protector:
    """Takes a fragmented MP4 stream octet by octet (`feed`) and writes the title. lock: None leaves it clear.

    `entries`: sample entries that the muxer does not know how to write, by the number of the track, from 0; to be there
    before its `moov`. `random(n)`: octets for IVs; `fragments`: how many are expected. Raises RemoteError for media
    that cannot be encrypted.
    """

    def __init__(
        self,
        output: Output,
        lock: Lock | None,
        extras: Mapping[str, bytes],
        purchaser: int | None,
        random: Random,
        fragments: int,
    ) -> None:
        self._output = output
        self._index = FragmentIndex(fragments)
        self._lock = lock
        self._extras = extras
        self._purchaser = purchaser
        self._random = random
        self._held = bytearray()
        self._at = 0
        self._moof = b""
        self._movie: Movie | None = None
        self._locks: dict[int, _TrackLock] = {}
        self._index_at = 0
        self.samples = 0
        self.entries: dict[int, bytes] = {}

    def feed(self, data: bytes) -> None:
        """The next octets of the clear stream."""
        self._held += data
        at = 0
        while len(self._held) - at >= HEADER_BYTES:
            found = head_of(
                bytes(self._held[at : at + 16]), 0, max(len(self._held) - at, 16), "the muxer's stream", True
            )
            if found.size > len(self._held) - at:
                break
            self._take(found.kind, self._held[at : at + found.size])
            at += found.size
        del self._held[:at]

    def finish(self) -> None:
        """The end of the stream: the index follows. Raises RemoteError where nothing was in it."""
        if self._held or self._moof or self._movie is None:
            raise RemoteError("nothing to pack: the input has no samples that go into an MP4 file")
        self._output.rewrite(self._index_at, self._index.boxes())

    def _put(self, data: bytes | bytearray) -> None:
        self._output.write(data)
        self._at += len(data)

    def _take(self, kind: bytes, data: bytearray) -> None:
        if kind == b"moov":
            self._put(self._begin(bytes(data)))
            self._index_at = self._at
            self._put(self._index.room())
        elif kind == b"moof":
            self._moof = bytes(data)
        elif kind == b"mdat":
            self._fragment(data)
        elif kind not in (b"mfra", b"sidx"):
            self._put(data)

    def _begin(self, data: bytes) -> bytes:
        """The `moov` of the title."""
        self._movie = movie = read_movie(data)
        tracks = movie.tracks.values()
        pictured = [track for track in tracks if track.handler in _PICTURED]
        self._index.track = (pictured or list(tracks))[0]
        edits: dict[int, bytes] = {}
        for number, track in enumerate(tracks):
            entry = track.entries[0]
            made = self.entries.get(number, data[entry.box.start : entry.box.end])
            if self._lock is not None and track.handler in ENCRYPTED_ENTRIES:
                lock = self._locks[track.id] = _TrackLock(self._lock, track, data, self._random)
                made = _encrypted_entry(made, track.handler, lock.protection)
            edits[entry.box.start] = made
        udta = find(data, movie.box, b"udta")
        fresh = with_extras(data, udta, self._extras, self._purchaser)
        parts = []
        for part in inside(data, movie.box):
            if part.kind != b"udta":
                parts.append(_edited(data, part, edits))
        return box(b"moov", *parts, fresh)

    def _fragment(self, mdat: bytearray) -> None:
        """Encrypt a fragment's media in place, and write it behind its grown header."""
        if not self._moof or self._movie is None:
            raise RemoteError("the muxer wrote media without a fragment's header")
        moof = self._moof
        media = np.frombuffer(mdat, np.uint8)
        found = fragment_samples(moof, 0, self._movie.tracks)
        trafs = [self._traf_boxes(samples, media, len(moof)) for samples in found]
        grown = sum(len(saiz) + (_SAIO_BYTES if saiz else 0) + len(senc) for saiz, senc in trafs)
        pieces, at, number = [], HEADER_BYTES, 0
        for part in inside(moof, Box(b"moof", 0, HEADER_BYTES, len(moof))):
            if part.kind == b"traf":
                piece = _grown_traf(moof, part, at, grown, *trafs[number])
                number += 1
            else:
                piece = moof[part.start : part.end]
            pieces.append(piece)
            at += len(piece)
        before = self._at
        self.samples += sum(len(samples.sizes) for samples in found)
        self._put(box(b"moof", *pieces))
        self._put(mdat)
        self._moof = b""
        self._index.note(found, self._at - before)

    def _traf_boxes(self, samples: Samples, media: Octets, moof_bytes: int) -> tuple[bytes, bytes]:
        """Encrypt a track's samples in `media`; (`saiz`, `senc`), the boxes that say how, each b"" where it is not
        needed or cannot be.
        """
        lock = self._locks.get(samples.track.id)
        if lock is None or self._lock is None:
            return b"", b""
        view = media.data
        works, entries = [], []
        has_parts = bool(lock.octets)
        for start, size in zip((samples.offsets - moof_bytes).tolist(), samples.sizes.tolist(), strict=True):
            if start < 0 or start + size > len(media):
                raise RemoteError("the muxer's fragment names octets beyond its media")
            work, parts = lock.work(view[start : start + size], start)
            works.append(work)
            entry = work.iv if lock.protection.iv_bytes else b""
            if parts is not None:
                entry += struct.pack(">H", len(parts)) + b"".join(struct.pack(">HI", *part) for part in parts)
            entries.append(entry)
        self._lock.cipher.encrypt(media, lock.protection, works)
        sizes = [len(entry) for entry in entries]
        if not any(sizes):  # one IV for all and no maps: there is nothing to say of a sample
            return b"", b""
        senc = full_box(b"senc", 0, 2 if has_parts else 0, struct.pack(">I", len(entries)), *entries)
        if max(sizes) > _SAIZ_LIMIT:
            return b"", senc
        same = len(set(sizes)) == 1
        counts = struct.pack(">BI", sizes[0] if same else 0, len(sizes))
        return full_box(b"saiz", 0, 0, counts, b"" if same else bytes(sizes)), senc


def _encrypted_entry(entry: bytes, handler: bytes, protection: Protection) -> bytes:
    # What it was stands in front of the boxes that are its codec's: FFmpeg wants to know what they belong to.
    found = Box(entry[4:8], 0, HEADER_BYTES, len(entry))
    fields = HEADER_BYTES + entry_fields(entry, found, handler)
    return box(ENCRYPTED_ENTRIES[handler], entry[HEADER_BYTES:fields], protection.sinf(found.kind), entry[fields:])


_OPENED = {b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"stsd": 8}


def _edited(data: bytes, here: Box, edits: dict[int, bytes]) -> bytes:
    """The box with those in it replaced that begin where `edits` says."""
    if here.start in edits:
        return edits[here.start]
    if here.kind not in _OPENED:
        return data[here.start : here.end]
    fields = _OPENED[here.kind]
    parts = [_edited(data, part, edits) for part in inside(data, here, fields)]
    return box(here.kind, data[here.body : here.body + fields], *parts)


def _grown_traf(moof: bytes, traf: Box, at: int, grown: int, saiz: bytes, senc: bytes) -> bytes:
    """A `traf` with what says how to open it behind the rest; it begins at octet `at` of a fragment that is `grown`
    octets longer than it was.
    """
    parts = []
    for part in inside(moof, traf):
        piece = moof[part.start : part.end]
        if part.kind == b"trun" and int.from_bytes(piece[9:12], "big") & 1:
            (offset,) = struct.unpack_from(">i", piece, 16)
            piece = piece[:16] + struct.pack(">i", offset + grown) + piece[20:]
        parts.append(piece)
    if saiz:
        place = at + traf.size + len(saiz) + _SAIO_BYTES + _SENC_HEAD_BYTES
        parts += [saiz, full_box(b"saio", 0, 0, struct.pack(">II", 1, place))]
    return box(b"traf", *parts, senc)
