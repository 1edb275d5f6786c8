"""`ringcast test`: the tests, through tox, as a newcomer and CI run them."""

import subprocess
import sys
from typing import Annotated

import typer

from testbed.terminals import FIRMWARE

ENVIRONMENTS = ("lint", "types", "cpython", "upy", "pico", "peers")


def test(
    environments: Annotated[
        list[str] | None, typer.Argument(help=f"Which of {', '.join(ENVIRONMENTS)}; all without.")
    ] = None,
) -> None:
    """Run the tests: lint, types, and the suites on CPython, the unix port, the emulated Pico and against peers."""
    wanted = environments or list(ENVIRONMENTS)
    unknown = [name for name in wanted if name not in ENVIRONMENTS]
    if unknown:
        typer.echo(f"ringcast: no test environment {unknown[0]!r}; there are {', '.join(ENVIRONMENTS)}", err=True)
        raise typer.Exit(2)
    command = [sys.executable, "-m", "tox", "run", "-e", ",".join(wanted)]
    # tox looks for its configuration where it stands, which need not be where the user does.
    raise typer.Exit(subprocess.run(command, cwd=FIRMWARE.parent, check=False).returncode)
