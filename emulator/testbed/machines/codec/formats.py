"""What a VS1053b makes of the octets in its FIFO: which format it is, where its frames are, and what they sound like.

Written as generators, for the octets come when they come: one asks for a number of octets by yielding it and is sent
them, or yields a `Unit` that it has decoded. PyAV decodes (FFmpeg's libraries); finding the frames is done here, so
that it is known to the octet what each of them took.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from testbed.machines.codec.headers import ADTS_HEADER_BYTES, MP3_HEADER_BYTES, Header, adts_header, mp3_header
from testbed.machines.codec.mp4 import MOVIE_BYTES, Mp4Error, read_movie
from testbed.machines.codec.sound import Samples

HIGHEST_RATE = 48_000
LOST_BYTES = 2048
"""After so many octets without a frame a stream has ended."""
MP3, ADTS, MP4, WAV = 0xFFE0, 0x4154, 0x4D34, 0x7665
"""SCI_HDAT1 while it is decoded (VS1053b datasheet 9.6.9); MP3's is the first half of the frame's header."""
_PCM, _IMA, _MP3_IN_WAV = 1, 0x11, 0x55
_PCM_FRAMES = 32
_NO_END = 0xFFFFFFFF
_FORMAT_BYTES_LONGEST = 64


@dataclass
class Unit:
    """Samples that were decoded together. `head`: (HDAT1, HDAT0) now, HDAT0 None where it is the mean octets a second.

    `damaged`: the decoder could make nothing of it, so that it is silence.
    """

    rate: int
    samples: Samples
    head: tuple[int, int | None]
    damaged: bool = False


Work = Generator["int | Unit", bytes, None]
Wants = Generator["int | Unit", bytes, bytes]


class Octets:
    """What was taken out of the FIFO and is not used up yet."""

    def __init__(self) -> None:
        self.held = bytearray()

    def peek(self, count: int) -> Wants:
        """The next so many octets, which stay."""
        while len(self.held) < count:
            self.held += yield count - len(self.held)
        return bytes(self.held[:count])

    def take(self, count: int) -> Wants:
        data = yield from self.peek(count)
        del self.held[:count]
        return data


class Library:
    """One decoder of PyAV's."""

    def __init__(self, name: str, **settings: Any):
        import av

        self._av: Any = av
        self._context: Any = av.CodecContext.create(name, "r")
        for setting, value in settings.items():
            setattr(self._context, setting, value)

    def decode(self, data: bytes) -> Samples | None:
        """None: nothing can be made of it."""
        try:
            frames = self._context.decode(self._av.Packet(data))
        except self._av.FFmpegError:
            return None
        parts = [_sixteen_bits(frame) for frame in frames]
        return np.concatenate(parts) if parts else None


def _sixteen_bits(frame: Any) -> Samples:
    """As FFmpeg's own conversion rounds."""
    data = frame.to_ndarray()
    data = data.T if frame.format.is_planar else data.reshape(-1, frame.layout.nb_channels)
    if data.dtype.kind == "f":
        data = np.clip(np.rint(data * np.float32(32768)), -32768, 32767)
    elif data.dtype == np.uint8:
        data = (data.astype(np.int16) - 128) << 8
    return np.ascontiguousarray(data, np.int16)


