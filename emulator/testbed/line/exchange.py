"""A telephone exchange: numbers to lines, ringing, busy, hunting, set-up delay, a call log. No clock, no
threads.

The owner calls `advance(now_ms)` at or after `next_timer()`; every action happens at its own due instant, in
the order (instant, order of scheduling), so that a run depends on nothing but its calls. Special lines are in
`robots.py`.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from settop.errors import LocalError

from testbed.line.port import LinePort, Signal
from testbed.line.telephone import Impairment, TelephoneLine

DIGITS = "0123456789*#+ABCD"


@dataclass(frozen=True)
class ExchangeSettings:
    """How the exchange behaves. Milliseconds; `unknown` is "intercept", "busy" or "dead".

    `setup_ms` runs from the last digit to the first ring (or the busy tone), `train_ms` from the answer to
    the carrier. "intercept": a caller of an unknown number hears an announcement of `intercept_ms` and is
    cleared.
    """

    bits_per_s: int = 2400
    delay_ms: int = 10
    dial_tone_ms: int = 100
    setup_ms: int = 1000
    train_ms: int = 500
    ring_period_ms: int = 5000
    digit_timeout_ms: int = 4000
    intercept_ms: int = 2000
    unknown: str = "intercept"

    def __post_init__(self) -> None:
        if self.unknown not in ("intercept", "busy", "dead"):
            raise LocalError(f'unknown={self.unknown!r}; expected "intercept", "busy" or "dead"')
        if self.ring_period_ms < 1 or self.bits_per_s < 1:
            raise LocalError("ring_period_ms and bits_per_s must be at least 1")
        if min(self.delay_ms, self.dial_tone_ms, self.setup_ms, self.train_ms) < 0:
            raise LocalError("an exchange cannot act before it is asked: delays must be 0 ms or more")


@dataclass
class CallRecord:
    """One line of the call log. Bytes are those that came out at the other end.

    `outcome` is "under way" until the end, then one of "caller hung up", "called hung up", "line dropped",
    "busy", "unknown number", "dead line", "abandoned" (the caller gave up before the connection).
    """

    caller: str
    called: str
    dialled_ms: int
    answered_ms: int | None = None
    connected_ms: int | None = None
    ended_ms: int | None = None
    bytes_from_caller: int = 0
    bytes_from_called: int = 0
    outcome: str = "under way"


class _Call:
    """state: "setup", "ringing", "training", "connected", "over" (tones only), "ended"."""

    def __init__(self, caller: LinePort, record: CallRecord) -> None:
        self.caller = caller
        self.called: LinePort | None = None
        self.record = record
        self.state = "setup"
        self.line: TelephoneLine | None = None

    def end_of(self, port: LinePort) -> int:
        return 0 if port is self.caller else 1

    def ports(self) -> tuple[LinePort, ...]:
        return (self.caller,) if self.called is None else (self.caller, self.called)


class Exchange:
    """Subscribers, calls and their log (`log`, oldest first).

    `impairment(call_index)` makes the impairment of each connection; None leaves lines perfect.
    `on_event(text, now_ms)` is told of every step of a call, for a console.
    """

    def __init__(
        self,
        settings: ExchangeSettings | None = None,
        *,
        impairment: Callable[[int], Impairment] | None = None,
        on_event: Callable[[str, int], None] | None = None,
    ) -> None:
        self.settings = settings or ExchangeSettings()
        self.log: list[CallRecord] = []
        self._impairment = impairment
        self._on_event = on_event
        self._lines: dict[str, list[LinePort]] = {}
        self._dead: set[str] = set()
        self._calls: dict[LinePort, _Call] = {}
        self._digits: dict[LinePort, str] = {}
        self._timers: list[tuple[int, int, Callable[[int], None]]] = []
        self._serial = 0

    # -- subscribers

    def subscriber(self, number: str, *, has_dial_tone: bool = True) -> LinePort:
        """A new line under `number`; several under one make a hunting group, searched in that order."""
        return self.connect_port(LinePort(number, self, has_dial_tone=has_dial_tone))

    def connect_port(self, port: LinePort) -> LinePort:
        """Attaches a port made elsewhere (automatic lines). Raises LocalError for a number that cannot be."""
        if not port.number or any(digit not in DIGITS for digit in port.number):
            raise LocalError(f"number {port.number!r}; expected one or more of {DIGITS}")
        self._lines.setdefault(port.number, []).append(port)
        return port

    def dead_number(self, number: str) -> None:
        """A number behind which the line goes dead: the calling modem reports NO DIALTONE."""
        self._dead.add(number)

    # -- time

    def later(self, at_ms: int, action: Callable[[int], None]) -> None:
        """Calls `action(at_ms)` when time gets there."""
        self._serial += 1
        heapq.heappush(self._timers, (at_ms, self._serial, action))

    def next_timer(self) -> int | None:
        """The next instant at which `advance` has something to do; may lie in the past."""
        due = [self._timers[0][0]] if self._timers else []
        for call in self._connected():
            if call.line is not None and (at_ms := call.line.next_timer()) is not None:
                due.append(at_ms)
        return min(due, default=None)

    def advance(self, now_ms: int) -> None:
        """Does everything that is due by `now_ms`, each at its own instant."""
        while (due_ms := self.next_timer()) is not None and due_ms <= now_ms:
            for call in self._connected():
                self._carry(call, due_ms)
            while self._timers and self._timers[0][0] <= due_ms:
                heapq.heappop(self._timers)[2](due_ms)

    def drop(self, port: LinePort, now_ms: int) -> bool:
        """Cuts the connection of `port`; both ends lose the carrier. False when there is none."""
        call = self._calls.get(port)
        if call is None or call.state not in ("training", "connected"):
            return False
        self._finish(call, "line dropped", now_ms, None)
        return True

    def record_of(self, port: LinePort) -> CallRecord | None:
        """The log's line of the call that `port` is in, at either end of it; None where it is in none."""
        call = self._calls.get(port)
        return None if call is None else call.record

    # -- what ports tell us (testbed.line.port.Switch)

    def lifted(self, port: LinePort, now_ms: int) -> None:
        call = self._calls.get(port)
        if call is not None and call.state == "ringing":
            self._answer(call, now_ms)
            return
        self._digits[port] = ""
        if port.has_dial_tone:
            self.later(now_ms + self.settings.dial_tone_ms, lambda at_ms: self._dial_tone(port, at_ms))

    def dialled(self, port: LinePort, digits: str, now_ms: int) -> None:
        if port in self._calls or port not in self._digits or not port.has_dial_tone:
            return
        number = self._digits[port] = self._digits[port] + digits.upper()
        known = self._lines.keys() | self._dead
        if number in known or not any(other.startswith(number) for other in known):
            self._route(port, number, now_ms)
        else:  # part of a number: wait for the rest
            self.later(
                now_ms + self.settings.digit_timeout_ms,
                lambda at_ms: self._route(port, number, at_ms) if self._digits.get(port) == number else None,
            )

    def released(self, port: LinePort, now_ms: int) -> None:
        self._digits.pop(port, None)
        call = self._calls.get(port)
        if call is None:
            return
        if call.state in ("training", "connected"):
            who = "caller" if port is call.caller else "called"
            self._finish(call, f"{who} hung up", now_ms, port)
        elif port is call.caller:
            self._finish(call, "abandoned", now_ms, port)

    def sent(self, port: LinePort, data: bytes, now_ms: int) -> None:
        call = self._calls.get(port)
        if call is not None and call.state == "connected" and call.line is not None:
            call.line.send(call.end_of(port), data, now_ms)

    def backlog(self, port: LinePort, now_ms: int) -> int:
        call = self._calls.get(port)
        return call.line.backlog(call.end_of(port), now_ms) if call is not None and call.line is not None else 0

    def bits_per_s(self, port: LinePort) -> int:
        return self.settings.bits_per_s

    # -- inside

    def _connected(self) -> list[_Call]:
        """Calls that carry data, each once, in the order in which they were set up."""
        return [call for port, call in self._calls.items() if port is call.caller and call.state == "connected"]

    def _say(self, text: str, now_ms: int) -> None:
        if self._on_event is not None:
            self._on_event(text, now_ms)

    def _dial_tone(self, port: LinePort, now_ms: int) -> None:
        if port.off_hook and port not in self._calls and self._digits.get(port) == "":
            port.hear(Signal.DIAL_TONE, now_ms)

    def _route(self, port: LinePort, number: str, now_ms: int) -> None:
        del self._digits[port]
        record = CallRecord(port.number, number, now_ms)
        self.log.append(record)
        call = self._calls[port] = _Call(port, record)
        self._say(f"{port.number} dials {number}", now_ms)
        self.later(now_ms + self.settings.setup_ms, lambda at_ms: self._reach(call, at_ms))

    def _reach(self, call: _Call, now_ms: int) -> None:
        """The set-up delay is over: ring a free line, or say why not."""
        if call.state != "setup":
            return
        number = call.record.called
        lines = self._lines.get(number)
        if number in self._dead:
            self._tone(call, Signal.DEAD, "dead line", now_ms)
        elif lines is None:
            self._unknown(call, now_ms)
        else:
            free = [line for line in lines if not line.engaged and line not in self._calls]
            if not free:
                self._tone(call, Signal.BUSY_TONE, "busy", now_ms)
                return
            call.called = free[0]
            call.state = "ringing"
            self._calls[free[0]] = call
            self._say(f"{number} rings", now_ms)
            call.caller.hear(Signal.RINGBACK, now_ms)
            self._ring(call, now_ms)

    def _unknown(self, call: _Call, now_ms: int) -> None:
        if self.settings.unknown == "busy":
            self._tone(call, Signal.BUSY_TONE, "unknown number", now_ms)
        elif self.settings.unknown == "intercept":
            self.later(
                now_ms + self.settings.intercept_ms,
                lambda at_ms: self._tone(call, Signal.CLEARED, "unknown number", at_ms),
            )

    def _tone(self, call: _Call, signal: Signal, outcome: str, now_ms: int) -> None:
        """The attempt has failed; the caller hears why and stays on the line until it hangs up."""
        if call.state != "setup":
            return
        call.state = "over"
        call.record.outcome = outcome
        self._say(f"{call.record.caller} to {call.record.called}: {outcome}", now_ms)
        call.caller.hear(signal, now_ms)

    def _ring(self, call: _Call, now_ms: int) -> None:
        if call.state == "ringing" and call.called is not None:
            self.later(now_ms + self.settings.ring_period_ms, lambda at_ms: self._ring(call, at_ms))
            call.called.hear(Signal.RING, now_ms)

    def _answer(self, call: _Call, now_ms: int) -> None:
        call.state = "training"
        call.record.answered_ms = now_ms
        self._say(f"{call.record.called} answers {call.record.caller}", now_ms)
        self.later(now_ms + self.settings.train_ms, lambda at_ms: self._connect(call, at_ms))

    def _connect(self, call: _Call, now_ms: int) -> None:
        if call.state != "training":
            return
        impairment = self._impairment(self.log.index(call.record)) if self._impairment is not None else None
        call.line = TelephoneLine(self.settings.bits_per_s, self.settings.delay_ms, impairment=impairment)
        call.state = "connected"
        call.record.connected_ms = now_ms
        self._say(f"{call.record.caller} and {call.record.called} connected at {call.line.bits_per_s} bit/s", now_ms)
        drop_after_ms = impairment.drop_after_ms() if impairment is not None else None
        if drop_after_ms is not None:
            self.later(now_ms + drop_after_ms, lambda at_ms: self._drop_call(call, at_ms))
        for port in call.ports():
            port.hear(Signal.CARRIER, now_ms)

    def _drop_call(self, call: _Call, now_ms: int) -> None:
        if call.state == "connected":
            self._finish(call, "line dropped", now_ms, None)

    def _carry(self, call: _Call, now_ms: int) -> None:
        if call.line is None or call.called is None:
            return
        to_called = call.line.take(1, now_ms)
        to_caller = call.line.take(0, now_ms)
        call.record.bytes_from_caller += len(to_called)
        call.record.bytes_from_called += len(to_caller)
        if to_called:
            call.called.deliver(to_called, now_ms)
        if to_caller:
            call.caller.deliver(to_caller, now_ms)

    def _finish(self, call: _Call, outcome: str, now_ms: int, by: LinePort | None) -> None:
        """Ends `call`; `by` hung up itself, whoever else is on it is told."""
        if call.state == "connected":
            self._carry(call, now_ms)
        was = call.state
        call.state = "ended"
        if call.line is not None:
            call.line.drop()
        call.record.ended_ms = now_ms
        if was != "over":
            call.record.outcome = outcome
            self._say(f"{call.record.caller} to {call.record.called}: {outcome}", now_ms)
        for port in call.ports():
            self._calls.pop(port, None)
            if port is not by:
                port.hear(Signal.RING_END if was == "ringing" else Signal.CARRIER_LOST, now_ms)
