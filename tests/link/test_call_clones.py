"""Copies of a terminal's flash and backups put back: what they see, who pays, and what the operator is told."""

import json

import pytest
from headend.callcentre.ledger import DELIVERIES_LIMIT
from headend.callcentre.restored import settle_restored
from headend.callcentre.subscribers import set_clone_rule
from headend.callcentre.tokens import CLONE_TEXT, DISPLACED_TEXT, REDELIVERIES, UNSTORED_TEXT
from settop.errors import LocalError
from settop.services.call.core import UNHEARD
from settop.wire import call as wire

from tests.helpers.call_pair import TERMINAL_ID, Air, CallPair, Home, MemoryLedger, MemoryRecords, kinds
from tests.helpers.commands import ringcast

COPY_DENIED = "denied: a copy of this terminal is in use"
WITHDRAWN = "denied: this identity is withdrawn: provision again"
TOO_OFTEN = "denied: the key of this portion was fetched too often"
PORTION_MS = 20_000


def call(home, air, records, at_ms, stay_ms=2_500):
    """A terminal with this flash calls at `at_ms` and hangs up once it has its keys."""
    pair = CallPair(home.ledger, air, connect_ms=at_ms, records=records, seed=at_ms + 1)
    pair.at(at_ms + stay_ms, pair.hang_up)
    return pair.run(at_ms + stay_ms + 1_000)


def seven_in_turns(home, portions=6):
    """Each copy calls once in each portion. Portions that each one had the key of; how many calls went before the
    first alarm."""
    air, owner = Air(PORTION_MS), MemoryRecords()
    call(home, air, owner, 0)
    seen, quiet = [set() for _ in range(7)], 0
    copies = [owner.copy() for _ in range(7)]
    for portion in range(1, portions):
        for number, copy in enumerate(copies):
            at_ms = portion * PORTION_MS + 2_500 * number
            pair = CallPair(home.ledger, air, connect_ms=at_ms, records=copy, seed=at_ms + 1)  # no token twice
            pair.run(pair.now_ms + 2_000)
            pair.lose_line()
            seen[number] |= {at for _, at in pair.keys}
            quiet += not home.alarms()
    return seen, quiet


def test_seven_copies_in_turns_are_found_at_the_second_use_of_a_token():
    home = Home()
    _, quiet = seven_in_turns(home)
    assert quiet == 1, "the first copy shows the owner's token, and the second one shows it again"
    assert set(home.alarms()) == {"clone", REDELIVERIES}
    alarmed = [record for record in home.records() if record.alarms]
    assert len(alarmed) >= 20 and alarmed[0].alarms == (CLONE_TEXT,)


def test_seven_copies_are_on_the_operators_list(tmp_path):
    db = tmp_path / "centre.db"
    home = Home(url=str(db))
    seven_in_turns(home, portions=2)
    raised = home.alarms()
    home.engine.dispose()
    shown = json.loads(ringcast("centre", "alarms", "--db", db, "--json", "--kind", "clone").out)
    assert len(shown) == raised.count("clone") >= 6
    assert {(line["terminal"], line["text"]) for line in shown} == {(TERMINAL_ID.hex(), CLONE_TEXT)}
    (line,) = json.loads(ringcast("centre", "subscribers", "--db", db, "--json").out)
    assert (line["alarms"], line["clone_rule"]) == (len(raised), "warn")


def test_seven_copies_do_not_all_see_a_portion_even_where_the_rule_lets_them_pass():
    seen, _ = seven_in_turns(Home())
    for portion in range(1, 6):
        assert sum(portion in one for one in seen) <= DELIVERIES_LIMIT


@pytest.mark.parametrize(("rule", "denied"), [("deny", COPY_DENIED), ("reprovision", WITHDRAWN)])
def test_rule_that_lets_no_copy_pass_leaves_one_of_seven(rule, denied):
    home = Home()
    set_clone_rule(home.engine, home.number, rule)
    seen, quiet = seven_in_turns(home)
    assert quiet == 1
    assert [len(one) > 0 for one in seen] == [True] + [False] * 6
    assert len(seen[0]) == (6 if rule == "deny" else 2)


