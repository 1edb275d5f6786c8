"""What the commands of `ringcast shop` share: which database, shelf and user, and lists as tables or JSON."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from settop.errors import LocalError

from testbed.commands._centre import MasterKeyFile, instant, printable

if TYPE_CHECKING:
    from headend.shop.core import Shop
    from headend.shop.delivering import Shelf
    from sqlalchemy import Engine

__all__ = ("MasterKeyFile", "instant")

Db = Annotated[str, typer.Option("--db", metavar="PATH|URL", help="The shop's database.")]
ShelfFolder = Annotated[
    Path | None, typer.Option("--shelf", metavar="DIR", help="Where the originals are. Default: PATH.titles.")
]
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The user's login.")]
Price = Annotated[int, typer.Option("--price", metavar="UNITS", min=0, help="In units.")]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON list on standard output.")]


def open_books(db: str, make: bool = False) -> "Engine":
    """The database; make: a new one where there is none. Raises LocalError."""
    from headend.accounts.engine import open_database

    if not make and "://" not in db and not Path(db).expanduser().is_file():
        raise LocalError(f"there is no database {db}: `ringcast shop title add` or `card new` makes one")
    return open_database(db)


def open_shop(db: str, master_key: Path | None) -> "Shop":
    """The shop over the database, which is made where there is none. Raises LocalError."""
    from headend.shop.core import Shop

    from testbed.commands._master_key import open_master_key

    engine = open_books(db, make=True)
    return Shop(engine, open_master_key(engine, db, master_key))


def shelf_of(db: str, named: Path | None) -> "Shelf":
    """Where the titles of a database are. Raises LocalError where it must be named."""
    from headend.shop.delivering import Shelf

    if named is None and "://" in db:
        raise LocalError("with a database URL, name the folder of the titles: --shelf DIR")
    return Shelf(Path(f"{db}.titles").expanduser() if named is None else named)


def user_named(engine: "Engine", login: str) -> int:
    """The user's id. Raises LocalError."""
    from headend.accounts.engine import transaction
    from headend.shop.users import find_login, login_of

    with transaction(engine) as connection:
        found = find_login(connection, login_of(login))
    if found is None:
        raise LocalError(f"there is no account {login!r}")
    return found[0]


def read_password() -> str:
    """Typed twice at a terminal, which does not show it; else the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


def read_extras(given: list[str]) -> dict[str, bytes]:
    """NAME=FILE. Raises a usage error, OSError."""
    found: dict[str, bytes] = {}
    for text in given:
        name, _, path = text.partition("=")
        if not name or not path or name in found:
            raise typer.BadParameter(f"--extra takes NAME=FILE, each name once, such as lyrics=words.txt: not {text!r}")
        found[name] = Path(path).read_bytes()
    return found


def octets(text: str) -> bytes:
    """Raises a usage error for what is no hex."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise typer.BadParameter("a public key is 64 hex digits") from None


def show(lines: Sequence[Any], as_json: bool, columns: Sequence[tuple[str, Callable[[Any], object]]]) -> None:
    """A list as a table, or as JSON with all there is in each line."""
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in lines], indent=2))
        return
    if not lines:
        typer.echo("none")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading, _ in columns:
        table.add_column(heading)
    for line in lines:
        table.add_row(*(escape(printable(str(text(line)))) for _, text in columns))
    Console().print(table)
