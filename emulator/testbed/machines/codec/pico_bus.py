"""A decoder chip on an emulated Pico's SPI 0, as boards/pico/wiring.md has it."""

from typing import Any

from rp2040py.gpio_pin import GPIOPinState

from testbed.machines.codec.chip import Vs1053

XCS_PIN, XDCS_PIN, DREQ_PIN, XRESET_PIN = 17, 20, 21, 22
_TICKS_PER_NS = 16
_BITS = 8


class CodecBus:
    """Wires `codec` to the chip (an RP2040 of rp2040py) until the machine is switched off.

    `epoch_ns` is the instant on the caller's clock at which the emulated one began. Octets of another width or SPI mode
    than 0 are `garbled`: the decoder chip sees bits that mean nothing.
    """

    def __init__(self, chip: Any, codec: Vs1053, epoch_ns: int):
        self.garbled = 0
        self._clock = chip.clock
        self._spi = chip.spi[0]
        self._codec = codec
        self._epoch_ns = epoch_ns
        self._dreq_pin = chip.gpio[DREQ_PIN]
        self._alarm = chip.clock.create_alarm(self._look)
        self._spi.on_transmit = self._transmit
        for pin, told in ((XCS_PIN, codec.xcs), (XDCS_PIN, codec.xdcs), (XRESET_PIN, codec.xreset)):
            chip.gpio[pin].add_listener(self._listener(told))
        self._look()

    def _now_ns(self) -> int:
        return self._epoch_ns + int(self._clock.ticks) // _TICKS_PER_NS

    def _listener(self, told: Any) -> Any:
        def changed(state: GPIOPinState, _before: GPIOPinState) -> None:
            told(state != GPIOPinState.LOW, self._now_ns())  # nobody drives it: pulled up on the board
            self._look()

        return changed

    def _transmit(self, value: int) -> None:
        """The word begins to be shifted out; it is there a frame later."""
        spi, bit_hz = self._spi, self._spi.clock_frequency
        if spi.data_bits != _BITS or spi.spi_mode or not bit_hz:
            self.garbled += 1
            spi.complete_transmit(0xFF)
            return
        end_ns = self._now_ns() + round(_BITS * 1e9 / bit_hz)
        spi.complete_transmit(self._codec.exchange(value, end_ns, bit_hz))
        self._look()

    def _look(self) -> None:
        """DREQ as it is now, and another look when it changes by itself."""
        now_ns = self._now_ns()
        self._dreq_pin.set_input_value(self._codec.dreq(now_ns))
        change_ns = self._codec.next_change_ns()
        if change_ns is None:
            self._alarm.cancel()
        else:
            self._alarm.schedule_ticks(max(1, (change_ns - now_ns) * _TICKS_PER_NS))
