"""The terminal's dialler on the emulated modem, through exchange and line, in virtual time."""

import random

import pytest
from settop.modem.dte import Dte
from testbed.line.exchange import ExchangeSettings
from testbed.line.modem import State

from tests.helpers.modem_bench import OWN, DteBench

# ATZ and set-up take no time; then dial tone, seven digits, set-up, training
CONNECT_MS = 100 + 7 * 140 + 1000 + 500


def connected(**settings) -> DteBench:
    bench = DteBench(ExchangeSettings(delay_ms=0, **settings))
    bench.dte.dial("5550100", 0)
    assert bench.wait_for("connect") == (CONNECT_MS, ("connect", 2400))
    return bench


def test_dial_connects_at_the_right_instant():
    bench = connected()
    assert bench.exchange.log[0].connected_ms == CONNECT_MS
    assert bench.dte.state == "online"


@pytest.mark.parametrize("setup_ms", [500, 3000, 30_000])
def test_any_set_up_delay_only_moves_the_connection(setup_ms):
    bench = DteBench(ExchangeSettings(delay_ms=0, setup_ms=setup_ms))
    bench.dte.dial("5550100", 0)
    assert bench.wait_for("connect")[0] == CONNECT_MS - 1000 + setup_ms


def test_data_take_their_time_on_the_line_in_both_directions():
    bench = connected()
    data = random.Random(6).randbytes(240)
    bench.dte.send(data, bench.now_ms)
    bench.run_until(lambda: len(bench.data) == 240, 5000)
    assert bytes(bench.data) == data
    assert bench.now_ms == CONNECT_MS + 1005  # one second for 240 characters, the last once more by the echo


def test_a_call_centre_of_several_modems_serves_two_terminals_at_once():
    bench = DteBench(ExchangeSettings(delay_ms=0))
    centre = [bench.add(bench.exchange.subscriber("800")) for _ in range(2)]
    other = bench.add(bench.exchange.subscriber("42"))
    for modem in centre:
        bench.type(b"ATE0S0=1\r", modem)
    bench.dte.dial("800", 0)
    bench.type(b"ATD800\r", other)
    bench.wait_for("connect")
    bench.run_until(lambda: all(modem.state is State.ONLINE for modem in centre), 5000)
    bench.dte.send(b"one", bench.now_ms)
    bench.type(b"two", other)
    bench.run_until(lambda: False, 100)
    assert [bench.said(modem)[-3:] for modem in centre] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("number", "event", "after_ms"),
    [
        ("5550101", "busy", 100 + 980 + 1000),
        ("5550102", "no_answer", 100 + 980 + 60_000),
        ("5550104", "no_dialtone", 100 + 980 + 1000),
        ("1234567", "no_carrier", 100 + 140 * 7 + 3000),
    ],
)
def test_numbers_that_do_not_answer_say_why(number, event, after_ms):
    bench = DteBench(ExchangeSettings(delay_ms=0))
    bench.dte.dial(number, 0)
    assert bench.wait_for(event)[0] == after_ms
    assert bench.dte.state == "idle"
    assert not bench.port.off_hook


def test_no_dial_tone_when_the_line_is_dead():
    bench = DteBench()
    bench.port.has_dial_tone = False
    bench.dte.dial("5550100", 0)
    assert bench.wait_for("no_dialtone")[0] == 5000


def test_hanging_up_takes_two_guard_times():
    bench = connected()
    bench.run_until(lambda: False, 5000)
    bench.dte.send(b"bye", bench.now_ms)
    bench.dte.hang_up(bench.now_ms)
    at_ms, _ = bench.wait_for("hung_up")
    assert at_ms == CONNECT_MS + 5000 + 1200 + 1000
    assert bench.exchange.log[0].ended_ms == at_ms
    assert bench.exchange.log[0].outcome == "caller hung up"
    assert bench.sent[-2:] == [(at_ms - 1000, b"+++"), (at_ms, b"ATH0\r")]


