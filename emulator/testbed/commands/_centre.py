"""What the commands of `ringcast centre` share: which database, times, and lists as tables or JSON."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from settop.errors import LocalError
from settop.wire.ids import TERMINAL_ID_BYTES

from testbed.commands.ending import tell

if TYPE_CHECKING:
    from headend.callcentre.overview import Only
    from sqlalchemy import Engine

Db = Annotated[str, typer.Option("--db", metavar="PATH|URL", help="The call centre's database.")]
MasterKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--master-key",
        metavar="FILE",
        help="The master key's file. Default: PATH.master-key, or RINGCAST_MASTER_KEY in the environment.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="From then on: 90s, 30m, 2h, 7d ago, or 2026-11-28, 2026-11-28T09:30 (UTC)."),
]
OfSubscriber = Annotated[
    str | None,
    typer.Option("--subscriber", metavar="N|TERMINAL", help="One subscriber's: the number, or the terminal."),
]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=1_000_000, help="The newest N.")]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON list on standard output, all there is in each line.")]

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def open_centre(db: str) -> "Engine":
    """The database, which must be there: a list of nothing from a name mistyped helps nobody. Raises LocalError."""
    from headend.accounts.engine import open_database

    if "://" not in db and not Path(db).expanduser().is_file():
        raise LocalError(f"there is no database {db}: `ringcast provision` makes one")
    return open_database(db)


def only(since: str | None, subscriber: str | None, limit: int, now_ms: int) -> "Only":
    """The filter of a list; it asks for one line more than is shown."""
    from headend.callcentre.overview import Only

    return Only(
        None if since is None else _since_ms(since, now_ms), None if subscriber is None else _who(subscriber), limit + 1
    )


def terminal_id(text: str) -> bytes:
    """A terminal's id, as `ready` and `provision` show it. Raises a usage error."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != TERMINAL_ID_BYTES:
        raise typer.BadParameter(
            f"a terminal's id has {2 * TERMINAL_ID_BYTES} hex digits, as `centre subscribers` shows"
        )
    return found


def _who(text: str) -> int | bytes:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 2 * TERMINAL_ID_BYTES else terminal_id(text)


def _since_ms(text: str, now_ms: int) -> int:
    if ago := re.fullmatch(r"(\d{1,9})([smhd])", text, re.ASCII):
        return now_ms - int(ago[1]) * _UNITS_S[ago[2]] * 1000
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--since takes 90s, 30m, 2h or 7d ago, or a date such as 2026-11-28T09:30") from None
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


# --- how things are shown -------------------------------------------------------------------------------------------

Column = tuple[str, str, Callable[[Any], str]]
"""Heading, justification, and what a line shows there."""


def show(command: str, lines: Sequence[Any], limit: int, as_json: bool, columns: Sequence[Column]) -> None:
    """A list, of which one line more than `limit` was asked for; that there is more is said on standard error."""
    shown = lines[:limit]
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in shown], indent=2))
    elif shown:
        _table(shown, columns)
    else:
        typer.echo("none")
    if len(lines) > limit:
        tell(f"ringcast centre {command}", f"note: there are more than {limit}: --limit shows them")


def _table(lines: Sequence[Any], columns: Sequence[Column]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading, justify, _ in columns:
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for line in lines:
        table.add_row(*(escape(printable(text(line))) for _, _, text in columns))
    Console().print(table)


def printable(text: str) -> str:
    """Without what would move a terminal's cursor."""
    return "".join(character if character.isprintable() else "?" for character in text)


def instant(at_ms: int | None, none: str = "") -> str:
    """Unix ms as a date and time of UTC. A time beyond what a calendar has is shown as it is."""
    if at_ms is None:
        return none
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"


def money(hundredths: int | None, currency: str, none: str = "no limit") -> str:
    """`12.34 EUR`."""
    return none if hundredths is None else f"{hundredths // 100}.{hundredths % 100:02} {currency}"
