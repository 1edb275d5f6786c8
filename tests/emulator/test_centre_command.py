"""`ringcast centre`: what an operator sees and does, and that no key is ever among it."""

import inspect
import json
import re
import signal
import sqlite3
from contextlib import closing

import pytest
from headend.accounts import rotating
from headend.accounts.engine import open_database
from headend.accounts.master_key import create_master_key, load_master_key
from headend.accounts.rotating import prepare_file
from headend.callcentre.alarms import add_alarm
from headend.callcentre.models import Subscriber
from headend.callcentre.store_ledger import StoreLedger
from headend.callcentre.subscribers import add_subscriber, set_tariff
from headend.stopping import Stopped
from sqlalchemy import update
from testbed.commands import centre as commands

from tests.helpers.commands import ringcast
from tests.host.test_migrating import ROOT, Interrupted, fault_at, interrupt

FIRST, SECOND = b"term0001", b"term0002"
DEVICE_KEY = bytes(range(100, 132))
TOKENS = (b"old-old-", b"pending-")
NOW_MS = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC
HOUR_MS = 3_600_000
LISTS = ("subscribers", "calls", "alarms")
NAMES = [command.name or command.callback.__name__ for command in commands.app.registered_commands]


@pytest.fixture
def db(tmp_path, monkeypatch):
    """Two subscribers, three calls (one under way) and two alarms."""
    monkeypatch.delenv("RINGCAST_MASTER_KEY", raising=False)
    monkeypatch.setattr(commands, "_now_ms", lambda: NOW_MS)
    path = tmp_path / "centre.db"
    engine = open_database(str(path))
    key = create_master_key(tmp_path / "centre.db.master-key")
    set_tariff(engine, "evening", 25, 100)
    add_subscriber(engine, key, FIRST, DEVICE_KEY, "evening", credit=1000)
    add_subscriber(engine, key, SECOND, DEVICE_KEY, "evening", [7, 9])
    ledger = StoreLedger(engine, key)
    for number, (terminal, hours) in enumerate([(FIRST, 5), (SECOND, 3), (SECOND, 1)]):
        began_ms = NOW_MS - hours * HOUR_MS
        call = ledger.open_call(ledger.find(terminal), 7, b"run no.1", began_ms)
        for portion in range(3):
            ledger.deliver(call, portion, began_ms + portion)
        if number == 0:
            ledger.withdraw_after(call, 1)
            ledger.close_call(call, began_ms + 90_000, "goodbye")
    with engine.begin() as connection:
        connection.execute(update(Subscriber).values(token_old=TOKENS[0], token_pending=TOKENS[1]))
        add_alarm(connection, 1, NOW_MS - 4 * HOUR_MS, "clone", "an older token than both")
        add_alarm(connection, 2, NOW_MS - HOUR_MS, "redelivery", "[red]x\x1b[2Jy" + "long" * 100)
    engine.dispose()
    return path


def lines(db, what, *options):
    ended = ringcast("centre", what, "--db", db, "--json", *options)
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_subscribers_are_listed_with_their_money(db):
    second, first = lines(db, "subscribers")
    assert first == {
        "subscriber": 1,
        "terminal": FIRST.hex(),
        "account": 1,
        "tariff": "evening",
        "programmes": None,
        "credit": 850,
        "charged": 150,
        "currency": "EUR",
        "calls": 1,
        "last_call_ms": NOW_MS - 5 * HOUR_MS,
        "alarms": 1,
        "clone_rule": "warn",
        "revoked_ms": None,
    }
    assert (second["programmes"], second["credit"], second["charged"], second["calls"]) == ([7, 9], None, 175, 2)
    shown = ringcast("centre", "subscribers", "--db", db).out
    for text in ("8.50 EUR", "no limit", "7 9", "2027-01-15 07:00:00", FIRST.hex()):
        assert text in shown


def test_calls_are_listed_with_how_they_ended(db):
    third, second, first = lines(db, "calls")
    assert (first["portions"], first["withdrawn"], first["price"], first["reason"]) == (2, 1, 150, "goodbye")
    assert (second["price"], second["reason"]) == (175, "superseded by another call")
    assert (third["ended_ms"], third["price"], third["portions"]) == (None, 0, 3)
    assert first["broadcast"] == b"run no.1".hex()
    shown = ringcast("centre", "calls", "--db", db).out
    for text in ("running", "goodbye", "2027-01-15 03:01:30", "1.75 EUR"):
        assert text in shown


