"""`ringcast stream serve`: the streaming server, over a folder of titles."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError, RemoteError

from testbed.commands import _shop as shared
from testbed.commands._shop import MasterKeyFile

if TYPE_CHECKING:
    from headend.media.access import Gate
    from headend.media.session import Title
    from headend.stream.folder import Library


def serve(
    titles: Annotated[
        Path, typer.Option("--titles", metavar="DIR", help="Where they lie: NAME.ts, with NAME.toml beside it.")
    ] = Path(),
    db: Annotated[
        str | None,
        typer.Option(
            "--db",
            metavar="PATH|URL",
            help="The shop's database, which tells good tokens. Without: clear titles alone.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1",
    rtsp_port: Annotated[
        int, typer.Option("--rtsp-port", metavar="N", min=0, max=65535, help="RTSP's own is 554; 0: any.")
    ] = 8554,
    master_key: MasterKeyFile = None,
) -> None:
    """Stream the titles of a folder by RTSP: control by TCP, data by UDP or, where a viewer wants it, by TCP too.

    \b
      ringcast stream serve --titles films
      ffplay rtsp://127.0.0.1:8554/metropolis
      ringcast stream serve --titles films --db shop.db --host 0.0.0.0 --rtsp-port 554

    A title whose NAME.toml says `free = true` and `clear = true` goes to any player; all others under SRTP, to who has
    a token of the database. What changes in the folder counts from the next request on. Exit status: 0 after Ctrl-C,
    SIGTERM or SIGHUP; 1 where it cannot be served, and a line says why.
    """
    from headend.media.serving import MediaServer
    from headend.stream.folder import Library

    library = Library(titles)
    found = _told(library, db is not None)
    if not found:
        raise LocalError(f"{titles} has no title that can be sent; expected NAME.ts, a transport stream in the clear")
    server = MediaServer(library, host, rtsp_port, gate=None if db is None else _gate(db, master_key))
    typer.echo(f"{found} title{'' if found == 1 else 's'}; NAME is at {server.url('NAME')}")
    sys.stdout.flush()
    try:
        server.run()
    except KeyboardInterrupt:
        typer.echo("ended", err=True)


def _gate(db: str, master_key: Path | None) -> "Gate":
    """Raises LocalError."""
    from headend.accounts.vault import Vault
    from headend.stream.gate import TokenGate
    from headend.stream.token_key import tokens_of

    from testbed.commands._master_key import open_master_key

    engine = shared.open_books(db)
    return TokenGate(tokens_of(engine, Vault(engine, open_master_key(engine, db, master_key))))


def _told(library: "Library", gated: bool) -> int:
    """Says what there is; how many titles can be sent."""
    count = 0
    for name in library.names():
        try:
            title = library.find(name)
            assert title is not None
        except (RemoteError, LocalError, OSError) as error:
            typer.echo(f"  {name}: not sent: {error}", err=True)
            continue
        count += 1
        typer.echo(f"  {name}: {_length(title)}, {_how(title, gated)}", err=True)
    return count


def _length(title: "Title") -> str:
    seconds = title.source.duration_ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _how(title: "Title", gated: bool) -> str:
    if not title.suites:
        return "in the clear"
    return "under SRTP" if gated else "under SRTP: to nobody, as without --db no token is good"
