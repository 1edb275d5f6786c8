"""A terminal on an emulated Raspberry Pi Pico: real MicroPython for the RP2040, in virtual time.

UART0 is the modem; UART1 receives the tuner's stream and sends the output, if the spec does not say otherwise; the
console is the USB serial port. The same image, files, seed and inputs at the same instants give the same bytes at the
same nanoseconds.
What the emulated board does not model is listed in emulator/LIMITS.md.
"""

import hashlib
from typing import Any

from rp2040py.memory_map import FLASH_START_ADDRESS
from rp2040py.reset_cause import ResetCause
from settop.errors import LocalError
from settop.link.channels import CONSOLE

from testbed.machines.base import COMES_BACK, UARTS, MachineError, TerminalSpec, check_line
from testbed.machines.codec.chip import Vs1053
from testbed.machines.codec.sound import Sound
from testbed.machines.pico_chip import (
    ID_BYTES,
    SSI_WINDOW,
    TICKS_PER_NS,
    Entropy,
    FlashIdentity,
    SecondCoreWatch,
    SerialLine,
    new_simulator,
)
from testbed.machines.pico_flash import FLASH_BYTES, flash_image
from testbed.machines.pico_flash_watch import FlashCommand, FlashWatch
from testbed.machines.pico_usb import USB_HOSTS, UsbConsole
from testbed.runtimes.image import Image

SYSTEM_HZ = 125_000_000


