"""A database of an older version opens with every value in its place; a fault on the way leaves it as it was."""

import multiprocessing
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from headend.accounts import engine as database
from headend.accounts.engine import open_database, transaction
from headend.accounts.master_key import MasterKey
from headend.accounts.migrating import NEWEST, UNCOUNTED, revision_of, revisions
from headend.accounts.models import Base
from headend.callcentre.ledger import Superseded
from headend.callcentre.store_ledger import StoreLedger
from headend.callcentre.subscribers import add_subscriber, credit_left, set_credit, set_tariff
from settop.errors import LocalError
from sqlalchemy import Engine, create_engine, event, text

ROOT = Path(__file__).parents[2]
for models in sorted((ROOT / "host/headend").glob("*/models.py")):
    import_module(f"headend.{models.parent.name}.models")

OLD_SQLITE = (ROOT / "tests/data/old_database.sqlite.sql").read_text()
"""Made by the last version without revisions: four subscribers (one without limit, two without credit), six calls of
three broadcasts, one of them still open, with portions given back and paid again."""
BEFORE = {"uncounted": OLD_SQLITE} | {
    revision: (ROOT / f"tests/data/database_{revision}.sqlite.sql").read_text() for revision in ("0002", "0003")
}
"""The same database, by the revision that made its tables."""
MASTER = MasterKey(b"\x5a" * 32)
TERMINALS = {1: b"\1" * 8, 3: b"\2" * 8, 4: b"\3" * 8, 5: b"\4" * 8}
CHARGED = {1: 225, 3: 150, 4: 0, 5: 125}
UNTOUCHED = ("master_key_check", "tariffs", "allowed_programmes", "calls", "deliveries", "charges")


@pytest.fixture(params=BEFORE)
def old(request, tmp_path):
    path = tmp_path / "centre.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(BEFORE[request.param])
    return path


def dump(path):
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def rows(connection, table, columns="*"):
    return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY 1, 2"))]  # noqa: S608


def old_rows(table):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(OLD_SQLITE)
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608


# --- what PostgreSQL is asked too (tests/peers/test_ledger_postgresql.py) -----------------------------------------


def check_every_value(engine):
    with engine.begin() as connection:
        assert revision_of(connection) == NEWEST
        for table in UNTOUCHED:
            assert rows(connection, table) == old_rows(table)
        whole = "subscribers JOIN terminals USING (terminal_id) JOIN accounts USING (account_id)"
        columns = "subscriber_id, terminal_id, sealed_key, tariff_id, every_programme, credit"
        assert rows(connection, whole, columns) == old_rows("subscribers")
        assert dict(rows(connection, "accounts", "account_id, charged")) == CHARGED
        assert dict(rows(connection, "terminals", "account_id, terminal_id")) == TERMINALS
        assert rows(connection, "terminals", "DISTINCT key_version, 0") == [(1, 0)]
        new = "token_old, token_pending, clone_rule, revoked_ms"
        assert rows(connection, "subscribers", f"DISTINCT {new}") == [(None, None, "warn", None)]
        for table in ("alarms", "token_doubts"):
            assert rows(connection, table) == []
        assert connection.execute(text("SELECT * FROM outdated_calls")).all() == []


def check_ledger_goes_on(engine):
    ledger = StoreLedger(engine, MASTER)
    found = {number: ledger.find(terminal) for number, terminal in TERMINALS.items()}
    assert [(s.subscriber_id, s.device_key) for s in found.values()] == [
        (1, b"\xa1" * 32),
        (3, b"\xa2" * 32),
        (4, b"\xa3" * 32),
        (5, b"\xa4" * 32),
    ]
    watchable = {number: [p for p in range(12) if ledger.may_watch(s, p)] for number, s in found.items()}
    assert watchable == {1: list(range(12)), 3: [7, 9], 4: [], 5: list(range(12))}
    # The open call goes on. Of its broadcast five portions are given back and not paid since: three more may be.
    for portion in (3, 4, 10, 11, 12, 13):
        assert ledger.deliver(2, portion, 3300)
    assert charged(engine) == CHARGED | {1: 225 + 4 * 25}
    ledger.withdraw_after(2, 4)
    assert ledger.call_record(2).withdrawn == (11, 12, 13)
    assert charged(engine) == CHARGED | {1: 225 + 25}
    # A later call resumes a broadcast: what is paid stays paid, what is new costs.
    resumed = ledger.open_call(found[3], 9, b"run no.2", 9000)
    assert resumed == 7
    for portion in (0, 1, 2):
        assert ledger.deliver(resumed, portion, 9100)
    assert (credit_left(engine, 3), charged(engine)[3]) == (850 - 30, 150 + 30)
    with pytest.raises(Superseded):
        ledger.deliver(4, 3, 9200)
    free = ledger.open_call(found[4], 7, b"run no.1", 9300)
    assert ledger.deliver(free, 0, 9400)
    poor = ledger.open_call(found[5], 1, b"run no.3", 9500)
    assert ledger.deliver(poor, 5, 9600)  # paid for before
    assert not ledger.deliver(poor, 6, 9700)
    set_credit(engine, 5, 30)
    assert ledger.deliver(poor, 6, 9800)
    assert (credit_left(engine, 1), credit_left(engine, 4), credit_left(engine, 5)) == (None, 0, 0)
    set_tariff(engine, "new", 1)
    assert add_subscriber(engine, MASTER, b"newcomer", bytes(32), "new") == 6
    assert sum(charged(engine).values()) == sum(row[-1] for row in table_of(engine, "charges"))


