"""The tests' environments in three tiers, run through tox one after the other, and what each of them took.

Whatever runs tests (pytest by tests/conftest.py, `testbed.commands.upy_suite`) adds a line for each test file to the
file that the environment variable TIMES names: `note_file`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

TIMES = "RINGCAST_TIMES"
FAST = ("lint", "types", "cpython", "upy", "pico", "hil", "peers")
"""Everywhere: what `ringcast test` runs."""
LONG = ("targets",)
"""CI's part, which also runs the tests marked `long`."""
SOAK = ("serial", "soak")
"""Outside CI, by name only: what takes real time, or hours."""
ALL = (*FAST, *LONG, *SOAK)
SLOWEST_FILES = 5

Run = Callable[[list[str], Path, dict[str, str]], int]


def note_file(name: str, seconds: float) -> None:
    """Add what one test file took to the list that somebody asked for, if anybody did."""
    path = os.environ.get(TIMES)
    if path:
        with open(path, "a", encoding="utf-8") as out:
            out.write(json.dumps([name, round(seconds, 3)]) + "\n")


@dataclass(frozen=True)
class Outcome:
    """One environment. status: tox's, 0 where all went well, None where it was stopped. files: (name, seconds)."""

    environment: str
    status: int | None
    seconds: float
    files: tuple[tuple[str, float], ...] = field(default=(), repr=False)

    @property
    def result(self) -> str:
        return "ok" if self.status == 0 else "stopped" if self.status is None else "FAILED"


def default_environments(in_ci: bool) -> tuple[str, ...]:
    return (*FAST, *LONG) if in_ci else FAST


def slowest_files(outcomes: Iterable[Outcome], count: int = SLOWEST_FILES) -> list[tuple[str, str, float]]:
    """(environment, file, seconds) of the test files that took longest, the longest first."""
    every = [(outcome.environment, name, seconds) for outcome in outcomes for name, seconds in outcome.files]
    return sorted(every, key=lambda row: -row[2])[:count]


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> int:
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def _files_in(path: Path) -> tuple[tuple[str, float], ...]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return tuple((str(name), float(seconds)) for name, seconds in map(json.loads, lines))


def run_environments(
    names: Iterable[str], checkout: Path, done: list[Outcome], say: Callable[[str], None], run: Run = _run
) -> int:
    """Run each through tox, adding to `done` as they end; the first status that is not 0, else 0.

    One that fails keeps none of the others from running. KeyboardInterrupt goes through, when the environment that
    was under way has been added.
    """
    names = list(names)
    status = 0
    with tempfile.TemporaryDirectory(prefix="ringcast-times-") as folder:
        for number, name in enumerate(names, 1):
            say(f"ringcast: {name} ({number} of {len(names)})")
            times = Path(folder, name)
            started = time.monotonic()
            ended: int | None = None
            try:
                # Quiet about itself: the table says at the end how each went.
                ended = run(
                    [sys.executable, "-m", "tox", "run", "-q", "-e", name], checkout, {**os.environ, TIMES: str(times)}
                )
            finally:
                done.append(Outcome(name, ended, time.monotonic() - started, _files_in(times)))
            status = status or ended
    return status