class PicoMachine:
    """An emulated Pico.

    `flash` and `ram()` are there for scans; counters of lost bytes are in `uart0`, `uart1`. With `spec.codec` a decoder
    chip is on its SPI bus: `codec` is this life's, `sound` what was heard in all of them.
    """

    name = "pico"
    virtual = True

    def __init__(
        self,
        image: Image,
        spec: TerminalSpec,
        usb_host: str = "reads",
        *,
        flash: bytes | None = None,
        rates_follow: bool = False,
        watch_flash: bool = False,
    ):
        """usb_host: what is on the USB cable, one of USB_HOSTS (see `UsbConsole`).
        flash: FLASH_BYTES that another run left, instead of the image with the spec's files.
        rates_follow: the serial lines take on whatever rate the firmware sets, as ptys do (see `SerialLine`).
        watch_flash: `flash_commands` has every erase and program, of all lives (see `FlashWatch`).

        Raises RemoteError for a file that is no Pico image, LocalError for files that do not fit or compile
        and for an unknown `usb_host` or a flash of another size.
        """
        if usb_host not in USB_HOSTS:
            raise LocalError(f"no USB host {usb_host!r}, expected one of {', '.join(USB_HOSTS)}")
        if len(spec.wires) != len(UARTS):
            raise LocalError(
                f"a Pico has {len(UARTS)} UARTs, not {len(spec.wires)} ({', '.join(spec.wires)}): use one cable"
            )
        self.spec = spec
        self._lines_in = (CONSOLE, *spec.wires)
        self._came_in = {COMES_BACK.get(line, line): line for line in self._lines_in}  # by line out
        self._usb_host = usb_host
        self.boots = 0  # boots so far, resets of the firmware's own included
        self.unique_id = hashlib.sha256(b"ringcast flash id" + spec.seed).digest()[:ID_BYTES]
        if flash is not None and len(flash) != FLASH_BYTES:
            raise LocalError(f"a flash of {len(flash)} bytes, expected {FLASH_BYTES}: is it a Pico's?")
        self._stored = flash_image(image.path, spec.files) if flash is None else bytes(flash)
        self._rates_follow = rates_follow
        self._watch = FlashWatch() if watch_flash else None
        self.sound = Sound()
        self.codec: Vs1053 | None = None
        self._simulator: Any = None
        self._now_ns = 0
        self._epoch_ns = 0
        self._left: dict[str, bytes] = {}  # output of a life that a power cut ended

    # Power.

    def boot(self) -> None:
        """Power on at the instant of the last `advance` (0 before the first)."""
        if self._simulator is not None:
            raise LocalError("this Pico is already on; power_cut() or reboot() first")
        self._simulator = simulator = new_simulator()
        chip, clock = simulator.rp2040, simulator.clock
        chip.flash[:FLASH_BYTES] = self._stored
        self.uart0, self.uart1 = (
            SerialLine(clock, chip.uart[number], self.spec.baud(wire), self._rates_follow)
            for number, wire in enumerate(self.spec.wires)
        )
        self.console = UsbConsole(clock, chip.usb_ctrl, self._usb_host)
        self._controller = chip.peripherals[SSI_WINDOW]
        if self._watch is not None:
            self._watch.stand_before(self._controller)
            self._controller = self._watch
        self._second_core = SecondCoreWatch(chip)
        self._stop = clock.create_alarm(simulator.stop)
        chip.watchdog.on_watchdog_trigger = self._reset_by_firmware
        chip.on_break = self._stop_at_breakpoint
        self._epoch_ns = self._now_ns
        if self.spec.codec:
            from testbed.machines.codec.pico_bus import CodecBus

            self.codec = Vs1053(self._now_ns, self.sound)
            self._codec_bus = CodecBus(chip, self.codec, self._epoch_ns)
        self._start()

    def _start(self) -> None:
        chip = self._simulator.rp2040
        self.boots += 1
        self._panicked = False
        chip.rosc.random_bit = Entropy(self.spec.seed, self.boots).bit
        FlashIdentity(chip, self._controller, self.unique_id)
        chip.core.pc = FLASH_START_ADDRESS

    def _reset_by_firmware(self) -> None:
        self._simulator.rp2040.enter_reset(cause=ResetCause.WATCHDOG)
        self._start()

    def _stop_at_breakpoint(self, code: int) -> None:
        """BKPT, which ends a panic of the firmware's or of a driver's: without a debugger nothing comes after it."""
        self._panicked = True
        self._simulator.stop()

    def reboot(self) -> None:
        """The reset button: flash and SRAM stay, everything else starts anew."""
        self._running().rp2040.enter_reset(cause=ResetCause.RUN_PIN)
        self._start()

    def power_cut(self) -> None:
        """Off at once; flash stays, SRAM is gone. What was already on the lines can still be taken."""
        if self._simulator is None:
            return
        self._stored = bytes(self.flash)
        self._left = {line: self.take(line) for line in self._came_in}
        self._simulator = None

    def close(self) -> None:
        self.power_cut()

    def _running(self) -> Any:
        if self._simulator is None:
            raise LocalError("this Pico is off; boot() first")
        return self._simulator

    # Time.

    def advance(self, now_ns: int) -> None:
        """Run until `now_ns`, to within one instruction; a Pico that is off just waits.

        Raises LocalError when time runs back, MachineError when the firmware stopped at a breakpoint; only a reset or
        a power cut helps then, as on a board.
        """
        if now_ns < self._now_ns:
            raise LocalError(f"time ran back from {self._now_ns} to {now_ns} ns")
        self._now_ns = now_ns
        simulator = self._simulator
        if simulator is None:
            return
        ticks = (now_ns - self._epoch_ns) * TICKS_PER_NS - simulator.clock.ticks
        if ticks <= 0:
            return
        self._stop.schedule_ticks(ticks)
        simulator.stopped = False
        try:
            while not simulator.stopped:
                simulator._execute_batch()
                self._second_core.batch_ended()
        except (RuntimeError, TypeError, ValueError, ArithmeticError) as error:
            raise MachineError(f"the emulated Pico failed at {self.time_ns} ns: {error}") from error
        if self._panicked:
            raise MachineError(
                f"the emulated Pico's firmware panicked: it stopped at a breakpoint, {self.time_ns} ns, "
                f"address {simulator.rp2040.core.pc:#x}; reset it or cut its power"
            )

    @property
    def state(self) -> str:
        """One line for whoever looks for a fault: time, lives, where the first core is, the USB port."""
        if self._simulator is None:
            return "off"
        core = self._simulator.rp2040.core
        waits = "waits" if core.waiting else "runs"
        return f"{self.time_ns} ns, boot {self.boots}, core 0 {waits} at {core.pc:#010x}; {self.console.state}"

    def next_timer_ns(self) -> int | None:
        """At any time while it is on: what its cores and peripherals will do is not known before they do it."""
        return None if self._simulator is None else self._now_ns

    @property
    def time_ns(self) -> int:
        """The machine's own instant on the caller's clock: at or a few cycles behind the last `advance`'s."""
        if self._simulator is None:
            return self._now_ns
        return self._epoch_ns + int(self._simulator.clock.ticks) // TICKS_PER_NS

    @property
    def cycles(self) -> int:
        """System clock cycles since power-on, at 125 MHz."""
        return int(self._running().clock.ticks) * SYSTEM_HZ // (TICKS_PER_NS * 1_000_000_000)

    def sleeps(self, core: int) -> bool:
        """Whether core 0 or 1 sleeps at this instant (WFE, WFI), or was not started; both do on a board that is off."""
        if self._simulator is None:
            return True
        chip = self._simulator.rp2040
        return bool(chip.cores[core].waiting or (core == 1 and not chip.core1_running))

    # Lines and memory.

    def send(self, line: str, data: bytes) -> None:
        """Bytes for a board that is off are lost, as on a cable."""
        check_line(line, self._lines_in)
        if self._simulator is not None:
            self._port(line).send(data)

    def press(self, pin: int, down: bool) -> None:
        """A button between GPIO `pin` and ground, down or up from now on; up goes by the pull-up that is there."""
        self._running().rp2040.gpio[pin].set_input_value(not down)

    def take(self, line: str) -> bytes:
        check_line(line, tuple(self._came_in))
        data = self._left.pop(line, b"")
        if self._simulator is not None:
            data += self._port(self._came_in[line]).take()
        return data

    def _port(self, line: str) -> SerialLine | UsbConsole:
        """Of a line into the board."""
        if line == CONSOLE:
            return self.console
        return self.uart0 if line == self.spec.wires[0] else self.uart1

    @property
    def flash(self) -> memoryview:
        """The 2 MiB of flash: live while the board is on."""
        if self._simulator is None:
            return memoryview(self._stored)
        view: memoryview = self._simulator.rp2040.flash
        return view[:FLASH_BYTES]

    def put_flash(self, flash: bytes) -> None:
        """Another content of the flash while the board is off. LocalError: it is on, or it is not FLASH_BYTES."""
        if self._simulator is not None:
            raise LocalError("this Pico is on: cut its power before its flash gets another content")
        if len(flash) != FLASH_BYTES:
            raise LocalError(f"a flash of {len(flash)} bytes, expected {FLASH_BYTES}: is it a Pico's?")
        self._stored = bytes(flash)

    @property
    def flash_commands(self) -> list[FlashCommand]:
        """What the firmware erased and programmed so far. LocalError: nobody watches."""
        if self._watch is None:
            raise LocalError("nobody watches this Pico's flash; make it with watch_flash=True")
        return self._watch.commands

    @property
    def faults(self) -> list[str]:
        """The chip's latest errors (a jump into nowhere, an undefined instruction), oldest first."""
        return list(self._running().rp2040.logger.errors)

    def ram(self) -> bytes:
        """A copy of the 264 KiB of SRAM. LocalError when the board is off."""
        return bytes(self._running().rp2040.sram)
