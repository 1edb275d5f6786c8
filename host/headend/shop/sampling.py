"""The beginning of a title, in clear, for who has not bought it: its first fragments, as they lie on the shelf."""

from pathlib import Path

from settop.errors import LocalError, RemoteError
from sqlalchemy import Engine, select

from headend.accounts.engine import transaction
from headend.files import Pending, together
from headend.shop.delivering import Shelf
from headend.shop.models import Title
from headend.titles.boxes import Box, File, find
from headend.titles.movie import Movie
from headend.titles.opening import find_movie
from headend.titles.samples import fragment_samples

SAMPLE_S = 30
_CHUNK = 1 << 20


def sample_of(shelf: Shelf, engine: Engine, title_id: int) -> Path:
    """The file with a title's sample: so many seconds, of a shorter title half, its first fragment at least. It is made
    once. Raises LocalError, OSError.
    """
    with transaction(engine) as connection:
        name = connection.scalar(select(Title.file).where(Title.title_id == title_id))
    if name is None:
        raise LocalError(f"there is no title {title_id}")
    original = (shelf.folder / name).with_suffix(".mp4")
    target = shelf.folder / "samples" / original.name
    with shelf.making(target):
        if not target.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with File(original) as file, together() as files:
                    _cut(file, files.open(target, 0o600))
            except RemoteError as error:
                raise LocalError(f"the original of title {title_id} cannot be read: {error}") from None
    return target


def _cut(file: File, written: Pending) -> None:
    movie = find_movie(file)
    end = _end_of(file, movie)
    for box in file.tops():
        if box.start >= end:
            return
        if box.kind == b"moov":
            written.write(_without(movie.data, find(movie.data, movie.box, b"mvex", b"mehd")))
        elif box.kind == b"sidx":
            data = file.read(box.start, box.size)
            written.write(_without(data, Box(box.kind, 0, 0, len(data))))
        else:
            for at in range(box.start, box.end, _CHUNK):
                written.write(file.read(at, min(_CHUNK, box.end - at)))


def _without(data: bytes, whole: Box | None) -> bytes:
    """What a box says of the whole title nobody is to read: it becomes a `free` one of the same size."""
    return data if whole is None else data[: whole.start + 4] + b"free" + data[whole.start + 8 :]


def _end_of(file: File, movie: Movie) -> int:
    """Where the fragment begins that is no part of the sample any more."""
    starts: list[tuple[float, int]] = []
    end_s = 0.0
    for box in file.tops():
        if box.kind == b"moof":
            found = fragment_samples(file.read(box.start, box.size), box.start, movie.tracks)
            first = next((one for one in found if one.track.timescale), None)
            if first is not None:
                begin_s = first.start_ticks / first.track.timescale
                end_s = begin_s + first.ticks / first.track.timescale
                starts.append((begin_s, box.start))
    if not starts:
        raise RemoteError("it has no fragments")
    began_s = starts[0][0]
    limit_s = min(SAMPLE_S, (end_s - began_s) / 2)
    return next((at for begin_s, at in starts[1:] if begin_s - began_s >= limit_s), file.size)
