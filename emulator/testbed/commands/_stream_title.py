"""`ringcast stream title`: what is streamed, for how long, and at which prices."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from testbed.commands import _shop as shared
from testbed.commands._shop import Db

if TYPE_CHECKING:
    from headend.stream.catalogue import Limit, Terms
    from headend.stream.title_options import TitleOptions

S_PER_H = 3600
SERVER = "rtsp://127.0.0.1:554"

Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in its address.")]


def add(
    media: Annotated[Path, typer.Argument(metavar="FILE", help="NAME.ts, .mpg or .mp4 in the titles' folder.")],
    db: Db,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="NAME=HOURS:UNITS", help="A time limit and its price; repeat it."),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--name", help="What viewers read. Default: of NAME.toml, or NAME.")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help=f"Where `stream serve` is. Default: as before, or {SERVER}."),
    ] = None,
) -> None:
    """Sell a title for a time, or change how. What NAME.toml beside FILE says holds where no option says another thing.

    \b
      ringcast stream title add films/metropolis.ts --limit "An evening=6:30" --limit "A week=168:80" --db shop.db
      ringcast stream title add films/news.ts --limit "A day=24:0" --server rtsp://media.example:8554 --db shop.db

    A price of 0 is free. A title whose NAME.toml says free = true and clear = true needs no token and has no limits.
    Tokens that were sold stay good. Exit status: 0; 1 where it cannot be sold, and a line says why; nothing is changed.
    """
    from headend.accounts.engine import transaction
    from headend.stream.catalogue import named, set_title
    from headend.stream.title_options import MEDIA, load_options
    from settop.errors import LocalError

    if media.suffix not in MEDIA:
        raise LocalError(f"{media.name} is no title: expected a file whose name ends with {', '.join(MEDIA)}")
    options = load_options(media)
    terms = _terms(media.stem, options, [_limit(text) for text in limit or []])
    called = label or options.name or media.stem
    with transaction(shared.open_books(db, make=True)) as connection:
        before = named(connection, media.stem)
        place = server or (before.uri.rpartition("/")[0] if before else SERVER)
        number = set_title(connection, media.stem, called, place, terms, time.time_ns() // 1_000_000)
    how = "; ".join(f"{one.name}, {_hours(one.holds_s)} h, {one.price} units" for one in terms)
    typer.echo(f"stream {number}: {place}/{media.stem}, {how or 'open to everybody'}")


def list_(db: Db, json_: shared.AsJson = False) -> None:
    """What is streamed, by number, and the time limits by which it is sold, each with its own number."""
    from headend.accounts.engine import transaction
    from headend.stream.catalogue import Stream, streams

    found: list[Stream] = []
    with transaction(shared.open_books(db)) as connection:
        while page := streams(connection, found[-1].stream if found else 0):
            found += page
    shared.show(
        found,
        json_,
        [
            ("stream", lambda one: one.stream),
            ("address", lambda one: one.uri),
            ("name", lambda one: one.label),
            ("time limits", lambda one: "\n".join(map(_told, one.limits)) or "open to everybody"),
        ],
    )


def end(name: Name, db: Db) -> None:
    """Sell a title no more. Tokens that were sold stay good, as long as `stream serve` still finds the file."""
    from headend.accounts.engine import transaction
    from headend.stream.catalogue import withdraw

    with transaction(shared.open_books(db)) as connection:
        withdraw(connection, name)


def _terms(name: str, options: "TitleOptions", given: "list[Terms]") -> "list[Terms]":
    """Raises LocalError where it is not said what a token costs."""
    from headend.stream.catalogue import Terms
    from settop.errors import LocalError

    if options.clear:
        if given:
            raise LocalError(f"{name} is sent to everybody (clear = true in {name}.toml), so it has no time limits")
        return []
    if options.free and any(one.price for one in given):
        raise LocalError(f"{name} costs nothing (free = true in {name}.toml): give its time limits a price of 0")
    terms = given or [Terms(one.name, max(round(one.hours * S_PER_H), 1), one.price) for one in options.limits]
    if not terms:
        raise LocalError(
            f'{name} has no limits: say --limit "An evening=6:30", or price, [[limits]] or free = true in {name}.toml'
        )
    return terms


def _limit(text: str) -> "Terms":
    """NAME=HOURS:UNITS. Raises a usage error."""
    from headend.stream.catalogue import HOLDS_LIMIT, Terms

    name, _, rest = text.rpartition("=")
    hours, _, units = rest.partition(":")
    try:
        holds_s, price = float(hours) * S_PER_H, int(units)
        if not name or not 1 <= holds_s <= HOLDS_LIMIT:
            raise ValueError
    except ValueError:
        raise typer.BadParameter(
            f'--limit takes NAME=HOURS:UNITS, such as "An evening=6:30", for {HOLDS_LIMIT // S_PER_H} hours at most: '
            f"not {text!r}"
        ) from None
    return Terms(name, round(holds_s), price)


def _told(one: "Limit") -> str:
    return f"{one.limit}: {one.name}, {_hours(one.holds_s)} h, {one.price} units"


def _hours(seconds: int) -> str:
    return f"{seconds / S_PER_H:g}"