def copied(home, air, rule):
    """An owner who has called, and a thief with a copy who called after that: (owner's flash, thief's)."""
    set_clone_rule(home.engine, home.number, rule)
    owner = MemoryRecords()
    call(home, air, owner, 0)
    thief = owner.copy()
    call(home, air, thief, 5_000)
    assert home.alarms() == []
    return owner, thief


def test_owner_finds_the_thief_at_the_next_call_and_goes_on():
    home, air = Home(), Air()
    owner, thief = copied(home, air, "warn")
    pair = call(home, air, owner, 10_000)
    assert (pair.closed, pair.alarms, home.alarms()) == ("goodbye", [CLONE_TEXT], ["clone"])
    assert home.records()[-1].alarms == (CLONE_TEXT,)
    assert call(home, air, owner, 14_000).alarms == []  # it has a valid token again
    assert call(home, air, thief, 22_000).alarms == [CLONE_TEXT]


def test_outdated_token_is_denied_and_leaves_the_other_call_alone():
    home, air = Home(), Air()
    owner, thief = copied(home, air, "deny")
    running = CallPair(home.ledger, air, connect_ms=10_000, records=thief, seed=3).run(12_000)
    pair = call(home, air, owner, 12_000)
    assert (pair.closed, pair.centre_closed, pair.keys) == (COPY_DENIED, COPY_DENIED, {})
    assert kinds(pair.down) == ["CHALLENGE", "DENY"]
    running.run(25_000)
    assert running.centre_closed is None and max(running.keys) == (1, 3)
    assert home.alarms() == ["clone"] and home.records()[-1].alarms == (CLONE_TEXT,)


def test_reprovision_ends_the_running_call_too_and_every_later_one():
    home, air = Home(), Air()
    owner, thief = copied(home, air, "reprovision")
    running = CallPair(home.ledger, air, connect_ms=10_000, records=thief, seed=3).run(12_000)
    pair = call(home, air, owner, 12_000)
    assert (pair.closed, pair.keys) == (WITHDRAWN, {})
    running.run(40_000)
    assert running.centre_closed == "superseded by another call" and max(running.keys) == (1, 2)
    for records, at_ms in ((owner, 45_000), (thief, 50_000)):
        later = call(home, air, records, at_ms)
        assert later.keys == {} and later.closed is not None
    assert home.alarms() == ["clone"]
    assert home.ledger.find(later._terminal_id) is None


def test_terminal_that_shows_none_although_it_had_one_is_outdated():
    home, air = Home(), Air()
    call(home, air, MemoryRecords(), 0)
    assert call(home, air, MemoryRecords(), 5_000).alarms == [CLONE_TEXT]


def test_backup_that_is_put_back_is_outdated_once():
    home, air, records = Home(), Air(), MemoryRecords()
    call(home, air, records, 0)
    backup = records.copy()
    call(home, air, records, 5_000)
    assert [len(call(home, air, backup, at_ms).alarms) for at_ms in (10_000, 15_000, 20_000)] == [1, 0, 0]


def test_token_of_an_earlier_identity_counts_as_none():
    records = MemoryRecords({"token": b"\x01" + b"previous" + b"t" * 8})
    pair = call(Home(), Air(), records, 0)
    request = next(frame for _, frame in pair.up.frames if frame[0] == wire.REQUEST)
    assert pair.alarms == [] and len(request) == 5 + 20 + 8
    assert pair._token == wire.NO_TOKEN and records.kept["token"][1:9] == pair._terminal_id


def unstoring(records):
    """The same flash under changed firmware: it acknowledges keys and never a token. Or flash that is worn out."""
    copy = records.copy()
    copy.store = lambda *_values: (_ for _ in ()).throw(OSError(28))
    return copy


def test_copies_that_never_acknowledge_a_token_get_no_key_from_the_second_call_on():
    """They keep showing the old token, as an honest terminal does whose line always drops."""
    home, air, records = Home(), Air(), MemoryRecords()
    call(home, air, records, 0)
    got = [len(call(home, air, unstoring(records), at_ms, 19_000).keys) for at_ms in (10_000, 20_000, 40_000)]
    assert got[0] > 0 and got[1:] == [0, 0]
    assert home.alarms() == ["unstored"]


