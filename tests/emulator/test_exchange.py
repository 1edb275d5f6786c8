"""The exchange: set-up, ringing, answer, busy, hunting, intercept, drop, log, several calls at once."""

import pytest
from settop.errors import LocalError
from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.line.port import LinePort, Signal
from testbed.line.robots import CallingLine, EchoLine
from testbed.line.telephone import Impairment

SETTINGS = ExchangeSettings(setup_ms=700, train_ms=300, delay_ms=0, ring_period_ms=5000, dial_tone_ms=50)


class Listener(LinePort):
    """Notes what it hears, and when."""

    def __init__(self, number: str, exchange: Exchange, answer_ring: int = 0) -> None:
        super().__init__(number, exchange)
        self.notes: list[tuple[int, Signal]] = []
        self.got = b""
        self._answer_ring = answer_ring

    def hear(self, signal: Signal, now_ms: int) -> None:
        self.notes.append((now_ms, signal))
        rings = sum(heard is Signal.RING for _, heard in self.notes)
        if signal is Signal.RING and rings == self._answer_ring:
            self.lift(now_ms)

    def deliver(self, data: bytes, now_ms: int) -> None:
        self.got += data


def listener(exchange: Exchange, number: str, answer_ring: int = 0) -> Listener:
    port = Listener(number, exchange, answer_ring)
    exchange.connect_port(port)
    return port


def call(exchange: Exchange, number: str, caller: str = "1", at_ms: int = 0) -> Listener:
    port = listener(exchange, caller)
    port.lift(at_ms)
    port.dial(number, at_ms)
    return port


def test_dial_tone_follows_lifting():
    exchange = Exchange(SETTINGS)
    port = listener(exchange, "1")
    port.lift(10)
    exchange.advance(10_000)
    assert port.notes == [(60, Signal.DIAL_TONE)]


def test_a_dead_pair_has_no_dial_tone_and_cannot_dial():
    exchange = Exchange(SETTINGS)
    port = exchange.subscriber("1", has_dial_tone=False)
    port.lift(0)
    port.dial("2", 100)
    exchange.advance(10_000)
    assert port.take_signals() == []
    assert exchange.log == []


def test_ring_answer_and_carrier_come_at_their_instants():
    exchange = Exchange(SETTINGS)
    callee = listener(exchange, "2", answer_ring=2)
    caller = call(exchange, "2")
    exchange.advance(60_000)
    assert callee.notes == [(700, Signal.RING), (5700, Signal.RING), (6000, Signal.CARRIER)]
    assert caller.notes == [(700, Signal.RINGBACK), (6000, Signal.CARRIER)]
    record = exchange.log[0]
    assert (record.dialled_ms, record.answered_ms, record.connected_ms) == (0, 5700, 6000)


@pytest.mark.parametrize("setup_ms", [500, 5000, 30_000])
def test_setup_delay_can_be_swept(setup_ms):
    exchange = Exchange(ExchangeSettings(setup_ms=setup_ms, train_ms=0))
    listener(exchange, "2", answer_ring=1)
    call(exchange, "2")
    exchange.advance(40_000)
    assert exchange.log[0].connected_ms == setup_ms


def test_data_pass_and_are_counted_each_way():
    exchange = Exchange(SETTINGS)
    exchange.connect_port(EchoLine("2", exchange))
    caller = call(exchange, "2")
    exchange.advance(1000)
    caller.send(b"hello", 1000)
    exchange.advance(1009)  # one character there, one back: 8.33 ms, in whole milliseconds of exchange
    assert caller.got == b""
    exchange.advance(1026)
    assert caller.got == b"hello"
    caller.release(2000)
    record = exchange.log[0]
    assert (record.bytes_from_caller, record.bytes_from_called, record.ended_ms) == (5, 5, 2000)
    assert record.outcome == "caller hung up"


def test_the_other_end_hears_the_hang_up_after_what_was_on_its_way():
    exchange = Exchange(SETTINGS)
    callee = listener(exchange, "2", answer_ring=1)
    caller = call(exchange, "2")
    exchange.advance(1000)
    caller.send(b"a" * 240, 1000)
    caller.release(1500)
    assert callee.got == b"a" * 120  # the rest had not left yet
    assert callee.notes[-1] == (1500, Signal.CARRIER_LOST)


def test_busy_number_answers_busy():
    exchange = Exchange(SETTINGS)
    callee = listener(exchange, "2")
    callee.lift(0)
    caller = call(exchange, "2")
    exchange.advance(10_000)
    assert caller.notes == [(700, Signal.BUSY_TONE)]
    assert exchange.log[0].outcome == "busy"


def test_a_line_that_rings_for_one_caller_is_busy_for_the_next():
    exchange = Exchange(SETTINGS)
    listener(exchange, "2")
    call(exchange, "2", "1")
    second = call(exchange, "2", "3", 100)
    exchange.advance(10_000)
    assert second.notes == [(800, Signal.BUSY_TONE)]


