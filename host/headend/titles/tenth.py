"""Every tenth octet of an MP3 file encrypted, for players that can do no more: whole, or with the frames' headers
spared.

The octets that count are those between the tags (ID3v2 in front, ID3v1 behind); without the four octets of each frame's
header, where these are spared. The first of them and every tenth after it is changed, and each of these to another
value: a key stream octet of AES in counter mode says by how much, 1 to 255, it is shifted. One key is for one title:
there is no place in an MP3 file for an IV that each player would find.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from Crypto.Cipher import AES
from numpy.typing import NDArray
from settop.errors import LocalError, RemoteError
from settop.wire.tenth import FRAME_LIMIT, HEADER_BYTES, LABEL, STEP
from settop.wire.tenth import frame_bytes as length_of

from headend.titles.boxes import File
from headend.titles.protection import BLOCK, KEY_BYTES

_WINDOW_BYTES = 1 << 20
_ID3V2_HEAD, _ID3V1_BYTES, _APE_BYTES = 10, 128, 32
Octets = NDArray[np.uint8]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Tenth:
    """What was done: `counted` octets, of which `changed` were; `frames` whose headers were spared, 0 where they
    were not.
    """

    counted: int
    changed: int
    frames: int


class TenthCipher:
    """Shifts every tenth octet of a stream that comes in pieces. `undo`: back again."""

    def __init__(self, key: bytes, undo: bool = False) -> None:
        if len(key) != KEY_BYTES:
            raise LocalError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._ecb = AES.new(key, AES.MODE_ECB)
        self._undo = undo
        self.counted = 0
        self.changed = 0

    def work(self, data: Octets) -> None:
        """The next octets that count, changed in place."""
        first = -self.counted % STEP
        which = data[first::STEP]
        if len(which):
            shift = self._shifts(self.changed, len(which))
            which[:] = which - shift if self._undo else which + shift
        self.changed += len(which)
        self.counted += len(data)

    def _shifts(self, start: int, count: int) -> Octets:
        """1 to 255 for each; 1 comes twice as often as the rest."""
        block, last = start // BLOCK, (start + count - 1) // BLOCK
        counters = b"".join(LABEL + number.to_bytes(8, "big") for number in range(block, last + 1))
        stream = np.frombuffer(self._ecb.encrypt(counters), np.uint8)
        return (stream[start - block * BLOCK :][:count] % 255 + 1).astype(np.uint8)


def tenth(
    source: str | os.PathLike[str],
    write: Callable[[bytes], object],
    key: bytes,
    spare_headers: bool = False,
    undo: bool = False,
    progress: Progress | None = None,
) -> Tenth:
    """Write `source`, an MP3 file, with every tenth octet encrypted, or (`undo`) as it was before.

    `progress(done, total)` counts octets. Raises RemoteError where it is not one frame behind the other, LocalError for
    a key of another length, OSError.
    """
    cipher = TenthCipher(key, undo)
    with File(source) as file:
        start, end = _between_tags(file)
        if spare_headers or not undo:
            frame_bytes(file.read(start, min(HEADER_BYTES, end - start)), start)
        _copy(file, write, 0, start)
        frames, at = 0, start
        while at < end:
            octets = np.frombuffer(file.read(at, min(_WINDOW_BYTES + FRAME_LIMIT, end - at)), np.uint8).copy()
            if spare_headers:
                headers, stop = _frames(octets.tobytes(), at, at + len(octets) == end)
                octets = octets[:stop]
                counts = np.ones(stop, bool)
                counts[(np.array(headers, np.intp)[:, None] + np.arange(HEADER_BYTES)).ravel()] = False
                body = octets[counts]
                cipher.work(body)
                octets[counts] = body
                frames += len(headers)
            else:
                cipher.work(octets)
            write(octets.tobytes())
            at += len(octets)
            if progress is not None:
                progress(at, file.size)
        _copy(file, write, end, file.size)
    return Tenth(cipher.counted, cipher.changed, frames)


def _frames(data: bytes, place: int, is_last: bool) -> tuple[list[int], int]:
    """(where in `data` headers are; up to where the frames are whole, or all of it where it `is_last`)"""
    found: list[int] = []
    at = 0
    while len(data) - at >= HEADER_BYTES:
        end = at + frame_bytes(data[at : at + HEADER_BYTES], place + at)
        if end > len(data) and not is_last:
            return found, at
        found.append(at)
        at = end
    return found, len(data) if is_last else at


def frame_bytes(header: bytes, place: int) -> int:
    """The length of the MPEG layer III frame (ISO/IEC 11172-3, 2.4.2.3; 13818-3) with this header of four octets.

    Raises RemoteError, naming the `place` in the file, where it is none or does not say its length.
    """
    size = int(length_of(header))
    if not size:
        raise RemoteError(
            f"no MP3 frame of a stated length begins at byte {place}: this takes MP3 files, one frame behind the other "
            "(ffmpeg -i IN -c:a copy OUT.mp3 puts that right)"
        )
    return size


def _between_tags(file: File) -> tuple[int, int]:
    """Where the frames begin and end: behind an ID3v2 tag (id3.org, 3.1), in front of an APEv2 and an ID3v1 tag."""
    start, end = 0, file.size
    head = file.read(0, min(_ID3V2_HEAD, file.size))
    if head[:3] == b"ID3" and len(head) == _ID3V2_HEAD:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        start = _ID3V2_HEAD + size + (_ID3V2_HEAD if head[5] & 0x10 else 0)
    if end - start >= _ID3V1_BYTES and file.read(end - _ID3V1_BYTES, 3) == b"TAG":
        end -= _ID3V1_BYTES
    if end - start >= _APE_BYTES and (footer := file.read(end - _APE_BYTES, _APE_BYTES)).startswith(b"APETAGEX"):
        has_header = footer[23] >> 7
        end -= int.from_bytes(footer[12:16], "little") + (_APE_BYTES if has_header else 0)
    if start >= end:
        raise RemoteError("there are no MP3 frames in the file")
    return start, end


def _copy(file: File, write: Callable[[bytes], object], start: int, end: int) -> None:
    while start < end:
        count = min(_WINDOW_BYTES, end - start)
        write(file.read(start, count))
        start += count
