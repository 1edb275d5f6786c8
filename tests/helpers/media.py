"""A streaming server with titles, in a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headend.media.serving import MediaServer
from headend.media.session import Title
from headend.media.source import TsSource

from tests.helpers.clips import clip


def film_in(folder: Path) -> Path:
    """A title of its own there, film.ts."""
    path = folder / "film.ts"
    path.write_bytes(clip("h264_aac_cbr").read_bytes())
    return path


class Shelf:
    """Titles by name."""

    def __init__(self, **files: Path) -> None:
        self._titles = {name: Title(name, TsSource(path)) for name, path in files.items()}

    def find(self, name: str) -> Title | None:
        return self._titles.get(name)


@contextmanager
def served(**files: Path) -> Iterator[MediaServer]:
    """A server of these files, by their names, on a port that is free."""
    server = MediaServer(Shelf(**files), rtsp_port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