def test_hunting_group_gives_each_caller_a_line_of_its_own_until_all_are_taken():
    exchange = Exchange(SETTINGS)
    group = [listener(exchange, "2", answer_ring=1) for _ in range(3)]
    callers = [call(exchange, "2", str(10 + i), i) for i in range(4)]
    exchange.advance(2000)
    for i in range(3):
        callers[i].send(bytes((65 + i,)), 2000)
    exchange.advance(3000)
    assert [line.got for line in group] == [b"A", b"B", b"C"]
    assert callers[3].notes == [(703, Signal.BUSY_TONE)]
    callers[1].release(3000)
    group[1].release(3000)
    call(exchange, "2", "20", 3000)
    exchange.advance(5000)
    assert group[1].notes[-1] == (3700, Signal.RING)


def test_unknown_number_is_cleared_after_the_announcement():
    exchange = Exchange(SETTINGS)
    caller = call(exchange, "999")
    exchange.advance(10_000)
    assert caller.notes == [(2700, Signal.CLEARED)]
    assert exchange.log[0].outcome == "unknown number"


@pytest.mark.parametrize(("unknown", "notes"), [("busy", [(1000, Signal.BUSY_TONE)]), ("dead", [])])
def test_unknown_number_can_be_busy_or_silent(unknown, notes):
    exchange = Exchange(ExchangeSettings(unknown=unknown))
    caller = call(exchange, "999")
    exchange.advance(10_000)
    assert caller.notes == notes


def test_digits_in_pieces_make_one_number_and_half_a_number_waits_for_the_rest():
    exchange = Exchange(SETTINGS)
    callee = listener(exchange, "2345")
    caller = call(exchange, "23")
    caller.dial("45", 3000)
    exchange.advance(4000)
    assert callee.notes == [(3700, Signal.RING)]
    other = call(exchange, "23", "5", 4000)
    exchange.advance(20_000)
    assert other.notes == [(4000 + 4000 + 700 + 2000, Signal.CLEARED)]


def test_the_ringing_stops_when_the_caller_gives_up():
    exchange = Exchange(SETTINGS)
    callee = listener(exchange, "2")
    caller = call(exchange, "2")
    exchange.advance(6000)
    caller.release(6000)
    exchange.advance(30_000)
    assert [signal for _, signal in callee.notes] == [Signal.RING, Signal.RING, Signal.RING_END]
    assert (exchange.log[0].outcome, exchange.log[0].ended_ms) == ("abandoned", 6000)


def test_giving_up_during_set_up_rings_nobody():
    exchange = Exchange(SETTINGS)
    callee = listener(exchange, "2")
    call(exchange, "2").release(500)
    exchange.advance(30_000)
    assert callee.notes == []


def test_drop_takes_the_carrier_from_both_ends():
    exchange = Exchange(SETTINGS)
    callee = listener(exchange, "2", answer_ring=1)
    caller = call(exchange, "2")
    exchange.advance(1500)
    assert exchange.drop(callee, 1500) is True
    assert caller.notes[-1] == callee.notes[-1] == (1500, Signal.CARRIER_LOST)
    assert exchange.log[0].outcome == "line dropped"
    assert exchange.drop(callee, 1600) is False


def test_an_impairment_can_drop_the_line_by_itself():
    class Short(Impairment):
        def drop_after_ms(self):
            return 250

    exchange = Exchange(SETTINGS, impairment=lambda call_index: Short())
    listener(exchange, "2", answer_ring=1)
    caller = call(exchange, "2")
    exchange.advance(10_000)
    assert caller.notes[-2:] == [(1000, Signal.CARRIER), (1250, Signal.CARRIER_LOST)]


def test_the_step_of_advance_does_not_change_when_things_happen():
    def notes(step_ms):
        exchange = Exchange(SETTINGS)
        exchange.connect_port(EchoLine("2", exchange))
        caller = call(exchange, "2")
        other = call(exchange, "1", "3")
        for now_ms in range(0, 20_000, step_ms):
            exchange.advance(now_ms)
        exchange.advance(20_000)
        return caller.notes, other.notes, exchange.log

    assert notes(1) == notes(20_000)


def test_an_automatic_caller_gives_up_and_can_call_again():
    exchange = Exchange(SETTINGS)
    callee = listener(exchange, "2")
    robot = CallingLine("9", exchange)
    assert robot.call("2", 0, ring_for_ms=8000) is True
    assert robot.call("2", 10) is False
    exchange.advance(8000)
    assert callee.notes[-1] == (8000, Signal.RING_END)
    assert robot.call("2", 9000) is True


def test_misuse_is_a_local_error():
    exchange = Exchange(SETTINGS)
    with pytest.raises(LocalError, match="on-hook"):
        exchange.subscriber("1").dial("2", 0)
    with pytest.raises(LocalError, match="expected one or more"):
        exchange.subscriber("555-01")
    with pytest.raises(LocalError, match="intercept"):
        ExchangeSettings(unknown="sing")
