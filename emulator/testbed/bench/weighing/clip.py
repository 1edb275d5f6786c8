"""The clip that schemes are weighed with: frames of MP3, taken out of a file or made."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from headend.titles.tenth import frame_bytes
from settop.errors import LocalError, RemoteError

from testbed.bench.pico_codec import tune

BITRATE = 128_000
_MP3 = ("mp3", "mp3float")
_ID3_HEAD = 10
_METADATA = "replace"  # what a file says of itself need not be UTF-8


@dataclass(frozen=True)
class Clip:
    """`frames` of MP3, one behind the other; `samples` in each of them for each channel; `origin`: what they are."""

    frames: tuple[bytes, ...] = field(repr=False)
    rate: int
    channels: int
    samples: int
    origin: str

    @property
    def seconds(self) -> float:
        return len(self.frames) * self.samples / self.rate

    @property
    def octets(self) -> int:
        return sum(map(len, self.frames))

    def first(self, seconds: float) -> "Clip":
        """Its beginning, of whole frames."""
        count = max(1, round(seconds * self.rate / self.samples))
        return Clip(self.frames[:count], self.rate, self.channels, self.samples, self.origin)


def read_clip(source: Path, seconds: float) -> Clip:
    """The first `seconds` of the sound in a file: MP3 as it is, all else as MP3 of 128 kbit/s.

    Raises RemoteError for a file without sound, OSError.
    """
    os.stat(source)
    try:
        with av.open(str(source), metadata_errors=_METADATA) as file:
            if not file.streams.audio:
                raise RemoteError(f"{source} has no sound")
            name = file.streams.audio[0].codec_context.name
            found = _packets(source, seconds) if name in _MP3 else _transcoded(source, seconds)
    except av.FFmpegError as error:
        raise RemoteError(f"FFmpeg cannot read {source}: {error.strerror}") from None
    how = "as it is" if name in _MP3 else f"transcoded from {name}"
    return _clip(found, f"{source.name}, MP3 {how}")


def own_clip(seconds: float) -> Clip:
    """A chord: made, and nobody's music."""
    data = tune(max(1, round(seconds)))
    start = _ID3_HEAD + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]) if data[:3] == b"ID3" else 0
    frames, at = [], start
    while at < len(data):
        size = frame_bytes(data[at : at + 4], at)
        frames.append(data[at : at + size])
        at += size
    # The first says how many follow, and has no sound.
    return _clip(frames[1:], "a made chord, no real music: name a file for that")


def _packets(source: Path, seconds: float) -> list[bytes]:
    with av.open(str(source), metadata_errors=_METADATA) as file:
        stream = file.streams.audio[0]
        frames: list[bytes] = []
        for packet in file.demux(stream):
            if packet.size:
                frames.append(bytes(packet))
                if packet.pts is not None and packet.time_base is not None and packet.pts * packet.time_base >= seconds:
                    break
        return frames


def _transcoded(source: Path, seconds: float) -> list[bytes]:
    with av.open(str(source), metadata_errors=_METADATA) as file:
        coder = av.CodecContext.create("libmp3lame", "w")
        assert isinstance(coder, av.AudioCodecContext)
        coder.sample_rate, coder.layout, coder.format = 44_100, "stereo", "s16p"
        coder.bit_rate = BITRATE
        turned = av.AudioResampler(format="s16p", layout="stereo", rate=44_100, frame_size=1152)
        packets, heard = [], 0
        for frame in file.decode(audio=0):
            for part in turned.resample(frame):
                heard += part.samples
                packets += coder.encode(part)
            if heard >= seconds * 44_100:
                break
        return [bytes(packet) for packet in [*packets, *coder.encode(None)] if packet.size]


def _clip(frames: list[bytes], origin: str) -> Clip:
    """Raises LocalError where there is too little of it."""
    whole = [frame for frame in frames if frame_bytes(frame[:4], 0) == len(frame)]
    ideal = decoder()
    shape = None
    for frame in whole[:4]:
        for sound in ideal.decode(av.Packet(frame)):
            shape = (sound.sample_rate, sound.layout.nb_channels, sound.samples)
    if shape is None or len(whole) < 8:
        raise LocalError("a clip needs eight frames of MP3 (a fifth of a second) at least")
    return Clip(tuple(whole), *shape, origin)


def decoder() -> av.AudioCodecContext:
    """FFmpeg's own for MP3, at its beginning."""
    made = av.CodecContext.create("mp3float", "r")
    assert isinstance(made, av.AudioCodecContext)
    return made


def heard(frames: list[bytes] | tuple[bytes, ...], clip: Clip) -> tuple[np.ndarray, list[bool]]:
    """(what a decoder makes of these frames, each in its place and silence where it makes nothing: -1 to 1, a row for
    each instant; which of them it made something of)
    """
    out = np.zeros((len(frames) * clip.samples, clip.channels), np.float32)
    decodes, done = decoder(), []
    for number, frame in enumerate(frames):
        try:
            parts = decodes.decode(av.Packet(frame))
        except av.FFmpegError:
            parts = []
        fits = [
            part
            for part in parts
            if (part.sample_rate, part.layout.nb_channels, part.samples) == (clip.rate, clip.channels, clip.samples)
        ]
        done.append(bool(fits))
        if fits:
            out[number * clip.samples : (number + 1) * clip.samples] = np.clip(fits[0].to_ndarray().T, -1, 1)
    return np.nan_to_num(out), done
