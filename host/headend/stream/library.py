"""Titles in a folder: NAME.ts, and what NAME.toml says of it. What changes there is seen when it is next asked for."""

import os
import re
import threading
from pathlib import Path

from settop.errors import LocalError, RemoteError

from headend.media.session import Title
from headend.media.source import TsSource
from headend.stream.options import load

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_Mark = tuple[int, int, int] | None


class Library:
    """As headend.media.rtsp.Library has it. Raises LocalError where there is no such folder."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise LocalError(f"{folder} is no folder; expected one with titles, NAME.ts")
        self._folder = folder
        self._known: dict[str, tuple[tuple[_Mark, _Mark], Title]] = {}
        self._lock = threading.Lock()

    def find(self, name: str) -> Title | None:
        """The title, None where there is none of that name. Raises RemoteError for a file that is no title, and where
        what is said of it cannot be read: it is sent to nobody then."""
        if not _NAME.fullmatch(name):
            return None
        path, beside = self._folder / f"{name}.ts", self._folder / f"{name}.toml"
        with self._lock:
            marks = _mark(path), _mark(beside)
            if marks[0] is None:
                self._known.pop(name, None)
                return None
            known = self._known.get(name)
            if known is not None and known[0] == marks:
                return known[1]
            try:
                title = Title(name, TsSource(path), suites=load(beside).suites)
            except LocalError as error:
                raise RemoteError(str(error)) from None
            self._known[name] = marks, title
            return title


def _mark(path: Path) -> _Mark:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
