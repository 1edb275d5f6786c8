"""A decoder chip's wires as firmware on CPython sees them: what board.codec() gives, without a processor between.

Computing takes no time there, the bus does: its octets follow one another at their rate from the instant of the
firmware's own clock on, or from where the last one ended. So the bus may run ahead of that clock, by what it carries in
one step.
"""

from collections.abc import Callable
from typing import Any

from testbed.machines.codec.chip import Vs1053

_SETTLE_NS = 20_000
"""Between two commands, for no processor sends them sooner."""


class DirectBus:
    """`now_ns()` is the firmware's instant."""

    def __init__(self, codec: Vs1053, now_ns: Callable[[], int]):
        self._codec = codec
        self._now_ns = now_ns
        self._free_ns = 0  # when the last octet had been sent
        self._bit_hz = 1e6
        self._last_dreq = False
        self._moved = False

    def wires(self) -> tuple[Any, ...]:
        """(SPI, XCS, XDCS, DREQ, XRESET), as board.codec() gives them."""
        codec = self._codec
        return self, self._pin(codec.xcs), self._pin(codec.xdcs), self.dreq, self._pin(codec.xreset)

    def _at_ns(self) -> int:
        return max(self._free_ns, self._now_ns())

    def _pin(self, told: Callable[[bool, int], None]) -> Callable[[int], None]:
        def set_level(level: int) -> None:
            told(bool(level), self._at_ns())
            if level:
                self._free_ns = self._at_ns() + _SETTLE_NS

        return set_level

    def dreq(self) -> int:
        """The pin's level."""
        return int(self._codec.dreq(self._at_ns()))

    def init(self, baudrate: int) -> None:
        """machine.SPI's, for the rate alone."""
        self._bit_hz = float(baudrate)

    def write(self, octets: Any) -> None:
        for octet in bytes(octets):
            self._exchange(octet)

    def write_readinto(self, octets: Any, into: Any) -> None:
        into[:] = bytes(self._exchange(octet) for octet in bytes(octets))

    def _exchange(self, octet: int) -> int:
        self._moved = True
        self._free_ns = self._at_ns() + round(8e9 / self._bit_hz)
        return self._codec.exchange(octet, self._free_ns, self._bit_hz)

    def wants_step(self) -> bool:
        """Whether there is something for the firmware to see: DREQ has another level than when this was last asked, or
        octets went since, and more may. What a step then makes of it may be new timers.
        """
        seen = self._last_dreq, self._moved
        self._last_dreq, self._moved = self._codec.dreq(self._now_ns()), False
        return seen != (self._last_dreq, False)

    def next_ns(self) -> int | None:
        """When `wants_step` is to be asked; None: not before octets go."""
        return 0 if self._moved else self._codec.next_change_ns()
