"""The modem in calls: dialling, data, escape, being called, and whatever else may be typed."""

import random

import pytest
from testbed.line.exchange import ExchangeSettings
from testbed.line.modem import BUFFER_BYTES, State

from tests.helpers.modem_bench import Bench
from tests.helpers.modem_states import CONNECT, ERROR, NO_CARRIER, OK, escaped, online, quiet_bench

# -- dialling


def test_dialling_connects_at_the_right_instant():
    bench = quiet_bench(dial_tone_ms=100)
    bench.type(b"ATDT5550100\r")
    bench.run_until(lambda: bench.modem.state is State.ONLINE, 60_000)
    assert bench.now_ms == 100 + 7 * 140 + 200 + 100
    assert bench.said() == CONNECT
    assert bench.modem.carrier


def test_pulse_dialling_takes_a_tenth_of_a_second_a_pulse():
    bench = quiet_bench()
    bench.type(b"ATDP5550100\r")
    bench.run_until(lambda: bench.modem.state is State.ONLINE, 60_000)
    assert bench.now_ms == 100 + (5 + 5 + 5 + 10 + 1 + 10 + 10) * 100 + 7 * 800 + 300


def test_blind_dialling_waits_s6_and_a_comma_waits_s8():
    bench = quiet_bench()
    bench.type(b"ATX1S6=4S8=3DT,5550100\r")
    bench.run_until(lambda: bench.modem.state is State.ONLINE, 60_000)
    assert bench.now_ms == 4000 + 3000 + 980 + 300


@pytest.mark.parametrize("number", [b"555-0100", b"(555) 0100", b"W5550100", b"t5550100@", b"555W0100"])
def test_dial_modifiers(number):
    bench = quiet_bench()
    bench.type(b"ATD" + number + b"\r")
    expected = b"\r\nNO DIALTONE\r\n" if b"5W" in number else CONNECT  # no second dial tone comes
    assert bench.run(10_000) == expected


def test_semicolon_stays_in_command_state_and_more_can_be_dialled():
    bench = quiet_bench()
    bench.type(b"ATDT555;S8?\r")
    assert bench.run(1000) == b"\r\n002\r\n" + OK
    bench.type(b"ATD0100\r")
    assert bench.run(2000) == CONNECT


def test_dl_repeats_the_number_and_dl_question_mark_shows_it():
    bench = quiet_bench()
    bench.type(b"ATDT5550101\r")
    assert bench.run(2000) == b"\r\nBUSY\r\n"
    assert bench.ask(b"ATDL?\r") == b"\r\nT5550101\r\n" + OK
    bench.type(b"ATDL\r")
    assert bench.run(2000) == b"\r\nBUSY\r\n"


def test_busy_number_answers_busy():
    bench = quiet_bench()
    bench.type(b"ATDT5550101\r")
    assert bench.run(1279) == b""
    assert bench.run(1) == b"\r\nBUSY\r\n"
    assert bench.modem.state is State.COMMAND
    assert not bench.port.off_hook


def test_a_number_that_never_answers_is_given_up_after_s7():
    bench = quiet_bench()
    bench.type(b"ATS7=12DT5550102\r")
    assert bench.run(100 + 980 + 11_999) == b""
    assert bench.run(1) == b"\r\nNO ANSWER\r\n"


def test_without_call_progress_tones_no_answer_is_no_carrier():
    bench = quiet_bench()
    bench.type(b"ATX1S7=12DT5550102\r")
    assert bench.run(30_000) == NO_CARRIER


def test_no_dial_tone_on_a_dead_pair():
    bench = quiet_bench()
    dead = bench.add(bench.exchange.subscriber("77", has_dial_tone=False))
    bench.type(b"ATE0\r", dead)
    bench.said(dead)
    bench.type(b"ATDT5550100\r", dead)
    bench.run(60_000)
    assert bench.said(dead) == b"\r\nNO DIALTONE\r\n"


def test_unknown_number_ends_in_no_carrier():
    bench = quiet_bench()
    bench.type(b"ATDT123\r")
    assert bench.run(4000) == NO_CARRIER


def test_a_character_aborts_dialling_but_not_the_line_feed_behind_the_command():
    bench = quiet_bench()
    bench.type(b"ATDT5550102\r\n")
    assert bench.run(3000) == b""
    assert bench.ask(b" ") == NO_CARRIER
    assert bench.exchange.log[0].outcome == "abandoned"
    assert bench.ask(b"AT\r") == OK


