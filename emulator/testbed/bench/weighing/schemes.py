"""The ways to encrypt a clip that are weighed against each other, and the file that each makes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headend.files import together
from headend.titles.boxes import File
from headend.titles.ciphers import SampleCipher
from headend.titles.opening import find_movie
from headend.titles.output import FileOutput
from headend.titles.packer import pack
from headend.titles.protecting import PATTERN, Lock
from headend.titles.protection import CBCS, CENC
from headend.titles.samples import fragment_samples
from headend.titles.tenth import tenth
from settop.wire.tenth import HEADER_BYTES

from testbed.bench.weighing.clip import Clip

KEY, KID = bytes(range(0x40, 0x50)), bytes(range(0xA0, 0xB0))


@dataclass(frozen=True)
class Scheme:
    """`name`: in tables and of files; `words`: what it does. `make(clear, out)` writes the file, `clear` being a bare
    MP3 file. `is_title`: an MP4 file, else MP3. `spares`: the headers of frames.
    """

    name: str
    words: str
    make: Callable[[Path, Path], None]
    is_title: bool = True
    spares: bool = False


def _tenth(spare_headers: bool) -> Callable[[Path, Path], None]:
    def make(clear: Path, out: Path) -> None:
        with together() as files:
            tenth(clear, files.open(out).write, KEY, spare_headers)

    return make


def _pack(lock: Lock | None) -> Callable[[Path, Path], None]:
    def make(clear: Path, out: Path) -> None:
        with together() as files:
            # The same IVs each time, so that the same clip gives the same figures.
            pack(clear, FileOutput(files.open(out)), lock, random=lambda count: bytes(range(count)))

    return make


def _lock(scheme: str, iv_bytes: int, pattern: tuple[int, int] = (0, 0)) -> Lock:
    return Lock(scheme, SampleCipher(KEY), KID, iv_bytes, pattern)


CLEAR = Scheme("clear", "a clear title", _pack(None))
SCHEMES = (
    Scheme("tenth", "every tenth octet, headers too", _tenth(False), is_title=False),
    Scheme("tenth-spared", "every tenth octet, headers spared", _tenth(True), is_title=False, spares=True),
    Scheme("cbcs-1-9", "cbcs, one block of ten of each frame", _pack(_lock(CBCS, 0, PATTERN))),
    Scheme("cbcs", "cbcs, all whole blocks of each frame", _pack(_lock(CBCS, 0))),
    Scheme("cenc", "cenc, all of each frame", _pack(_lock(CENC, 8))),
)


def frames_of(path: Path, clip: Clip) -> list[bytes]:
    """The frames in a file that a scheme made, as they are without the key: where they lie is no secret."""
    if path.suffix == ".mp3":
        data, at, found = path.read_bytes(), 0, []
        for frame in clip.frames:
            found.append(data[at : at + len(frame)])
            at += len(frame)
        return found
    with File(path) as file:
        movie = find_movie(file)
        return [
            file.read(at, size)
            for box in file.tops()
            if box.kind == b"moof"
            for samples in fragment_samples(file.read(box.start, box.size), box.start, movie.tracks)
            for at, size in zip(samples.offsets.tolist(), samples.sizes.tolist(), strict=True)
        ]


def write_files(clip: Clip, folder: Path, schemes: tuple[Scheme, ...]) -> dict[str, Path]:
    """The clip under each of the schemes, by name, and bare ("mp3")."""
    bare = folder / "bare.mp3"
    bare.write_bytes(b"".join(clip.frames))
    made = {"mp3": bare}
    for scheme in schemes:
        made[scheme.name] = folder / f"{scheme.name}.{'mp4' if scheme.is_title else 'mp3'}"
        scheme.make(bare, made[scheme.name])
    return made


def octets_that_count(clip: Clip, scheme: Scheme) -> int:
    """Of the clip's, those which the scheme may change."""
    return clip.octets - (HEADER_BYTES * len(clip.frames) if scheme.spares else 0)


def with_headers(frames: list[bytes], clip: Clip) -> list[bytes]:
    """The frames with their headers as they were."""
    pairs = zip(clip.frames, frames, strict=True)
    return [clear[:HEADER_BYTES] + frame[HEADER_BYTES:] for clear, frame in pairs]
