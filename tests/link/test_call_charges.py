"""What a viewer pays, and what one who lies about it can gain, call by call in virtual time."""

from itertools import pairwise

import pytest
from headend.callcentre.core import Timing
from headend.callcentre.ledger import WITHDRAWALS_LIMIT
from headend.callcentre.watching import UNHEARD_KEYS
from settop.link.hdlc import encode
from settop.wire import call as wire
from settop.wire.ids import NO_PORTION

from tests.helpers.call_pair import UP, Air, CallPair, Home, MemoryLedger, kinds


def say_goodbye(pair, last_kept):
    """The terminal tells which portion it keeps, true or not; CallPair.hang_up tells the truth."""
    pair.terminal.hang_up(last_kept, pair.now_ms)
    pair._settle()


def ask(pair, programme, broadcast_id=None):
    pair.watch(programme, broadcast_id=broadcast_id)
    pair._settle()


# --- goodbye ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("portion_ms", "said_ms", "charged"),
    [
        (10_000, 1_300, 2),
        (10_000, 1_600, 3),
        (2_000, 300, 2),
        (2_000, 600, 3),
    ],
)
def test_goodbye_takes_the_running_portion_back_only_while_it_may_have_been_on_its_way(portion_ms, said_ms, charged):
    """At most 1.5 s and a quarter of the portion after its start; the line takes 115 ms."""
    home = Home()
    pair = CallPair(home.ledger, Air(portion_ms)).run(2 * portion_ms + said_ms)
    say_goodbye(pair, 1)
    pair.run(pair.now_ms + 1_000)
    assert pair.centre_closed == "goodbye"
    assert home.bill() == 10 * charged


def test_key_that_left_for_a_running_portion_is_charged_whatever_the_goodbye_says():
    home = Home()
    pair = CallPair(home.ledger, Air(), connect_ms=20_050).run(21_200)
    assert sorted(pair.keys) == [(1, 2), (1, 3)]
    say_goodbye(pair, NO_PORTION)
    pair.run(30_000)
    (record,) = home.records()
    assert (record.withdrawn, record.price) == ((3,), 10)


def test_goodbye_that_keeps_a_portion_ahead_pays_for_it():
    home = Home()
    pair = CallPair(home.ledger, Air()).run(15_000)
    say_goodbye(pair, 2)
    pair.run(20_000)
    assert (home.records()[0].withdrawn, home.bill()) == ((), 30)


@pytest.mark.parametrize(("connect_ms", "goodbye_ms", "kept"), [(50, 1_600, None), (4_000, 6_000, 0)])
def test_liar_who_calls_for_every_second_portion_gains_eight_of_a_broadcast(connect_ms, goodbye_ms, kept):
    home, air, keys = Home(), Air(portions=40), set()
    for start in range(0, 40, 2):
        pair = CallPair(home.ledger, air, connect_ms=start * 10_000 + connect_ms, seed=start + 1)
        pair.run(start * 10_000 + goodbye_ms)
        keys |= set(pair.keys)
        say_goodbye(pair, NO_PORTION if kept is None else start)
        pair.run(start * 10_000 + 9_000)
        assert pair.centre_closed == "goodbye"
    assert len(keys) == 40
    assert home.bill() == 10 * (40 - WITHDRAWALS_LIMIT)


def test_viewer_who_hangs_up_often_and_watches_on_pays_every_portion_once():
    home, air = Home(), Air()
    for start in range(12):
        pair = CallPair(home.ledger, air, connect_ms=start * 10_000 + 500, seed=start + 1).run(start * 10_000 + 5_000)
        pair.hang_up()
        pair.run(start * 10_000 + 9_000)
    assert home.bill() == 120


# --- one subscriber, several calls --------------------------------------------------------------------------------


