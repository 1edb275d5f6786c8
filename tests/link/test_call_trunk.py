"""A trunk of the centre: calls one after another on one modem, and a ledger that fails under them."""

import random
from types import SimpleNamespace

import pytest
from headend.accounts.errors import LedgerError
from headend.callcentre import service
from headend.callcentre.core import CentreCall, Event, Timing
from headend.callcentre.service import CallLog, Trunk
from settop.link.hdlc import Deframer, encode
from settop.services.call.core import CallTerminal
from settop.services.call.kept import load_token, store_token
from settop.wire import call as wire

from tests.helpers.call_pair import DEVICE_KEY, TERMINAL_ID, Air, CallPair, Home, MemoryLedger, MemoryRecords

RING, CONNECT, NO_CARRIER = b"\r\nRING\r\n", b"\r\nCONNECT 2400\r\n", b"\r\nNO CARRIER\r\n"


class Exchange:
    """A trunk with its modem played by hand, and terminals that call it."""

    def __init__(self, ledger):
        self.air = Air()
        self.now_ms = 0
        self.trunk = Trunk(ledger, self.air.schedule, Timing(), random.Random(3).randbytes)
        self.trunk.start(0)
        self.said = b""
        self.modem(b"", b"\r\nOK\r\n", b"\r\nOK\r\n")
        self._calls = 0
        self._records = MemoryRecords()

    def modem(self, *reads):
        for read in reads:
            self.trunk.receive(read, self.now_ms)
            self.said = self.trunk.take()
        return self.said

    def dial(self):
        """A terminal that has asked for the programme; `talk` moves its bytes."""
        assert self.modem(RING) == b"ATA\r"
        self.modem(CONNECT)
        self._calls += 1
        identity = SimpleNamespace(terminal_id=TERMINAL_ID, device_key=bytearray(DEVICE_KEY))
        terminal = CallTerminal(identity, random.Random(self._calls).randbytes)
        terminal.start(self.now_ms)
        portion = self.air.portion_at(self.now_ms)
        token = load_token(self._records, TERMINAL_ID, None)
        terminal.request(1, self.air.broadcasts[1].broadcast_id, portion, self.now_ms, token)
        return terminal

    def talk(self, terminal, until_ms):
        """Moves the bytes of both every 50 ms; the portions whose keys came."""
        portions = []
        while self.now_ms < until_ms:
            self.now_ms += 50
            self.air.advance(self.now_ms)
            terminal.on_air(self.air.portion_at(self.now_ms))
            up = terminal.data_to_send()
            if up:
                self.trunk.receive(up, self.now_ms)
            self.trunk.poll(self.now_ms)
            down = self.trunk.take()
            terminal.receive(down, self.now_ms)
            terminal.poll(self.now_ms)
            while (event := terminal.next_event()) is not None:
                portions += [event[1]] if event[0] == "key" else []
                if event[0] == "token" and store_token(self._records, TERMINAL_ID, event[1], None):
                    terminal.token_stored()
        return portions


@pytest.mark.parametrize("second", [RING, CONNECT, NO_CARRIER, RING + CONNECT, RING + NO_CARRIER + RING])
def test_ring_and_what_follows_in_one_read_are_taken_in_their_order(second):
    exchange = Exchange(MemoryLedger())
    exchange.modem(RING + second)
    exchange.modem(NO_CARRIER)
    exchange.now_ms = 100
    assert exchange.talk(exchange.dial(), 2_000) == [0, 1]


def test_goodbye_and_the_end_of_the_line_in_one_read_are_both_heard():
    home = Home()
    exchange = Exchange(home.ledger)
    terminal = exchange.dial()
    exchange.talk(terminal, 3_000)
    terminal.hang_up(0, 3_500)
    exchange.modem(terminal.data_to_send() + NO_CARRIER)
    (record,) = home.records()
    assert (record.reason, record.price) == ("goodbye", 10)


def test_next_call_in_the_same_read_starts_with_nothing_left_over():
    home = Home()
    exchange = Exchange(home.ledger)
    terminal = exchange.dial()
    exchange.talk(terminal, 3_000)
    terminal.hang_up(0, 3_500)
    stranger = encode(wire.pack_hello(0, b"stranger", bytes(16)))
    exchange.now_ms = 4_000
    exchange.modem(terminal.data_to_send() + NO_CARRIER + b"noise" + stranger + RING)
    assert home.records()[0].reason == "goodbye"
    exchange.modem(CONNECT + stranger[:9] + NO_CARRIER)
    assert exchange.talk(exchange.dial(), 7_000) == [0, 1]
    assert [log.refused for log in exchange.trunk.calls] == [{}, {}, {}]
    assert exchange.trunk.calls[1].traffic.octets == 9


