"""`ringcast title licence serve`: answers players' licence requests."""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from testbed.commands import _title as shared
from testbed.commands._title import Key, KeyFile, Kid

_DAY_MS = 86_400_000


def serve(
    key: Key = None,
    key_file: KeyFile = None,
    kid: Kid = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where to listen on 127.0.0.1; 0: one that is free.")
    ] = 0,
    sessions: Annotated[Path, typer.Option(help="Folder of persistent sessions. It has no key.")] = Path("sessions"),
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="How long a persistent licence is good for; else for ever.")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(metavar="URL", help="Where pages come from that may ask: https://player.example, say.")
    ] = None,
) -> None:
    """Answer players' licence requests by Clear Key (EME), until Ctrl-C. Whoever can reach the port gets the keys.

    POST / takes a request; POST /SESSION a renewal, or a release; GET /SESSION gives a session's licence once more. It
    listens on this computer alone and has no TLS: what lets others in, and asks who they are, goes in front of it.

    \b
      ringcast title licence serve --key-file licence.json --port 8000 --origin http://localhost:9000
      ringcast title licence request song.mp4 | curl -d @- http://127.0.0.1:8000/

    Exit status: 0 after Ctrl-C or SIGTERM; 1 it cannot begin, and a line says why; 2 for options that mean nothing.
    """
    from headend.titles.licence_server import LicenceServer
    from headend.titles.session_files import SessionFiles

    from testbed.commands._licence_http import HERE, LicenceHttp

    given = shared.given_keys("title licence serve", key, key_file, kid)
    if given.alone is not None:
        raise typer.BadParameter("--kid is missing: a player finds the key by it")
    if origin is not None and (not origin.startswith(("http://", "https://")) or origin.count("/") != 2):
        raise typer.BadParameter(
            "--origin is a scheme, a host and a port where it has one, such as http://localhost:9000"
        )
    core = LicenceServer(given.by_id, SessionFiles(sessions), secrets.token_bytes, days and days * _DAY_MS)
    with LicenceHttp(core, port, origin) as server:
        typer.echo(f"licences at http://{HERE}:{server.server_port}/")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
