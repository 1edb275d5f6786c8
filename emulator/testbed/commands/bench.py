"""`ringcast bench`: the figures that the project promises, measured in one run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from testbed.commands.ending import fail, friendly


def bench(
    only: Annotated[str | None, typer.Option(help="Measure this figure alone.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
    long: Annotated[bool, typer.Option("--long", help="Add the long soaks (an hour of virtual time).")] = False,
) -> None:
    """Measure the figures of merit: ratios within one run, and simulated cycles, which are exact. Up to 10 minutes.

    Exit status 1 where a figure misses its goal.
    """
    from rich.console import Console
    from rich.table import Table

    from testbed.bench.figures import FIGURES, measure

    console = Console(stderr=True)
    names = [only] if only is not None else list(FIGURES)
    if only is not None and only not in FIGURES:
        fail(f"no figure {only!r}; there are {', '.join(FIGURES)}", 2)
    figures = []
    with friendly():
        for name in names:
            console.print(f"measuring {name} ...", highlight=False)
            figures.append(measure(name, long))
    table = Table(title="ringcast bench")
    for heading in ("figure", "value", "unit", "goal", "met", "how"):
        table.add_column(heading, justify="right" if heading in ("value", "goal") else "left")
    for figure in figures:
        met = "yes" if figure.met else "[red]no[/red]"
        sign = "at least" if figure.better == "higher" else "at most"
        table.add_row(figure.name, f"{figure.value:g}", figure.unit, f"{sign} {figure.goal:g}", met, figure.how)
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps({"figures": [figure.as_json() for figure in figures]}, indent=1) + "\n")
    if not all(figure.met for figure in figures):
        raise typer.Exit(1)
