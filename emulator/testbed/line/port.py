"""One subscriber's pair of wires: what a modem does to them, and what it hears on them.

A port is a mailbox without a clock. The modem acts (`lift`, `dial`, `send`, `release`), the exchange speaks
(`hear`, `deliver`), the modem collects (`take_signals`, `take_data`). Times are integer milliseconds of the
run.
"""

from collections import deque
from enum import Enum
from typing import Protocol

from settop.errors import LocalError


class Signal(Enum):
    """What a line can tell the equipment on it."""

    DIAL_TONE = "dial tone"
    RINGBACK = "ringback"  # the called line rings
    BUSY_TONE = "busy tone"
    DEAD = "dead line"  # no tone where one was due
    CLEARED = "cleared"  # the exchange ended the attempt (after an announcement, say)
    RING = "ring"  # one burst of ringing current
    RING_END = "ring end"  # the caller gave up
    CARRIER = "carrier"  # trained: data may pass
    CARRIER_LOST = "carrier lost"


class Switch(Protocol):
    """What a port needs from its exchange."""

    def lifted(self, port: "LinePort", now_ms: int) -> None: ...
    def dialled(self, port: "LinePort", digits: str, now_ms: int) -> None: ...
    def released(self, port: "LinePort", now_ms: int) -> None: ...
    def sent(self, port: "LinePort", data: bytes, now_ms: int) -> None: ...
    def backlog(self, port: "LinePort", now_ms: int) -> int: ...
    def bits_per_s(self, port: "LinePort") -> int: ...


class LinePort:
    """The subscriber's end of a line. `number` rings it; without `has_dial_tone` it is a dead pair."""

    def __init__(self, number: str, switch: Switch, *, has_dial_tone: bool = True) -> None:
        self.number = number
        self.has_dial_tone = has_dial_tone
        self.off_hook = False
        self._switch = switch
        self._signals: deque[Signal] = deque()
        self._data = bytearray()

    @property
    def engaged(self) -> bool:
        """Whether a call to this line would meet the busy tone."""
        return self.off_hook

    @property
    def bits_per_s(self) -> int:
        """Rate of the present connection, or of the next one."""
        return self._switch.bits_per_s(self)

    def lift(self, now_ms: int) -> None:
        """Off-hook: dial tone follows, or the ringing call is answered. Nothing when off-hook already."""
        if not self.off_hook:
            self.off_hook = True
            self._switch.lifted(self, now_ms)

    def dial(self, digits: str, now_ms: int) -> None:
        """`digits` (0-9 * # + A-D) have just been sent. Raises LocalError when on-hook."""
        if not self.off_hook:
            raise LocalError("dialled with the line on-hook; lift() first")
        self._switch.dialled(self, digits, now_ms)

    def release(self, now_ms: int) -> None:
        """Goes on-hook: ends whatever call there is and forgets what was not collected."""
        if self.off_hook:
            self.off_hook = False
            self._switch.released(self, now_ms)
            self._signals.clear()
            self._data.clear()

    def send(self, data: bytes, now_ms: int) -> None:
        """Queues `data` at the line rate. Without a connection it is lost, as on a real pair."""
        self._switch.sent(self, data, now_ms)

    def backlog(self, now_ms: int) -> int:
        """Bytes given to `send` that have not yet left at the line rate."""
        return self._switch.backlog(self, now_ms)

    def hear(self, signal: Signal, now_ms: int) -> None:
        """The exchange says `signal`. Automatic equipment overrides this to react at once."""
        self._signals.append(signal)

    def deliver(self, data: bytes, now_ms: int) -> None:
        """Bytes come out of the line."""
        self._data += data

    @property
    def waiting(self) -> bool:
        """Whether there is something to collect."""
        return bool(self._signals or self._data)

    def take_signals(self) -> list[Signal]:
        """Signals since the last call, oldest first."""
        signals = list(self._signals)
        self._signals.clear()
        return signals

    def take_data(self) -> bytes:
        """Bytes since the last call."""
        data = bytes(self._data)
        self._data.clear()
        return data
