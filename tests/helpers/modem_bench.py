"""Modems, terminals' diallers and an exchange in virtual time, run until nothing is left to do."""

from settop.modem.dte import Dte
from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.line.modem import Modem
from testbed.line.robots import BusyLine, DroppingLine, EchoLine, SilentLine

OWN = "5550199"


class Bench:
    """`modem` on 5550199, the rehearsal numbers 5550100 (echo) to 5550104; `now_ms` moves only in `run`."""

    def __init__(self, settings: ExchangeSettings | None = None, **options) -> None:
        self.exchange = Exchange(settings or ExchangeSettings(delay_ms=0), **options)
        self.exchange.connect_port(EchoLine("5550100", self.exchange))
        self.exchange.connect_port(BusyLine("5550101", self.exchange))
        self.exchange.connect_port(SilentLine("5550102", self.exchange))
        self.exchange.connect_port(DroppingLine("5550103", self.exchange))
        self.exchange.dead_number("5550104")
        self.now_ms = 0
        self.modems: list[Modem] = []
        self.heard: list[list[tuple[int, bytes]]] = []  # (instant, bytes) for the DTE, one list a modem
        self.port = self.exchange.subscriber(OWN)
        self.modem = self.add(self.port)

    def add(self, port) -> Modem:
        modem = Modem(port)
        self.modems.append(modem)
        self.heard.append([])
        return modem

    def type(self, data: bytes, modem: Modem | None = None) -> None:
        (modem or self.modem).receive(data, self.now_ms)
        self._settle()

    def said(self, modem: Modem | None = None) -> bytes:
        """What the modem told its DTE since the last time."""
        timed = self.heard[self.modems.index(modem or self.modem)]
        said = b"".join(data for _, data in timed)
        timed.clear()
        return said

    def ask(self, data: bytes) -> bytes:
        """A command and what is said at once."""
        self.type(data)
        return self.said()

    def run(self, for_ms: int) -> bytes:
        """Lets time pass; returns what `modem` said."""
        self.run_until(lambda: False, for_ms)
        return self.said()

    def run_until(self, done, limit_ms: int) -> bool:
        """Steps from timer to timer until `done()`, at most `limit_ms`. False when the limit came first."""
        end_ms = self.now_ms + limit_ms
        self._settle()
        while not done():
            timers = [at_ms for at_ms in self._timers() if at_ms is not None]
            if not timers or min(timers) > end_ms:
                self.now_ms = end_ms
                return False
            self.now_ms = max(self.now_ms, min(timers))
            self._settle()
        return True

    def _timers(self):
        return [self.exchange.next_timer(), *(modem.next_timer() for modem in self.modems)]

    def _settle(self) -> None:
        for _ in range(1000):
            self.exchange.advance(self.now_ms)
            moved = False
            for modem, heard in zip(self.modems, self.heard, strict=True):
                modem.poll(self.now_ms)
                if out := modem.take():
                    heard.append((self.now_ms, out))
                    moved = True
            moved |= self._move()
            due = [at_ms for at_ms in self._timers() if at_ms is not None and at_ms <= self.now_ms]
            if not moved and not due:
                return
        raise AssertionError("never comes to rest")

    def _move(self) -> bool:
        return False


class DteBench(Bench):
    """A Bench whose `modem` has a terminal's dialler `dte` on it."""

    def __init__(self, settings: ExchangeSettings | None = None, *, dte: Dte | None = None, **options) -> None:
        self.dte = dte or Dte()
        self.sent: list[tuple[int, bytes]] = []  # what the dialler gave to the modem
        self.deaf = False  # the cable to the modem is out
        self.events: list[tuple[int, tuple]] = []
        self.data = bytearray()
        super().__init__(settings, **options)

    def wait_for(self, name: str, limit_ms: int = 300_000) -> tuple[int, tuple]:
        """The next event, which must be `name` (a first "ok" is passed over)."""
        self.run_until(lambda: any(event[0] != "ok" for _, event in self.events), limit_ms)
        while self.events:
            at_ms, event = self.events.pop(0)
            if event[0] != "ok" or name == "ok":
                assert event[0] == name, f"{event}, expected {name}"
                return at_ms, event
        raise AssertionError(f"no {name} within {limit_ms} ms; {self.dte.state}")

    def _timers(self):
        return [*super()._timers(), self.dte.next_timer()]

    def _move(self) -> bool:
        self.dte.poll(self.now_ms)
        moved = False
        if said := self.said():
            if not self.deaf:
                self.dte.receive(said, self.now_ms)
            moved = True
        if out := self.dte.data_to_send():
            self.sent.append((self.now_ms, out))
            if not self.deaf:
                self.modem.receive(out, self.now_ms)
            moved = True
        while event := self.dte.next_event():
            self.events.append((self.now_ms, event))
        self.data += self.dte.take_data()
        return moved
