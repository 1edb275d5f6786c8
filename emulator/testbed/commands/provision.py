"""`ringcast provision`: a new terminal for the call centre, and its identity for the board."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from settop.errors import LocalError, RemoteError
from settop.wire import provision as wire
from settop.wire.console import parse

if TYPE_CHECKING:
    from headend.accounts.master_key import MasterKey
    from headend.provisioning import NewTerminal
    from sqlalchemy import Engine

BOARD_TIMEOUT_S = 20.0
"""A Pico takes about a second for each X25519 step and erases flash after it."""
_BAUD = 115_200
_LINE_LIMIT_BYTES = 400


class Console(Protocol):
    """What is used of a pyserial port; `readline` comes back empty-handed after the port's own time-out."""

    def write(self, data: bytes, /) -> int | None: ...

    def readline(self, size: int, /) -> bytes: ...


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
) -> None:
    """Give a board its identity and register it at the call centre.

    The device key is drawn here, goes sealed into the database and wrapped to the board: neither the console nor a
    log of it shows it. Do this where nobody can sit between you and the board: a listener learns nothing, but the
    exchange does not prove that it is your board that answers.

    \b
    Try it:
      ringcast provision --db centre.db --number 5550100 --tariff evening --portion-price 25 --port /dev/ttyACM0
      ringcast provision --db centre.db --number 5550100 --tariff evening --programme 1 --programme 2 --print

    \b
    Exit status:
      0  the board has its identity, or the line to paste is there
      1  not done, and nobody was registered; the line says why
      2  options that do not go together
    """
    if (port is None) == (not print_):
        raise typer.BadParameter("give either --port PORT to provision a board directly, or --print to paste by hand")
    from headend.accounts.engine import open_database
    from headend.callcentre.subscribers import remove_subscriber
    from headend.provisioning import issue, provisioning_line

    engine = open_database(db)
    key = open_master_key(engine, db, master_key)
    settle_tariff(engine, tariff, portion_price, set_up_price, currency)

    def register() -> "NewTerminal":
        return issue(engine, key, number, tariff, programme, credit)

    if port is None:
        typer.echo("Type `provision` at the board's console, then paste its answer here.", err=True)
        public = board_public(typer.prompt("provision-key", err=True))
        terminal = register()
        typer.echo(provisioning_line(public, terminal))
    else:
        with _board_console(port) as console:
            terminal = provision_board(console, register, lambda lost: remove_subscriber(engine, lost.subscriber_id))
    covered = "all" if programme is None else " ".join(str(p) for p in sorted(set(programme)))
    typer.echo(f"terminal {terminal.terminal_id.hex()} registered as subscriber {terminal.subscriber_id}", err=True)
    typer.echo(f"dials {number}, tariff {tariff}, programmes {covered}", err=True)
    typer.echo("paste the line above at the console" if port is None else "the board has its identity", err=True)


def provision_board(
    console: Console,
    register: Callable[[], "NewTerminal"],
    forget: Callable[["NewTerminal"], None],
    timeout_s: float = BOARD_TIMEOUT_S,
) -> "NewTerminal":
    """Leads the dialogue on a board's console. The terminal is registered once the board has shown its key.

    Raises RemoteError where the board refuses, answers nonsense or falls silent; `forget` then takes it back.
    """
    from headend.provisioning import provisioning_line

    console.write(f"\r\n{wire.ASK}\r\n".encode())
    public = board_public(_answer(console, wire.KEY, timeout_s))
    terminal = register()
    try:
        console.write(provisioning_line(public, terminal).encode() + b"\r\n")
        said = _answer(console, wire.DONE, timeout_s)
        if said != terminal.terminal_id.hex():
            raise RemoteError("the board confirms another terminal id: start it again and repeat")
    except BaseException:
        forget(terminal)
        raise
    return terminal


def board_public(text: str) -> bytes:
    """The 32 bytes of a board's answer, with or without `@ MS provision-key` before them. Raises RemoteError."""
    words = text.split()
    try:
        public = bytes.fromhex(words[-1]) if words else b""
    except ValueError:
        public = b""
    if len(public) != wire.PUBLIC_KEY_BYTES:
        raise RemoteError("that is no provision-key: expected 64 hex digits as the board shows them")
    return public


def _answer(console: Console, event: str, timeout_s: float) -> str:
    """TEXT of the first line of that event; others are passed over."""
    end_s = time.monotonic() + timeout_s
    line = b""
    while time.monotonic() < end_s:
        line += console.readline(_LINE_LIMIT_BYTES)
        if not line.endswith(b"\n") and len(line) < _LINE_LIMIT_BYTES:
            continue  # its time-out fell into a line
        found = parse(line.decode("ascii", "replace"))
        line = b""
        if found is None:
            continue
        _, said, text = found
        if said == event:
            return str(text)
        # Half a line that was there already, ended by ours, is what the board does not know.
        if said == "error" and not text.startswith("unknown command"):
            shown = "".join(c for c in text[:120] if c.isprintable())
            raise RemoteError(f"the board says: {shown}")
    raise RemoteError(f"no {event} from the board in {timeout_s:g} s: does ringcast run there, is this its console?")


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


def open_master_key(engine: "Engine", db: str, path: Path | None) -> "MasterKey":
    """The key that seals the device keys of `db`; a file is made where there is none yet and none is needed.

    Raises LocalError where it is missing or must be named.
    """
    import os

    from headend.accounts.master_key import ENVIRONMENT, create_master_key, load_master_key
    from headend.accounts.terminals import has_master_key

    if path is None and os.environ.get(ENVIRONMENT):
        return load_master_key()
    if path is None:
        if "://" in db:
            raise LocalError(f"with a database URL, name the master key: --master-key FILE or {ENVIRONMENT}")
        path = Path(f"{db}.master-key").expanduser()
    if path.exists():
        return load_master_key(path)
    if has_master_key(engine):
        raise LocalError(f"{path} is missing and the database needs it: restore it, or name it with --master-key")
    made = create_master_key(path)
    typer.echo(f"new master key in {path}: keep a copy of it apart from the database", err=True)
    return made