class Recogniser:
    """`work` goes through one file after the other, whatever comes; what is none is thrown away octet by octet.

    `number` goes up with each file, and with what only looked like one, from where it is; `decoding`: it is in one.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.decoding = False
        self.work = self._files()

    def _files(self) -> Work:
        octets = Octets()
        while True:
            head = yield from octets.peek(12)
            work = _recognised(octets, head)
            if work is None:
                del octets.held[:1]
                continue
            self.number += 1
            self.decoding = True
            yield from work
            self.decoding = False


def _recognised(octets: Octets, head: bytes) -> Work | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _wav(octets)
    if head[4:8] == b"ftyp":
        return _mp4(octets)
    if head[:3] == b"ID3" and max(head[6:10]) < 0x80:
        # ID3v2: seven bits an octet
        return _skip(octets, 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]))
    if adts_header(head) is not None:
        return _frames(octets, "aac", ADTS_HEADER_BYTES)
    if mp3_header(head) is not None:
        return _frames(octets, "mp3float", MP3_HEADER_BYTES)
    return None


def _skip(octets: Octets, count: int) -> Work:
    while count > 0:
        part = min(count, 512)
        yield from octets.take(part)
        count -= part


def _header(name: str, data: bytes) -> Header | None:
    return adts_header(data) if name == "aac" else mp3_header(data)


def _frames(octets: Octets, name: str, header_bytes: int, left: int | None = None) -> Work:
    """A stream of frames with headers, of `left` octets where that is known.

    It is believed when the header of a second frame stands right behind the first, for noise has headers too.
    """
    library = None
    lost = 0
    kind = None
    while left is None or left >= header_bytes:
        head = yield from octets.peek(header_bytes)
        header = _header(name, head)
        if header is not None and header.kind == kind and (left is None or header.octets <= left):
            data = yield from octets.take(header.octets)
            left = None if left is None else left - header.octets
            lost = 0
            if library is None:
                library = Library(name)
            yield _unit(library.decode(data), header, head, name)
            continue
        if header is not None and (left is None or header.octets + header_bytes <= left):
            both = yield from octets.peek(header.octets + header_bytes)
            behind = _header(name, both[header.octets :])
            if behind is not None and behind.kind == header.kind:
                if header.kind != kind:
                    library = None
                kind = header.kind
                continue
        kind = None
        del octets.held[:1]
        left = None if left is None else left - 1
        lost += 1
        if left is None and (lost >= LOST_BYTES or library is None):
            return
    if left:
        yield from octets.take(left)


def _unit(samples: Samples | None, header: Header, head: bytes, name: str) -> Unit:
    registers = (ADTS, None) if name == "aac" else (head[0] << 8 | head[1], head[2] << 8 | head[3])
    if samples is None or header.rate > HIGHEST_RATE:
        silence = np.zeros((header.samples, header.channels), np.int16)
        return Unit(min(header.rate, HIGHEST_RATE), silence, registers, damaged=True)
    longer = len(samples) // header.samples  # spectral band replication: twice the samples, at twice the rate
    return Unit(header.rate * max(1, longer), samples, registers)


def _wav(octets: Octets) -> Work:
    yield from octets.take(12)
    layout = None
    while True:
        chunk = yield from octets.take(8)
        size = int.from_bytes(chunk[4:], "little")
        if chunk[:4] == b"data":
            break
        if chunk[:4] != b"fmt ":
            yield from _skip(octets, size + size % 2)
            continue
        if not 16 <= size <= _FORMAT_BYTES_LONGEST:
            return
        layout = yield from octets.take(size + size % 2)
    if layout is None:
        return
    words = [int.from_bytes(layout[at : at + 2], "little") for at in (0, 2, 12, 14)]
    kind, channels, align, bits = words
    rate = int.from_bytes(layout[4:8], "little")
    left = None if size == _NO_END else size
    if not 1 <= channels <= 2 or not 1 <= rate <= HIGHEST_RATE:
        return
    if kind == _PCM and bits in (8, 16) and align == channels * bits // 8:
        yield from _pcm(octets, left, rate, channels, bits)
    elif kind == _IMA and bits == 4 and align % (4 * channels) == 0 and align > 4 * channels:
        yield from _blocks(octets, left, rate, channels, align)
    elif kind == _MP3_IN_WAV:
        yield from _frames(octets, "mp3float", MP3_HEADER_BYTES, left)


def _pcm(octets: Octets, left: int | None, rate: int, channels: int, bits: int) -> Work:
    step = channels * bits // 8
    while left is None or left >= step:
        count = _PCM_FRAMES if left is None else min(_PCM_FRAMES, left // step)
        data = yield from octets.take(count * step)
        left = None if left is None else left - len(data)
        if bits == 8:
            samples = (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8
        else:
            samples = np.frombuffer(data, "<i2").astype(np.int16)
        yield Unit(rate, samples.reshape(-1, channels), (WAV, None))
    if left:
        yield from octets.take(left)


def _blocks(octets: Octets, left: int | None, rate: int, channels: int, align: int) -> Work:
    layout = "stereo" if channels == 2 else "mono"
    library = Library("adpcm_ima_wav", layout=layout, sample_rate=rate, options={"bits_per_coded_sample": "4"})
    while left is None or left >= align:
        data = yield from octets.take(align)
        left = None if left is None else left - align
        samples = library.decode(data)
        silence = np.zeros((1 + 2 * (align // channels - 4), channels), np.int16)
        yield Unit(rate, silence if samples is None else samples, (WAV, None), damaged=samples is None)
    if left:
        yield from _skip(octets, left)


def _mp4(octets: Octets) -> Work:
    """A file whose samples lie in one mdat behind its moov; a fragmented one is not read, and stays silent."""
    movie = None
    while True:
        head = yield from octets.take(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size < 8:
            return
        if kind == b"mdat":
            break
        if kind == b"moov":
            if size > MOVIE_BYTES:
                return
            body = yield from octets.take(size - 8)
            try:
                movie = read_movie(body)
            except Mp4Error:
                return
        else:
            yield from _skip(octets, size - 8)
    if movie is None or not movie.sizes:
        yield from _skip(octets, size - 8)
        return
    library = Library("aac", extradata=movie.config)
    left = size - 8
    for sample in movie.sizes:
        if sample > left:
            break
        data = yield from octets.take(sample)
        left -= sample
        samples = library.decode(data)
        silence = np.zeros((1024, movie.channels), np.int16)
        longer = 1 if samples is None else max(1, len(samples) // 1024)
        yield Unit(movie.rate * longer, silence if samples is None else samples, (MP4, None), damaged=samples is None)
    yield from _skip(octets, left)
