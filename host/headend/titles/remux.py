"""Any input that PyAV (FFmpeg) opens, as a clear fragmented MP4 stream: its packets as they are, where MP4 has a place
for their codec, else transcoded to AAC or H.264.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import av
from settop.errors import RemoteError

from headend.stopping import undisturbed
from headend.titles.routes import Remuxed, Route, routes_of

_FLAGS = "delay_moov+default_base_moof+frag_keyframe+skip_trailer"
FRAGMENT_S = 1.0
_FRAGMENT_LIMIT = 2 << 20
"""Octets of media after which a fragment ends, however short it is: so memory is bounded."""
_KEPT = ("title", "artist", "album", "album_artist", "composer", "lyrics", "genre", "date", "comment", "copyright")
_AT_ONCE = 64
"""Packets between two moments at which a signal is heard."""
Progress = Callable[[int, int], None]


def cover_of(path: str | os.PathLike[str]) -> bytes:
    """The picture that the input has attached; b"" without one. Raises as `remux`."""
    with _opened(path) as source, _explained(path, "read"):
        for stream in source.streams:
            if stream.disposition & av.stream.Disposition.attached_pic:
                for packet in source.demux(stream):
                    if packet.size:
                        return bytes(packet)
    return b""


def duration_of(path: str | os.PathLike[str]) -> float | None:
    """Seconds that the input lasts; None where it does not say. Raises as `remux`."""
    with _opened(path) as source:
        return None if source.duration is None else float(source.duration / av.time_base)


def remux(
    path: str | os.PathLike[str],
    write: Callable[[bytes], None],
    sliced: bool,
    entries: dict[int, bytes],
    fragment_s: float = FRAGMENT_S,
    progress: Progress | None = None,
) -> Remuxed:
    """Write `path` as fragmented MP4, in fragments of up to `fragment_s` seconds. `sliced`: video must be of a codec
    that can be encrypted.

    What MP4 has a place for and FFmpeg's muxer not (IMA ADPCM) goes as something else: `entries` has, before `write`
    gets the stream's `moov`, the sample entries to put in their places, by the number of the track, from 0.

    `progress(done, total)` counts octets of the input. Raises RemoteError where FFmpeg cannot read it, or there is
    nothing in it that MP4 has a place for; what `write` raises; OSError.
    """
    size = os.path.getsize(path)
    sink = _Sink(write)
    with _opened(path) as source, _explained(path, "pack", sink):
        target = av.open(sink, "w", format="mp4", options=_options(fragment_s))
        try:
            done, routes = routes_of(source, target, sliced, entries)
            target.metadata.update({key: value for key, value in source.metadata.items() if key in _KEPT})
            packets = source.demux([source.streams[index] for index in routes])
            place: int | None = 0
            while place is not None:
                place = _some(packets, routes)
                if progress is not None and place:
                    progress(min(place, size), size)
            with undisturbed():
                for route in routes.values():
                    route.end()
        except BaseException:
            sink.is_deaf = True
            with _quietly(), undisturbed():
                target.close()
            raise
        with undisturbed():
            target.close()
    return done


def _some(packets: Iterator[Any], routes: dict[int, Route]) -> int | None:
    """The next packets on their ways: where the last one stood in the input, None when there are no more.

    A signal waits for the end of it: FFmpeg's callbacks would print it and forget it.
    """
    place = None
    with undisturbed():
        for packet in islice(packets, _AT_ONCE):
            routes[packet.stream.index].take(packet)
            place = max(place or 0, packet.pos or 0)
    return place


def _options(fragment_s: float) -> dict[str, str]:
    # What is not standard is MP3 of low rates, and what goes under its name.
    return {
        "strict": "-1",
        "movflags": _FLAGS,
        "frag_duration": str(round(fragment_s * 1e6)),
        "frag_size": str(_FRAGMENT_LIMIT),
    }


class _Sink:
    """What PyAV writes to: no file, so that it never goes back. What `write` raises is kept: FFmpeg's callbacks lose
    it.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.is_deaf = False
        self.trouble: BaseException | None = None

    def write(self, data: bytes) -> int:
        if not self.is_deaf:
            try:
                self._write(bytes(data))
            except BaseException as error:
                self.is_deaf, self.trouble = True, error
                raise
        return len(data)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    with open(path, "rb"):  # its errors name the file
        pass
    with _explained(path, "read"):
        source = av.open(os.fspath(path), metadata_errors="replace")  # an extra need not be text
    try:
        yield source
    finally:
        source.close()


@contextmanager
def _explained(path: str | os.PathLike[str], what: str, sink: _Sink | None = None) -> Iterator[None]:
    """FFmpeg's errors as RemoteErrors; what the sink met as it is."""
    try:
        yield
    except (av.FFmpegError, ValueError) as error:
        if sink is not None and sink.trouble is not None:
            raise sink.trouble from None
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise RemoteError(f"{os.fspath(path)}: FFmpeg cannot {what} it: {reason.splitlines()[0]}") from None


@contextmanager
def _quietly() -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, ValueError):
        pass
