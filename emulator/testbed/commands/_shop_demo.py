"""`ringcast shop demo`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError

from testbed.commands._shop import MasterKeyFile

if TYPE_CHECKING:
    from headend.accounts.master_key import MasterKey
    from headend.shop.core import Shop

RUNTIMES = ("pico", "unix", "cpython")


def demo(
    runtime: Annotated[
        str,
        typer.Option(help="pico: emulated Raspberry Pi Picos. unix: MicroPython here. cpython: no MicroPython."),
    ] = "pico",
    seed: Annotated[int, typer.Option(help="The same seed gives the same song and the same machines.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write what was seen as JSON.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for what was heard and the report.")] = Path("shop-out"),
    db: Annotated[
        str | None,
        typer.Option("--db", metavar="PATH|URL", help="A database to play it in, such as PostgreSQL's."),
    ] = None,
    master_key: MasterKeyFile = None,
) -> None:
    """Bought once, played where it belongs: a title from the card that pays for it to two portable players.

    A viewer redeems a card, makes an account, buys a title, downloads and hears it; makes copies for a player of her
    household by each of three ways. Her terminal is wiped, and gets everything again without paying. In between and
    behind that come those who ought to get nothing: who has copies, keystores, old keys or old backups, listens,
    repeats, forges, guesses. What each of them tries is tried with the right key or device too, and succeeds there.

    Writes OUT/heard-*.wav (what a person would hear of each machine) and OUT/report.html with waveforms, balances and
    what each adversary got, and says in one screen what happened. On the Pico terminals reach the shop by PPP and their
    own TCP/IP; on unix by this computer's network and the real server.

    \b
    Try it:
      ringcast shop demo --runtime cpython
      ringcast shop demo --json seen.json
      ringcast shop demo --runtime cpython --db postgresql://user@host/shop --master-key key

    \b
    Exit status:
      0  everything was as it should be, and nobody got what is not his
      1  it was otherwise, or the demo cannot be played; the line says why
      130, 143, 129  ended by Ctrl-C, SIGTERM, SIGHUP: there is no report
    """
    from headend.files import write_file
    from rich.console import Console

    from testbed.commands.ending import interruption
    from testbed.scenario.report import screen, write_report
    from testbed.systems.shop.report import report_of, to_json
    from testbed.systems.shop.story import play

    if runtime not in RUNTIMES:
        raise LocalError(f"the shop's demonstration runs on {', '.join(RUNTIMES)}, not on {runtime!r}")
    out.mkdir(parents=True, exist_ok=True)
    given_up = "interrupted: the run was given up and there is no report of it"
    with interruption(given_up), _shop(db, master_key) as (shop, key):
        seen = play(runtime, seed, shop, key, out, lambda line: typer.echo(f"{line} ...", err=True))
    told = report_of(seen)
    write_report(out / "report.html", told)
    if json_file is not None:
        write_file(json_file, (json.dumps(to_json(seen), indent=2) + "\n").encode())
    Console().print(screen(told))
    missed = [f"{what}: {found}" for what, held, found in seen.checks if not held]
    for line in missed:
        typer.echo(f"not so: {line}", err=True)
    typer.echo(f"{len(seen.checks) - len(missed)} of {len(seen.checks)} as it should be; report: {out / 'report.html'}")
    if missed:
        raise typer.Exit(1)


@contextmanager
def _shop(db: str | None, master_key: Path | None) -> "Iterator[tuple[Shop, MasterKey]]":
    """The shop over the database, or over one that is gone afterwards; its master key."""
    import secrets
    import tempfile

    from headend.accounts.engine import open_database
    from headend.accounts.master_key import BYTES, MasterKey
    from headend.shop.core import Shop
    from headend.shop.passwords import Passwords

    from testbed.commands._master_key import open_master_key

    with tempfile.TemporaryDirectory(prefix="ringcast-shop-") as folder:
        engine = open_database(f"{folder}/shop.db" if db is None else db)
        try:
            key = MasterKey(secrets.token_bytes(BYTES)) if db is None else open_master_key(engine, db, master_key)
            # Whoever guesses at passwords of a database that is gone in a minute need not be slowed down.
            yield Shop(engine, key, Passwords(1, 8) if db is None else None), key
        finally:
            engine.dispose()
