"""One trunk of the call centre: a modem's serial port, answered when it rings, and one `CentreCall` a call."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from settop.modem.dte import Dte

from headend.broadcast.schedule import Schedule
from headend.callcentre.core import CentreCall, Event, Timing
from headend.callcentre.ledger import Ledger

HANG_UP_AFTER_MS = 1_500
"""How long the line stays up after the protocol is over, so that the last message gets through."""
CALLS_KEPT = 1_000
"""Logs of a trunk's last calls."""
EVENTS_KEPT = 20_000
"""Events of a call that its log keeps: some 10,000 portions."""
FIRST_EVENTS_KEPT = 32
"""How a call began is kept, however long it lasts."""


@dataclass
class Traffic:
    """What crossed the line before the first key: octets of both directions, framing included, and round trips."""

    octets: int = 0
    round_trips: int = 0
    key_sent: bool = False
    _last_was_ours: bool = field(default=True, repr=False)

    def received(self, count: int) -> None:
        if not self.key_sent:
            self.octets += count
            if self._last_was_ours:
                self.round_trips += 1
            self._last_was_ours = False

    def sent(self, count: int) -> None:
        if not self.key_sent:
            self.octets += count
            self._last_was_ours = True


@dataclass
class CallLog:
    """One answered call as the centre saw it; times in ms of its clock."""

    connected_ms: int
    ended_ms: int | None = None
    events: list[Event] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    refused: dict[str, int] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Keeps the first events and the last ones."""
        if len(self.events) >= EVENTS_KEPT:
            del self.events[FIRST_EVENTS_KEPT]
        self.events.append(event)

    def keys_sent(self) -> list[int]:
        """Portions in the order in which their keys first left."""
        return list(dict.fromkeys(e.portion for e in self.events if e.kind == "key_sent"))


class Trunk:
    """The DTE side of one trunk. Its modem's bytes go in by `receive`, come out of `take`; `poll` at `next_timer`."""

    def __init__(self, ledger: Ledger, schedule: Schedule, timing: Timing, random: Callable[[int], bytes]) -> None:
        self.calls: deque[CallLog] = deque(maxlen=CALLS_KEPT)
        self._new_call = lambda: CentreCall(ledger, schedule, timing, random)
        self._dte = Dte()
        self._call: CentreCall | None = None
        self._log: CallLog | None = None
        self._hang_up_ms: int | None = None

    def start(self, now_ms: int) -> None:
        """Set the modem up; a ringing line is answered from then on."""
        self._dte.start(now_ms)

    def receive(self, data: bytes, now_ms: int) -> None:
        # Octet by octet: one read may hold the end of a call, NO CARRIER and the next RING.
        for at in range(len(data)):
            self._dte.receive(data[at : at + 1], now_ms)
            self._modem_events(now_ms)
        self._step(now_ms)

    def poll(self, now_ms: int) -> None:
        self._dte.poll(now_ms)
        self._step(now_ms)

    def take(self) -> bytes:
        """Bytes for the modem."""
        out: bytes = self._dte.data_to_send()
        return out

    def next_timer(self) -> int | None:
        timers = [self._dte.next_timer(), self._hang_up_ms]
        if self._call is not None:
            timers.append(self._call.next_timer())
        return min((t for t in timers if t is not None), default=None)

    def _modem_events(self, now_ms: int) -> None:
        while (event := self._dte.next_event()) is not None:
            self._hear(now_ms)  # what was said before it
            if event[0] == "ring":
                # The modem may have taken the call by now, or ring for the second time.
                if self._dte.state == "idle":
                    self._dte.answer(now_ms)
            elif event[0] == "connect":
                self._line_closed(now_ms)
                self._call = self._new_call()
                self._log = CallLog(now_ms)
                self.calls.append(self._log)
            elif event[0] in ("no_carrier", "hung_up"):
                self._line_closed(now_ms)

    def _hear(self, now_ms: int) -> None:
        data = self._dte.take_data()
        if data and self._call is not None and self._log is not None:
            self._log.traffic.received(len(data))
            self._call.receive(data, now_ms)

    def _step(self, now_ms: int) -> None:
        self._modem_events(now_ms)
        self._hear(now_ms)
        if self._call is None or self._log is None:
            return
        self._call.poll(now_ms)
        self._collect(self._call, self._log, now_ms)
        if self._hang_up_ms is not None and now_ms >= self._hang_up_ms:
            self._hang_up_ms = None
            self._dte.hang_up(now_ms)

    def _collect(self, call: CentreCall, log: CallLog, now_ms: int) -> None:
        while (event := call.next_event()) is not None:
            log.add(event)
            if event.kind == "key_sent":
                log.traffic.key_sent = True
            elif event.kind == "closed":
                log.ended_ms = now_ms
                self._hang_up_ms = now_ms + HANG_UP_AFTER_MS
        log.refused = call.refused
        out = call.data_to_send()
        if out:
            log.traffic.sent(len(out))
            if self._dte.state == "online":
                self._dte.send(out, now_ms)

    def _line_closed(self, now_ms: int) -> None:
        if self._call is not None and self._log is not None:
            self._call.line_lost(now_ms)
            self._collect(self._call, self._log, now_ms)
        self._call = self._log = None
        self._hang_up_ms = None
