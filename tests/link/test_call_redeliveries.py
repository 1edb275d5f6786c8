"""How often the key of one portion may leave: no copy and no lost line takes a paid portion from its owner."""

import pytest
from headend.callcentre.ledger import DELIVERIES_LIMIT, OVERTAKEN
from headend.callcentre.tokens import CLONE_TEXT, REDELIVERIES
from settop.services.call.service import REDIALS

from tests.helpers.call_pair import Air, CallPair, Home, MemoryRecords

TOO_OFTEN = "denied: the key of this portion was fetched too often"


def test_key_of_a_portion_leaves_in_as_many_calls_as_a_terminal_makes_by_itself_and_in_no_more():
    assert DELIVERIES_LIMIT == 1 + REDIALS
    home, air, records = Home(), Air(30_000), MemoryRecords()
    for number in range(DELIVERIES_LIMIT):
        pair = CallPair(home.ledger, air, connect_ms=4_000 * number, records=records, seed=number).run(
            4_000 * number + 2_000
        )
        assert (1, 0) in pair.keys
        pair.lose_line()
    over = CallPair(home.ledger, air, connect_ms=25_000, records=records, seed=9).run(28_000)
    assert (over.closed, over.keys, home.alarms()) == (TOO_OFTEN, {}, [REDELIVERIES])
    assert "portion 0" in home.records()[-1].alarms[0]
    assert home.bill() == 20
    # The next portion's key was fetched as often, ahead: it counts from its own start.
    later = CallPair(home.ledger, air, connect_ms=31_000, records=records, seed=10).run(34_000)
    assert sorted(later.keys) == [(1, 1), (1, 2)]


def test_viewer_who_changes_to_and_fro_in_one_call_is_denied_nothing():
    home, air = Home(), Air(60_000, programmes=(1, 2))
    pair = CallPair(home.ledger, air)
    for number in range(20):
        pair.at(2_000 * (number + 1), lambda number=number: pair.watch(1 + (number + 1) % 2))
    pair.run(50_000)
    assert pair.closed is None and home.alarms() == []
    assert set(pair.keys) == {(1, 0), (1, 1), (2, 0), (2, 1)}


def unstoring(records):
    """The same flash, which stores no token."""
    copy = records.copy()
    copy.store = lambda *_values: (_ for _ in ()).throw(OSError(28))
    return copy


def dropped(home, air, records, at_ms, acknowledge=True):
    """A call that has its keys when its line drops; `acknowledge`: and has said so."""
    pair = CallPair(home.ledger, air, connect_ms=at_ms, records=records, seed=at_ms + 1)
    if not acknowledge:
        pair.terminal._acknowledge = lambda _portion: None
    pair.run(at_ms + 2_000)
    pair.lose_line()
    return pair


def test_copy_that_ends_the_owners_calls_and_is_ended_by_him_does_not_lock_his_portion():
    home, air, owner = Home(), Air(200_000), MemoryRecords()
    dropped(home, air, owner, 0)
    clone = owner.copy()
    denied = []
    for turn in range(12):
        for number, records in enumerate((clone, owner)):
            at_ms = 4_000 + 8_000 * turn + 4_000 * number
            pair = CallPair(home.ledger, air, connect_ms=at_ms, records=records, seed=at_ms)
            pair.run(at_ms + 3_500)
            if pair.closed is not None:
                denied.append((records is owner, pair.closed))
            assert records is clone or (1, 0) in pair.keys, turn
    assert denied == [(False, TOO_OFTEN)] * 11
    reasons = [record.reason for record in home.records()]
    assert reasons.count(OVERTAKEN) >= 11 and home.bill() == 20


def test_owners_count_is_not_used_up_by_calls_with_an_outdated_token():
    home, air, owner = Home(), Air(200_000), MemoryRecords()
    dropped(home, air, owner, 0)
    stale = owner.copy()
    dropped(home, air, owner, 4_000)
    got = [(1, 0) in dropped(home, air, unstoring(stale), 8_000 + 4_000 * number).keys for number in range(5)]
    assert got == [True] + [False] * 4, "one delivery among all of them"
    assert [(1, 0) in dropped(home, air, owner, 30_000 + 4_000 * number).keys for number in range(5)] == [
        *[True] * (DELIVERIES_LIMIT - 2),
        False,
    ]
    assert home.alarms().count("clone") == 5


def test_copy_that_the_rule_lets_pass_costs_the_owner_the_running_portion_at_most():
    """It has the valid token now, and its call was the one with an outdated token that may have the key."""
    home, air, owner = Home(), Air(20_000), MemoryRecords()
    dropped(home, air, owner, 0)
    stale = owner.copy()
    dropped(home, air, owner, 4_000)
    dropped(home, air, stale, 8_000)
    assert dropped(home, air, owner, 12_000).closed == TOO_OFTEN
    assert (1, 1) in dropped(home, air, owner, 21_000).keys
    assert (1, 1) in dropped(home, air, owner, 25_000).keys


def test_call_with_an_outdated_token_that_changes_programme_stays_one():
    home, air, owner = Home(), Air(60_000, programmes=(1, 2)), MemoryRecords()
    dropped(home, air, owner, 0)
    stale = owner.copy()
    dropped(home, air, owner, 4_000)
    got = []
    for number in range(2):
        at_ms = 10_000 + 8_000 * number
        pair = CallPair(home.ledger, air, programme=1 + number, connect_ms=at_ms, records=stale.copy(), seed=at_ms)
        pair.at(at_ms + 2_000, lambda pair=pair, number=number: pair.watch(2 - number))
        pair.run(at_ms + 5_000)
        pair.lose_line()
        got.append(set(pair.keys) & {(1, 0), (2, 0)})
        assert pair.alarms[0] == CLONE_TEXT
    assert got == [{(1, 0), (2, 0)}, set()]


@pytest.mark.parametrize(("acknowledging", "alarms"), [(0, []), (1, []), (2, [REDELIVERIES])])
def test_line_that_drops_before_keys_are_acknowledged_names_nobody(acknowledging, alarms):
    home, air, records = Home(), Air(60_000), MemoryRecords()
    for number in range(DELIVERIES_LIMIT):
        dropped(home, air, records, 4_000 * number, number < acknowledging)
    over = CallPair(home.ledger, air, connect_ms=30_000, records=records, seed=9).run(33_000)
    assert (over.closed, over.alarms == [], home.alarms()) == (TOO_OFTEN, not alarms, alarms)
