"""Opens the head-end's database: a SQLite file by default, PostgreSQL by URL.

SQLite files run in WAL mode with synchronous=FULL: readers never wait for the writer, and a commit is on
the disk before it returns (NORMAL may lose the last in a power cut: a key could leave without its charge).
Every transaction begins as a writer (BEGIN IMMEDIATE): two calls queue at the start and never fail half-way.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import SQLITE_BUSY, Cursor, OperationalError
from time import monotonic, sleep
from typing import Any

from settop.errors import LocalError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from headend.accounts.errors import LedgerError
from headend.accounts.migrating import bring_up_to_date

BUSY_TIMEOUT_S = 10
"""How long a transaction waits for another process's one before it fails."""
MEMORY = "sqlite://"


def database_url(url_or_path: str) -> str:
    """A path becomes the URL of a SQLite file; a URL stays."""
    return url_or_path if "://" in url_or_path else f"sqlite:///{Path(url_or_path).expanduser()}"


def open_database(url_or_path: str = MEMORY) -> Engine:
    """An engine, and every table there as this version wants it (headend.accounts.migrating).

    Raises LocalError where the database cannot be opened or brought up to date; it is then as it was.
    """
    url = database_url(url_or_path)
    if not url.startswith(("sqlite", "postgresql")):
        raise LocalError("a database of that kind is not supported: give a file's path or postgresql+psycopg://...")
    try:
        engine = (
            _sqlite(url)
            if url.startswith("sqlite")
            else create_engine(url, isolation_level="READ COMMITTED", hide_parameters=True)
        )
    except ArgumentError:
        # Its text repeats the URL, password included.
        raise LocalError("not a database URL: expected a file's path or postgresql+psycopg://user@host/name") from None
    except ImportError as error:
        raise LocalError(f"the driver for this database is not installed: pip install {error.name}") from None
    try:
        with engine.begin() as connection:
            bring_up_to_date(connection, BUSY_TIMEOUT_S)
    except SQLAlchemyError as error:
        raise LocalError(f"cannot open the database: {_reason(error)}") from None
    return engine


def _write_ahead(cursor: Cursor) -> None:
    """For a file that another program is just making SQLite does not wait by itself."""
    end_s = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except OperationalError as error:
            if error.sqlite_errorcode & 0xFF != SQLITE_BUSY or monotonic() >= end_s:
                raise
        sleep(0.01)


def _made_private(path: str) -> None:
    """A database that is new is its owner's alone, and so is what SQLite keeps beside it; one that is there stays."""
    with suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def declared() -> Iterator[None]:
    """Turns the database's errors into LedgerError, without the statement and its values."""
    try:
        yield
    except SQLAlchemyError as error:
        raise LedgerError(f"the head-end's database failed: {_reason(error)}") from None


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction, committed at the end, rolled back by any error. Raises LedgerError where the database fails."""
    with declared(), engine.begin() as connection:
        yield connection


def _reason(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else None
    return (str(cause or "").splitlines() or [""])[0] or type(error).__name__


def _sqlite(url: str) -> Engine:
    memory = url in (MEMORY, "sqlite:///:memory:")
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT_S}}
    if memory:
        # One connection is one database in memory.
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    engine = create_engine(url, hide_parameters=True, **options)
    if not memory and engine.url.database:
        _made_private(engine.url.database)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        if not memory:
            _write_ahead(cursor)
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