def test_hanging_up_while_it_rings():
    bench = DteBench()
    bench.dte.dial("5550102", 0)
    bench.run_until(lambda: False, 5000)
    bench.dte.hang_up(bench.now_ms)
    assert bench.wait_for("hung_up")[0] == 5000
    assert bench.exchange.log[0].outcome == "abandoned"


def test_hanging_up_within_the_125_ms_in_which_the_modem_ignores_characters():
    bench = DteBench()
    bench.dte.dial("5550102", 0)
    bench.run_until(lambda: False, 50)
    bench.dte.hang_up(bench.now_ms)
    assert bench.wait_for("hung_up")[0] < 5000
    assert not bench.port.off_hook


def test_the_other_end_hanging_up_delivers_what_came_before_and_says_no_carrier():
    bench = DteBench(ExchangeSettings(delay_ms=0))
    centre = bench.add(bench.exchange.subscriber("800"))
    bench.type(b"ATE0S0=1\r", centre)
    bench.dte.dial("800", 0)
    bench.wait_for("connect")
    bench.type(b"last words", centre)
    bench.run_until(lambda: False, 1000)
    centre.dtr_drop(bench.now_ms)
    ended_ms = bench.now_ms
    assert bench.wait_for("no_carrier")[0] == ended_ms + 1400  # S10
    assert bytes(bench.data) == b"last words"


def test_a_line_that_drops_mid_data_keeps_what_had_arrived_and_can_be_dialled_again():
    bench = connected()
    bench.dte.send(b"x" * 240, bench.now_ms)
    bench.run_until(lambda: False, 500)
    bench.exchange.drop(bench.port, bench.now_ms)
    bench.wait_for("no_carrier")
    assert 115 <= len(bench.data) <= 120
    again_ms = bench.now_ms
    bench.dte.dial("5550100", again_ms)
    assert bench.wait_for("connect")[0] == again_ms + CONNECT_MS


def test_data_of_three_pluses_reach_the_other_end_without_an_escape():
    bench = connected()
    bench.run_until(lambda: False, 3000)
    bench.dte.send(b"+++", bench.now_ms)
    bench.run_until(lambda: False, 6000)
    assert bytes(bench.data) == b"+++"
    assert bench.modem.state is State.ONLINE


def test_a_terminal_that_restarts_during_a_call_gets_its_modem_back():
    bench = connected()
    bench.dte = Dte()
    bench.dte.dial("5550100", bench.now_ms)
    bench.wait_for("connect")
    assert [record.outcome for record in bench.exchange.log] == ["caller hung up", "under way"]


def test_a_pulled_cable_ends_in_no_modem_and_a_put_back_one_works():
    bench = DteBench()
    bench.deaf = True
    bench.dte.dial("5550100", 0)
    bench.wait_for("no_modem")
    bench.deaf = False
    bench.dte.dial("5550100", bench.now_ms)
    bench.wait_for("connect")


def test_numeric_and_echoing_modems_work_as_well():
    bench = DteBench(dte=Dte(setup="H0E1V0X4"))
    bench.dte.dial("5550101", 0)
    bench.wait_for("busy")
    bench.dte.dial("5550100", bench.now_ms)
    assert bench.wait_for("connect")[1] == ("connect", 2400)


def test_ring_and_answer():
    bench = DteBench()
    caller = bench.add(bench.exchange.subscriber("42"))
    bench.dte.start(0)
    bench.wait_for("ok")
    bench.type(b"ATE0D" + OWN.encode() + b"\r", caller)
    bench.wait_for("ring")
    bench.dte.answer(bench.now_ms)
    bench.wait_for("connect")
    bench.type(b"hello", caller)
    bench.run_until(lambda: False, 200)
    assert bytes(bench.data) == b"hello"


def test_the_same_calls_give_the_same_bytes_at_the_same_instants():
    def record():
        bench = connected()
        bench.dte.send(b"some data", bench.now_ms)
        bench.run_until(lambda: False, 1000)
        bench.dte.hang_up(bench.now_ms)
        bench.wait_for("hung_up")
        return bench.sent, bytes(bench.data), bench.exchange.log

    assert record() == record()
