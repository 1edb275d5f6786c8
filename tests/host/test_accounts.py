"""The database behind the call centre: who is registered, and what a wrong key or URL does."""

import os

import pytest
from headend.accounts.engine import open_database
from headend.accounts.errors import LedgerError
from headend.accounts.master_key import MasterKey, create_master_key, load_master_key
from headend.accounts.models import Base
from headend.accounts.money import open_account
from headend.accounts.terminals import add_terminal, check_master_key
from headend.callcentre.store_ledger import StoreLedger
from headend.callcentre.subscribers import account_of, add_subscriber, allow_programmes, remove_subscriber, set_tariff
from settop.errors import LocalError, RingcastError
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

TERMINAL = bytes(range(8))
DEVICE_KEY = bytes(range(100, 132))
MASTER = MasterKey(b"\x5a" * 32)


@pytest.fixture
def engine():
    engine = open_database()
    set_tariff(engine, "evening", 25)
    return engine


def test_registered_terminal_is_found_with_its_key(engine):
    number = add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    found = StoreLedger(engine, MASTER).find(TERMINAL)
    assert found is not None
    assert (found.subscriber_id, found.terminal_id, found.device_key) == (number, TERMINAL, DEVICE_KEY)


def test_unknown_terminal_is_none(engine):
    assert StoreLedger(engine, MASTER).find(bytes(8)) is None


def test_unknown_terminal_costs_the_same_work(engine, monkeypatch):
    add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    ledger = StoreLedger(engine, MASTER)
    ledger.find(TERMINAL)
    opened = []
    unwrap = MasterKey.open

    def counted(self, owner, sealed):
        opened.append(len(sealed))
        return unwrap(self, owner, sealed)

    monkeypatch.setattr(MasterKey, "open", counted)
    for terminal_id in (TERMINAL, b"stranger"):
        ledger.find(terminal_id)
    assert opened[0] == opened[1]
    assert len(opened) == 2


def test_wrong_master_key_is_named_at_first_use(engine):
    add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    stranger = MasterKey(bytes(32))
    with pytest.raises(LocalError, match="master key does not open the database"):
        StoreLedger(engine, stranger).find(bytes(8))
    with pytest.raises(LocalError, match="master key does not open the database"):
        add_subscriber(engine, stranger, bytes(8), DEVICE_KEY, "evening")


def test_sealed_key_moved_to_another_row_does_not_open(engine):
    other = bytes(range(8, 16))
    add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    add_subscriber(engine, MASTER, other, bytes(32), "evening")
    with engine.begin() as connection:
        connection.execute(text("UPDATE terminals SET sealed_key = (SELECT sealed_key FROM terminals LIMIT 1)"))
    with pytest.raises(LedgerError, match=other.hex()):
        StoreLedger(engine, MASTER).find(other)


def test_database_file_holds_neither_device_key_nor_master_key(tmp_path):
    path = tmp_path / "centre.db"
    engine = open_database(str(path))
    set_tariff(engine, "evening", 25)
    add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    StoreLedger(engine, MASTER).find(TERMINAL)
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert TERMINAL in stored
    for secret in (DEVICE_KEY, b"\x5a" * 32):
        assert secret[:12] not in stored
        assert secret[:12].hex().encode() not in stored


def test_file_commits_reach_the_disk(tmp_path):
    engine = open_database(str(tmp_path / "centre.db"))
    with engine.begin() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL


def test_new_database_file_is_its_owners_alone(tmp_path):
    engine = open_database(str(tmp_path / "centre.db"))
    set_tariff(engine, "evening", 25)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "centre.db": 0o600,
        "centre.db-wal": 0o600,
        "centre.db-shm": 0o600,
    }
    engine.dispose()
    (tmp_path / "centre.db").chmod(0o640)  # somebody's decision
    open_database(str(tmp_path / "centre.db"))
    assert (tmp_path / "centre.db").stat().st_mode & 0o777 == 0o640


def test_reprs_and_errors_show_no_key(engine):
    add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    found = StoreLedger(engine, MASTER).find(TERMINAL)
    with pytest.raises(LocalError) as twice:
        add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    with pytest.raises(LocalError) as short:
        MasterKey(b"\x5a" * 31)
    shown = f"{found!r} {MASTER!r} {MASTER} {twice.value} {short.value}"
    for secret in (DEVICE_KEY, b"\x5a" * 8):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown
    assert "registered already" in str(twice.value)


@pytest.mark.parametrize(
    "change",
    [
        {"terminal_id": bytes(7)},
        {"device_key": bytes(16)},
        {"tariff": "unheard of"},
        {"credit": -1},
        {"programmes": [1 << 32]},
        {"programmes": [-1]},
    ],
)
def test_impossible_subscriber_is_refused_and_leaves_nothing(engine, change):
    good = {"terminal_id": TERMINAL, "device_key": DEVICE_KEY, "tariff": "evening"}
    with pytest.raises(LocalError):
        add_subscriber(engine, MASTER, **{**good, **change})
    assert StoreLedger(engine, MASTER).find(TERMINAL) is None


