"""`ringcast test`: the tests, through tox, as a newcomer and CI run them."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from testbed.boards.profile import FIRMWARE

ENVIRONMENTS = ("lint", "types", "cpython", "upy", "pico", "hil", "peers")
TARGETS = "targets"
"""All link tests on each target, a quarter of an hour: CI's part, and that of whoever asks for it."""


def test(
    environments: Annotated[
        list[str] | None,
        typer.Argument(help=f"Which of {', '.join(ENVIRONMENTS)} (all of these without), or {TARGETS}."),
    ] = None,
) -> None:
    """Run the tests: lint, types, suites on CPython, the unix port, the emulated Pico, serial ports, and peers.

    With CI=true in the environment also `targets`, and the tests marked `long`: another quarter of an hour.
    """
    wanted = environments or [*ENVIRONMENTS, *([TARGETS] if os.environ.get("CI") == "true" else [])]
    unknown = [name for name in wanted if name not in (*ENVIRONMENTS, TARGETS)]
    if unknown:
        there = ", ".join((*ENVIRONMENTS, TARGETS))
        typer.echo(f"ringcast: no test environment {unknown[0]!r}; there are {there}", err=True)
        raise typer.Exit(2)
    command = [sys.executable, "-m", "tox", "run", "-e", ",".join(wanted)]
    # tox looks for its configuration where it stands, which need not be where the user does.
    raise typer.Exit(subprocess.run(command, cwd=FIRMWARE.parent, check=False).returncode)
