"""A whole call between both cores in virtual time: what the viewer and the bill see."""

from collections import Counter

import pytest
from headend.callcentre.core import Timing
from headend.callcentre.subscribers import add_subscriber, credit_left
from settop.errors import RemoteError
from settop.link.hdlc import encode
from settop.services.call.session import Session
from settop.wire import call as wire
from settop.wire.ids import NO_PORTION

from tests.helpers.call_pair import DEVICE_KEY, MASTER, Air, CallPair, Home, MemoryLedger, kinds


def test_first_key_comes_within_two_round_trips_and_200_bytes():
    pair = CallPair(MemoryLedger(), Air()).run(3_000)
    up_bytes, down_bytes, round_trips = pair.first_key
    assert round_trips <= 2
    assert up_bytes + down_bytes <= 200
    assert kinds(pair.up)[:2] == ["HELLO", "REQUEST"]
    assert kinds(pair.down)[:2] == ["CHALLENGE", "KEY"]
    assert pair.keys[1, 0] == pair.air.key(1, 0)


def test_joining_mid_portion_gives_the_running_key_at_once_and_no_earlier_one():
    pair = CallPair(MemoryLedger(), Air(), connect_ms=34_000).run(35_500)
    assert sorted(pair.keys) == [(1, 3), (1, 4)]
    assert -pair.leads_ms[3] - 4_000 < 1_500  # ms from CONNECT to the key at 2,400 bit/s