@pytest.mark.parametrize("rule", ["warn", "deny", "reprovision"])
def test_call_that_acknowledges_keys_and_never_its_token_is_ended_and_the_owner_is_warned(rule):
    home, air, owner = Home(), Air(), MemoryRecords()
    set_clone_rule(home.engine, home.number, rule)
    call(home, air, owner, 0)
    thief = CallPair(home.ledger, air, connect_ms=10_000, records=unstoring(owner), seed=3).run(60_000)
    assert thief.centre_closed == "the terminal has fallen silent: its token is not stored"
    assert home.records()[-1].reason == thief.centre_closed and thief.now_ms < 20_000
    assert thief.closed == UNHEARD and sorted(thief.keys) == [(1, 1), (1, 2)]
    assert kinds(thief.up).count("ACK") == 2 and kinds(thief.down).count("TOKEN") == 4
    pair = call(home, air, owner, 70_000)
    assert (pair.closed, pair.alarms, home.alarms()) == ("goodbye", [UNSTORED_TEXT], ["unstored"])
    assert pair.keys and kinds(pair.down)[:3] == ["CHALLENGE", "TOKEN", "KEY"]
    assert call(home, air, owner, 80_000).alarms == []


def test_call_that_hangs_up_before_its_token_is_overdue_warns_the_owner_too():
    home, air, owner = Home(), Air(), MemoryRecords()
    call(home, air, owner, 0)
    call(home, air, unstoring(owner), 10_000)
    assert call(home, air, owner, 20_000).alarms == [UNSTORED_TEXT]


def test_call_whose_token_is_stored_warns_of_nothing_although_the_acknowledgement_was_late():
    home, air, owner = Home(), Air(), MemoryRecords()
    pair = CallPair(home.ledger, air, records=owner)
    stored = pair.terminal.token_stored
    pair.terminal.token_stored = lambda: pair.at(6_000, stored)
    pair.run(25_000)
    assert pair.closed is None and max(pair.keys) == (1, 3)
    pair.lose_line()
    assert call(home, air, owner, 30_000).alarms == home.alarms() == []


def without_the_acknowledgement(home, air, records, at_ms):
    """A call that stores its token, and whose line drops before the centre hears of it."""
    pair = CallPair(home.ledger, air, connect_ms=at_ms, records=records, seed=at_ms + 1)
    pair.terminal.token_stored = pair.lose_line
    return pair.run(at_ms + 3_000)


@pytest.mark.parametrize("shows", [1, 2, 3])
@pytest.mark.parametrize("rule", ["warn", "deny", "reprovision"])
def test_owner_whose_new_token_a_copy_displaced_goes_on(rule, shows):
    """His acknowledgement was lost; a copy shows the token before, so often, and has another one take its place."""
    home, air, owner = Home(), Air(100_000), MemoryRecords()
    set_clone_rule(home.engine, home.number, rule)
    call(home, air, owner, 0)
    stale = owner.copy()
    without_the_acknowledgement(home, air, owner, 5_000)
    for number in range(shows):
        call(home, air, unstoring(stale), 10_000 + 5_000 * number)
    assert home.alarms() == ["unstored"]
    pair = call(home, air, owner, 30_000)
    assert (pair.closed, pair.alarms, home.alarms()) == ("goodbye", [DISPLACED_TEXT], ["unstored", "clone"])
    assert pair.keys and kinds(pair.down)[:3] == ["CHALLENGE", "TOKEN", "KEY"]
    if rule != "warn":
        late = call(home, air, stale, 35_000)  # what it was copied from is outdated for good
        assert (late.keys, late.alarms) == ({}, [CLONE_TEXT])
    if rule != "reprovision":
        assert call(home, air, owner, 40_000).alarms == []


def test_displaced_token_is_outdated_once_the_one_in_its_place_is_stored():
    home, air, owner = Home(), Air(), MemoryRecords()
    call(home, air, owner, 0)
    thief = owner.copy()
    without_the_acknowledgement(home, air, owner, 5_000)
    call(home, air, thief, 10_000)  # it stores and acknowledges
    assert call(home, air, owner, 15_000).alarms == [CLONE_TEXT]
    assert call(home, air, thief, 20_000).alarms == [CLONE_TEXT]


