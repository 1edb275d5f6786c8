"""`ringcast bench`: the figures that the project promises, measured in one run."""

import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from testbed.commands.ending import expected_errors, fail, stopped_status

if TYPE_CHECKING:
    from rich.console import Group

    from testbed.bench.figure import Figure


def bench(
    only: Annotated[str | None, typer.Option(help="Measure this figure alone.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
    long: Annotated[bool, typer.Option("--long", help="Add the long soaks (an hour of virtual time).")] = False,
) -> None:
    """Measure the figures of merit: ratios within one run, and simulated cycles, which are exact. Up to 10 minutes.

    \b
    Try it:
      ringcast bench --json figures.json
      ringcast bench --only host_scramble_vs_per_packet

    \b
    Exit status:
      0  every figure reaches its goal
      1  one misses it or cannot be measured; the others are measured and written all the same
      2  no such figure
    """
    from headend.files import write_file
    from rich.console import Console

    from testbed.bench.figures import FIGURES, measure

    console = Console(stderr=True)
    names = [only] if only is not None else list(FIGURES)
    if only is not None and only not in FIGURES:
        fail(f"no figure {only!r}; there are {', '.join(FIGURES)}", 2)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    interrupted = 0  # or the exit status that it leads to
    for name in names:
        console.print(f"measuring {name} ...", highlight=False)
        try:
            figures.append(measure(name, long))
        except expected_errors() as error:
            failed[name] = str(error)
        except Exception as error:
            traceback.print_exc()
            failed[name] = f"{type(error).__name__}, a bug: see the traceback"
        except KeyboardInterrupt as error:
            interrupted = stopped_status(error)
            break
    Console().print(_screen(figures, failed))
    if json_file is not None:
        text = json.dumps({"figures": [figure.as_json() for figure in figures]}, indent=1) + "\n"
        write_file(json_file, text.encode())
    if interrupted:
        fail("interrupted: figures are missing", interrupted)
    if failed:
        fail("; ".join(f"{name} was not measured: {why}" for name, why in failed.items()))
    if not all(figure.met for figure in figures):
        raise typer.Exit(1)


def _screen(figures: "list[Figure]", failed: dict[str, str]) -> "Group":
    """One table, and below it how each figure came about: a column for that would be a word wide."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(title="ringcast bench")
    for heading in ("figure", "value", "unit", "goal", "met"):
        justify = "right" if heading in ("value", "goal") else "left"
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for figure in figures:
        met = "yes" if figure.met else "[red]no[/red]"
        sign = "at least" if figure.better == "higher" else "at most"
        table.add_row(figure.name, f"{figure.value:g}", figure.unit, f"{sign} {figure.goal:g}", met)
    for name in failed:
        table.add_row(name, "", "", "", "[red]failed[/red]")
    said = [(figure.name, figure.how) for figure in figures] + list(failed.items())
    notes = [part for name, how in said for part in (Text(name, style="bold"), Padding(Text(how), (0, 0, 0, 2)))]
    return Group(table, *notes)
