"""What is known when a scenario has been played: what all systems have, each adds its own below these."""

from dataclasses import dataclass
from pathlib import Path

from testbed.scenario.plan import Plan
from testbed.station import Station


@dataclass(frozen=True)
class TerminalRun:
    """What became of one terminal; `received` has what it put out to its decoder."""

    name: str
    station: Station
    received: Path


@dataclass(frozen=True)
class Run:
    """A finished scenario; `begin_ms` is its content's start on the clock of the consoles, `end_ms` how long it was."""

    plan: Plan
    runtime: str
    begin_ms: int
    end_ms: int
    terminals: tuple[TerminalRun, ...]


@dataclass(frozen=True)
class Check:
    """One thing that had to be seen. `seen` says what was, in words."""

    what: str
    passed: bool
    seen: str
