"""What is paid for and stays dark is not charged, and a terminal that lies about it gains what it could gain before."""

import pytest
from headend.callcentre.ledger import WITHDRAWALS_LIMIT
from headend.callcentre.subscribers import credit_left
from settop.link.hdlc import encode
from settop.services.call import states
from settop.states import row_of
from settop.wire import call as wire
from settop.wire import dark
from settop.wire.ids import NO_PORTION

from tests.helpers.call_pair import UP, Air, CallPair, Home, MemoryLedger, kinds


def dark_call(home, air, start_ms, dark_ms, first=None, seed=1):
    """A call whose terminal sees nothing from the start, and says so after `dark_ms`."""
    pair = CallPair(home.ledger, air, connect_ms=start_ms, seed=seed).run(start_ms + dark_ms)
    pair.say_dark(air.portion_at(start_ms) if first is None else first, air.portion_at(pair.now_ms))
    return pair.run(pair.now_ms + 2_000)


@pytest.mark.parametrize(
    ("portion_ms", "start_ms", "dark_ms"),
    [(10_000, 0, 11_200), (10_000, 7_000, 11_200), (2_000, 100, 5_300), (1_000, 300, 3_600), (60_000, 5_000, 11_200)],
)
def test_what_stayed_dark_from_the_start_is_not_charged_and_the_call_ends(portion_ms, start_ms, dark_ms):
    home = Home(credit=500)
    pair = dark_call(home, Air(portion_ms), start_ms, dark_ms)
    assert pair.closed == "what was paid for stayed dark"
    assert pair.centre_closed == "dark: the key does not open what is on air"
    assert kinds(pair.up)[-1] == "DARK"
    assert kinds(pair.down)[-1] == "FAREWELL"
    (record,) = home.records()
    assert record.reason == "dark: the key does not open what is on air"
    assert record.withdrawn == record.delivered != ()
    assert (home.bill(), credit_left(home.engine, home.number)) == (0, 500)


def test_portions_that_were_clear_before_stay_charged():
    home, air = Home(), Air()
    pair = CallPair(home.ledger, air).run(41_000)
    pair.say_dark(3, 4)
    pair.run(60_000)
    (record,) = home.records()
    assert (record.delivered, record.withdrawn, record.price) == ((0, 1, 2, 3, 4, 5), (3, 4, 5), 30)


def test_no_key_leaves_after_it_until_the_terminal_calls_again():
    home, air = Home(), Air()
    pair = dark_call(home, air, 0, 11_000)
    keys = kinds(pair.down).count("KEY")
    pair.run(90_000)
    assert kinds(pair.down).count("KEY") == keys
    again = CallPair(home.ledger, air, connect_ms=95_000, seed=2).run(97_000)
    assert sorted(again.keys) == [(1, 9), (1, 10)]


def test_farewell_that_is_lost_costs_nothing_and_dark_that_is_lost_is_said_again():
    home = Home()
    sent = len(CallPair(MemoryLedger(), Air()).run(11_000).up.sent)
    pair = CallPair(home.ledger, Air(), up_fault=lambda at, byte: None if sent <= at < sent + 30 else byte).run(11_000)
    pair.say_dark(0, 1)
    pair.run(20_000)
    assert kinds(pair.up)[-2:] == ["DARK", "DARK"]
    assert (pair.closed, home.bill()) == ("what was paid for stayed dark", 0)


def test_portion_that_was_on_air_for_longer_than_the_dark_lasts_was_clear_at_first_and_is_charged():
    home = Home()
    pair = CallPair(home.ledger, Air(60_000)).run(40_000)
    pair.say_dark(0, 0)
    pair.run(50_000)
    (record,) = home.records()
    assert (record.delivered, record.withdrawn, record.price) == ((0, 1), (1,), 10)  # 1 had not begun


def test_claim_of_a_long_past_is_granted_for_the_last_portions_alone():
    home = Home()
    pair = CallPair(home.ledger, Air(2_000)).run(40_500)
    pair.say_dark(0, 20)
    pair.run(50_000)
    (record,) = home.records()
    assert record.withdrawn == (17, 18, 19, 20, 21)
    assert record.price == 170


