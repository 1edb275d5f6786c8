"""The ledger's own tests once more, over a PostgreSQL server of this test's (needs its programs and psycopg)."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from headend.accounts import engine as database
from headend.accounts.engine import open_database
from headend.accounts.migrating import revision_of
from headend.callcentre.ledger import Superseded
from headend.callcentre.restored import RESTORED, settle_restored
from settop.errors import LocalError
from sqlalchemy import create_engine

from tests.helpers.call_pair import MASTER, Air, CallPair, Home
from tests.helpers.postgresql import emptied, program
from tests.host import test_ledger, test_ledger_failing, test_migrating, test_rotating

pytestmark = pytest.mark.peer
LEDGER_TESTS = {
    name: test
    for module in (test_ledger, test_ledger_failing)
    for name, test in vars(module).items()
    if name.startswith("test_") and not test.__code__.co_argcount  # those with a file of their own are SQLite's
}


@pytest.mark.parametrize("name", LEDGER_TESTS)
def test_ledger_behaves_the_same(name, server, monkeypatch):
    monkeypatch.setattr(test_ledger, "new_database", lambda: emptied(server))
    LEDGER_TESTS[name]()


def test_two_processes_charge_a_portion_once(server):
    test_ledger.check_two_processes(emptied(server))


def test_delivery_waits_for_another_change_of_the_subscribers_calls(server):
    centre = test_ledger.Centre(emptied(server))
    call = centre.call()
    with ThreadPoolExecutor(1) as pool:
        with centre.engine.begin() as other:
            other.exec_driver_sql("SELECT * FROM subscribers FOR UPDATE")
            other.exec_driver_sql("UPDATE calls SET ended_ms = 5, reason = 'superseded by another call'")
            delivery = pool.submit(centre.ledger.deliver, call, 0, 6)
            while not delivery.done() and not waiting(centre.engine):
                pass
        with pytest.raises(Superseded):
            delivery.result(30)
    assert (centre.bill(), centre.charged()) == (0, 0)


def waiting(engine):
    """Whether somebody waits for a lock."""
    with engine.begin() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one() > 0


@pytest.fixture(params=["old_database", "database_0002", "database_0003"])
def old(server, request):
    """A database of the last version without revisions, or of an older revision."""
    with create_engine(emptied(server)).begin() as connection:
        connection.exec_driver_sql((test_migrating.ROOT / f"tests/data/{request.param}.postgresql.sql").read_text())
    return server


@pytest.mark.parametrize("check", [test_migrating.check_every_value, test_migrating.check_ledger_goes_on])
def test_old_database_opens(old, check):
    check(open_database(old))


def test_models_and_revisions_agree(server):
    test_migrating.check_models_and_revisions_agree(open_database(emptied(server)))


def test_models_and_an_old_database_agree(old):
    test_migrating.check_models_and_revisions_agree(open_database(old))


def test_a_fault_at_any_statement_leaves_the_old_database_as_it_was(old, request):
    before = dump(old)
    statement = 0
    while True:
        with test_migrating.fault_at(statement, test_migrating.interrupt) as ran:
            try:
                open_database(old).dispose()
                break
            except test_migrating.Interrupted:
                pass
        assert dump(old) == before
        statement += 1
    assert statement == len(ran) > (5 if "0003" in request.node.name else 35)
    test_migrating.check_every_value(open_database(old))


@pytest.mark.parametrize("filled", [True, False])
def test_two_processes_open_a_database_at_once(old, filled):
    test_migrating.check_two_open_at_once(old if filled else emptied(old))
    if filled:
        test_migrating.check_every_value(open_database(old))


def test_database_that_another_program_changes_is_left_after_a_while(old, monkeypatch, request):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    before = dump(old)
    engine = create_engine(old)
    with engine.begin() as connection:
        # Revision 0004 only refers to the table: it waits for who writes, not for who reads.
        writing = "database_0003" in request.node.name
        connection.exec_driver_sql("LOCK TABLE calls IN ROW EXCLUSIVE MODE" if writing else "SELECT * FROM calls")
        with pytest.raises(LocalError, match="lock timeout"):
            open_database(old)
    assert dump(old) == before
    with open_database(old).begin() as connection:
        assert revision_of(connection) is not None


def dump(url):
    """All tables with their columns and rows, and all constraints."""
    engine = create_engine(url)
    with engine.begin() as connection:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        tables = {
            name: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY {name}")]  # noqa: S608
            for name in connection.exec_driver_sql(names).scalars().all()
        }
        named = "SELECT conrelid::regclass::text, conname FROM pg_constraint ORDER BY 1, 2"
        constraints = [tuple(row) for row in connection.exec_driver_sql(named)]
    engine.dispose()
    return tables, constraints


# --- a new master key -----------------------------------------------------------------------------------------------


@pytest.fixture
def make_centre(server, tmp_path, monkeypatch):
    monkeypatch.setattr(test_rotating.rotating, "BATCH", 2)
    numbers = count()

    def made():
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return test_rotating.Centre(emptied(server), folder)

    return made


@pytest.mark.parametrize(
    "check",
    [
        test_rotating.check_a_fault_at_any_statement,
        test_rotating.check_a_process_killed_at_any_statement,
    ],
)
def test_a_new_master_key_survives_what_cuts_it_off(make_centre, check):
    check(make_centre)


@pytest.mark.parametrize("check", [test_rotating.check_others_go_on, test_rotating.check_under_load])
def test_others_go_on_while_the_master_key_is_changed(make_centre, check):
    check(make_centre())


# --- backup and restore: PostgreSQL's own programs --------------------------------------------------------------------


def test_database_that_pg_restore_put_back_serves_a_call(server, tmp_path):
    home = Home(url=emptied(server))
    CallPair(home.ledger, Air()).run(35_000)
    host = server.rpartition("=")[2]
    place, copy = ["--host", host, "--username", "test"], str(tmp_path / "copy")
    subprocess.run([program("pg_dump"), *place, "--format=custom", f"--file={copy}", "postgres"], check=True)
    CallPair(home.ledger, Air(), connect_ms=41_000, seed=2).run(65_000)
    (paid, *later), home_bill = home.records(), home.bill()
    home.engine.dispose()
    emptied(server)
    options = ["--clean", "--if-exists", "--dbname=postgres"]
    subprocess.run([program("pg_restore"), *place, *options, copy], check=True)
    home.engine = open_database(server)
    settle_restored(home.engine)
    home.ledger = test_ledger.StoreLedger(home.engine, MASTER)
    (record,) = home.records()
    assert later
    assert (record.delivered, record.reason) == (paid.delivered, RESTORED)
    again = CallPair(home.ledger, Air(), connect_ms=41_000, seed=3).run(65_000)
    assert len(again.keys) >= 2
    assert home.bill() == home_bill