def test_alarms_are_listed_and_move_no_cursor(db):
    newer, older = lines(db, "alarms")
    assert (older["kind"], older["text"], older["terminal"]) == ("clone", "an older token than both", FIRST.hex())
    assert len(newer["text"]) == 200
    shown = ringcast("centre", "alarms", "--db", db).out
    assert "\x1b" not in shown
    assert "[red]x?[2Jy" in shown


@pytest.mark.parametrize(
    ("what", "options", "numbers"),
    [
        ("subscribers", ["--subscriber", 1], [1]),
        ("subscribers", ["--subscriber", SECOND.hex()], [2]),
        ("subscribers", ["--since", "2h"], [2]),
        ("subscribers", ["--since", "1d"], [2, 1]),
        ("subscribers", ["--revoked"], []),
        ("subscribers", ["--limit", 1], [2]),
        ("calls", ["--subscriber", 2], [3, 2]),
        ("calls", ["--subscriber", FIRST.hex()], [1]),
        ("calls", ["--since", "240m"], [3, 2]),
        ("calls", ["--since", "2027-01-15T05:00"], [3, 2]),
        ("calls", ["--since", "2027-01-15T07:00+01:00"], [3]),
        ("calls", ["--since", "2027-01-16"], []),
        ("calls", ["--running"], [3]),
        ("calls", ["--limit", 2], [3, 2]),
        ("alarms", ["--kind", "clone"], [1]),
        ("alarms", ["--kind", "clone", "--kind", "redelivery"], [2, 1]),
        ("alarms", ["--since", "2h", "--subscriber", 1], []),
        ("alarms", ["--since", "7200s"], [2]),
    ],
)
def test_filters_show_what_they_say(db, what, options, numbers):
    assert [line[what.removesuffix("s")] for line in lines(db, what, *options)] == numbers


def test_what_a_limit_leaves_out_is_said(db):
    ended = ringcast("centre", "calls", "--db", db, "--limit", 2)
    assert "there are more than 2: --limit shows them" in ended.err
    assert ringcast("centre", "calls", "--db", db, "--limit", 3).err == ""
    assert ringcast("centre", "calls", "--db", db, "--since", "2030-01-01").out == "none\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--since", "yesterday"],
        ["--since", "5"],
        ["--since", "99999999999d"],
        ["--subscriber", "me"],
        ["--subscriber", "-1"],
        ["--limit", "0"],
    ],
)
@pytest.mark.parametrize("what", LISTS)
def test_options_that_mean_nothing_are_refused(db, what, options):
    assert ringcast("centre", what, "--db", db, *options).status == 2


def test_database_that_is_not_there_is_named_and_not_made(tmp_path, monkeypatch):
    monkeypatch.delenv("RINGCAST_MASTER_KEY", raising=False)
    for command in (*LISTS, "rotate-key", "revoke", "clones", "backup"):
        more = {"revoke": [FIRST.hex()], "clones": [1, "deny"], "backup": [tmp_path / "copy"]}.get(command, [])
        ended = ringcast("centre", command, *more, "--db", tmp_path / "typing-error.db")
        assert (ended.status, "there is no database" in ended.err) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_revoking_and_back(db, monkeypatch):
    for at_ms, words, said in (
        (NOW_MS, [], "is revoked\n"),
        (NOW_MS + 5, [], "is revoked already, since 2027-01-15 08:00:00 UTC\n"),
        (NOW_MS, ["--undo"], "may call again\n"),
        (NOW_MS, ["--undo"], "was not revoked\n"),
        (NOW_MS, [], "is revoked\n"),
    ):
        monkeypatch.setattr(commands, "_now_ms", lambda at_ms=at_ms: at_ms)
        ended = ringcast("centre", "revoke", SECOND.hex(), "--db", db, *words)
        assert (ended.status, ended.out) == (0, f"terminal {SECOND.hex()} {said}")
    (line,) = lines(db, "subscribers", "--revoked")
    assert (line["subscriber"], line["revoked_ms"]) == (2, NOW_MS)
    assert lines(db, "calls", "--running") == []
    assert lines(db, "calls", "--limit", 1)[0]["reason"] == "revoked"
    assert ringcast("centre", "revoke", "00" * 8, "--db", db).status == 1
    assert ringcast("centre", "revoke", "no-terminal", "--db", db).status == 2


