"""`ringcast shop codec`: codec units that terminals get with what they bought."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from testbed.commands import _shop as shared
from testbed.commands._files import hex_bytes
from testbed.commands._shop import Db

app = typer.Typer(
    help="Codec units that terminals get with the titles that need them.\n\n"
    "They are signed by `ringcast update sign`; the shop passes them on, and each terminal judges the signature.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def add(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A codec unit, of `ringcast update sign --codec`.")],
    db: Db,
    signer: Annotated[
        str | None,
        typer.Option(
            "--signer", metavar="HEX", help="Take it only if it is signed by this public key, as boards have it."
        ),
    ] = None,
) -> None:
    """Give a codec to the terminals that ask for it: whoever downloads a title in it and has no unit, or a broken one.

    A codec has one module's name, and a newer version for each board takes the place of the one before; an older one
    is refused.

    \b
      ringcast update sign ulaw.py ulaw.up --key-file signer.key --name ulaw --version 1 --codec ulaw --board pico
      ringcast shop codec add ulaw.up --db shop.db

    Exit status: 0 it is there; 1 it cannot be taken, and a line says why: nothing has changed then; 2 for options that
    mean nothing.
    """
    from headend.accounts.engine import transaction
    from headend.shop.codecs import add_codec
    from headend.updates.module import read

    from testbed.commands.update import read_module

    data = read_module(path)
    if signer is not None:
        read(data).judge(hex_bytes(signer, "--signer"))
    with transaction(shared.open_books(db, make=True)) as connection:
        unit, new = add_codec(connection, data, time.time_ns() // 1_000_000)
    known = "" if new else ", which was there"
    typer.echo(f"codec {unit.codec}: {unit.name} version {unit.version} for {unit.board or 'any board'}{known}")


@dataclass(frozen=True)
class Line:
    """Of the list; `added_ms`: Unix ms, `digest`: SHA-256 of the file, in hex."""

    codec: str
    name: str
    version: int
    board: str
    form: str
    octets: int
    digest: str
    added_ms: int


@app.command("list")
def list_(db: Db, json_: shared.AsJson = False) -> None:
    """The codecs that there are, by name and board, the newest first. Exit status: 0; 1 where they cannot be read.

    \b
      ringcast shop codec list --db shop.db
    """
    from headend.accounts.engine import transaction
    from headend.shop.codecs import codecs

    from testbed.commands.update import form_of

    with transaction(shared.open_books(db)) as connection:
        found = codecs(connection)
    lines = [
        Line(one.codec, one.name, one.version, one.board, form_of(one.mpy), one.size, one.digest.hex(), one.added_ms)
        for one in found
    ]
    shared.show(
        lines,
        json_,
        [
            ("codec", lambda one: one.codec),
            ("name", lambda one: one.name),
            ("version", lambda one: one.version),
            ("board", lambda one: one.board or "any"),
            ("form", lambda one: one.form),
            ("octets", lambda one: one.octets),
            ("added (UTC)", lambda one: shared.instant(one.added_ms)),
        ],
    )
