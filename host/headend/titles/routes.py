"""The ways of an input's streams into MP4: packets as they are, or decoded and encoded anew."""

import struct
from dataclasses import dataclass, field
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from settop.errors import RemoteError

from headend.titles.adpcm import block_octets, sample_entry

_TRANSCODED = {"audio": ("aac", "aac"), "video": ("libx264", "h264")}
"""(encoder, codec)"""
_ADPCM = "adpcm_ima_wav"
_SLICED = ("h264", "hevc")
"""Video codecs that can be encrypted: what stays clear of them is known."""
_UNNAMED = {"1 channels": "mono", "2 channels": "stereo"}
"""Channels without places, and those that they have as a rule."""
_NO_TIMES = "its packets have no times; ffmpeg -i IN OUT.mkv gives them some, where IN is a bare stream"
_UNTIMED_LIMIT = 32
"""Packets that may come before it is known when they are decoded: twice as many pictures as H.264 has to reorder."""


@dataclass(slots=True)
class Remuxed:
    """What became of the input: (codec that it had, that it has) of each track; what was left out, in words."""

    tracks: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Copied:
    """Packets of one stream, as they are."""

    def __init__(self, stream: Any, target: Any) -> None:
        self._target = target
        self._source = stream
        self._stream = target.add_stream_from_template(stream)
        if stream.type == "audio" and stream.layout.name in _UNNAMED:
            # Many WAV files leave it open, and MP4's PCM must say it.
            self._stream.codec_context.layout = _UNNAMED[stream.layout.name]
        self._filter = None
        self._waiting: list[Any] = []
        self._last: int | None = None
        if stream.codec_context.name == "aac" and not stream.codec_context.extradata:
            # A transport stream's packets bring their own headers, and MP4 has one for all.
            self._filter = BitStreamFilterContext("aac_adtstoasc", stream)

    def take(self, packet: Any) -> None:
        """The next packet; the one that ends a stream has no octets. Raises ValueError for one that cannot be muxed."""
        if packet.dts is None:
            if packet.size:
                self._waiting.append(packet)
            if len(self._waiting) > _UNTIMED_LIMIT:
                raise ValueError(_NO_TIMES)
            return
        self._give_times(packet.dts, packet.duration)
        self._last = packet.dts
        self._mux(packet)

    def end(self) -> None:
        """What still waits for its time."""
        if self._waiting:
            if self._last is None:
                raise ValueError(_NO_TIMES)
            step = self._step(self._waiting[0].duration)
            self._give_times(self._last + step * (len(self._waiting) + 1), step)

    def _give_times(self, before: int, duration: int | None) -> None:
        """Matroska does not say when a picture is decoded: FFmpeg finds it out some pictures later. `before`: then."""
        count = len(self._waiting)
        step = self._step(duration)
        if self._last is not None:
            step = (before - self._last) // (count + 1)
        for number, packet in enumerate(self._waiting):
            packet.dts = before - step * (count - number)
            if packet.pts is None:
                packet.pts = packet.dts
            self._mux(packet)
        self._waiting.clear()

    def _step(self, duration: int | None) -> int:
        if duration:
            return duration
        rate = getattr(self._source, "average_rate", None)
        return max(round(1 / (rate * self._source.time_base)), 1) if rate else 1

    def _mux(self, packet: Any) -> None:
        for one in [packet] if self._filter is None else self._filter.filter(packet):
            one.stream = self._stream
            self._target.mux(one)


class Adpcm:
    """Packets of IMA ADPCM, which the muxer takes for MP3: it looks into neither."""

    def __init__(self, stream: Any, target: Any, block: int) -> None:
        self._target = target
        self._block = block
        self._stream = target.add_mux_stream("mp3", rate=stream.codec_context.sample_rate)
        self._stream.time_base = stream.time_base

    def take(self, packet: Any) -> None:
        """As `Copied`'s."""
        if packet.dts is None:
            return
        if packet.size % self._block:
            raise ValueError("its ADPCM is cut in mid block, or not of four bits a sample")
        packet.stream = self._stream
        self._target.mux(packet)

    def end(self) -> None:
        """Nothing is held back."""


class Transcoded:
    """One stream, decoded and encoded anew."""

    def __init__(self, stream: Any, target: Any) -> None:
        self._target = target
        context = stream.codec_context
        self._is_video = stream.type == "video"
        if self._is_video:
            self._stream = target.add_stream(_TRANSCODED["video"][0], rate=stream.average_rate or 25)
            self._stream.width, self._stream.height = context.width, context.height
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = stream.time_base
            self._resampler = None
        else:
            rate = context.sample_rate if context.sample_rate in _AAC_RATES else 48_000
            layout = "mono" if context.layout.nb_channels == 1 else "stereo"
            self._stream = target.add_stream(_TRANSCODED["audio"][0], rate=rate, layout=layout)
            self._resampler = av.AudioResampler("fltp", layout, rate, _AAC_FRAME)

    def take(self, packet: Any) -> None:
        """As `Copied`'s."""
        for frame in packet.decode():
            self._encode(frame)

    def end(self) -> None:
        """What the encoder still has."""
        if self._resampler is not None:
            self._encode(None)
        self._target.mux(self._stream.encode(None))

    def _encode(self, frame: Any) -> None:
        for one in [frame] if self._resampler is None else self._resampler.resample(frame):
            self._target.mux(self._stream.encode(one))


_AAC_FRAME = 1024
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


Route = Copied | Adpcm | Transcoded


def routes_of(source: Any, target: Any, sliced: bool, entries: dict[int, bytes]) -> tuple[Remuxed, dict[int, Route]]:
    """(what becomes of the input, its streams' ways by their numbers). `entries` gets the sample entries that the muxer
    does not write, by the number of the track. Raises RemoteError where nothing has a way.
    """
    done = Remuxed()
    routes: dict[int, Route] = {}
    for stream in source.streams:
        name = _name(stream)
        if stream.type not in _TRANSCODED or name is None:
            done.left_out.append(f"stream {stream.index} ({stream.type}{', ' + name if name else ''}) is left out")
            continue
        if stream.disposition & av.stream.Disposition.attached_pic:
            continue
        became = name
        if name == _ADPCM and len(stream.codec_context.extradata or b"") >= 2:
            context = stream.codec_context
            (block_samples,) = struct.unpack_from("<H", context.extradata)
            channels = context.layout.nb_channels
            entries[len(routes)] = sample_entry(block_samples, channels, context.sample_rate)
            routes[stream.index] = Adpcm(stream, target, block_octets(block_samples, channels))
        elif name in target.supported_codecs and not (stream.type == "video" and sliced and name not in _SLICED):
            routes[stream.index] = Copied(stream, target)
        else:
            routes[stream.index] = Transcoded(stream, target)
            became = _TRANSCODED[stream.type][1]
        done.tracks.append((name, became))
    if not routes:
        raise RemoteError("; ".join(["the input has no sound or video that can be packed", *done.left_out]))
    return done, routes


def _name(stream: Any) -> str | None:
    """The codec's own name: its decoder may have another."""
    context = stream.codec_context
    return None if context is None else str(context.codec.canonical_name)
