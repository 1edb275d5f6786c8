"""What a runtime is once it has been found."""

from dataclasses import dataclass
from pathlib import Path

from testbed.boards.inside import Inside

VERSION = "1.25.0"  # the MicroPython that this project builds and that its mpy-cross fits


class RuntimeUnavailable(Exception):
    """No way led to a runtime. One line: why, and what to do."""


@dataclass(frozen=True)
class Image:
    """A MicroPython image for the Raspberry Pi Pico (UF2).

    origin: "given", "cache", "debian build" or "download". frozen: settop is inside.
    inside: what a frozen one says of itself.
    """

    path: Path
    origin: str
    version: str = VERSION
    frozen: bool = False
    inside: Inside | None = None


@dataclass(frozen=True)
class Binary:
    """A runnable MicroPython of the unix port. argv: the words before its own arguments."""

    argv: tuple[str, ...]
    origin: str
    version: str = VERSION