def test_rule_for_copies_is_set_by_number_or_terminal(db):
    for who, rule in ((SECOND.hex(), "deny"), ("2", "reprovision"), ("1", "warn")):
        ended = ringcast("centre", "clones", who, rule, "--db", db)
        assert (ended.status, ended.out.split(": ")[1]) == (0, rule + "\n")
    assert [line["clone_rule"] for line in lines(db, "subscribers")] == ["reprovision", "warn"]
    for who, rule, status, said in (
        ("2", "forgive", 1, "expected one of warn, deny, reprovision"),
        ("3", "deny", 1, "no subscriber 3"),
        ("00" * 8, "deny", 1, "no subscriber"),
        ("nobody", "deny", 2, "16 hex digits"),
    ):
        ended = ringcast("centre", "clones", who, rule, "--db", db)
        assert (ended.status, said in " ".join(ended.err.split())) == (status, True), ended.err
    assert lines(db, "subscribers")[0]["clone_rule"] == "reprovision"


def test_rotated_key_is_the_one_that_opens(db, tmp_path):
    before = (tmp_path / "centre.db.master-key").read_text()
    ended = ringcast("centre", "rotate-key", "--db", db)
    assert ended.status == 0, ended.err
    assert "2 device keys sealed anew, master key version 2 is in force" in ended.out
    assert "earlier backups open with the old key only" in ended.out
    key = load_master_key(tmp_path / "centre.db.master-key")
    assert StoreLedger(open_database(str(db)), key).find(FIRST).device_key == DEVICE_KEY
    for secret in (before.strip(), (tmp_path / "centre.db.master-key").read_text().strip()):
        assert secret not in ended.out + ended.err


def test_rotation_that_was_cut_off_is_finished(db, tmp_path, monkeypatch):
    monkeypatch.setattr(rotating, "BATCH", 1)
    with fault_at(9, interrupt), pytest.raises(Interrupted):
        ringcast("centre", "rotate-key", "--db", db)
    assert len((tmp_path / "centre.db.master-key").read_text().split()) == 2
    assert lines(db, "subscribers")
    ended = ringcast("centre", "rotate-key", "--db", db)
    assert (ended.status, "this finished what an earlier run had begun" in ended.out) == (0, True)


def test_rotation_that_a_signal_ends_says_how_to_go_on(db, monkeypatch):
    def stopped(*_arguments):
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(rotating, "seal_anew", stopped)
    ended = ringcast("centre", "rotate-key", "--db", db)
    assert (ended.status, ended.complaint) == (
        143,
        "ringcast centre rotate-key: not finished: the key file has both keys and opens everything; run it again",
    )


def test_prepared_key_is_told(db, tmp_path):
    for already in ("", " already"):
        ended = ringcast("centre", "rotate-key", "--db", db, "--prepare")
        assert f"has the new key before the old one{already}\n" in ended.out
    assert ringcast("centre", "rotate-key", "--db", db).status == 0
    assert len((tmp_path / "centre.db.master-key").read_text().split()) == 1


def test_key_in_the_environment_is_told_what_to_do(db, tmp_path, monkeypatch):
    old = (tmp_path / "centre.db.master-key").read_text().strip()
    (tmp_path / "centre.db.master-key").unlink()
    monkeypatch.setenv("RINGCAST_MASTER_KEY", old)
    ended = ringcast("centre", "rotate-key", "--db", db)
    assert ended.status == 1
    for text in ("RINGCAST_MASTER_KEY", "openssl rand -hex 32", "the new key, a space and the old one"):
        assert text in ended.err
    assert ringcast("centre", "rotate-key", "--db", db, "--prepare").status == 1
    monkeypatch.setenv("RINGCAST_MASTER_KEY", f"{'ab' * 32} {old}")
    ended = ringcast("centre", "rotate-key", "--db", db)
    assert ended.status == 0, ended.err
    assert "restart all programs with RINGCAST_MASTER_KEY holding the first key alone" in ended.err
    assert "ab" * 32 not in ended.out + ended.err
    monkeypatch.setenv("RINGCAST_MASTER_KEY", "ab" * 32)
    assert StoreLedger(open_database(str(db)), load_master_key()).find(FIRST).device_key == DEVICE_KEY


def test_database_url_needs_its_key_named(db, tmp_path):
    ended = ringcast("centre", "rotate-key", "--db", f"sqlite:///{db}")
    assert (ended.status, "name the master key" in ended.err) == (1, True)
    key = tmp_path / "centre.db.master-key"
    assert ringcast("centre", "rotate-key", "--db", f"sqlite:///{db}", "--master-key", key).status == 0


