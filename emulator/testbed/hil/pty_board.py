"""An emulated Pico with three pseudo-terminals, paced to real time: what `ringcast board` runs.

Where it differs from a board on a bench: emulator/LIMITS.md.
"""

import contextlib
import mmap
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from testbed.hil.pty_port import PtyPort
from testbed.machines.base import COMES_BACK, UARTS
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_chip import SerialLine
from testbed.machines.pico_usb import UsbConsole

STEP_NS = 1_000_000
"""Simulated between two looks at the ports."""
LATE_NS = 50_000_000
"""A host that is so far behind lets the difference go by: the board's time slips against the wall's."""
QUEUE_BYTES = 2048
"""What is read ahead of a line that is slower than whoever writes to its pty."""
AIR_BYTES = 65_536
"""What a serial adapter keeps for a program that has it open and does not read; more is lost."""
CLOSED_BYTES = 320
"""What a Pico keeps of what it says while nobody has its USB port open: a packet and its driver's buffer."""
_PACES_US = ((65_536, 200_000), (16_384, 20_000), (4096, 2000), (0, UsbConsole.PROMPT_US))
"""Unread bytes, and how slowly the host then takes packets. A packet that waits cannot be hurried (see `set_pace`)."""
_CLOSED_PACE_US = 5000
_HELD_NS = 500_000
KEEP_NS = 1_000_000_000
"""How often the flash is looked at for something to keep: a board that is killed loses no more than that."""

Say = Callable[[str], None]
Keep = Callable[[bytes], None]


class Page:
    """What a board and whoever keeps step with it share: a file of BYTES.

    simulated_ns: the board's time. limit_ns: how far it may go, 0 for as far as it likes.
    """

    _LONG = struct.Struct("=q")
    BYTES = 2 * _LONG.size

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), self.BYTES)

    @property
    def simulated_ns(self) -> int:
        return int(self._LONG.unpack_from(self._map, 0)[0])

    @simulated_ns.setter
    def simulated_ns(self, value: int) -> None:
        self._LONG.pack_into(self._map, 0, value)

    @property
    def limit_ns(self) -> int:
        return int(self._LONG.unpack_from(self._map, self._LONG.size)[0])

    @limit_ns.setter
    def limit_ns(self, value: int) -> None:
        self._LONG.pack_into(self._map, self._LONG.size, value)


class _Uart:
    """One UART and its pty: a serial adapter, which has its own supply and stays when the board goes."""

    def __init__(self, link: Path, name: str) -> None:
        self.port = PtyPort(link)
        self.name = name
        self.line_in = UARTS[name]
        self.line_out = COMES_BACK[self.line_in]
        self.lost = 0
        self._pending = bytearray()

    def move(self, machine: PicoMachine, line: SerialLine | None) -> None:
        """What the board sent goes to the pty, what is in the pty to the board, as far as there is room."""
        if self.port.look():
            self._pending.clear()
        sent = machine.take(self.line_out)
        if not self.port.open:
            return  # a cable in the air
        self._pending += sent
        if self._pending:
            del self._pending[: self.port.write(self._pending)]
            excess = len(self._pending) - AIR_BYTES
            if excess > 0:
                self.lost += excess
                del self._pending[:excess]
        if line is None:
            self.port.read()
        elif line.queued < QUEUE_BYTES:
            data = self.port.read(QUEUE_BYTES)
            if data:
                machine.send(self.line_in, data)


