"""Brings a database to the newest revision (migrations/versions, by Alembic), from an empty one too: one path for all.

Everything happens in one transaction: one that fails or is interrupted leaves the database as it was, and of two
programs that open it at once the second one waits and finds it done.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from settop.errors import LocalError
from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

NEWEST = "0012"
"""Said here too, so that a database which is up to date costs no import of Alembic."""
UNCOUNTED = "0001"
"""The revision of a database that was made before they were counted."""
UNCOUNTED_TABLES = frozenset(
    "allowed_programmes calls charges deliveries master_key_check subscribers tariffs".split()  # noqa: SIM905
)
_COUNT = "alembic_version"
_LOCK = 0x72696E6763617374
"""Of PostgreSQL's advisory locks, "ringcast" in ASCII."""


def bring_up_to_date(connection: Connection, wait_s: float) -> None:
    """Inside the caller's transaction, which on SQLite is the lock as well; PostgreSQL waits up to `wait_s` for a lock.

    Raises LocalError, with nothing changed, for a database of a newer ringcast or of another program.
    """
    if revision_of(connection) == NEWEST:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {round(wait_s * 1000)}"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    found = revision_of(connection)  # another program may have been at it
    if found != NEWEST:
        _upgrade(connection, found)


def revision_of(connection: Connection) -> str | None:
    """The database's revision; None for an empty one. Raises LocalError where it is neither."""
    tables = inspect(connection)
    if tables.has_table(_COUNT):
        found = connection.scalars(text(f"SELECT version_num FROM {_COUNT}")).all()  # noqa: S608
        if len(found) == 1:
            return str(found[0])
        raise LocalError(f"the database's table {_COUNT} must hold one revision: restore the database from a copy")
    ours = UNCOUNTED_TABLES.intersection(tables.get_table_names())
    if not ours:
        return None
    if ours != UNCOUNTED_TABLES:
        raise LocalError("the database has tables of another program with our names: give ringcast one of its own")
    return UNCOUNTED


@cache
def revisions() -> "ScriptDirectory":
    """All of them, for Alembic."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(__file__).with_name("migrations")))


def _upgrade(connection: Connection, found: str | None) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    known = list(revisions().walk_revisions())
    names = [script.revision for script in known]
    if found is not None and found not in names:
        raise LocalError(
            f"the database was made by a newer ringcast (its revision is {found}, ours {NEWEST}): update ringcast"
        )
    missing = known[: names.index(found)] if found is not None else known
    context = MigrationContext.configure(connection)
    operations = Operations(context)
    for script in reversed(missing):
        script.module.upgrade(operations)
    context.stamp(revisions(), NEWEST)
