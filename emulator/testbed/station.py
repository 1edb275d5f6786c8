"""A terminal at its place on the bench: machine, modem, console, and what was seen of it."""

from dataclasses import dataclass
from itertools import islice

from settop.errors import LocalError
from settop.wire.console import parse, value

from testbed.formats import mismatch
from testbed.line.modem import Modem
from testbed.line.port import LinePort
from testbed.machines.base import Machine

_CALL_EVENTS = ("dialling", "connected", "hanging_up", "closed", "line_lost", "call_failed", "hung_up")
_CALL_ENDS = ("call_failed", "hung_up", "line_lost")


@dataclass(frozen=True)
class ConsoleEvent:
    """One `@` line of the firmware's console: `at_ms` is when it reached the bench, `text` what followed its name."""

    at_ms: int
    name: str
    text: str

    def value(self, key: str) -> str | None:
        """The value of `key=value` in the text."""
        said: str | None = value(self.text, key)
        return said


class Station:
    """`received` is everything that the terminal put out to its decoder; `console` its events, oldest first."""

    def __init__(self, name: str, machine: Machine, port: LinePort) -> None:
        self.name = name
        self.machine = machine
        self.port = port
        self.modem = Modem(port)
        self.on = False
        self.received = bytearray()
        self.console: list[ConsoleEvent] = []
        self.chatter: list[str] = []
        """Console lines that are no events: a traceback, say."""
        self.modem_trace = bytearray()
        """What the terminal sent to its modem."""
        self._line = b""

    def power_on(self) -> None:
        """Boot. Raises LocalError where the terminal is on, MachineError where it does not start."""
        if self.on:
            raise LocalError(f"terminal {self.name} is on already: cut its power first")
        self.machine.boot()
        self.on = True

    def power_cut(self, now_ms: int) -> None:
        """Off at once. What had left the terminal arrives; half a console line goes with the power."""
        self.machine.power_cut()
        self.exchange_bytes(now_ms)
        self._line = b""
        self.on = False

    @property
    def in_call(self) -> bool:
        """Whether the terminal's last word about its telephone leaves a call under way.

        Dialling again after a lost line is none before it is connected: it may go on for long and lead nowhere.
        """
        last = list(islice((event.name for event in reversed(self.console) if event.name in _CALL_EVENTS), 2))
        return self.on and bool(last) and last[0] not in _CALL_ENDS and last != ["dialling", "line_lost"]

    @property
    def formats_problem(self) -> str | None:
        """What is wrong with the firmware's formats, by its last `ready` line, and what to do; None for nothing."""
        ready = self.events("ready")
        return mismatch(ready[-1].text) if ready else None

    def say(self, command: str) -> None:
        """Type a command on the console."""
        self.machine.send("console", command.encode() + b"\n")

    def exchange_bytes(self, now_ms: int) -> None:
        """Move what the machine put out since the last time, and bring it what its modem has."""
        sent = self.machine.take("modem")
        if sent:
            self.modem_trace += sent
            self.modem.receive(sent, now_ms)
        self.modem.poll(now_ms)
        back = self.modem.take()
        if back:
            self.machine.send("modem", back)
        self.received += self.machine.take("output")
        self._read_console(now_ms)

    def events(self, name: str) -> list[ConsoleEvent]:
        return [event for event in self.console if event.name == name]

    def _read_console(self, now_ms: int) -> None:
        *lines, self._line = (self._line + self.machine.take("console")).replace(b"\r", b"").split(b"\n")
        for raw in lines:
            line = raw.decode("utf-8", "replace")
            found = parse(line)
            if found is not None:
                self.console.append(ConsoleEvent(now_ms, found[1], found[2]))
            elif line:
                self.chatter.append(line)