def test_backup_and_restore_by_command(db, tmp_path):
    ended = ringcast("centre", "backup", tmp_path / "copy.db", "--db", db)
    assert (ended.status, "copy.db: " in ended.out) == (0, True)
    ended = ringcast("centre", "restore", tmp_path / "copy.db", "--db", db)
    assert (ended.status, "exists: end what uses it and move it away first" in ended.err) == (1, True)
    for path in tmp_path.glob("centre.db*"):
        if "key" not in path.name:
            path.rename(path.with_name(f"lost.{path.name}"))
    ended = ringcast("centre", "restore", tmp_path / "copy.db", "--db", db)
    assert (ended.status, "1 calls that were under way in the backup are ended" in ended.out) == (0, True)
    assert lines(db, "calls", "--running") == []
    assert len(lines(db, "subscribers")) == 2


def test_database_that_another_program_put_back_is_settled(db, tmp_path):
    assert ringcast("centre", "restore", "--db", db).status == 2
    assert ringcast("centre", "restore", tmp_path / "copy.db", "--settle", "--db", db).status == 2
    ended = ringcast("centre", "restore", "--settle", "--db", db)
    assert (ended.status, "1 calls that were under way in the backup are ended" in ended.out) == (0, True)
    (line,) = lines(db, "calls", "--limit", 1)
    assert (line["reason"], line["ended_ms"]) == ("the database was restored", NOW_MS - HOUR_MS + 2)
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT DISTINCT token_old, token_pending FROM subscribers").fetchall() == [
            (None, None)
        ]


def test_backup_wants_the_key_of_its_time(db, tmp_path):
    key = tmp_path / "centre.db.master-key"
    kept = tmp_path / "kept"
    kept.write_text(key.read_text())
    kept.chmod(0o600)
    ringcast("centre", "backup", tmp_path / "copy.db", "--db", db)
    ringcast("centre", "rotate-key", "--db", db)
    new = tmp_path / "new.db"
    ended = ringcast("centre", "restore", tmp_path / "copy.db", "--db", new, "--master-key", key)
    assert (ended.status, "master key does not open the database" in ended.err) == (1, True)
    assert not new.exists()
    ended = ringcast("centre", "restore", tmp_path / "copy.db", "--db", new)
    assert (ended.status, "restore the key of that time too" in ended.err) == (0, True)
    ended = ringcast("centre", "restore", tmp_path / "copy.db", "--db", tmp_path / "2.db", "--master-key", kept)
    assert (ended.status, ended.err) == (0, "")


def test_backup_between_two_keys_wants_both(db, tmp_path, monkeypatch):
    monkeypatch.setattr(rotating, "BATCH", 1)
    key = tmp_path / "centre.db.master-key"
    prepare_file(open_database(str(db)), key)
    with fault_at(8, interrupt), pytest.raises(Interrupted):
        ringcast("centre", "rotate-key", "--db", db)
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT count(*) FROM master_key_check").fetchone() == (2,)
    ringcast("centre", "backup", tmp_path / "copy.db", "--db", db)
    for words in key.read_text().split():
        one = tmp_path / words[:8]
        one.write_text(words)
        one.chmod(0o600)
        ended = ringcast("centre", "restore", tmp_path / "copy.db", "--db", tmp_path / "n.db", "--master-key", one)
        assert (ended.status, "give a key file with both keys" in ended.err) == (1, True)
    both = ringcast("centre", "restore", tmp_path / "copy.db", "--db", tmp_path / "n.db", "--master-key", key)
    assert both.status == 0
    ended = ringcast("centre", "rotate-key", "--db", tmp_path / "n.db", "--master-key", key)
    assert (ended.status, "finished what an earlier run" in ended.out) == (0, True)


def test_no_list_shows_a_key_or_a_token(db, tmp_path):
    master = (tmp_path / "centre.db.master-key").read_text().strip()
    with closing(sqlite3.connect(db)) as connection:
        sealed = [row[0].hex() for row in connection.execute("SELECT sealed_key FROM terminals")]
    for what in LISTS:
        for options in ([], ["--json"]):
            shown = ringcast("centre", what, "--db", db, *options).out
            for secret in (DEVICE_KEY.hex(), master, *sealed, *(token.hex() for token in TOKENS)):
                assert secret[:16] not in shown


@pytest.mark.parametrize("name", NAMES)
def test_a_commands_help_has_an_example_and_says_how_it_ends(name):
    said = inspect.getdoc(getattr(commands, name.replace("-", "_")))
    assert re.search(rf"\n  ringcast centre {name} .*--db", said)
    assert "Exit status" in said
    assert f"ringcast centre {name}" in (ROOT / "docs/centre.md").read_text()
    assert f"Usage: ringcast centre {name} " in ringcast("centre", name, "--help").out
