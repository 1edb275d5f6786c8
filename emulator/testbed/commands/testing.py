"""`ringcast test`: the tests, through tox, as a newcomer and CI run them."""

import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from testbed import tiers
from testbed.boards.profile import FIRMWARE


def _show(outcomes: list[tiers.Outcome]) -> None:
    table = Table("environment", "result", "seconds")
    table.columns[2].justify = "right"
    for outcome in outcomes:
        table.add_row(outcome.environment, outcome.result, f"{outcome.seconds:.0f}")
    table.add_section()
    failed = any(outcome.status != 0 for outcome in outcomes)
    table.add_row("together", "FAILED" if failed else "ok", f"{sum(outcome.seconds for outcome in outcomes):.0f}")
    if slowest := tiers.slowest_files(outcomes):
        table.add_section()
        for environment, name, seconds in slowest:
            table.add_row(name, environment, f"{seconds:.0f}")
    Console().print(table)


def test(
    environments: Annotated[
        list[str] | None,
        typer.Argument(
            help=f"Which of {', '.join(tiers.FAST)} (all of these without), {', '.join(tiers.LONG)} (the link tests "
            f"on unix and pico; CI's part) or {', '.join(tiers.SOAK)} (outside CI)."
        ),
    ] = None,
) -> None:
    """Run the tests: lint, types, suites on CPython, the unix port, the emulated Pico, serial ports, and peers.

    With CI=true in the environment also `targets`, and the tests marked `long`: a quarter of an hour more. By name
    only: `serial`, the link tests again in real time, on emulated Picos behind serial ports; and `soak`, what is too
    long for either (every parser fuzzed with 100,000 cases, hours of a call, the power cut twice in a row, and mutants
    of the code, which the fast tests must notice).
    """
    wanted = environments or tiers.default_environments(os.environ.get("CI") == "true")
    for name in wanted:
        if name not in tiers.ALL:
            typer.echo(f"ringcast: no test environment {name!r}; there are {', '.join(tiers.ALL)}", err=True)
            raise typer.Exit(2)
    outcomes: list[tiers.Outcome] = []
    try:
        status = tiers.run_environments(
            # tox looks for its configuration where it stands, which need not be where the user does.
            wanted,
            FIRMWARE.parent,
            outcomes,
            lambda line: typer.echo(line, err=True),
        )
    finally:
        _show(outcomes)
    raise typer.Exit(status)
