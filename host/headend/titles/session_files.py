"""Persistent licences' sessions in a folder, a file each (0600): which keys, by their ids, and until when. No key."""

import json
from collections.abc import Iterator
from pathlib import Path

from settop.errors import LocalError, RemoteError

from headend.files import write_file
from headend.titles.licence_server import Session, is_id
from headend.titles.protection import KID_BYTES

_FILE_LIMIT = 1 << 20
_SUFFIX = ".json"


class SessionFiles:
    """`folder` is made where it is not there. Raises OSError, also when used; LocalError where it is no folder."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise LocalError(f"{folder} is not a folder")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    def find(self, name: str) -> Session | None:
        """The session of that id. Raises RemoteError where it is there and damaged."""
        try:
            with self._path(name).open("rb") as file:
                data = file.read(_FILE_LIMIT)
        except FileNotFoundError:
            return None
        try:
            found = json.loads(data)
            kids = tuple(bytes.fromhex(kid) for kid in found["kids"])
            number, end_ms, released = found["number"], found["end_ms"], found["released"]
        except (ValueError, TypeError, KeyError, RecursionError):
            kids, number, end_ms, released = (), None, None, None
        if (
            not kids
            or any(len(kid) != KID_BYTES for kid in kids)
            or type(number) is not int
            or not (end_ms is None or type(end_ms) is int)
            or type(released) is not bool
        ):
            raise RemoteError(f"the session's file {self._path(name).name[:8]}... is damaged")
        return Session(name, kids, number, end_ms, released)

    def keep(self, session: Session) -> None:
        """Whole or not at all."""
        found = {
            "kids": [kid.hex() for kid in session.kids],
            "number": session.number,
            "end_ms": session.end_ms,
            "released": session.released,
        }
        write_file(self._path(session.id), json.dumps(found).encode() + b"\n", mode=0o600)

    def drop(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        for path in self._folder.glob(f"*{_SUFFIX}"):
            if is_id(path.stem):
                yield path.stem

    def _path(self, name: str) -> Path:
        if not is_id(name):
            raise LocalError("a session's id has 32 hex digits")
        return self._folder / f"{name}{_SUFFIX}"
