"""A terminal at its place on the bench: machine, console, what hangs on its lines, and what was seen of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from settop.errors import LocalError

from testbed.clock import QUANTUM_MS, VirtualClock
from testbed.formats import mismatch
from testbed.machines.base import KeepsStep, Machine

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
        for word in self.text.split():
            if word.startswith(key + "="):
                return word[len(key) + 1 :]
        return None


class Attachment(Protocol):
    """What hangs on a line of the terminal and talks with it: a modem, say. Times are ms of the bench."""

    @property
    def waiting(self) -> bool:
        """Whether `poll` or `take` have something to do at once."""

    def receive(self, data: bytes, now_ms: int) -> None:
        """Octets that the terminal sent."""

    def poll(self, now_ms: int) -> None:
        """Do what is due."""

    def take(self) -> bytes:
        """Octets for the terminal."""

    def next_timer(self) -> int | None:
        """When `poll` must come next, or None."""


class Station:
    """`received` is everything that the terminal put out to its decoder; `console` its events, oldest first.

    A part of a world (testbed.world), with its machine's clock. attachments: what hangs on which of the machine's lines
    ("modem"); none is a terminal without a telephone. ns_at: an instant of the bench, in ms, on the machine's clock.
    """

    def __init__(
        self,
        name: str,
        machine: Machine,
        attachments: Mapping[str, Attachment] | None = None,
        ns_at: Callable[[int], int] = VirtualClock.ns_at,
    ) -> None:
        self.name = name
        self.machine = machine
        self.attachments = dict(attachments or {})
        self.on = False
        self.received = bytearray()
        self.console: list[ConsoleEvent] = []
        self.chatter: list[str] = []
        """Console lines that are no events: a traceback, say."""
        self.sent = {line: bytearray() for line in self.attachments}
        """What the terminal sent on the lines that something hangs on."""
        self._line = b""
        self._ns_at = ns_at
        self._keeps_step = machine if isinstance(machine, KeepsStep) else None
        self._machine_ns = 0
        self._due_ms: dict[str, int | None] = dict.fromkeys(self.attachments, 0)

    @property
    def virtual(self) -> bool:
        return self.machine.virtual

    def keep_step(self, now_ms: int) -> bool:
        """See testbed.world.OwnClock."""
        if self.virtual and (before_ns := self._ns_at(now_ms - QUANTUM_MS)) > self._machine_ns:
            self.machine.advance(before_ns)
        return self._keeps_step is not None and self._keeps_step.keep_step(now_ms * 1_000_000)

    def advance(self, now_ms: int) -> None:
        self._machine_ns = self._ns_at(now_ms)
        self.machine.advance(self._machine_ns)
        self.exchange_bytes(now_ms)

    def next_timer(self) -> int | None:
        if any(attachment.waiting for attachment in self.attachments.values()):
            return 0
        machine_ns = self.machine.next_timer_ns()
        timers = [*self._due_ms.values(), None if machine_ns is None else -(-machine_ns // 1_000_000)]
        return min((at_ms for at_ms in timers if at_ms is not None), default=None)

    def close(self) -> None:
        self.machine.close()

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

    def send(self, line: str, data: bytes) -> None:
        """Octets for one of the machine's lines; see `testbed.machines.base.Machine`."""
        self.machine.send(line, data)

    def exchange_bytes(self, now_ms: int) -> None:
        """Move what the machine put out since the last time, and bring it what hangs on its lines has for it."""
        for line, attachment in self.attachments.items():
            sent, due_ms = self.machine.take(line), self._due_ms[line]
            if not (sent or attachment.waiting or (due_ms is not None and due_ms <= now_ms)):
                continue
            if sent:
                self.sent[line] += sent
                attachment.receive(sent, now_ms)
            attachment.poll(now_ms)
            back = attachment.take()
            if back:
                self.machine.send(line, back)
            self._due_ms[line] = attachment.next_timer()
        self.received += self.machine.take("output")
        self._read_console(now_ms)

    def events(self, name: str) -> list[ConsoleEvent]:
        return [event for event in self.console if event.name == name]

    def _read_console(self, now_ms: int) -> None:
        data = self.machine.take("console")
        if not data:
            return
        *lines, self._line = (self._line + data).replace(b"\r", b"").split(b"\n")
        for raw in lines:
            line = raw.decode("utf-8", "replace")
            words = line.split(" ", 3)
            if len(words) >= 3 and words[0] == "@":
                self.console.append(ConsoleEvent(now_ms, words[2], words[3] if len(words) > 3 else ""))
            elif line:
                self.chatter.append(line)
