"""A terminal's lines on a board's ports: serial lines, or all of them on one cable."""

import time
from contextlib import ExitStack, suppress
from typing import Protocol

from settop.link.mux import NOTICE

from testbed.formats import mismatch
from testbed.hil.adapter import CONSOLE, Adapter
from testbed.hil.connection import Connection, ConnectionFailed
from testbed.hil.line_log import LineLog
from testbed.line.cable import CableHost
from testbed.line.console import find_line
from testbed.machines.base import COMES_BACK, PORT_OF, WIRES, TerminalSpec

CONSOLE_BAUD = 115_200
PROMPT_LIMIT_S = 8.0
READY_LIMIT_S = 20.0
"""From the soft reset until the terminal's own first line: an emulated Pico on a busy host takes a few seconds."""
_OPEN_LIMIT_S = 5.0
_KNOCK_S = 0.5
_QUIET_S = 0.3
_HELLO_AGAIN_S = 2.0
_TAIL_BYTES = 1500
_PROMPT = b">>> "
_REBOOT = b"soft reboot\r\n"
_TRACEBACK = b"Traceback (most recent call last):"
_CABLE_NOTICE = NOTICE.rsplit(b" ", 1)[0]
"""What a board whose LINK is "cable" says first, in any version."""


class _Wires(Protocol):
    """What differs: how a terminal's line lies on the ports. `console` is the port with MicroPython's prompt."""

    console: Connection

    def open(self) -> None: ...
    def begin(self) -> None: ...
    def read(self, line: str) -> bytes: ...
    def write(self, line: str, data: bytes) -> None: ...
    def check(self) -> None: ...
    def close(self) -> None: ...

    def wrong_link(self, said: bytes) -> str | None:
        """What to do where the board, of which the console has `said` so much, is set up for other wires."""


def lines_of(link: str, wires: tuple[str, ...] = WIRES) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines into a terminal and out of it. link: "uarts", which lead to its wires, or "cable", which has all."""
    into = (CONSOLE, *wires) if link == "uarts" else tuple(COMES_BACK)
    return into, tuple(COMES_BACK[line] for line in into)


class Lines:
    """All of a terminal's lines, closed until `open`. link: "uarts" or "cable"."""

    def __init__(self, adapter: Adapter, spec: TerminalSpec, link: str) -> None:
        self._wires: _Wires = _Uarts(adapter, spec) if link == "uarts" else _Cable(adapter)
        self._taken = {line: bytearray() for line in lines_of(link, spec.wires)[1]}
        self._tail = b""  # of what the console said
        self._watching = False

    def open(self, fresh: bool) -> None:
        """Open the ports. fresh: soft reset the board, too, and return when the terminal says that it is ready.

        Otherwise the board has just got its power, and starts by itself. Raises ConnectionFailed that says which step
        failed and what was heard instead; the ports are closed then.
        """
        self._tail = b""
        try:
            self._wires.open()
            if fresh:
                start_afresh(self._wires.console)
            self._wires.begin()
            self._watching = True
            if fresh:
                self._wait_for_ready()
        except BaseException:
            self._wires.close()
            raise

    def send(self, line: str, data: bytes) -> None:
        self._wires.write(line, data)

    def take(self, line: str) -> bytes:
        self._collect(line)
        data = bytes(self._taken[line])
        self._taken[line].clear()
        return data

    def check(self) -> None:
        """Raises ConnectionFailed where a port or the board is gone, or the firmware has ended."""
        self._wires.check()
        self._collect("console")
        if self._watching:
            self._check_firmware()

    def power_lost(self) -> None:
        """The board is off. What had left it is kept; its USB port went with it."""
        for line in self._taken:
            self._collect(line)
        self._watching = False
        self._wires.console.close()

    def close(self) -> None:
        self._wires.close()

    def _collect(self, line: str) -> None:
        data = self._wires.read(line)
        if data:
            self._taken[line] += data
            if line == "console":
                self._tail = (self._tail + data)[-_TAIL_BYTES:]

    def _check_firmware(self) -> None:
        """A terminal never shows a prompt, so one that does has ended, whatever it said before."""
        if not self._tail.endswith(_PROMPT):
            return
        console, (_, found, last) = self._wires.console, self._tail.rpartition(_TRACEBACK)
        if found:
            words = " | ".join(line.strip() for line in last.decode("utf-8", "replace").splitlines() if line.strip())
            raise console.failed(f"the firmware ended: {words.partition(' | MicroPython')[0]}")
        raise console.failed(
            "MicroPython runs there, but no terminal: no main.py started one. "
            "Put ringcast on the board: ./ringcast flash --board NAME --port PORT"
        )

    def _wait_for_ready(self) -> None:
        deadline_s = time.monotonic() + READY_LIMIT_S
        while (found := find_line(self._tail, "ready")) is None:
            self.check()
            if time.monotonic() >= deadline_s:
                raise self._wires.console.failed(
                    f"no `@ ... ready` line in {READY_LIMIT_S:g} s after the reset; it says {self._tail[-200:]!r}"
                )
            self._wires.console.wait_for_bytes(0.02)
        wrong = self._wires.wrong_link(self._tail) or mismatch(found[0])
        if wrong:
            raise self._wires.console.failed(wrong)
        for line in self._taken:
            if line != CONSOLE:
                self.take(line)  # of the life before


