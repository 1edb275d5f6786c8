"""A new master key: whatever is sealed under the old one is sealed anew, while other programs use the database.

Every sealed secret lies beside the version of its master key, and no version goes while a row refers to it. For a time
both keys are in the key file and both versions in the database; each step is a transaction of its own or a file that is
replaced whole, and what a step finds done it does not do again. So a program that is killed anywhere leaves a database
that the key file opens, and the next run goes on:

    key file        versions    sealed under
    old             n           n
    new, old        n           n               the new key is on the disk before anything is sealed under it
    new, old        n, n+1      n and n+1       newcomers under n+1, or n by programs that do not know better yet
    new, old        n+1         n+1
    new             n+1         n+1
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settop.errors import LocalError
from sqlalchemy import Column, Connection, Engine, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from headend.accounts.engine import declared, transaction
from headend.accounts.key_file import KeyFile, changing
from headend.accounts.master_key import WRONG, MasterKey, draw_master_key, load_master_key
from headend.accounts.models import MasterKeyCheck, Terminal
from headend.accounts.terminals import check_row, matching

BATCH = 100
"""Secrets sealed anew in one transaction, for which a key under way waits (20 ms in a SQLite file)."""
_LEAST_PAUSE_S = 0.002


@dataclass(frozen=True)
class Wrapped:
    """Secrets that lie sealed under the master key: the table's column, its owner's id and the version beside it."""

    table: Table
    owner: str
    sealed: str

    def column(self, name: str) -> Column[Any]:
        return self.table.c[name]


VERSION = "key_version"
WRAPPED = (
    Wrapped(Terminal.metadata.tables["terminals"], "terminal_id", "sealed_key"),
    Wrapped(Terminal.metadata.tables["sealed_secrets"], "secret_id", "sealed"),
)
"""All there are beside `master_key_check`. A table with such a column refers to that one by `key_version`."""


@dataclass(frozen=True)
class Rotated:
    """What a run did. `sealed_anew` counts secrets; `continued`: an earlier run had begun."""

    version: int
    sealed_anew: int
    continued: bool


Progress = Callable[[int, int], None]
"""Called with how many secrets are done and how many there were to do."""


def rotate_file(
    engine: Engine,
    path: Path,
    progress: Progress = lambda _done, _all: None,
    pause: Callable[[float], None] = time.sleep,
) -> Rotated:
    """Draws a new master key into the file `path`, seals everything under it, and takes the old one out of the file.

    Goes on where an earlier run was cut off. Raises LocalError and LedgerError; run it again then: the file opens the
    database whatever it was.
    """
    with changing(path) as file:
        continued = not prepare(engine, path, file)
        new, old = load_master_key(path).held()
        rotated = seal_anew(engine, old, new, progress, pause)
        file.write([new])
    return Rotated(rotated.version, rotated.sealed_anew, continued)


def prepare_file(engine: Engine, path: Path) -> bool:
    """Only draws the new key into the file, before the old one, for copies on other computers. False: one is there."""
    with changing(path) as file:
        return prepare(engine, path, file)


def prepare(engine: Engine, path: Path, file: KeyFile) -> bool:
    """A new key in the file, unless one is there. Raises LocalError where the file's is not the database's only one."""
    held = load_master_key(path).held()
    if len(held) > 1:
        return False
    with transaction(engine) as connection:
        rows = _rows(connection)
    if not rows:
        raise LocalError("nothing is sealed in this database yet: the first terminal ties it to a master key")
    if not matching(rows, held):
        raise LocalError(WRONG)
    if len(rows) > 1:
        raise LocalError(
            "the database is being given another master key already, which is not in this file: use the key file that "
            "has both, or restore it from its copy"
        )
    file.write([draw_master_key(), *held])
    return True


def seal_anew(
    engine: Engine,
    old: MasterKey,
    new: MasterKey,
    progress: Progress = lambda _done, _all: None,
    pause: Callable[[float], None] = time.sleep,
) -> Rotated:
    """Everything that is sealed under `old` comes under `new`, in small transactions; then `old` opens nothing more.

    Raises LocalError where they are not this database's keys, and where a secret does not open; what is done stays.
    """
    before, after, continued = _begin(engine, old, new)
    done = 0
    while before is not None:
        with transaction(engine) as connection:
            left = sum(_count(connection, wrapped, before) for wrapped in WRAPPED)
        total = done + left
        progress(done, total)
        for wrapped in WRAPPED:
            while count := _batch(engine, wrapped, (before, old), (after, new), pause):
                done += count
                progress(min(done, total), total)
        if _retire(engine, before):
            break
        # A terminal was registered meanwhile by a program that knows the old key only.
    return Rotated(after, done, continued)


def _begin(engine: Engine, old: MasterKey, new: MasterKey) -> tuple[int | None, int, bool]:
    """The old key's version, None where it has none any more; the new one's; whether it had one already."""
    with declared():
        try:
            with engine.begin() as connection:
                rows = _rows(connection)
                before = max(matching(rows, (old,)), default=None)
                after = max(matching(rows, (new,)), default=None)
                if len(rows) != (before is not None) + (after is not None) or not rows or before == after:
                    raise LocalError(WRONG)
                if after is not None:
                    return before, after, True
                after = max(rows) + 1
                connection.execute(insert(MasterKeyCheck).values(**check_row(after, new)))
                return before, after, False
        except IntegrityError:
            raise LocalError("another program gives this database another master key: let it finish") from None


def _batch(
    engine: Engine,
    wrapped: Wrapped,
    old: tuple[int, MasterKey],
    new: tuple[int, MasterKey],
    pause: Callable[[float], None],
) -> int:
    """Seals some secrets anew; 0 when none is left. The database is locked for the writing alone."""
    owner, sealed, version = (wrapped.column(name) for name in (wrapped.owner, wrapped.sealed, VERSION))
    with transaction(engine) as connection:
        found = connection.execute(select(owner, sealed).where(version == old[0]).limit(BATCH)).all()
    rows = []
    for owner_id, blob in found:
        try:
            secret = old[1].open(owner_id, blob)
        except LocalError:
            raise LocalError(
                f"{wrapped.table.name}: the key of {owner_id.hex()} does not open under the old master key: restore "
                "that row from a backup or take it out; both keys stay valid until then"
            ) from None
        rows.append({"of": owner_id, "was": blob, "is_now": new[1].seal(owner_id, secret)})
    if rows:
        began_s = time.monotonic()
        change = (
            update(wrapped.table)
            .where(owner == bindparam("of"), sealed == bindparam("was"), version == old[0])
            .values({sealed: bindparam("is_now"), version: new[0]})
        )
        with transaction(engine) as connection:
            connection.execute(change, rows)
        # Who waits for SQLite's lock looks for it now and then: half of the time it is free.
        pause(max(time.monotonic() - began_s, _LEAST_PAUSE_S))
    return len(rows)


def _retire(engine: Engine, version: int) -> bool:
    """Takes a version away. False, and it stays, where something is sealed under it."""
    with declared():
        try:
            with engine.begin() as connection:
                connection.execute(delete(MasterKeyCheck).where(MasterKeyCheck.check_id == version))
        except IntegrityError:
            return False
    return True


def _rows(connection: Connection) -> dict[int, bytes]:
    rows = connection.execute(select(MasterKeyCheck.check_id, MasterKeyCheck.sealed))
    return {row.check_id: row.sealed for row in rows}


def _count(connection: Connection, wrapped: Wrapped, version: int) -> int:
    where = wrapped.column(VERSION) == version
    return connection.scalar(select(func.count()).select_from(wrapped.table).where(where)) or 0
