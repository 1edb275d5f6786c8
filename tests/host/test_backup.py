"""A backup is made while calls go on; what is restored from it serves a call."""

import sqlite3
from contextlib import closing

import pytest
from headend.accounts.backup import back_up, restore
from headend.accounts.engine import open_database
from headend.callcentre.models import Subscriber, TokenDoubt
from headend.callcentre.restored import RESTORED, settle_restored
from headend.callcentre.store_ledger import StoreLedger
from settop.errors import LocalError
from sqlalchemy import insert, select, update

from tests.helpers.call_pair import MASTER, TERMINAL_ID, Air, CallPair, Home
from tests.host.test_migrating import BEFORE, check_every_value


@pytest.fixture
def home(tmp_path):
    return Home(url=str(tmp_path / "centre.db"), credit=1000)


def restored(tmp_path, copy, name="again.db"):
    restore(copy, str(tmp_path / name), settle_restored)
    made = Home.__new__(Home)
    made.engine = open_database(str(tmp_path / name))
    made.ledger, made.number = StoreLedger(made.engine, MASTER), 1
    return made


def test_restored_database_serves_a_call_and_keeps_what_was_paid(home, tmp_path):
    pair = CallPair(home.ledger, Air())
    pair.at(35_000, lambda: back_up(str(tmp_path / "centre.db"), tmp_path / "copy.db"))
    pair.run(62_000)
    again = restored(tmp_path, tmp_path / "copy.db")
    (record,) = again.records()
    assert record.reason == RESTORED
    paid = record.delivered
    assert 3 <= len(paid) < len(home.records()[0].delivered)
    assert record.started_ms < record.ended_ms <= 35_000
    later = CallPair(again.ledger, Air(), connect_ms=max(paid) * 10_000 + 1_000, seed=2)
    later.run(max(paid) * 10_000 + 25_000)
    assert len(later.keys) >= 2
    assert (1, max(paid)) in later.keys
    assert again.bill() == 10 * len(set(paid) | {portion for _, portion in later.keys})


def test_copy_is_of_one_instant_private_and_one_file(home, tmp_path):
    copy = tmp_path / "copy.db"
    reader = sqlite3.connect(tmp_path / "centre.db", isolation_level=None)
    reader.execute("BEGIN IMMEDIATE")  # a writer that has not committed
    reader.execute("UPDATE accounts SET credit = 7")
    back_up(str(tmp_path / "centre.db"), copy)
    reader.execute("COMMIT")
    reader.close()
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT credit FROM accounts").fetchall() == [(1000,)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]


def test_what_was_restored_forgets_tokens_and_keeps_revocations(home, tmp_path):
    with home.engine.begin() as connection:
        connection.execute(update(Subscriber).values(token_old=b"old-old-", token_pending=b"pending-", revoked_ms=5))
        connection.execute(insert(TokenDoubt).values(subscriber_id=1, displaced=b"displacd", unstored=True))
    back_up(str(tmp_path / "centre.db"), tmp_path / "copy.db")
    again = restored(tmp_path, tmp_path / "copy.db")
    with again.engine.begin() as connection:
        row = connection.execute(select(Subscriber)).one()
        assert connection.execute(select(TokenDoubt)).all() == []
    assert (row.token_old, row.token_pending, row.revoked_ms) == (None, None, 5)
    assert again.ledger.find(TERMINAL_ID) is None


@pytest.mark.parametrize("before", BEFORE)
def test_backup_of_an_older_version_is_brought_up_to_date(tmp_path, before):
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.executescript(BEFORE[before])
    back_up(str(tmp_path / "old.db"), tmp_path / "copy.db")
    restore(tmp_path / "copy.db", str(tmp_path / "centre.db"), lambda engine: check_every_value(engine))
    check_every_value(open_database(str(tmp_path / "centre.db")))


def test_snapshot_of_a_disk_is_restored_with_its_log_and_stays_as_it_was(home, tmp_path):
    home.ledger.open_call(home.ledger.find(TERMINAL_ID), 1, bytes(8), 7)
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for path in tmp_path.glob("centre.db*"):
        (snapshot / path.name).write_bytes(path.read_bytes())
    before = {path.name: path.read_bytes() for path in snapshot.iterdir()}
    assert before["centre.db-wal"]
    assert len(restored(tmp_path, snapshot / "centre.db").records()) == 1
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == before


def test_nothing_that_is_there_is_written_over(home, tmp_path):
    db, copy = str(tmp_path / "centre.db"), tmp_path / "copy.db"
    back_up(db, copy)
    before = copy.read_bytes()
    with pytest.raises(LocalError, match=r"copy\.db exists"):
        back_up(db, copy)
    with pytest.raises(LocalError, match=r"centre\.db exists: end what uses it and move it away"):
        restore(copy, db, settle_restored)
    (tmp_path / "other.db-wal").touch()
    with pytest.raises(LocalError, match=r"other\.db-wal exists"):
        restore(copy, str(tmp_path / "other.db"), settle_restored)
    assert copy.read_bytes() == before


def test_file_that_appears_meanwhile_stays(home, tmp_path):
    back_up(str(tmp_path / "centre.db"), tmp_path / "copy.db")
    with pytest.raises(LocalError, match="File exists"):
        restore(tmp_path / "copy.db", str(tmp_path / "new.db"), lambda _e: (tmp_path / "new.db").write_text("mine"))
    assert (tmp_path / "new.db").read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100, b"SQLite format 3\0" + bytes(5000)])
def test_what_is_no_backup_is_refused(tmp_path, content):
    (tmp_path / "copy.db").write_bytes(content)
    with pytest.raises(LocalError, match=r"is no backup|cannot restore"):
        restore(tmp_path / "copy.db", str(tmp_path / "new.db"), settle_restored)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db"]


def test_damaged_backup_is_refused(home, tmp_path):
    copy = tmp_path / "copy.db"
    back_up(str(tmp_path / "centre.db"), copy)
    data = bytearray(copy.read_bytes())
    size = 4096
    for page in range(1, len(data) // size):
        data[page * size : page * size + 8] = b"\xff" * 8
    copy.write_bytes(data)
    with pytest.raises(LocalError, match=r"damaged|cannot restore"):
        restore(copy, str(tmp_path / "new.db"), settle_restored)
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("name", ["os.fsync", "os.link"])
def test_disk_that_refuses_leaves_nothing(home, tmp_path, monkeypatch, name):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(name, full)
    with pytest.raises(LocalError, match="cannot back up the database: No space left"):
        back_up(str(tmp_path / "centre.db"), tmp_path / "copy.db")
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]


def test_missing_database_or_folder_is_named(home, tmp_path):
    with pytest.raises(LocalError, match="there is no database"):
        back_up(str(tmp_path / "nowhere.db"), tmp_path / "copy.db")
    assert not (tmp_path / "nowhere.db").exists()
    with pytest.raises(LocalError, match="there is no folder"):
        back_up(str(tmp_path / "centre.db"), tmp_path / "nowhere" / "copy.db")
    with pytest.raises(LocalError, match="there is no backup"):
        restore(tmp_path / "nothing", str(tmp_path / "new.db"), settle_restored)


def test_postgresql_is_told_its_own_tool(tmp_path):
    url = "postgresql+psycopg://user:secret-word@host/name"
    for change in (lambda: back_up(url, tmp_path / "copy"), lambda: restore(tmp_path, url, settle_restored)):
        with pytest.raises(LocalError, match=r"pg_dump|pg_restore") as caught:
            change()
        assert "secret-word" not in str(caught.value)