@pytest.mark.parametrize("lead_max_ms", [10_000, 4_000, 1_000])
def test_keys_are_in_sequence_and_in_step_over_120_portions(lead_max_ms):
    timing = Timing(lead_max_ms=lead_max_ms)
    pair = CallPair(Home().ledger, Air(), timing=timing).run(1_205_000)
    portions = list(pair.leads_ms)
    assert portions == list(range(portions[0], portions[0] + len(portions)))
    assert len(portions) >= 120
    leads = [lead for portion, lead in pair.leads_ms.items() if portion > 0]
    print("lead of a key in ms: how many", sorted(Counter(lead // 250 * 250 for lead in leads).items()))
    assert min(leads) >= timing.lead_min_ms
    assert max(leads) <= lead_max_ms
    assert pair.refused == []


def test_hanging_up_takes_back_the_key_that_was_ahead():
    home = Home(credit=1_000)
    pair = CallPair(home.ledger, Air())
    pair.at(25_000, pair.hang_up)
    pair.run(60_000)
    assert (pair.closed, pair.centre_closed) == ("goodbye", "goodbye")
    assert sorted(pair.keys) == [(1, 0), (1, 1), (1, 2)]
    assert kinds(pair.up)[-1] == "GOODBYE"
    assert kinds(pair.down)[-1] == "FAREWELL"
    (record,) = home.records()
    assert (record.delivered, record.withdrawn, record.price) == ((0, 1, 2, 3), (3,), 30)
    assert (record.reason, record.ended_ms is not None) == ("goodbye", True)
    assert credit_left(home.engine, home.number) == 970


def test_no_key_leaves_after_the_farewell():
    pair = CallPair(MemoryLedger(), Air())
    pair.at(25_000, pair.hang_up)
    pair.run(60_000)
    sent = len(pair.down.sent)
    for now_ms in range(60_000, 120_000, 1_000):
        pair.air.advance(now_ms)
        pair.centre.poll(now_ms)
        assert pair.centre.data_to_send() == b""
    assert len(pair.down.sent) == sent


def test_goodbye_that_denies_what_was_watched_is_charged_all_the_same():
    home = Home()
    pair = CallPair(home.ledger, Air()).run(25_000)
    pair.terminal.hang_up(NO_PORTION, pair.now_ms)
    pair.run(60_000)
    assert home.records()[0].withdrawn == (3,)
    assert home.bill() == 30


def test_goodbye_just_behind_a_change_does_not_pay_for_the_new_portion():
    home = Home()
    pair = CallPair(home.ledger, Air()).run(19_990)
    pair.hang_up()  # arrives 120 ms later, in portion 2
    pair.run(60_000)
    assert home.records()[0].withdrawn == (2, 3)
    assert home.bill() == 20


def test_lost_line_keeps_what_was_charged_and_a_second_call_charges_nothing_twice():
    home = Home()
    air = Air()
    first = CallPair(home.ledger, air)
    first.at(14_000, first.lose_line)
    first.run(14_500)
    assert (first.closed, first.centre_closed) == ("line lost", "line lost")
    second = CallPair(home.ledger, air, connect_ms=16_000, seed=2).run(32_000)
    assert sorted(first.keys | second.keys) == [(1, portion) for portion in range(5)]
    assert home.bill() == 50
    assert [record.price for record in home.records()] == [30, 20]


def test_every_call_has_its_own_nonces_and_key_frames():
    air = Air()
    pairs = [CallPair(MemoryLedger(), air, seed=seed).run(3_000) for seed in (1, 2)]
    for line in ("up", "down"):
        frames = [{payload for _, payload in getattr(pair, line).frames} for pair in pairs]
        assert not frames[0] & frames[1]
    assert pairs[0].terminal.call_id != pairs[1].terminal.call_id
    assert pairs[0].keys == pairs[1].keys


def test_same_seed_gives_the_same_bytes():
    lines = [CallPair(MemoryLedger(), Air()).run(30_000) for _ in range(2)]
    assert (lines[0].up.sent, lines[0].down.sent) == (lines[1].up.sent, lines[1].down.sent)


def test_forward_secrecy_works_over_the_same_line():
    pair = CallPair(MemoryLedger(), Air(), forward_secrecy=True).run(3_000)
    assert sorted(pair.keys) == [(1, 0), (1, 1)]
    assert pair.refused == []
    assert pair.first_key[2] == 2


def test_device_key_learned_later_opens_no_recorded_call_with_forward_secrecy():
    for forward_secrecy, opened in ((False, True), (True, False)):
        pair = CallPair(MemoryLedger(), Air(), forward_secrecy=forward_secrecy).run(3_000)
        assert _opens_with_device_key(pair) is opened


def _opens_with_device_key(pair):
    hello = pair.up.frames[0][1]
    challenge = pair.down.frames[0][1][: -wire.PROOF_BYTES]
    thief = Session(DEVICE_KEY, hello, challenge)
    try:
        thief.open(pair.down.frames[1][1])
    except RemoteError:
        return False
    return True


def test_change_of_programme_within_the_call():
    home = Home()
    pair = CallPair(home.ledger, Air(programmes=(1, 2)))
    pair.at(24_000, lambda: pair.watch(2))
    pair.at(45_000, pair.hang_up)
    pair.run(60_000)
    first, second = home.records()
    assert (first.programme_id, first.withdrawn, first.price) == (1, (3,), 30)
    assert first.reason == "programme changed"
    assert (second.programme_id, second.withdrawn, second.price) == (2, (5,), 30)
    assert [portion for programme, portion in pair.keys if programme == 2] == [2, 3, 4]


def test_programme_outside_the_subscription_is_denied():
    home = Home(programmes=[2])
    pair = CallPair(home.ledger, Air(programmes=(1, 2))).run(5_000)
    assert pair.closed == "denied: the subscription does not cover this programme"
    assert (pair.keys, home.records()) == ({}, [])


def test_programme_that_is_not_on_air_is_denied():
    for programme, run in ((1, b"an older"), (1, bytes(8))):
        pair = CallPair(MemoryLedger(), Air(), programme, broadcast_id=run).run(5_000)
        assert pair.closed == "denied: the programme is not on air"
        assert pair.keys == {}


def test_credit_that_runs_out_ends_the_call_with_what_was_paid():
    home = Home(credit=25)
    pair = CallPair(home.ledger, Air()).run(60_000)
    assert pair.closed == "denied: no credit left"
    assert sorted(pair.keys) == [(1, 0), (1, 1)]
    assert (home.bill(), credit_left(home.engine, home.number)) == (20, 5)


def test_end_of_the_programme_ends_the_call():
    pair = CallPair(MemoryLedger(), Air(portions=3)).run(60_000)
    assert (pair.closed, pair.centre_closed) == ("the programme is over", "programme over")
    assert sorted(pair.keys) == [(1, 0), (1, 1), (1, 2)]


def test_terminal_that_falls_silent_is_told_farewell():
    quiet = CallPair(MemoryLedger(), Air(), up_fault=lambda at, byte: byte if at < 90 else None).run(60_000)
    assert quiet.centre_closed == "the terminal has fallen silent"
    assert quiet.closed == "the centre hears nothing from this terminal"


def test_centre_that_falls_silent_is_noticed():
    pair = CallPair(MemoryLedger(), Air(), down_fault=lambda at, byte: byte if at < 150 else None)
    pair.run(200_000)
    assert pair.closed == "the centre has fallen silent"


def test_centre_that_never_answers_is_noticed():
    pair = CallPair(MemoryLedger(), Air(), down_fault=lambda at, byte: None).run(30_000)
    assert pair.closed == "no answer from the centre"
    assert set(kinds(pair.up)) == {"HELLO"}


def test_hanging_up_before_the_centre_answers_says_nothing():
    pair = CallPair(MemoryLedger(), Air())
    pair.hang_up()
    assert pair.closed == "hung up before the centre had answered"
    assert kinds(pair.up) == ["HELLO"]


def test_two_terminals_with_their_own_windows_share_one_broadcast():
    home = Home()
    second_id = bytes(8)
    add_subscriber(home.engine, MASTER, second_id, bytes(32), "test")
    air = Air()
    pairs = []
    for now_ms in range(0, 60_000, 1_000):
        if now_ms == 3_000:
            pairs.append(CallPair(home.ledger, air, connect_ms=now_ms))
            pairs[0].at(27_000, pairs[0].hang_up)
        elif now_ms == 12_000:
            other = {"terminal_id": second_id, "device_key": bytes(32)}
            pairs.append(CallPair(home.ledger, air, connect_ms=now_ms, seed=2, **other))
            pairs[1].at(45_000, pairs[1].hang_up)
        for pair in pairs:
            pair.run(now_ms + 1_000)
    assert sorted(pairs[0].keys) == [(1, portion) for portion in (0, 1, 2)]
    assert sorted(pairs[1].keys) == [(1, portion) for portion in (1, 2, 3, 4)]
    assert [pair.closed for pair in pairs] == ["goodbye", "goodbye"]
    assert [home.ledger.call_record(call).price for call in (1, 2)] == [30, 40]


def test_lost_first_key_is_sent_again_and_the_second_is_kept():
    first_key = len(encode(CallPair(MemoryLedger(), Air()).run(700).down.frames[1][1]))

    def lose_first_key(at, byte):
        return None if 45 <= at < 45 + first_key else byte

    pair = CallPair(MemoryLedger(), Air(), down_fault=lose_first_key).run(5_000)
    assert list(pair.keys) == [(1, 1), (1, 0)]