class _Usb:
    """The USB serial port: it is there while the board has power and the plug is in. Loses nothing."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self.port: PtyPort | None = None
        self._pending = bytearray()

    def plug(self) -> None:
        if self.port is None:
            self.port = PtyPort(self._link)

    def pull(self) -> None:
        if self.port is not None:
            self.port.close()
            self.port = None
        self._pending.clear()

    def move(self, machine: PicoMachine, console: UsbConsole) -> None:
        if self.port is not None:
            self.port.look()
        is_open = self.port is not None and self.port.open
        console.set_open(is_open)
        self._pending += machine.take("console")
        if self.port is None or not is_open:
            del self._pending[:-CLOSED_BYTES]
            console.set_pace(_CLOSED_PACE_US)
            return
        if self._pending:
            del self._pending[: self.port.write(self._pending)]
        unread = len(self._pending)
        console.set_pace(next(pace for size, pace in _PACES_US if unread >= size))
        if console.queued < QUEUE_BYTES:
            data = self.port.read(QUEUE_BYTES)
            if data:
                machine.send("console", data)


class PtyBoard:
    """A context manager: the links PREFIX-usb, PREFIX-uart0 and PREFIX-uart1 exist inside it.

    `say` gets a line for everything that happens to the board, `keep` the flash whenever it has changed; `page` is
    where somebody watches the board's time and limits it. Raises LocalError when a link cannot be made.
    """

    def __init__(
        self,
        machine: PicoMachine,
        prefix: Path,
        say: Say,
        keep: Keep = lambda flash: None,
        page: Page | None = None,
    ) -> None:
        self._machine = machine
        self._prefix = prefix
        self._say = say
        self._keep = keep
        self._page = page
        self._kept = b""
        self._keep_at_ns = 0
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._wake.setblocking(False)
        self._undo = contextlib.ExitStack()
        self._plugged = True
        self._on = False
        self._running = True
        self._commands_fd: int | None = None
        self._typed = b""
        self._simulated_ns = 0
        self.slipped_ns = 0

    @staticmethod
    def links(prefix: Path) -> dict[str, Path]:
        """The three links of a prefix: usb, uart0, uart1."""
        return {name: prefix.with_name(f"{prefix.name}-{name}") for name in ("usb", *UARTS)}

    def __enter__(self) -> "PtyBoard":
        links = self.links(self._prefix)
        with contextlib.ExitStack() as undo:
            undo.callback(self._wake.close)
            undo.callback(self._waker.close)
            self._uarts = []
            for name in UARTS:
                uart = _Uart(links[name], name)
                undo.callback(uart.port.close)
                self._uarts.append(uart)
            self._usb = _Usb(links["usb"])
            undo.callback(self._usb.pull)
            self._power_on()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._machine.power_cut()
            self._keep_flash()
        finally:
            self._undo.close()

    # Orders, from signal handlers and standard input.

    def order(self, command: str) -> None:
        """Have `run` do a command (see `ringcast board --help`); may be called from a signal handler."""
        with contextlib.suppress(BlockingIOError):
            self._waker.send(command.encode() + b"\n")

    def listen(self, fd: int) -> None:
        """Take commands, one a line, from this descriptor, which is not blocked on."""
        self._commands_fd = fd

    def _obey(self, command: str) -> None:
        words = command.split()
        if words == ["quit"]:
            self._running = False
        elif words == ["power", "cycle"] or words == ["cycle"]:
            self._power_off()
            self._power_on()
            self._say("power cycled")
        elif words == ["power", "off"]:
            self._power_off()
            self._say("power off")
        elif words == ["power", "on"]:
            self._power_on()
            self._say("power on")
        elif words == ["usb", "off"]:
            self._plugged = False
            self._usb.pull()
            self._say("usb off")
        elif words == ["usb", "on"]:
            self._plugged = True
            if self._on:
                self._usb.plug()
            self._say("usb on")
        elif words == ["state"]:
            self._say(f"state: {self._machine.state}")
        elif words:
            self._say(f"unknown command {command.strip()!r}: there are power cycle|off|on, usb off|on, state, quit")

    def _power_on(self) -> None:
        if not self._on:
            self._machine.boot()
            self._on = True
            if self._plugged:
                self._usb.plug()

    def _power_off(self) -> None:
        if self._on:
            self._machine.power_cut()
            self._usb.pull()
            self._on = False
            self._keep_flash()

    def _keep_flash(self) -> None:
        flash = bytes(self._machine.flash)
        if flash != self._kept:
            self._keep(flash)
            self._kept = flash

    # Time.

    @property
    def simulated_ns(self) -> int:
        return self._simulated_ns

    @property
    def lost_bytes(self) -> int:
        """What the UARTs' ptys lost for want of a reader."""
        return sum(uart.lost for uart in self._uarts)

    def run(self) -> None:
        """Serves until `order("quit")`. Raises MachineError where the emulation itself fails."""
        epoch_ns = time.monotonic_ns()  # the wall's instant of simulated time 0
        while self._running:
            if self._page is not None:
                self._page.simulated_ns = self._simulated_ns
                if 0 < self._page.limit_ns <= self._simulated_ns:
                    self._serve_orders(_HELD_NS)
                    epoch_ns = max(epoch_ns, time.monotonic_ns() - self._simulated_ns)
                    continue
            self._simulated_ns += STEP_NS
            self._machine.advance(self._simulated_ns)
            self._move()
            if self._simulated_ns >= self._keep_at_ns:
                self._keep_at_ns = self._simulated_ns + KEEP_NS
                self._keep_flash()
            ahead_ns = epoch_ns + self._simulated_ns - time.monotonic_ns()
            if ahead_ns < -LATE_NS:
                epoch_ns -= ahead_ns
                self.slipped_ns -= ahead_ns
            self._serve_orders(max(0, ahead_ns))

    def _move(self) -> None:
        machine = self._machine
        for uart in self._uarts:
            uart.move(machine, getattr(machine, uart.name) if self._on else None)
        if self._on:
            self._usb.move(machine, machine.console)

    def _serve_orders(self, wait_ns: int) -> None:
        """Waits out the lead over the wall clock, or less where an order comes."""
        readers = [self._wake.fileno()] + ([] if self._commands_fd is None else [self._commands_fd])
        ready, _, _ = select.select(readers, [], [], wait_ns / 1e9)
        for fd in ready:
            try:
                data = os.read(fd, 1024)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data and fd == self._commands_fd:
                self._commands_fd = None  # nobody types any more; signals still work
            *lines, self._typed = (self._typed + data).split(b"\n")
            for line in lines:
                self._obey(line.decode("utf-8", "replace"))