def test_online_the_number_that_drops_gives_no_carrier_s10_after_it_hung_up():
    bench = quiet_bench()
    bench.type(b"ATS10=7DT5550103\r")
    assert bench.run(1380) == CONNECT
    assert bench.run(2000 + 699) == b""
    assert bench.run(1) == NO_CARRIER


# -- online


def test_data_come_back_from_the_echo_at_the_line_rate():
    bench = online()
    bench.type(b"x" * 240)
    bench.run_until(lambda: False, 1010)
    times = [at_ms for at_ms, _ in bench.heard[0]]
    assert b"".join(data for _, data in bench.heard[0]) == b"x" * 240
    assert times[-1] - 1380 == 1005  # 240 characters of 10 bits, then one more through the echo


def test_escape_needs_silence_before_and_after_and_passes_the_characters_on():
    bench = online()
    bench.run(1000)
    bench.type(b"+++")
    assert bench.run(999) == b"+++"  # from the echo
    assert bench.run(1) == OK
    assert bench.modem.state is State.ONLINE_COMMAND


@pytest.mark.parametrize(
    ("typed", "pauses_ms"),
    [
        ([b"+++"], [999]),  # too early
        ([b"a+++"], [1500]),
        ([b"+++a"], [1500]),
        ([b"++++"], [1500]),
        ([b"++"], [1500]),
        ([b"+", b"++"], [1500, 1200]),  # too slow: the second group starts anew
        ([b"+++", b"a"], [1500, 900]),
    ],
)
def test_what_is_not_an_escape(typed, pauses_ms):
    bench = online()
    for data, pause_ms in zip(typed, pauses_ms, strict=True):
        bench.run(pause_ms)
        bench.type(data)
    bench.run(5000)
    assert bench.modem.state is State.ONLINE


def test_slow_fingers_can_escape():
    bench = online()
    for pause_ms in (1000, 999, 999):
        bench.run(pause_ms)
        bench.type(b"+")
    assert bench.run(1000).endswith(OK)


def test_s12_sets_the_guard_time_and_s2_the_character():
    bench = quiet_bench()
    bench.ask(b"ATS12=10S2=33\r")
    bench.type(b"ATDT5550100\r")
    bench.run(1380 + 200)
    bench.type(b"!!!")
    assert bench.run(199) == b"!!!"
    assert bench.run(1) == OK


def test_s2_above_127_disables_the_escape():
    bench = quiet_bench()
    bench.ask(b"ATS2=128\r")
    bench.type(b"ATDT5550100\r")
    bench.run(5000)
    bench.type(b"+++")
    bench.run(5000)
    bench.type(b"\x80\x80\x80")
    bench.run(5000)
    assert bench.modem.state is State.ONLINE


def test_guard_time_zero_escapes_at_once():
    bench = quiet_bench()
    bench.ask(b"ATS12=0\r")
    bench.type(b"ATDT5550100\r")
    bench.run(2000)
    assert bench.ask(b"a+++") == OK


def test_o_returns_to_the_call_with_what_came_meanwhile():
    bench = online()
    bench.run(1000)
    bench.type(b"+++")
    bench.run(1000)
    bench.exchange.subscriber("1")
    far = bench.exchange._lines["5550100"][0]
    far.send(b"late", bench.now_ms)
    assert bench.run(500) == b""
    assert bench.ask(b"ATO\r") == CONNECT + b"late"
    assert bench.modem.state is State.ONLINE


def test_h_hangs_up_and_the_far_end_knows():
    bench = escaped()
    assert bench.ask(b"ATH\r") == OK
    assert bench.modem.state is State.COMMAND
    assert bench.exchange.log[0].outcome == "caller hung up"
    assert bench.ask(b"ATO\r") == ERROR


def test_dialling_and_answering_within_a_call_are_errors_and_settings_are_not():
    bench = escaped()
    assert bench.ask(b"ATDT1\r") == ERROR
    assert bench.ask(b"ATA\r") == ERROR
    assert bench.ask(b"ATS7?\r") == b"\r\n030\r\n" + OK
    assert bench.ask(b"ATO\r") == CONNECT


def test_z_hangs_up():
    bench = escaped()
    assert bench.ask(b"ATZ\r") == OK
    assert bench.exchange.log[0].ended_ms == bench.now_ms


def test_the_far_end_hanging_up_in_online_command_state_is_told():
    bench = escaped()
    bench.exchange.drop(bench.port, bench.now_ms)
    assert bench.run(1400) == NO_CARRIER
    assert bench.ask(b"ATO\r") == ERROR