def test_late_acknowledgement_of_one_call_keeps_no_token_of_another():
    home, air = Home(), Air()
    flash = MemoryRecords()
    first = CallPair(home.ledger, air, records=flash.copy(), seed=1).run(1_150)
    assert "TOKEN" in kinds(first.down)
    second = CallPair(home.ledger, air, connect_ms=1_150, records=flash.copy(), seed=2)
    second.terminal.token_stored = second.lose_line
    second.run(2_500)  # it shows the old token too, and its own is pending now
    first.run(4_000)
    assert kinds(first.up).count("ACK") == 3 and first.centre_closed == "superseded by another call"
    assert call(home, air, flash, 6_000).alarms == [], "the old one is still valid"


def test_token_that_never_arrived_leaves_before_the_first_key_of_the_next_call():
    home, air, records = Home(), Air(), MemoryRecords()
    first = CallPair(home.ledger, air, records=records).run(1_150)
    first.lose_line()
    assert "TOKEN" in kinds(first.down) and records.kept["token"][9:] == wire.NO_TOKEN
    second = call(home, air, records, 5_000)
    assert kinds(second.down)[:3] == ["CHALLENGE", "TOKEN", "KEY"]
    assert sorted(second.keys) == [(1, 0)] and kinds(second.down)[3] == "KEY" and home.alarms() == []
    third = call(home, air, records, 10_000)
    assert kinds(third.down)[:4] == ["CHALLENGE", "KEY", "KEY", "TOKEN"] and home.alarms() == []


def test_terminal_that_cannot_store_a_token_watches_two_portions_and_is_told():
    pair = CallPair(Home().ledger, Air(), records=unstoring(MemoryRecords())).run(25_000)
    assert sorted(pair.keys) == [(1, 0), (1, 1)] and pair.closed == UNHEARD
    assert pair.told and "cannot be stored" in pair.told[0][1]


def test_first_key_costs_no_more_octets_with_a_token_than_without():
    home, air, records = Home(), Air(), MemoryRecords()
    lengths = []
    for at_ms in (0, 5_000):
        pair = call(home, air, records, at_ms)
        lengths.append([len(frame) for _, frame in pair.up.frames if frame[0] in (wire.HELLO, wire.REQUEST)])
        assert kinds(pair.down)[:2] == ["CHALLENGE", "KEY"]
    assert lengths == [[27, 33], [27, 33]]


def test_database_put_back_from_a_copy_believes_every_terminal_once():
    home, air, records = Home(), Air(), MemoryRecords()
    call(home, air, records, 0)
    settle_restored(home.engine)
    assert call(home, air, records, 5_000).alarms == []
    assert call(home, air, records, 10_000).alarms == []
    assert call(home, air, MemoryRecords(), 15_000).alarms == [CLONE_TEXT]


def test_database_put_back_believes_a_terminal_whose_new_token_never_arrives():
    """What it shows must be the old one then: it shows that again."""
    home, air, records = Home(), Air(), MemoryRecords()
    call(home, air, records, 0)
    settle_restored(home.engine)
    assert call(home, air, unstoring(records), 5_000).alarms == []
    again = call(home, air, records, 10_000)
    assert again.closed == "goodbye" and again.keys
    assert home.alarms() == ["unstored"]
    assert call(home, air, MemoryRecords(), 20_000).alarms == [CLONE_TEXT]


def test_rule_that_does_not_exist_is_refused():
    home = Home()
    for number, rule in ((home.number, "forgive"), (99, "warn")):
        with pytest.raises(LocalError):
            set_clone_rule(home.engine, number, rule)


def test_memory_ledger_of_the_sweeps_judges_as_the_database_does():
    for ledger in (MemoryLedger(), Home().ledger):
        records = MemoryRecords()
        alarms = []
        for at_ms, flash in ((0, records), (5_000, records), (10_000, MemoryRecords()), (20_000, records)):
            pair = CallPair(ledger, Air(), connect_ms=at_ms, records=flash, seed=at_ms)
            alarms.append(len(pair.run(at_ms + 3_000).alarms))
            pair.lose_line()
        assert alarms == [0, 0, 1, 1]
