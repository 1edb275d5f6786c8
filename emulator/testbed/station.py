"""A terminal at its place on the bench: machine, modem, console, and what was seen of it."""

from dataclasses import dataclass

from testbed.line.modem import Modem
from testbed.line.port import LinePort
from testbed.machines.base import Machine


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


class Station:
    """`received` is everything that the terminal put out to its decoder; `console` its events, oldest first."""

    def __init__(self, name: str, machine: Machine, port: LinePort) -> None:
        self.name = name
        self.machine = machine
        self.port = port
        self.modem = Modem(port)
        self.received = bytearray()
        self.console: list[ConsoleEvent] = []
        self.chatter: list[str] = []
        """Console lines that are no events: a traceback, say."""
        self.modem_trace = bytearray()
        """What the terminal sent to its modem."""
        self._line = b""

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
            words = line.split(" ", 3)
            if len(words) >= 3 and words[0] == "@":
                self.console.append(ConsoleEvent(now_ms, words[2], words[3] if len(words) > 3 else ""))
            elif line:
                self.chatter.append(line)
