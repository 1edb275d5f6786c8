"""Titles in a folder: NAME.ts, and what NAME.toml says of it (`headend.stream.title_options`).

What changes there is seen when it is next asked for.
"""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from settop.errors import LocalError, RemoteError

from headend.media.session import Title
from headend.media.source import TsSource
from headend.stream.catalogue import NAME, checked_name
from headend.stream.title_options import MEDIA, load_options

_Mark = tuple[int, int, int] | None


@dataclass(frozen=True)
class _Known:
    """A title, and the files that it was made of, as they were."""

    title: Title
    marks: dict[Path, _Mark]

    def is_true(self) -> bool:
        return all(_mark(path) == mark for path, mark in self.marks.items())


class Library:
    """As headend.media.rtsp.Library has it. Raises LocalError where there is no such folder."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise LocalError(f"{folder} is no folder; expected one with titles, NAME.ts")
        self._folder = folder
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Of the files that may be titles, in order. OSError."""
        found = {path.stem for path in self._folder.iterdir() if path.suffix in MEDIA}
        return sorted(name for name in found if NAME.fullmatch(name))

    def find(self, name: str) -> Title | None:
        """The title, None where there is none of that name. Raises RemoteError for a file that is no title, and where
        what is said of it cannot be read: it is sent to nobody then."""
        try:
            checked_name(name)
        except LocalError:
            return None
        with self._lock:
            known = self._known.get(name)
            if known is not None and known.is_true():
                return known.title
            self._known.pop(name, None)
            paths = (self._folder / f"{name}{ending}" for ending in MEDIA)
            path = next((path for path in paths if path.exists()), None)
            if path is None:
                return None
            try:
                self._known[name] = known = _look(name, path)
            except LocalError as error:
                raise RemoteError(str(error)) from None
            return known.title


def _look(name: str, path: Path) -> _Known:
    beside = path.with_suffix(".toml")
    marks = {path: _mark(path), beside: _mark(beside)}
    options = load_options(path)
    lighter = () if options.lighter is None else (options.lighter,)
    marks.update((one, _mark(one)) for one in lighter)
    suites = () if options.clear else options.suites
    return _Known(Title(name, TsSource(path), tuple(TsSource(one) for one in lighter), suites), marks)


def _mark(path: Path) -> _Mark:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