def test_second_call_of_a_subscriber_ends_the_first():
    home, air = Home(), Air()
    first = CallPair(home.ledger, air).run(12_000)
    second = CallPair(home.ledger, air, connect_ms=12_000, seed=2).run(15_000)
    first.run(40_000)
    second.run(40_000)
    assert (first.centre_closed, second.centre_closed) == ("superseded by another call", None)
    assert first.closed is not None
    assert max(first.keys) == (1, 2)
    assert kinds(first.down)[-1] == "FAREWELL"
    assert [record.reason for record in home.records()] == ["superseded by another call", None]
    assert [record.delivered for record in home.records()] == [(0, 1, 2), (1, 2, 3, 4)]
    assert home.bill() == 50


def test_superseded_terminal_cannot_take_the_call_back_by_changing_the_programme():
    home, air = Home(), Air(programmes=(1, 2))
    first = CallPair(home.ledger, air).run(12_000)
    second = CallPair(home.ledger, air, connect_ms=12_000, seed=2).run(15_000)
    first.run(15_000)
    ask(first, 2)
    first.run(19_000)
    assert first.centre_closed == "superseded by another call"
    second.run(35_000)
    assert second.centre_closed is None
    assert max(second.keys) == (1, 4)
    assert {record.programme_id for record in home.records()} == {1}


def test_call_beside_a_running_one_refunds_nothing_that_was_watched():
    home, air = Home(), Air(portions=20)
    first = CallPair(home.ledger, air, seed=99)
    for start in range(19):
        at_ms = start * 10_000 + 200
        first.run(at_ms)
        other = CallPair(home.ledger, air, connect_ms=at_ms, seed=start + 1).run(at_ms + 1_700)
        say_goodbye(other, NO_PORTION)
        other.run(at_ms + 4_000)
    assert first.centre_closed == "superseded by another call"
    assert home.bill() == 190


def test_redial_works_while_the_centre_still_believes_in_the_lost_call():
    home, air = Home(), Air()
    lost = [False]
    first = CallPair(home.ledger, air, up_fault=lambda at, byte: None if lost[0] else byte).run(12_000)
    lost[0] = True
    second = CallPair(home.ledger, air, connect_ms=13_000, seed=2)
    second.at(35_000, second.hang_up)
    second.run(40_000)
    first.centre.line_lost(40_000)
    assert second.centre_closed == "goodbye"
    assert sorted(first.keys | second.keys) == [(1, portion) for portion in range(4)]
    assert [record.reason for record in home.records()] == ["superseded by another call", "goodbye"]
    assert home.bill() == 40


# --- another programme --------------------------------------------------------------------------------------------


def test_denied_change_of_programme_gives_back_what_had_not_begun():
    home = Home(programmes=[1])
    pair = CallPair(home.ledger, Air(programmes=(1, 2))).run(24_000)
    ask(pair, 2)
    pair.run(30_000)
    denied = "denied: the subscription does not cover this programme"
    (record,) = home.records()
    assert (pair.closed, record.reason) == (denied, denied)
    assert (record.withdrawn, record.price) == ((3,), 30)


def test_request_for_something_that_is_not_on_air_does_not_end_the_call():
    """As after a forged ECM, until the true one comes 300 ms later."""
    home = Home()
    pair = CallPair(home.ledger, Air()).run(15_000)
    ask(pair, 1, b"forged!!")
    pair.run(15_300)
    ask(pair, 1)
    pair.run(45_000)
    assert (pair.closed, pair.centre_closed) == (None, None)
    assert pair.centre.refused == {"REQUEST for a programme that is not on air": 1}
    assert sorted(pair.keys) == [(1, portion) for portion in range(6)]
    assert home.bill() == 60


def test_nothing_is_sold_while_the_terminal_asks_for_something_that_is_not_on_air():
    home = Home()
    pair = CallPair(home.ledger, Air(2_000)).run(5_000)
    ask(pair, 1, b"elsewhen")
    pair.run(60_000)
    assert pair.closed == "no answer from the centre"
    assert pair.centre_closed == "the terminal has fallen silent"
    (record,) = home.records()
    assert record.delivered == (0, 1, 2, 3)
    assert record.ended_ms <= 5_000 + 21_000


