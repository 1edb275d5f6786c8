"""`ringcast shop serve` and `ringcast shop units`: the shop's services."""

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from settop.errors import LocalError

from testbed.commands import _shop as shared
from testbed.commands._shop import Db, MasterKeyFile

if TYPE_CHECKING:
    from headend.shop.seller import Till

units = typer.Typer(
    help="The seller of units: a process of its own, with a database and a key of its own.",
    no_args_is_help=True,
    add_completion=False,
)

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")]
Cert = Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", help="The server's certificate, PEM.")]
Key = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key, PEM.")]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="NAME", help="A name or address of this server, for its certificate; repeat it."),
]
Folder = Annotated[
    Path | None, typer.Option("--tls", metavar="DIR", help="Where the own authority lies. Default: PATH.tls.")
]
Plain = Annotated[bool, typer.Option("--plain", help="Without TLS, at 127.0.0.1 alone: behind a proxy that has it.")]
TillDb = Annotated[
    str, typer.Option("--db", metavar="PATH|URL", help="The seller's database, which is not the shop's.")
]


def serve(
    db: Db,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: any.")] = 8443,
    tls_cert: Cert = None,
    tls_key: Key = None,
    name: Names = None,
    tls: Folder = None,
    plain: Plain = False,
    shelf: shared.ShelfFolder = None,
    master_key: MasterKeyFile = None,
) -> None:
    """Serve the shop by HTTPS: accounts, catalogue, purchases, copies; /openapi.json describes it all.

    \b
      ringcast shop serve --db shop.db --host 0.0.0.0 --name shop.example
      curl --cacert shop.db.tls/authority.pem https://shop.example:8443/api/titles

    Without --tls-cert an authority is made at the first start, in PATH.tls; its certificate, authority.der, goes to
    terminals. Exit status: 0 after Ctrl-C, SIGTERM or SIGHUP, when what had begun is done; 1 where it cannot
    be served, and a line says why.
    """
    from headend.provisioning.identities import known_device_key
    from headend.shop.web.app import create_app
    from headend.shop.web.channel import router_of

    from testbed.commands._master_key import open_master_key

    shop, there = shared.open_shop(db, master_key), shared.shelf_of(db, shelf)
    key = open_master_key(shop.engine, db, master_key)
    app = create_app(shop, there)
    app.include_router(router_of(shop, there, key, lambda terminal: known_device_key(shop.engine, key, terminal)))
    _run(app, db, "shop", host, port, (tls_cert, tls_key), name, tls, plain)


@units.command("key")
def units_key(db: TillDb, master_key: MasterKeyFile = None) -> None:
    """Show the seller's public key, which is drawn at first: `ringcast shop seller add NAME KEY` takes it."""
    typer.echo(_till(db, master_key, 0).public_key().hex())


@units.command("serve")
def units_serve(
    db: TillDb,
    seller: Annotated[int, typer.Option("--seller", metavar="N", min=1, help="The number that the shop gave.")],
    shop: Annotated[str, typer.Option("--shop", metavar="URL", help="Where the shop is: https://NAME:PORT.")],
    authority: Annotated[
        Path | None, typer.Option("--authority", metavar="FILE", help="Who vouches for the shop, DER or PEM.")
    ] = None,
    token: Annotated[
        Path | None,
        typer.Option(
            "--token", metavar="FILE", help="What the cash desk must show. Default: PATH.token, made at first."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: any.")] = 8444,
    tls_cert: Cert = None,
    tls_key: Key = None,
    name: Names = None,
    tls: Folder = None,
    plain: Plain = False,
    master_key: MasterKeyFile = None,
) -> None:
    """Sell units: whoever takes the money says that an order is paid, and the shop gets a signed notice of it.

    \b
      ringcast shop units key --db till.db
      ringcast shop seller add till KEY --db shop.db
      ringcast shop units serve --db till.db --seller 1 --shop https://shop.example:8443 --authority authority.pem

    What the shop has not answered goes out again every ten seconds, and after a restart. Exit status: as of `serve`.
    """
    from headend.shop.web.app import wall_ms
    from headend.shop.web.telling import Messenger
    from headend.shop.web.till import Seller, create_till

    said = _token(db, token)
    made = Seller(_till(db, master_key, seller), Messenger(shop, authority), wall_ms)
    _run(create_till(made, said), db, "seller", host, port, (tls_cert, tls_key), name, tls, plain)


def _till(db: str, master_key: Path | None, seller: int) -> "Till":
    from headend.accounts.engine import open_database
    from headend.shop.seller import Till

    from testbed.commands._master_key import open_master_key

    engine = open_database(db)
    return Till(engine, open_master_key(engine, db, master_key), seller)


def _token(db: str, named: Path | None) -> str:
    """The cash desk's; a new one where there is none. Raises LocalError, OSError."""
    import secrets

    from headend.files import together

    if named is None and "://" in db:
        raise LocalError("with a database URL, name the file of the cash desk's token: --token FILE")
    path = Path(f"{db}.token").expanduser() if named is None else named
    if not path.exists():
        with together() as files:
            files.open(path, 0o600).write(secrets.token_urlsafe(32).encode() + b"\n")
        typer.echo(f"new token for the cash desk in {path}", err=True)
    found = path.read_text(encoding="utf-8").strip()
    if len(found) < 20:
        raise LocalError(f"{path} has no token of 20 characters or more")
    return found


def _run(
    app: Any,
    db: str,
    what: str,
    host: str,
    port: int,
    given: tuple[Path | None, Path | None],
    names: list[str] | None,
    folder: Path | None,
    plain: bool,
) -> None:
    from headend.http import serving

    files = _tls(db, host, given, names, folder, plain)
    serving.log_to_stderr()
    serving.serve(app, host, port, files, lambda url: typer.echo(f"the {what} is at {url}"))


def _tls(
    db: str,
    host: str,
    given: tuple[Path | None, Path | None],
    names: list[str] | None,
    folder: Path | None,
    plain: bool,
) -> tuple[Path, Path] | None:
    """Certificate and key, which may be one file; None for none. Raises LocalError."""
    certificate, key = given
    if plain:
        if certificate or key or names or folder or host not in ("127.0.0.1", "::1", "localhost"):
            raise LocalError("--plain is for 127.0.0.1 and a proxy there that has TLS: leave out --host and --tls-...")
        return None
    if certificate or key:
        if certificate is None or key is None:
            raise LocalError("--tls-cert and --tls-key go together")
        for path in (certificate, key):
            path.open("rb").close()
        return certificate, key
    from headend.http.authority import server_files

    if folder is None and "://" in db:
        raise LocalError(
            "with a database URL, name the folder of the own authority: --tls DIR (or --tls-cert, --tls-key)"
        )
    place = Path(f"{db}.tls").expanduser() if folder is None else folder
    own = ["localhost", "127.0.0.1", socket.gethostname()]
    made = server_files(place, list(dict.fromkeys(names or own)), int(time.time()))
    typer.echo(f"authority: {made.authority}, SHA-256 {made.fingerprint}")
    return made.server, made.server