def test_trunk_keeps_its_last_calls_only(monkeypatch):
    monkeypatch.setattr(service, "CALLS_KEPT", 3)
    exchange = Exchange(MemoryLedger())
    for number in range(5):
        exchange.now_ms = 1_000 * number
        exchange.modem(RING, CONNECT, NO_CARRIER)
    assert [log.connected_ms for log in exchange.trunk.calls] == [2_000, 3_000, 4_000]


def test_log_of_a_call_keeps_how_it_began_and_how_it_ended():
    log = CallLog(0)
    log.add(Event("authenticated", 0))
    for portion in range(service.EVENTS_KEPT):
        log.add(Event("key_sent", portion, portion))
    log.add(Event("closed", service.EVENTS_KEPT))
    assert len(log.events) == service.EVENTS_KEPT
    assert (log.events[0].kind, log.events[-1].kind) == ("authenticated", "closed")
    assert log.keys_sent()[-8_000:] == list(range(service.EVENTS_KEPT - 8_000, service.EVENTS_KEPT))


# --- a ledger that fails ------------------------------------------------------------------------------------------

METHODS = [
    "find",
    "may_watch",
    "begin_call",
    "open_call",
    "keep_token",
    "deliver",
    "acknowledge",
    "withdraw_after",
    "charged",
    "close_call",
]


class FailingLedger(MemoryLedger):
    """Raises LedgerError from each method in `failing`."""

    def __init__(self):
        super().__init__()
        self.failing = set()

    def __getattribute__(self, name):
        if name in METHODS and name in self.failing:
            return self._fail
        return super().__getattribute__(name)

    def _fail(self, *_values):
        raise LedgerError("the disk is full")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("from_ms", [0, 3_000])
def test_ledger_that_fails_ends_the_call_and_nothing_else(method, from_ms):
    ledger = FailingLedger()
    pair = CallPair(ledger, Air(portions=2))
    pair.at(from_ms, lambda: ledger.failing.add(method))
    pair.at(15_000, pair.hang_up)
    pair.run(60_000)
    assert pair.centre.state == "CLOSED"
    assert pair.centre_closed is not None
    assert pair.centre.next_timer() is None
    pair.lose_line()


def test_key_whose_charge_failed_does_not_leave():
    ledger = FailingLedger()
    pair = CallPair(ledger, Air())
    pair.at(5_000, lambda: ledger.failing.update(METHODS))
    pair.run(15_000)
    assert pair.centre_closed == "the ledger failed"
    assert sorted(pair.keys) == [(1, 0), (1, 1)]
    assert 2 not in ledger.charges


def test_failure_of_the_ledger_is_an_event_that_says_why():
    ledger = FailingLedger()
    ledger.failing.add("find")
    centre = CentreCall(ledger, Air().schedule)
    centre.receive(encode(wire.pack_hello(0, TERMINAL_ID, bytes(16))), 0)
    events = [centre.next_event(), centre.next_event()]
    assert [(event.kind, event.text) for event in events] == [
        ("ledger_failed", "the disk is full"),
        ("closed", "the ledger failed"),
    ]
    assert centre.data_to_send() == b""


def test_trunk_takes_the_next_call_after_the_ledger_has_failed():
    ledger = FailingLedger()
    exchange = Exchange(ledger)
    ledger.failing.add("deliver")
    assert exchange.talk(exchange.dial(), 1_000) == []
    assert "ledger_failed" in [event.kind for event in exchange.trunk.calls[0].events]
    ledger.failing.clear()
    exchange.modem(NO_CARRIER)
    assert exchange.talk(exchange.dial(), 3_000) == [0, 1]


def test_line_of_a_call_whose_ledger_failed_is_hung_up():
    ledger = FailingLedger()
    exchange = Exchange(ledger)
    ledger.failing.add("find")
    exchange.talk(exchange.dial(), 1_000)
    said = b""
    for now_ms in range(1_000, 6_000, 50):
        exchange.trunk.poll(now_ms)
        said += exchange.trunk.take()
    assert b"+++" in said
    assert Deframer().feed(said) == []
