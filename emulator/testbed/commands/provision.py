"""`ringcast provision`: a new terminal for the call centre, and its identity for the board."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError
from settop.wire import provision as wire

from testbed.commands._centre import terminal_id
from testbed.commands._dialogue import ASKED, UNASKED, Console, Registry, provision_board
from testbed.commands._master_key import open_master_key

if TYPE_CHECKING:
    from headend.accounts.master_key import MasterKey
    from headend.provisioning import HeadendKey, NewTerminal
    from sqlalchemy import Engine


def provision(
    db: Annotated[str, typer.Option(metavar="PATH|URL", help="The call centre's database; a new file is made.")],
    number: Annotated[str, typer.Option(metavar="N", help="Telephone number that the terminal will dial.")],
    tariff: Annotated[str, typer.Option(metavar="NAME", help="Tariff; a new one needs --portion-price.")],
    port: Annotated[
        str | None, typer.Option(metavar="PORT", help="The board's console: a device or a pyserial URL.")
    ] = None,
    print_: Annotated[
        bool, typer.Option("--print", help="No port: show the line to paste into the board's console.")
    ] = False,
    programme: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=0, max=0xFFFFFFFF, help="Programme id covered; repeat it. Without it, all."),
    ] = None,
    credit: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Prepaid credit in hundredths; without it, no limit.")
    ] = None,
    portion_price: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Makes or changes the tariff: hundredths per portion.")
    ] = None,
    set_up_price: Annotated[
        int, typer.Option(metavar="N", min=0, help="With --portion-price: hundredths once per broadcast.")
    ] = 0,
    currency: Annotated[str, typer.Option(help="With --portion-price.")] = "EUR",
    master_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Seals device keys in the database; made (mode 0600) if absent. Default: PATH.master-key, "
            "or RINGCAST_MASTER_KEY in the environment.",
        ),
    ] = None,
    headend_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="By which boards know this head-end; made (mode 0600) if absent. Default: PATH.headend-key, or "
            "RINGCAST_HEADEND_KEY in the environment.",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Another identity also for a board that has one this database does not know."),
    ] = False,
    instead_of: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The identity that the board has; one that says otherwise is given nothing."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --port: do not ask whether the board shows the same code.")
    ] = False,
) -> None:
    """Give a board its identity and register it at the call centre.

    The device key is drawn here, goes sealed into the database and wrapped to the board: neither the console nor a
    log of it shows it. A board that was flashed with this head-end's key takes an identity from nobody else. That it
    is your board which answers, and none that sits between, the code tells: compare it with what the board itself
    shows, and not with what came over the same line.

    A board that has an identity of this database is given another without a question: the head-end proves that it
    knows the old one. One of another database, with a damaged one, or with one that was revoked or copied, needs
    --replace, and its consent: its button, if it has one, is held, or the number that it shows is typed. What stands
    on the cable may say that the board is empty: --instead-of ID insists on the identity that you want replaced. The
    old one stays registered until you revoke it.

    \b
    Try it:
      ringcast provision --db centre.db --number 5550100 --tariff evening --portion-price 25 --port /dev/ttyACM0
      ringcast provision --db centre.db --number 5550100 --tariff evening --programme 1 --programme 2 --print
      ringcast provision --db centre.db --number 5550100 --tariff evening --port /dev/ttyACM0 \\
        --instead-of 72696e6763617374 && ringcast centre revoke --db centre.db 72696e6763617374

    \b
    Exit status:
      0  the board has its identity, or the line to paste is there
      1  not done, and nobody was registered unless the line says so; it says why
      2  options that do not go together
    """
    if (port is None) == (not print_):
        raise typer.BadParameter("give either --port PORT to provision a board directly, or --print to paste by hand")
    if print_ and yes:
        raise typer.BadParameter("--yes is for --port: with --print the code is there to be compared")
    from headend.accounts.engine import open_database
    from headend.provisioning import issue

    old = None if instead_of is None else terminal_id(instead_of)
    engine = open_database(db)
    key = open_master_key(engine, db, master_key)
    settle_tariff(engine, tariff, portion_price, set_up_price, currency)
    registry = registry_of(
        engine, key, open_headend_key(db, headend_key), lambda: issue(engine, key, number, tariff, programme, credit)
    )
    if port is None:
        terminal = by_hand(registry, replace, old)
    else:
        with _board_console(port) as console:
            terminal = provision_board(console, registry, UNASKED if yes else ASKED, replace=replace, instead_of=old)
    covered = "all" if programme is None else " ".join(str(p) for p in sorted(set(programme)))
    typer.echo(f"terminal {terminal.terminal_id.hex()} registered as subscriber {terminal.subscriber_id}", err=True)
    typer.echo(f"dials {number}, tariff {tariff}, programmes {covered}", err=True)
    typer.echo("paste the line above at the console" if port is None else "the board has its identity", err=True)


def by_hand(registry: Registry, replace: bool, instead_of: bytes | None = None) -> "NewTerminal":
    """The dialogue by way of a person who copies lines to and fro. Raises as `provision_board`."""
    from headend.provisioning import Exchange, read_board_key

    exchange = Exchange(registry.headend)
    typer.echo("Say this at the board's console, then paste its answer here:", err=True)
    typer.echo(exchange.ask())
    board = read_board_key(typer.prompt(wire.KEY, err=True))
    line = exchange.answer(board, registry.old_device_key, replace, instead_of)
    typer.echo("Then this; if the board asks for consent, say there what it wants to hear:", err=True)
    typer.echo(line)
    if not typer.confirm(f"code {exchange.code}: does the board show the same?", err=True):
        raise LocalError("the codes differ, so somebody sits between: nobody was registered")
    terminal = registry.register()
    typer.echo(exchange.bring(terminal))
    return terminal


@contextmanager
def _board_console(port: str) -> "Iterator[Console]":
    """Raises PortError, and Unplugged from within, each with a line that says what to do."""
    from testbed.deploy.port import open_port
    from testbed.deploy.started import BoardConsole

    with open_port(port) as opened:
        yield BoardConsole(opened, "uarts")


def settle_tariff(engine: "Engine", name: str, portion_price: int | None, set_up_price: int, currency: str) -> None:
    """Make or change the tariff where there is a price. LocalError: there is none, and no such tariff."""
    from headend.callcentre.subscribers import has_tariff, set_tariff

    if portion_price is not None:
        set_tariff(engine, name, portion_price, set_up_price, currency)
    elif not has_tariff(engine, name):
        raise LocalError(f"no tariff {name!r}: add --portion-price to make it")


def open_headend_key(db: str, path: Path | None) -> "HeadendKey":
    """The static key by which boards know the head-end of `db`, made at its first use.

    Raises LocalError where it cannot be made or read, or must be named.
    """
    import os

    from headend.provisioning.headend_key import ENVIRONMENT
    from headend.provisioning.headend_key import headend_key as open_key

    if path is None and "://" in db and not os.environ.get(ENVIRONMENT):
        raise LocalError(f"with a database URL, name the head-end's key: --headend-key FILE or {ENVIRONMENT}")
    return open_key(path if path is not None else Path(f"{db}.headend-key").expanduser())


def registry_of(
    engine: "Engine", key: "MasterKey", headend: "HeadendKey", register: Callable[[], "NewTerminal"]
) -> Registry:
    """The call centre's database as a provisioning wants it."""
    from headend.callcentre.subscribers import remove_subscriber
    from headend.provisioning import known_device_key

    return Registry(
        headend,
        lambda terminal_id: known_device_key(engine, key, terminal_id),
        register,
        lambda lost: remove_subscriber(engine, lost.subscriber_id),
    )