def test_subscription_covers_all_some_or_no_programmes(engine):
    number = add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    ledger = StoreLedger(engine, MASTER)
    subscriber = ledger.find(TERMINAL)
    assert ledger.may_watch(subscriber, 0xFFFFFFFF)
    allow_programmes(engine, number, [7, 9, 7])
    assert [p for p in range(12) if ledger.may_watch(subscriber, p)] == [7, 9]
    allow_programmes(engine, number, [])
    assert not any(ledger.may_watch(subscriber, p) for p in range(12))
    allow_programmes(engine, number, None)
    assert ledger.may_watch(subscriber, 7)
    with pytest.raises(LocalError):
        allow_programmes(engine, number + 1, None)


def counted(engine):
    tables = ("subscribers", "allowed_programmes", "terminals", "accounts")
    with engine.begin() as connection:
        return [connection.scalar(text(f"SELECT count(*) FROM {table}")) for table in tables]  # noqa: S608


def test_registration_taken_back_leaves_neither_terminal_nor_account(engine):
    add_subscriber(engine, MASTER, bytes(8), DEVICE_KEY, "evening", [1])
    number = add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening", [7, 9], 500)
    assert counted(engine) == [2, 3, 2, 2]
    remove_subscriber(engine, number)
    assert counted(engine) == [1, 1, 1, 1]
    remove_subscriber(engine, number)
    assert counted(engine) == [1, 1, 1, 1]


def test_account_stays_while_another_terminal_has_it(engine):
    number = add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening")
    account = account_of(engine, number)
    with engine.begin() as connection:
        add_terminal(connection, MASTER, b"terminal", bytes(32), account)
    remove_subscriber(engine, number)
    assert counted(engine) == [0, 0, 1, 1]


def test_subscriber_with_calls_stays_whole(engine):
    number = add_subscriber(engine, MASTER, TERMINAL, DEVICE_KEY, "evening", [7])
    ledger = StoreLedger(engine, MASTER)
    ledger.open_call(ledger.find(TERMINAL), 7, bytes(8), 0)
    with pytest.raises(LocalError, match="has call records and stays"):
        remove_subscriber(engine, number)
    assert counted(engine) == [1, 1, 1, 1]


def test_terminal_that_does_not_subscribe_to_calls_is_unknown_to_them(engine):
    check_master_key(engine, MASTER)
    with engine.begin() as connection:
        add_terminal(connection, MASTER, TERMINAL, DEVICE_KEY, open_account(connection))
    assert StoreLedger(engine, MASTER).find(TERMINAL) is None


def test_master_key_file_is_private_and_read_back(tmp_path):
    path = tmp_path / "master.key"
    made = create_master_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_master_key(path).open(b"ringcast", made.seal(b"ringcast", bytes(32))) == bytes(32)
    with pytest.raises(LocalError, match="exists"):
        create_master_key(path)


def test_master_key_file_open_to_others_is_refused(tmp_path):
    path = tmp_path / "master.key"
    create_master_key(path)
    path.chmod(0o640)
    with pytest.raises(LocalError, match="chmod 600"):
        load_master_key(path)


@pytest.mark.parametrize("content", ["", "00" * 31, "zz" * 32, "00" * 33])
def test_malformed_master_key_is_refused_without_showing_it(tmp_path, monkeypatch, content):
    path = tmp_path / "master.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(LocalError, match="64 hex digits") as caught:
        load_master_key(path)
    assert not content or content not in str(caught.value)
    monkeypatch.setenv("RINGCAST_MASTER_KEY", content)
    with pytest.raises(LocalError, match=r"64 hex digits|no master key"):
        load_master_key()


def test_master_key_from_environment(monkeypatch):
    monkeypatch.setenv("RINGCAST_MASTER_KEY", "5a" * 32)
    assert load_master_key().open(b"ringcast", MASTER.seal(b"ringcast", bytes(24))) == bytes(24)
    monkeypatch.delenv("RINGCAST_MASTER_KEY")
    with pytest.raises(LocalError, match="RINGCAST_MASTER_KEY"):
        load_master_key()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret-word@host/db",
        "postgresql:/secret-word@host",
        "postgresql+nodriver://u:secret-word@host/db",
        "/nowhere/at/all.db",
    ],
)
def test_database_that_cannot_be_opened_is_a_local_error_without_password(url):
    with pytest.raises(RingcastError) as caught:
        open_database(url)
    assert isinstance(caught.value, LocalError)
    assert "secret-word" not in str(caught.value)


def test_every_table_can_be_made_on_postgresql():
    dialect = postgresql.dialect()
    made = [str(CreateTable(table).compile(dialect=dialect)) for table in Base.metadata.sorted_tables]
    assert len(made) == len(Base.metadata.tables)
    assert any("UNIQUE (subscriber_id, programme_id, broadcast_id, portion)" in table for table in made)


def test_master_key_that_the_disk_has_no_room_for_leaves_no_half_key(tmp_path, monkeypatch):
    write = os.write

    def full(handle, data):
        if len(data) < 65:
            raise OSError(28, "No space left on device")
        return write(handle, data[:20])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(LocalError, match="No space left"):
        create_master_key(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []
