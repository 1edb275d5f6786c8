"""Backup and restore of a SQLite database: one file, whole or not at all, that never takes another one's place.

SQLite makes the copy while the database is in use, as it was at one instant. PostgreSQL has pg_dump and pg_restore.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from settop.errors import LocalError
from sqlalchemy import Engine

from headend.accounts.engine import BUSY_TIMEOUT_S, database_url, open_database
from headend.files import sync_folder

_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database in use; with another one's, a database is damaged."""


def back_up(db: str, target: Path) -> None:
    """Copies the database into the new file `target` (mode 0600), and looks whether all of it can be read there.

    Raises LocalError where that is not possible, and for PostgreSQL; there is no `target` then.
    """
    source = sqlite_file(db, "pg_dump --format=custom --file=FILE DATABASE")
    uri = f"{source.resolve().as_uri()}?mode=rw"  # makes none where none is; a reader of the log writes beside it
    with _explained("back up"), _new_file(target) as copy:
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as original,
            closing(sqlite3.connect(copy)) as made,
        ):
            original.backup(made)  # in one step: of one instant, and writers are not held up by a reader
        _one_file(copy)


def restore(backup: Path, db: str, settle: Callable[[Engine], None]) -> None:
    """Puts a backup where no database is, up to date for this version. settle: what is to be changed or refused in it.

    Raises LocalError where that is not possible, and for PostgreSQL; there is no database then.
    """
    target = sqlite_file(db, "pg_restore --clean --if-exists --dbname=DATABASE FILE", there=False)
    for path in (target, *(target.with_name(target.name + end) for end in _BESIDE)):
        if path.exists():
            raise LocalError(f"{path} exists: end what uses it and move it away first, with -wal and -shm beside it")
    if not backup.is_file():
        raise LocalError(f"there is no backup {backup}")
    with _explained("restore"), _new_file(target) as copy:
        for end in ("", *_BESIDE):  # the backup stays as it is, also where it is a disk's snapshot with a log beside it
            part = backup.with_name(backup.name + end)
            if end != "-shm" and part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + end))
        _one_file(copy)
        with closing(sqlite3.connect(copy)) as connection:
            ours = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'subscribers'").fetchone()[0]
        if not ours:
            raise LocalError(f"{backup} is no backup of a call centre's database")
        engine = open_database(str(copy))
        try:
            settle(engine)
        finally:
            engine.dispose()
        _one_file(copy)


def sqlite_file(db: str, postgresql: str, there: bool = True) -> Path:
    """The database's file. Raises LocalError where it is not there, and for PostgreSQL, which has a tool of its own."""
    url = database_url(db)
    if not url.startswith("sqlite:///"):
        raise LocalError(f"that is no SQLite file: PostgreSQL's own tool does this: {postgresql}")
    path = Path(url.removeprefix("sqlite:///"))
    if there and not path.is_file():
        raise LocalError(f"there is no database {path}")
    return path


def _one_file(path: Path) -> None:
    """Nothing of it lies beside it. Raises LocalError where it is damaged."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok" or connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise LocalError(f"the database is damaged: {str(found).splitlines()[0]}")


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """A place for a file that takes its name `target` at the end, if there is none of that name."""
    if target.exists():
        raise LocalError(f"{target} exists: name another file, or move it away first")
    folder = target.parent
    if not folder.is_dir():
        raise LocalError(f"there is no folder {folder}; make it first")
    with tempfile.TemporaryDirectory(prefix=f".{target.name[:100]}.", suffix=".part", dir=folder) as private:
        copy = Path(private) / target.name
        yield copy
        copy.chmod(0o600)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        os.link(copy, target)  # unlike a renaming, refused where there is one
    sync_folder(folder)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise LocalError(f"cannot {what} the database: {error}") from None
    except OSError as error:
        raise LocalError(f"cannot {what} the database: {error.strerror}") from None