@pytest.mark.parametrize(
    ("d", "said", "state"),
    [
        (0, b"", State.ONLINE),
        (1, OK, State.ONLINE_COMMAND),
        (2, NO_CARRIER, State.COMMAND),
        (3, NO_CARRIER, State.COMMAND),
    ],
)
def test_dropping_dtr_does_what_and_d_says(d, said, state):
    bench = quiet_bench()
    bench.ask(b"ATX3&D%d\r" % d)
    bench.type(b"ATDT5550100\r")
    bench.run(5000)
    bench.modem.dtr_drop(bench.now_ms)
    assert bench.run(0) == said
    assert bench.modem.state is state
    assert bench.modem.profile.settings["X"] == (4 if d == 3 else 3)


def test_a_terminal_that_asks_for_room_loses_nothing_and_one_that_does_not_is_told_the_loss():
    bench = online()
    assert bench.modem.room(bench.now_ms) == BUFFER_BYTES
    bench.type(b"a" * (BUFFER_BYTES + 100))
    assert bench.modem.lost_bytes == 100
    assert bench.modem.room(bench.now_ms) == 0
    bench.run_until(lambda: bench.modem.room(bench.now_ms) == 240, 2000)
    assert bench.now_ms == 2380


# -- being called


def called() -> tuple[Bench, object]:
    bench = quiet_bench()
    caller = bench.add(bench.exchange.subscriber("42"))
    bench.type(b"ATE0\r", caller)
    bench.said(caller)
    return bench, caller


def test_ring_every_five_seconds_then_a_answers():
    bench, caller = called()
    bench.type(b"ATDT5550199\r", caller)
    assert bench.run(7000) == b"\r\nRING\r\n" * 2
    assert bench.ask(b"ATS1?\r") == b"\r\n002\r\n" + OK
    bench.type(b"ATA\r")
    assert bench.run(100) == CONNECT
    assert bench.said(caller) == CONNECT
    bench.type(b"hi")
    bench.run(100)
    assert bench.said(caller) == b"hi"


def test_s0_answers_by_itself_at_that_ring():
    bench, caller = called()
    bench.ask(b"ATS0=2\r")
    bench.type(b"ATDT5550199\r", caller)
    assert bench.run(7000) == b"\r\nRING\r\n" * 2 + CONNECT


def test_rings_are_forgotten_eight_seconds_after_the_last():
    bench, caller = called()
    bench.type(b"ATDT5550199\r", caller)
    bench.run(2000)
    bench.type(b"x", caller)
    bench.run(20_000)
    assert bench.ask(b"ATS1?\r") == b"\r\n000\r\n" + OK


def test_answering_without_a_call_gives_no_carrier_after_s7():
    bench = quiet_bench()
    bench.type(b"ATS7=3A\r")
    assert bench.run(2999) == b""
    assert bench.run(1) == NO_CARRIER


def test_h1_takes_the_line_and_callers_meet_busy():
    bench, caller = called()
    assert bench.ask(b"ATH1\r") == OK
    bench.type(b"ATDT5550199\r", caller)
    bench.run(5000)
    assert bench.said(caller) == b"\r\nBUSY\r\n"
    assert bench.ask(b"ATH0\r") == OK


def test_numeric_ring():
    bench, caller = called()
    bench.ask(b"ATV0\r")
    bench.type(b"ATDT5550199\r", caller)
    assert bench.run(2000) == b"2\r"


# -- anything at all


def test_random_command_lines_never_break_the_modem_and_answers_stay_bounded():
    rng = random.Random(2)
    alphabet = b'ATatDPSEQVXZHOI&+=?;,W@!/0123456789"GMCFR \b\r\n+~\x80\xff'
    bench = Bench(ExchangeSettings(setup_ms=10, train_ms=10))
    for _ in range(4000):
        line = bytes(rng.choice(alphabet) for _ in range(rng.randrange(12)))
        bench.modem.receive(b"AT" + line + b"\r", bench.now_ms)
        out = bench.modem.take()
        assert len(out) <= 1500
        if rng.random() < 0.02:
            bench.run(rng.randrange(3000))
        if bench.modem.state is not State.COMMAND and rng.random() < 0.2:
            bench.modem.dtr_drop(bench.now_ms)
            bench.modem.profile.settings["&D"] = 2


def test_random_bytes_never_break_the_modem():
    rng = random.Random(3)
    bench = Bench(ExchangeSettings(setup_ms=10, train_ms=10))
    for _ in range(10_000):
        data = rng.randbytes(rng.randrange(20))
        bench.modem.receive(data, bench.now_ms)
        assert len(bench.modem.take()) <= 40 * 20 + 500
        bench.now_ms += rng.randrange(5)
        bench.exchange.advance(bench.now_ms)
        bench.modem.poll(bench.now_ms)
