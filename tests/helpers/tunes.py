"""Short tunes and films made by PyAV, once per test run and process, and what there is to say of a title."""

import atexit
import functools
import hashlib
import os
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from headend.titles.boxes import File
from headend.titles.opening import find_movie
from headend.titles.packer import lock_of, pack
from headend.titles.protection import NONE
from headend.titles.samples import fragment_samples

KEY = bytes(range(0x40, 0x50))
KID = bytes(range(0xA0, 0xB0))
SECONDS = 3
_RATE = 44_100

# Name: (container, audio codec, video codec, video options).
_RECIPES = {
    "aac": ("mp4", "aac", None, {}),
    "mp3": ("mp3", "libmp3lame", None, {}),
    "pcm": ("wav", "pcm_s16le", None, {}),
    "flac": ("flac", "flac", None, {}),
    "adpcm": ("wav", "adpcm_ima_wav", None, {}),
    "film": ("mp4", "aac", "libx264", {"preset": "ultrafast", "g": "25", "bf": "0"}),
    "film_mp3": ("mp4", "libmp3lame", "libx264", {"preset": "ultrafast", "g": "25"}),
    "film_slices": ("mp4", "aac", "libx264", {"preset": "veryfast", "g": "20", "slices": "4"}),
    "film_many_slices": ("mp4", None, "libx264", {"preset": "ultrafast", "g": "25", "slices": "45"}),
    "film_mkv": ("matroska", "aac", "libx264", {"preset": "fast", "g": "25", "bf": "3"}),
    "film_ts": ("mpegts", "aac", "libx264", {"preset": "ultrafast", "g": "25"}),
    "film_hevc": ("mp4", "aac", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none:keyint=25"}),
    "silent_film": ("mp4", None, "libx264", {"preset": "ultrafast", "g": "12"}),
    "adpcm_ms": ("wav", "adpcm_ms", None, {}),
    "vp9": ("webm", "libopus", "libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
}
TUNES = tuple(_RECIPES)


@functools.cache
def _folder() -> Path:
    path = tempfile.mkdtemp(prefix="ringcast-tunes-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


@functools.cache
def tune(name: str, seconds: float = SECONDS) -> Path:
    """Path of one of TUNES: a chord that changes, and noise that moves."""
    container, audio, video, options = _RECIPES[name]
    path = _folder() / f"{name}-{seconds}.{container}"
    with av.open(path, "w", format=container) as target:
        target.metadata["title"] = "A tune"
        routes = []
        if video is not None:
            stream = target.add_stream(video, rate=25, options=options)
            height = 720 if name == "film_many_slices" else 96
            stream.width, stream.height, stream.pix_fmt = 160, height, "yuv420p"
            stream.thread_count = 1
            routes.append((stream, _pictures(seconds, height)))
        if audio is not None:
            rate = 48_000 if audio == "libopus" else _RATE
            stream = target.add_stream(audio, rate=rate, layout="mono")
            routes.append((stream, _sound(rate, seconds)))
        for stream, frames in routes:
            for frame in frames:
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
    return path


def _sound(rate: int, seconds: float):
    times = np.arange(round(rate * seconds)) / rate
    wave = sum(np.sin(2 * np.pi * pitch * times * (1 + (times > seconds / 2) / 4)) for pitch in (262, 330, 392))
    samples = (wave * 8000).astype(np.int16).reshape(1, -1)
    for start in range(0, samples.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(samples[:, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def _pictures(seconds: float, height: int):
    noise = np.random.default_rng(5).integers(0, 256, (height, 160, 3), np.uint8)
    for number in range(round(25 * seconds)):
        frame = av.VideoFrame.from_ndarray(np.roll(noise, number * 3, 1), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield frame


class Target:
    """A title that is being written, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def write(self, data: bytes) -> None:
        assert os.write(self._handle, data) == len(data)

    def rewrite(self, at: int, data: bytes) -> None:
        os.pwrite(self._handle, data, at)


class Steady:
    """Octets for IVs that are the same in every run."""

    def __init__(self, seed: bytes = b"") -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, count: int) -> bytes:
        self._count += 1
        return hashlib.sha256(self._seed + bytes((self._count,))).digest()[:count]


def packed(source: Path, target: Path, scheme: str, iv: str | None = None, **more) -> Path:
    """`source` as a title under KEY."""
    key, kid = (None, None) if scheme == NONE else (KEY, KID)
    with Target(target) as output:
        pack(source, output, lock_of(scheme, key, kid, iv), random=Steady(), **more)
    return target


def packets(path: Path, key: bytes | None = None) -> list[tuple[str, list[bytes]]]:
    """(codec, its packets) of each stream, as FFmpeg has them with that key."""
    with av.open(path, options={} if key is None else {"decryption_key": key.hex()}) as source:
        found = {stream.index: (stream.codec_context.name, []) for stream in source.streams}
        for packet in source.demux():
            if packet.size:
                found[packet.stream.index][1].append(bytes(packet))
    return list(found.values())


def stored(path: Path) -> list[list[bytes]]:
    """The samples of each track, as they lie in a fragmented file."""
    with File(path) as file:
        movie = find_movie(file)
        found: dict[int, list[bytes]] = {number: [] for number in movie.tracks}
        for box in file.tops():
            if box.kind == b"moof":
                for samples in fragment_samples(file.read(box.start, box.size), box.start, movie.tracks):
                    places = zip(samples.offsets.tolist(), samples.sizes.tolist(), strict=True)
                    found[samples.track.id] += [file.read(at, size) for at, size in places]
    return list(found.values())