def test_change_of_programme_in_a_hurry_is_answered_when_it_is_repeated():
    pair = CallPair(MemoryLedger(), Air(programmes=(1, 2, 3))).run(15_000)
    ask(pair, 2)
    pair.run(15_100)
    ask(pair, 3)
    pair.run(15_900)
    assert pair.centre.refused == {"REQUEST for another programme too soon after the last one": 1}
    pair.run(19_000)
    assert {(3, 1), (3, 2)} <= set(pair.keys)


# --- a terminal that has gone -------------------------------------------------------------------------------------


@pytest.mark.parametrize("portion_ms", [1_000, 2_000, 5_000, 10_000, 20_000])
def test_dead_terminal_is_given_up_after_its_silence_whatever_the_portions_length(portion_ms):
    """Its line stays up: the power was cut behind a modem that holds the carrier."""
    home, dead, timing = Home(), [False], Timing(lead_max_ms=portion_ms)
    pair = CallPair(home.ledger, Air(portion_ms), up_fault=lambda at, byte: None if dead[0] else byte, timing=timing)
    pair.terminal.on_air = lambda portion: None  # nobody there notices
    pair.run(1_500)
    dead[0] = True
    pair.run(300_000)
    (record,) = home.records()
    assert record.reason == "the terminal has fallen silent"
    first_unanswered_ms = portion_ms * -(-1_500 // portion_ms)
    assert record.ended_ms == first_unanswered_ms + timing.silence_ms
    # One more where it was last heard acknowledging the key before.
    assert len(record.delivered) - len(record.acknowledged) <= UNHEARD_KEYS + 1
    keys_sent = sum(1 for _, frame in pair.down.frames if frame[0] == wire.KEY)
    assert keys_sent <= timing.tries * len(record.delivered)


def test_terminal_that_only_asks_again_gets_each_key_a_bounded_number_of_times():
    timing = Timing()
    pair = CallPair(MemoryLedger(), Air(portions=10**6), timing=timing)
    acknowledge = pair.terminal._acknowledge
    pair.terminal._acknowledge = lambda portion: acknowledge(portion) if portion == NO_PORTION else None
    pair.run(1_500)
    keys, now_ms = 0, 1_500
    while now_ms < 120_000:
        pair.air.advance(now_ms)
        pair.terminal.state = "RECEIVING"
        pair.terminal._nak_after_ms = 0
        pair.terminal._ask_again(now_ms)
        pair.centre.receive(pair.terminal.data_to_send(), now_ms)
        pair.centre.data_to_send()
        while (event := pair.centre.next_event()) is not None:
            keys += event.kind == "key_sent"
        now_ms += 100
    assert pair.centre.state == "SERVING"
    assert keys <= timing.tries * 13


def test_repeated_requests_get_each_key_a_bounded_number_of_times():
    timing = Timing()
    pair = CallPair(MemoryLedger(), Air(), timing=timing).run(1_500)
    sent_ms = []
    for now_ms in range(1_500, 9_500, 100):
        pair.terminal.request(1, pair.air.broadcasts[1].broadcast_id, 0, now_ms)
        pair.centre.receive(pair.terminal.data_to_send(), now_ms)
        pair.centre.data_to_send()
        while (event := pair.centre.next_event()) is not None:
            if event.kind == "key_sent" and event.portion == 0:
                sent_ms.append(event.at_ms)
    assert len(sent_ms) <= timing.tries
    assert min(b - a for a, b in pairwise(sent_ms)) >= timing.rto_ms // 2


def test_nak_brings_the_keys_from_its_portion_on_and_none_twice_within_half_the_time_out():
    challenge = 45  # octets on the line; everything behind it is lost
    pair = CallPair(MemoryLedger(), Air(), down_fault=lambda at, byte: byte if at < challenge else None).run(1_200)
    assert kinds(pair.down) == ["CHALLENGE", "KEY", "KEY", "TOKEN"]
    for portion, keys in ((2, 2), (1, 3), (1, 3), (0, 4), (0, 4)):
        pair.inject(UP, encode(pair.terminal._session.seal(wire.NAK, wire.pack_portion(portion))))
        assert kinds(pair.down).count("KEY") == keys