def start_afresh(console: Connection) -> None:
    """Whatever the board is doing (a terminal, another program, either REPL, half a line), soft reset it.

    Two Ctrl-C stop a program and drop a half-typed line, Ctrl-B leaves a raw REPL. The console is left at what the
    board says after its reset. Raises ConnectionFailed with what was heard instead of a prompt.
    """
    deadline_s = time.monotonic() + PROMPT_LIMIT_S
    heard = b""
    while True:
        console.clear()
        console.write(b"\x03\x03\x02")
        with suppress(ConnectionFailed):
            console.read_until(_PROMPT, _KNOCK_S)
            break
        heard = (heard + console.read())[-200:]
        console.check()
        if time.monotonic() >= deadline_s:
            said = f"it says {heard!r}" if heard else "it says nothing"
            raise console.failed(
                f"no MicroPython prompt within {PROMPT_LIMIT_S:g} s of Ctrl-C; {said}. Is this the board's console? "
                "If it is, and a reset does not help, its main.py does not let go of Ctrl-C (docs/boards.md)"
            )
    # A prompt that was on its way already is not the one of a board at rest: let it fall silent.
    while console.read():
        console.wait_for_bytes(0.1)
    console.write(b"\x04")
    console.read_until(_REBOOT, PROMPT_LIMIT_S)


class _Uarts:
    """A port each. The decoder's output comes on the tuner's."""

    def __init__(self, adapter: Adapter, spec: TerminalSpec) -> None:
        self.console = adapter.connection(CONSOLE, CONSOLE_BAUD, CONSOLE)
        self._ports = {CONSOLE: self.console}
        for port in spec.wires:
            self._ports[port] = adapter.connection(port, spec.baud(port), port)

    def open(self) -> None:
        for port in self._ports.values():
            port.open(_OPEN_LIMIT_S)

    def begin(self) -> None:
        pass

    def read(self, line: str) -> bytes:
        return self._ports[PORT_OF[line]].read()

    def write(self, line: str, data: bytes) -> None:
        self._ports[PORT_OF[line]].write(data)

    def wrong_link(self, said: bytes) -> str | None:
        if _CABLE_NOTICE not in said:
            return None
        return (
            "the board has LINK = 'cable', all lines on this port: say --link cable here, or set it to serial lines "
            "with `./ringcast flash --board NAME --port PORT --link uarts`"
        )

    def check(self) -> None:
        for port in self._ports.values():
            port.check()

    def close(self) -> None:
        with ExitStack() as closing:
            for port in self._ports.values():
                closing.callback(port.close)


class _Cable:
    """One port; `testbed.line.cable.CableHost` tells its lines apart. The port's own log is cable.log."""

    def __init__(self, adapter: Adapter) -> None:
        self.console = adapter.connection(CONSOLE, CONSOLE_BAUD, "cable")
        folder = adapter.logs
        self._logs = {
            port: LineLog(None if folder is None else folder / f"{port}.log", text=port == CONSOLE)
            for port in COMES_BACK
        }
        self._host: CableHost | None = None
        self._heard_s = self._hello_s = 0.0
        self._heard_tail = b""  # of the port, until a board that speaks frames has said so
        self._speaks_frames = False

    def open(self) -> None:
        self._host = None
        self.console.open(_OPEN_LIMIT_S)

    def begin(self) -> None:
        """From here on the port carries frames; a prompt before this would make nothing of them."""
        self._host = CableHost()
        self._heard_tail, self._speaks_frames = b"", False
        self._hello_s = time.monotonic()

    def wrong_link(self, said: bytes) -> str | None:
        if self._speaks_frames or (self._host is not None and self._host.attached):
            return None
        return (
            "the board has LINK = 'uarts', serial lines of their own for modem and tuner: name them with --modem-port "
            "and --tuner-port, or set it to one cable with `./ringcast flash --board NAME --port PORT --link cable`"
        )

    def _pump(self) -> CableHost | None:
        host = self._host
        if host is None:
            return None
        data, now_s = self.console.read(), time.monotonic()
        if data:
            self._heard_s = now_s
            if not self._speaks_frames:
                heard = self._heard_tail + data
                self._speaks_frames, self._heard_tail = _CABLE_NOTICE in heard, heard[-len(_CABLE_NOTICE) :]
            host.receive(data)
        elif now_s - self._heard_s > _QUIET_S:
            self._heard_s = now_s
            host.quiet()
        if host.attached or host.prompted:
            self._hello_s = now_s
        elif now_s - self._hello_s > _HELLO_AGAIN_S:  # the first one fell on deaf ears
            self._hello_s = now_s
            host.restart()
        out = host.data_to_send()
        if out and self.console.is_open:
            self.console.write(out)
        return host

    def read(self, line: str) -> bytes:
        host = self._pump()
        data = b"" if host is None else host.take(line)
        if data:
            self._logs[PORT_OF[line]].heard(data)
        return data

    def write(self, line: str, data: bytes) -> None:
        if self._host is not None:
            self._logs[PORT_OF[line]].said(data)
            self._host.send(line, data)
            self._pump()

    def check(self) -> None:
        self.console.check()
        host = self._pump()
        if host is not None and host.problem:
            raise self.console.failed(host.problem)

    def close(self) -> None:
        self.console.close()
