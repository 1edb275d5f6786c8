"""Tunes in every format that a decoder chip is given, made with PyAV, and what PyAV makes of them again."""

import io
import tempfile
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from settop.codec.adpcm import _STEPS as STEPS  # IMA's table, which vectors pin

NOTES_HZ = (220.0, 277.2, 329.6, 440.0, 370.0, 554.4, 493.9, 246.9)


def melody(seconds: float, rate: int, channels: int) -> np.ndarray:
    """16-bit samples, a row for each instant: a note each quarter of a second, another in each channel."""
    at = np.arange(int(seconds * rate)) / rate
    step = (at * 4).astype(int)
    columns = []
    for channel in range(channels):
        hz = np.array(NOTES_HZ)[(step + 3 * channel) % len(NOTES_HZ)]
        columns.append(0.4 * np.sin(2 * np.pi * hz * at) + 0.1 * np.sin(6 * np.pi * hz * at))
    noise = np.random.default_rng(7).normal(0, 0.01, (len(at), channels))
    return ((np.stack(columns, axis=1) + noise) * 32000).astype(np.int16)


def encoded(
    samples: np.ndarray, rate: int, container: str, codec: str, bit_rate: int = 128_000, **options: str
) -> bytes:
    """A whole file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tune")
        _encode(path, samples, rate, container, codec, bit_rate, options)
        return path.read_bytes()


def _encode(
    path: Path, samples: np.ndarray, rate: int, container: str, codec: str, bit_rate: int, options: dict
) -> None:
    channels = samples.shape[1]
    muxer = {key: value for key, value in options.items() if key == "movflags"}
    with av.open(str(path), "w", format=container, options=muxer) as out:
        own = {key: value for key, value in options.items() if key not in muxer}
        stream = out.add_stream(codec, rate=rate, options=own)
        stream.layout = "stereo" if channels == 2 else "mono"
        stream.bit_rate = bit_rate
        fifo = av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=stream.layout.name)
        frame.sample_rate = rate
        resampled = av.AudioResampler(format=stream.format, layout=stream.layout, rate=rate).resample(frame)
        for part in resampled:
            part.pts = None
            fifo.write(part)
        size = stream.codec_context.frame_size or 1024
        while (part := fifo.read(size)) is not None:
            out.mux(stream.encode(part))
        rest = fifo.read(0, partial=True)
        if rest is not None:
            out.mux(stream.encode(rest))
        out.mux(stream.encode(None))


@lru_cache(maxsize=64)
def tune(kind: str, seconds: float = 3.0, rate: int = 44_100, channels: int = 2, bit_rate: int = 128_000) -> bytes:
    """A file: "mp3", "aac" (ADTS), "m4a" (moov in front), "mp4" (moov behind), "fmp4" (fragments), "wav",
    "adpcm", "ogg", "flac"."""
    samples = melody(seconds, rate, channels)
    if kind == "m4a":
        return encoded(samples, rate, "mp4", "aac", bit_rate, movflags="faststart")
    if kind == "fmp4":
        return encoded(samples, rate, "mp4", "aac", bit_rate, movflags="frag_keyframe+empty_moov+default_base_moof")
    container, codec = {
        "mp3": ("mp3", "mp3"),
        "aac": ("adts", "aac"),
        "mp4": ("mp4", "aac"),
        "wav": ("wav", "pcm_s16le"),
        "adpcm": ("wav", "adpcm_ima_wav"),
        "ogg": ("ogg", "libvorbis"),
        "flac": ("flac", "flac"),
    }[kind]
    return encoded(samples, rate, container, codec, bit_rate)


def decoded(file: bytes | Path) -> np.ndarray:
    """What PyAV makes of a file: 16-bit samples."""
    source = io.BytesIO(file) if isinstance(file, bytes) else str(file)
    parts = []
    with av.open(source) as container:
        layout = container.streams.audio[0].layout.name
        resampler = av.AudioResampler(format="s16", layout=layout)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                parts.append(part.to_ndarray().reshape(-1, part.layout.nb_channels))
    return np.concatenate(parts)


def offset_of(wanted: np.ndarray, heard: np.ndarray, longest: int = 5000) -> int:
    """How many samples later `wanted` begins in `heard`: where the two are exactly alike over half a second, or
    AssertionError."""
    at = min(len(wanted) // 2, 30_000)
    probe = wanted[at : at + 20_000]
    for offset in range(-longest, longest):
        start = at + offset
        near = start >= 0 and np.array_equal(heard[start : start + 64], probe[:64])
        if near and np.array_equal(heard[start : start + len(probe)], probe):
            return offset
    raise AssertionError("nowhere alike")


def wav_data(file: bytes) -> tuple[bytes, int, int, int]:
    """(octets, rate, channels, octets of a block) of a WAV file's data chunk."""
    at = file.index(b"data")
    rate, channels, block = (int.from_bytes(file[a:b], "little") for a, b in ((24, 28), (22, 24), (32, 34)))
    return file[at + 8 : at + 8 + int.from_bytes(file[at + 4 : at + 8], "little")], rate, channels, block


def ima_decoded(file: bytes, multiplied: bool = False) -> np.ndarray:
    """A WAV file of IMA ADPCM, decoded with IMA's shifts; multiplied: as some versions of FFmpeg rounded them.

    FFmpeg 5.1 does, the one in PyAV 18 does not; sums drift apart by some steps of 16 bits within a block.
    """
    data, _, channels, block = wav_data(file)
    return np.concatenate([ima_block(data[at : at + block], channels, multiplied) for at in range(0, len(data), block)])


def ima_block(block: bytes, channels: int, multiplied: bool) -> np.ndarray:
    """One block of `ima_decoded`, whose last may be shorter."""
    out = []
    for channel in range(channels):
        value = int.from_bytes(block[4 * channel : 4 * channel + 2], "little", signed=True)
        index = block[4 * channel + 2]
        column = [value]
        for at in range(4 * channels + 4 * channel, len(block), 4 * channels):
            for place in range(8):
                code = block[at + place // 2] >> 4 * (place % 2) & 15
                step = STEPS[index]
                change = (2 * (code & 7) + 1) * step >> 3
                if not multiplied:
                    change = (step >> 3) + sum(step >> shift for bit, shift in ((4, 0), (2, 1), (1, 2)) if code & bit)
                value = max(-32768, min(32767, value - change if code & 8 else value + change))
                index = max(0, min(88, index + (-1, -1, -1, -1, 2, 4, 6, 8)[code & 7]))
                column.append(value)
        out.append(column)
    return np.array(out, np.int16).T