def charged(engine):
    with engine.begin() as connection:
        return dict(rows(connection, "accounts", "account_id, charged"))


def table_of(engine, table):
    with engine.begin() as connection:
        return rows(connection, table)


def check_models_and_revisions_agree(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def check_two_open_at_once(url):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    workers = [context.Process(target=open_together, args=(url, start)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]


def open_together(url, start):
    start.wait()
    engine = open_database(url)
    with transaction(engine) as connection:
        assert revision_of(connection) == NEWEST


class Interrupted(Exception):
    pass


@contextmanager
def fault_at(statement, what):
    """Calls `what` instead of that statement, counted from 0, of all databases; gives the list of those that ran."""
    ran = []

    def count(_connection, _cursor, sql, *_rest):
        if len(ran) == statement:
            what()
        ran.append(sql)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield ran
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def interrupt():
    raise Interrupted


# --- SQLite -------------------------------------------------------------------------------------------------------


def test_old_database_opens_with_every_value(old):
    engine = open_database(str(old))
    check_every_value(engine)
    with engine.begin() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


def test_ledger_goes_on_in_an_old_database(old):
    check_ledger_goes_on(open_database(str(old)))


def test_old_database_has_the_first_revisions_tables(tmp_path):
    def schema(connection):
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index')"))

    made = tmp_path / "first.db"
    engine = create_engine(f"sqlite:///{made}")
    revisions().get_revision(UNCOUNTED).module.METADATA.create_all(engine)
    with closing(sqlite3.connect(made)) as first, closing(sqlite3.connect(":memory:")) as before:
        before.executescript(OLD_SQLITE)
        assert schema(first) == schema(before)


def test_open_database_changes_nothing_the_second_time(old):
    open_database(str(old)).dispose()
    once = dump(old)
    open_database(str(old)).dispose()
    assert dump(old) == once
    assert not {"_0001", "_0002"}.intersection(re.findall(r"_000\d", "".join(once)))


def test_a_fault_at_any_statement_leaves_the_old_database_as_it_was(old, request):
    before = dump(old)
    statement = 0
    while True:
        with fault_at(statement, interrupt) as ran:
            try:
                open_database(str(old)).dispose()
                break
            except Interrupted:
                pass
        assert dump(old) == before
        statement += 1
    assert statement == len(ran) > (5 if "0003" in request.node.name else 35)
    check_every_value(open_database(str(old)))


def die_before_the_end(path, statement):
    with fault_at(statement, lambda: os._exit(9)):
        open_database(str(path))


def test_a_process_that_dies_on_the_way_leaves_the_old_database_as_it_was(old, tmp_path):
    twin = tmp_path / "twin.db"
    with closing(sqlite3.connect(old)) as connection, closing(sqlite3.connect(twin)) as other:
        connection.backup(other)
    with fault_at(-1, interrupt) as ran:
        open_database(str(twin)).dispose()
    before = dump(old)
    process = multiprocessing.get_context("spawn").Process(target=die_before_the_end, args=(old, len(ran) - 1))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert dump(old) == before
    check_every_value(open_database(str(old)))


def test_two_processes_open_an_old_database_at_once(old):
    check_two_open_at_once(str(old))
    check_every_value(open_database(str(old)))


def test_two_processes_make_a_database_at_once(tmp_path):
    check_two_open_at_once(str(tmp_path / "new.db"))


def test_file_that_another_process_is_making_is_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "new.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(database, "sleep", lambda _seconds: holder.execute("ROLLBACK"))
    open_database(str(path))


def test_file_that_another_process_keeps_is_left_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.02)
    path = tmp_path / "new.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LocalError, match="database is locked"):
        open_database(str(path))
    holder.close()


def test_database_of_a_newer_version_is_refused_and_stays_as_it_is(old):
    engine = open_database(str(old))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    before = dump(old)
    with pytest.raises(LocalError, match=r"newer ringcast \(its revision is 9999, ours \d{4}\): update ringcast"):
        open_database(str(old))
    assert dump(old) == before


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ("CREATE TABLE tariffs (a)", "tables of another program"),
        ("CREATE TABLE alembic_version (version_num)", "must hold one revision"),
    ],
)
def test_tables_that_are_not_ours_are_left_alone(tmp_path, tables, reason):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(tables)
    before = dump(path)
    with pytest.raises(LocalError, match=reason):
        open_database(str(path))
    assert dump(path) == before


def test_revisions_are_one_line_that_ends_with_the_newest():
    assert revisions().get_heads() == [NEWEST]
    assert revisions().get_bases() == [UNCOUNTED]


def test_models_and_revisions_agree():
    check_models_and_revisions_agree(open_database())


def test_models_make_the_very_tables_that_the_revisions_make(tmp_path):
    """Checks and primary keys too, which Alembic does not compare."""

    def schema(engine):
        with engine.begin() as connection:
            found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
            return {name: sql for name, sql in found if name != "alembic_version"}

    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    Base.metadata.create_all(made)
    assert schema(open_database()) == schema(made)


def test_database_that_is_up_to_date_opens_without_alembic(old):
    open_database(str(old)).dispose()
    look = (
        "import sys; from headend.accounts.engine import open_database;"
        f"open_database({str(old)!r}); print('alembic' in sys.modules)"
    )
    path = os.pathsep.join(str(ROOT / part) for part in ("firmware", "host", "emulator"))
    found = subprocess.run(
        [sys.executable, "-c", look], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert found.stdout == "False\n"
