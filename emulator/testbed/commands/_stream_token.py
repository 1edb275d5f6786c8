"""`ringcast stream token`: a user's tokens, and what starts a viewer with them."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from testbed.commands import _shop as shared
from testbed.commands._shop import Db, Login, MasterKeyFile

if TYPE_CHECKING:
    from headend.stream.sales.core import Ticket, TransactionServer


def new(
    login: Login,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The title, as it stands in its address.")],
    db: Db,
    limit: Annotated[
        str | None, typer.Option("--limit", metavar="NAME", help="The time limit. Default: where there is one alone.")
    ] = None,
    master_key: MasterKeyFile = None,
) -> None:
    """Sell a token to a user, for the title's price, as the window does; what starts a viewer is on standard output.

    \b
      ringcast stream token new ann metropolis --limit "An evening" --db shop.db

    While it is good, the same again costs nothing and is the same token. Whoever sees it can watch in the user's
    place. Exit status: 0; 1 where it cannot be sold, and a line says why; nothing is charged then.
    """
    from headend.accounts.engine import transaction
    from headend.stream.catalogue import named
    from settop.errors import LocalError

    sales, user = _sales(db, login, master_key)
    with transaction(sales.engine) as connection:
        stream = named(connection, name)
    if stream is None:
        raise LocalError(f"no title {name!r} is streamed: `ringcast stream title list` has those that are")
    if stream.is_open:
        raise LocalError(f"{name} needs no token: it is sent to everybody who asks for {stream.uri}")
    chosen = [one for one in stream.limits if limit in (None, one.name)]
    if len(chosen) != 1:
        raise LocalError(f"which time limit? --limit NAME takes one of {', '.join(one.name for one in stream.limits)}")
    (one,) = chosen
    ticket, is_new = sales.buy(user, stream.stream, one.limit, _now_ms(), one.price)
    paid = f"{one.price} units" if is_new else "nothing: the user had it already"
    typer.echo(f"{ticket.user} paid {paid}", err=True)
    _say(ticket)


def show(login: Login, db: Db, json_: shared.AsJson = False, master_key: MasterKeyFile = None) -> None:
    """A user's tokens that are good, in the order of purchase: title, until when, and what starts a viewer.

    They are made anew from their records, which tell nobody who has no master key what they are.
    """
    sales, user = _sales(db, login, master_key)
    found = sales.purchased(user, _now_ms())
    if json_:
        import json

        typer.echo(json.dumps([_line(one) for one in found], indent=2))
        return
    if not found:
        typer.echo("none")
    for one in found:
        typer.echo(f"{one.granted.name}: {one.granted.limit}, until {shared.instant(one.granted.expires_ms)} UTC")
        _say(one)


def _sales(db: str, login: str, master_key: Path | None) -> "tuple[TransactionServer, int]":
    """Raises LocalError."""
    from headend.stream.sales.core import TransactionServer

    shared.open_books(db).dispose()  # no new one for a path that was mistyped
    shop = shared.open_shop(db, master_key)
    return TransactionServer(shop), shared.user_named(shop.engine, login)


def _say(ticket: "Ticket") -> None:
    typer.echo(ticket.command())


def _line(ticket: "Ticket") -> dict[str, object]:
    told = {name: value for name, value in vars(ticket.granted).items() if name != "number"}
    return {**told, "user": ticket.user, "token": ticket.token}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