@pytest.mark.parametrize("portion_ms", [1_000, 2_000, 10_000, 60_000])
def test_liar_who_says_dark_in_every_call_gains_eight_of_a_broadcast_at_most(portion_ms):
    home, air, keys = Home(), Air(portion_ms, portions=120), set()
    now_ms, seed = 0, 0
    while air.portion_at(now_ms) < 100:
        seed += 1
        lies_ms = now_ms + max(2_100, portion_ms + 1_500)
        pair = CallPair(home.ledger, air, connect_ms=now_ms + 300, seed=seed).run(lies_ms)
        keys |= set(pair.keys)
        pair.say_dark(0, air.portion_at(pair.now_ms))
        pair.run(pair.now_ms + 1_200)
        assert pair.closed == "what was paid for stayed dark"
        now_ms = pair.now_ms
    assert len(keys) > 50
    gained = len(keys) - home.bill() // 10
    # Of long portions what was clear for longer than the dark lasts is paid.
    assert (1 if portion_ms == 60_000 else WITHDRAWALS_LIMIT - 1) <= gained <= WITHDRAWALS_LIMIT


def test_liar_who_mixes_goodbye_and_dark_gains_no_more():
    home, air, keys = Home(), Air(portions=60), set()
    for call in range(20):
        start_ms = 30_000 * call
        pair = CallPair(home.ledger, air, connect_ms=start_ms + 50, seed=call + 1).run(start_ms + 11_200)
        keys |= set(pair.keys)
        if call % 2:
            pair.say_dark(0, air.portion_at(pair.now_ms))
        else:
            pair.terminal.hang_up(NO_PORTION, pair.now_ms)
            pair._settle()
        pair.run(start_ms + 14_000)
    assert home.bill() == 10 * (len(keys) - WITHDRAWALS_LIMIT)


@pytest.mark.parametrize(("first", "last"), [(2, 1), (0, 3), (NO_PORTION, NO_PORTION), (0, NO_PORTION)])
def test_dark_of_what_was_not_on_air_is_refused_and_the_call_goes_on(first, last):
    home = Home()
    pair = CallPair(home.ledger, Air()).run(15_000)
    sealed = pair.terminal._session.seal(wire.DARK, wire.pack_dark(first, last, dark.NO_ECM))
    pair.inject(UP, encode(sealed))
    pair.run(35_000)
    assert pair.centre.refused == {"DARK of portions that have not been on air": 1}
    assert (pair.centre_closed, home.bill()) == (None, 50)


def test_dark_is_nothing_to_say_before_a_key_has_come():
    pair = CallPair(MemoryLedger(), Air(), down_fault=lambda at, byte: byte if at < 45 else None).run(700)
    assert pair.terminal.state == states.REQUESTED
    assert row_of(states.TABLE, states.REQUESTED, "dark") is None
    fresh = CallPair(MemoryLedger(), Air(), up_fault=lambda at, byte: byte if at < 40 else None).run(900)
    sealed = fresh.terminal._session.seal(wire.DARK, wire.pack_dark(0, 0, 1))
    fresh.inject(UP, encode(sealed))
    assert fresh.centre.refused == {"unexpected dark": 1}


def test_cause_that_this_centre_does_not_know_is_written_down_by_its_number():
    home = Home()
    pair = CallPair(home.ledger, Air()).run(11_200)
    pair.say_dark(0, 1, 200)
    pair.run(15_000)
    assert home.records()[0].reason == "dark: cause 200"
    assert home.bill() == 0


def test_every_flipped_bit_and_a_replay_of_dark_are_refused():
    home = Home()
    pair = CallPair(home.ledger, Air()).run(11_200)
    sealed = pair.terminal._session.seal(wire.DARK, wire.pack_dark(0, 1, dark.WRONG_KEY))
    for at in range(len(sealed)):
        for bit in range(8):
            pair.centre.receive(encode(sealed[:at] + bytes((sealed[at] ^ 1 << bit,)) + sealed[at + 1 :]), pair.now_ms)
    assert pair.centre.state == "SERVING"
    assert home.bill() == 30
    pair.inject(UP, encode(sealed))
    assert (pair.centre.state, home.bill()) == ("CLOSED", 0)
