"""What every way to run a terminal has in common: the lines, the clock, the files."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from settop.errors import LocalError
from settop.link.channels import CONSOLE
from settop.link.network import CHANNELS

COMES_BACK = {to_board: from_board for *_, to_board, from_board in CHANNELS}
"""Every line into a terminal, and what comes out where it goes in."""
PORT_OF = {line: to_board for *_, to_board, from_board in CHANNELS for line in (to_board, from_board)}
"""The port of a line: its own, or that of the line into the terminal which it comes out beside."""
UARTS = {"uart0": "modem", "uart1": "tuner"}
"""What lies on the UARTs of a board that has its lines there, its console aside."""
NETWORK = "network"
DOCK = "dock"
"""What may lie on a UART instead of one of these: PPP both ways, in and out under this one name."""
INPUT_LINES = (CONSOLE, *UARTS.values())
"""Into a terminal with UARTs. One on a cable has all lines of COMES_BACK."""
OUTPUT_LINES = tuple(COMES_BACK[line] for line in INPUT_LINES)


class MachineError(Exception):
    """The machine itself failed: it would not start, it died, or it hung.

    The text says how and what it last wrote.
    """


SERVICES = ("call",)
"""What a board starts that says nothing else."""
WIRES = tuple(UARTS.values())
"""What lies on the lines of a board that says nothing else."""


@dataclass(frozen=True)
class TerminalSpec:
    """What one terminal is made of.

    files: path to contents, e.g. "main.py", "lib/settop/app.py" (see `testbed.boards.package`).
    baud_modem, baud_tuner, baud_network, baud_dock: rates of the serial lines; "output" leaves by the tuner's UART, at
        its rate.
    wires: what lies on UART 0 and UART 1 of machines that have some (pico), as its board_config.py says with WIRES:
        each "modem", "tuner", "network" or "dock". On one cable there may be more of them, and no dock.
    heap_bytes: MicroPython heap of machines that can choose it (unix), whose objects are about 1.5 times as
        large as a board's. The Pico's heap is what its image leaves (about 240,000 bytes).
    seed: device identity and entropy of machines that have none of their own (pico). Any length; two
        terminals of one bench need different seeds.
    codec: a decoder chip (`testbed.machines.codec`) is wired to the board, on any but a board.
    services: what machines without files start (cpython); a board's board_config.py says it with SERVICES.
    """

    files: dict[str, bytes] = field(repr=False)
    baud_modem: int = 115_200
    baud_tuner: int = 921_600
    baud_network: int = 1_500_000
    baud_dock: int = 115_200
    wires: tuple[str, ...] = WIRES
    heap_bytes: int = 360_000
    seed: bytes = field(default=b"", repr=False)
    codec: bool = False
    services: tuple[str, ...] = SERVICES

    def baud(self, line: str) -> int:
        """The rate of a line into the terminal."""
        rates = {"modem": self.baud_modem, "tuner": self.baud_tuner, NETWORK: self.baud_network, DOCK: self.baud_dock}
        return rates[line]


@runtime_checkable
class Machine(Protocol):
    """One terminal, off until `boot`.

    A virtual machine's time is the caller's: it advances in `advance` alone, in ns on the caller's own clock.
    A real machine runs by itself; `advance` moves its bytes until `time.monotonic_ns()` reaches the given
    instant.
    """

    name: str
    virtual: bool

    def boot(self) -> None:
        """Power on, with the files as they are. Raises MachineError when the machine does not start."""

    def send(self, line: str, data: bytes) -> None:
        """Queue `data` on an input line; its first byte arrives one character time from now.

        LocalError: no such line.
        """

    def take(self, line: str) -> bytes:
        """All that an output line carried since the last take. LocalError: no such line."""

    def advance(self, now_ns: int) -> None:
        """Run until the absolute instant `now_ns`. Raises MachineError when the machine died on the way."""

    def next_timer_ns(self) -> int | None:
        """When `advance` must come next if nothing is sent before, on the caller's clock.

        A virtual machine puts nothing out before that instant. What lies in the past means any time, None never.
        """

    def power_cut(self) -> None:
        """Power off at this instant, whatever it is doing. The file system stays; `boot` starts again."""

    def close(self) -> None:
        """Power off and give everything back."""


@runtime_checkable
class KeepsStep(Protocol):
    """A real machine whose time can be held against the bench's."""

    def keep_step(self, bench_ns: int) -> bool:
        """The bench is at `bench_ns`. Returns when the machine is about there; until the next call it goes a little
        further at most. False: its time is its own after all. Raises MachineError when the machine stands still.
        """


def check_line(line: str, lines: tuple[str, ...]) -> str:
    """`line` if it is one of `lines`. LocalError otherwise."""
    if line not in lines:
        raise LocalError(f"no line {line!r} here, expected one of {', '.join(lines)}")
    return line
