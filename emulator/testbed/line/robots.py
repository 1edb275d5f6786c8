"""Lines with nobody behind them, for tests and the `modem` command; they react at the exchange's instants."""

from testbed.line.exchange import Exchange
from testbed.line.port import LinePort, Signal


class AnsweringLine(LinePort):
    """Answers every call at the first ring and swallows what comes."""

    def __init__(self, number: str, exchange: Exchange) -> None:
        super().__init__(number, exchange)
        self._exchange = exchange

    def hear(self, signal: Signal, now_ms: int) -> None:
        if signal is Signal.RING:
            self.lift(now_ms)
        elif signal is Signal.CARRIER:
            self.connected(now_ms)
        elif signal is Signal.CARRIER_LOST:
            self.release(now_ms)

    def deliver(self, data: bytes, now_ms: int) -> None:
        """Swallows; subclasses do more."""

    def connected(self, now_ms: int) -> None:
        """The carrier is there; subclasses do more."""


class EchoLine(AnsweringLine):
    """Answers and returns what it gets."""

    def deliver(self, data: bytes, now_ms: int) -> None:
        self.send(data, now_ms)


class DroppingLine(AnsweringLine):
    """Answers and hangs up `hold_ms` after the connection."""

    def __init__(self, number: str, exchange: Exchange, hold_ms: int = 2000) -> None:
        super().__init__(number, exchange)
        self._hold_ms = hold_ms

    def connected(self, now_ms: int) -> None:
        self._exchange.later(now_ms + self._hold_ms, self.release)


class BusyLine(LinePort):
    """Is always engaged."""

    @property
    def engaged(self) -> bool:
        return True


class SilentLine(LinePort):
    """Rings and is never answered."""

    def hear(self, signal: Signal, now_ms: int) -> None:
        """Nobody is at home."""


class CallingLine(LinePort):
    """Calls another number when told to, and gives up after `ring_for_ms` without an answer."""

    def __init__(self, number: str, exchange: Exchange, *, echo: bool = False) -> None:
        super().__init__(number, exchange)
        self._exchange = exchange
        self._echo = echo
        self._connected = False
        self._attempt = 0

    def call(self, number: str, now_ms: int, ring_for_ms: int = 30_000) -> bool:
        """Starts a call. False when one is under way."""
        if self.off_hook:
            return False
        self._connected = False
        self._attempt += 1
        attempt = self._attempt
        self.lift(now_ms)
        self.dial(number, now_ms)
        self._exchange.later(now_ms + ring_for_ms, lambda at_ms: self._give_up(attempt, at_ms))
        return True

    def hear(self, signal: Signal, now_ms: int) -> None:
        if signal is Signal.CARRIER:
            self._connected = True
        elif signal in (Signal.BUSY_TONE, Signal.DEAD, Signal.CLEARED, Signal.CARRIER_LOST):
            self.release(now_ms)

    def deliver(self, data: bytes, now_ms: int) -> None:
        if self._echo:
            self.send(data, now_ms)

    def _give_up(self, attempt: int, now_ms: int) -> None:
        if attempt == self._attempt and not self._connected:
            self.release(now_ms)
