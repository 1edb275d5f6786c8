"""`ringcast flash`: put the terminal on a board that runs stock MicroPython, or take it off."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError

from testbed.commands.ending import interruption

if TYPE_CHECKING:
    from testbed.boards import Board
    from testbed.commands._identity import NewIdentity
    from testbed.deploy.flash import Progress, Report
    from testbed.deploy.started import BoardConsole


def flash(
    board: Annotated[
        str, typer.Option(metavar="NAME", help="Which one: pico, pico_w, pico2, pico2_w, esp32, pyboard.")
    ],
    port: Annotated[str, typer.Option(metavar="PORT", help="Its USB or serial port, or a pyserial URL.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and change nothing.")] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Take everything of ringcast off, keystore, lock keys and counter included.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --erase: do not ask.")] = False,
    link: Annotated[
        str | None,
        typer.Option(
            metavar="uarts|cable",
            help="Modem, tuner and decoder on serial lines of their own, or all on the USB cable.",
        ),
    ] = None,
    cores: Annotated[int | None, typer.Option(metavar="1|2", min=1, max=2, help="How many cores descramble.")] = None,
    tuner_baud: Annotated[
        int | None, typer.Option(metavar="N", min=9600, max=4_000_000, help="Rate of the tuner's line.")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Service that the board starts, in this order; repeat it. Its own: call."),
    ] = None,
    wire: Annotated[
        list[str] | None,
        typer.Option(
            metavar="UART=NAME", help="What a UART leads to: modem, tuner, network or dock; name all of them."
        ),
    ] = None,
    authority: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Whom the terminal believes by https: a certificate, DER or PEM (authority.der there)."
        ),
    ] = None,
    db: Annotated[
        str | None, typer.Option(metavar="PATH|URL", help="Give the board an identity, registered in this database.")
    ] = None,
    number: Annotated[
        str | None, typer.Option(metavar="N", help="With --db: telephone number that the terminal will dial.")
    ] = None,
    tariff: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --db: tariff; a new one needs --portion-price.")
    ] = None,
    programme: Annotated[
        list[int] | None,
        typer.Option(metavar="N", min=0, max=0xFFFFFFFF, help="With --db: programme id covered; repeat it."),
    ] = None,
    credit: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="With --db: prepaid credit in hundredths.")
    ] = None,
    portion_price: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="With --db: makes or changes the tariff.")
    ] = None,
    master_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --db: as in `ringcast provision`.")
    ] = None,
    headend_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --db: as in `ringcast provision`.")
    ] = None,
    headend: Annotated[
        str | None,
        typer.Option(
            metavar="HEX", help="Public key of the head-end that alone may provision the board; --db brings it."
        ),
    ] = None,
    new_identity: Annotated[
        bool, typer.Option("--new-identity", help="With --db: a fresh identity, also where the board has one.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="With --db: also where the board has an identity of another database; it asks."),
    ] = False,
) -> None:
    """Put ringcast on a board that runs MicroPython, over its USB cable.

    Transfers what the services need that the board starts, and of that what it does not have already, checks every file
    by its SHA-256 as the board computes it, and starts the terminal. Say it again at any time: after an update, or
    after the cable was pulled. Files of your own stay; one that is in the way is kept as NAME.kept. Settings that you
    do not name stay as they are on the board. A running terminal is stopped for this and started again, by --dry-run,
    too.

    \b
    Try it:
      ringcast flash --board pico --port /dev/ttyACM0 --dry-run
      ringcast flash --board pico --port /dev/ttyACM0
      ringcast flash --board pico --port /dev/ttyACM0 --link cable \\
          --db centre.db --number 5550100 --tariff evening --portion-price 25
      ringcast flash --board pico --port /dev/ttyACM0 --service call --service titles
      ringcast flash --board pico --port /dev/ttyACM0 --service titles --service player --wire 0=dock --wire 1=tuner
      ringcast flash --board pico --port /dev/ttyACM0 --service network --service titles --service shop \\
          --wire 0=network --wire 1=tuner --authority shop.db.tls/authority.der
      ringcast flash --board pico --port /dev/ttyACM0 --erase

    \b
    Exit status:
      0  done, and the board said that it is ready
      1  not done; the line says why and what to do. The board has a prompt, and can be flashed again
      2  options that do not go together
    """
    from testbed.boards import load_board
    from testbed.commands._flash_settings import board_settings, certificate_der
    from testbed.commands._identity import NewIdentity
    from testbed.deploy.flash import AUTHORITY, flash_board

    keys = (master_key, headend_key)
    with interruption("interrupted: the board can be flashed again"):
        profile = load_board(board)
        if profile.port == "unix":
            raise LocalError("the unix port is a program and is not flashed: `ringcast demo --runtime unix` runs it")
        if erase:
            others = (
                link,
                cores,
                tuner_baud,
                service or None,
                wire or None,
                authority,
                headend,
                db,
                number,
                tariff,
                programme,
                credit,
                portion_price,
                *keys,
            )
            if new_identity or replace or any(value is not None for value in others):
                raise typer.BadParameter("--erase takes no other options than --yes and --dry-run")
            _erase(profile, port, dry_run, yes)
            return
        config = board_settings(profile, link, cores, tuner_baud, service or (), wire or (), headend)
        beside = {} if authority is None else {AUTHORITY: certificate_der(authority)}
        identity = None
        if db is not None:
            if number is None or tariff is None:
                raise typer.BadParameter("--db needs --number and --tariff, too")
            identity = NewIdentity(
                db,
                number,
                tariff,
                programme,
                credit,
                portion_price,
                *keys,
                anew=new_identity,
                replace=replace,
                check=dry_run,
            )
            if headend is not None:
                raise typer.BadParameter("--headend comes with --db by itself")
            if identity.headend is not None:
                config["HEADEND"] = identity.headend.hex()
        elif (
            new_identity
            or replace
            or any(v is not None for v in (number, tariff, programme, credit, portion_price, *keys))
        ):
            raise typer.BadParameter("an identity needs --db, the call centre's database")
        with _progress() as (show, stop):

            def give(console: "BoardConsole", ready: str) -> None:
                stop()  # a question may come, and a bar would write over it
                assert identity is not None
                identity.give(console, ready)

            report = flash_board(
                port,
                profile,
                config,
                progress=show,
                beside=beside,
                keep_config=True,
                dry_run=dry_run,
                on_ready=None if identity is None else give,
            )
        _tell(profile, port, report, dry_run, identity)


def _tell(board: "Board", port: str, report: "Report", dry_run: bool, identity: "NewIdentity | None") -> None:
    from testbed.boards.profile import SECRET

    typer.echo(report.found.said)
    if report.found.frozen:
        typer.echo(
            "its image has ringcast inside (update it with a new image); beside it go settings, and files of services "
            "that it lacks"
        )
    if dry_run:
        for path, size in report.transferred.items():
            typer.echo(f"  would put     {path}  {size:,} bytes")
        for path in report.removed:
            typer.echo(f"  would remove  {path}")
    for old, new in report.kept.items():
        typer.echo(f"  your {old} {'would be' if dry_run else 'is'} kept as {new}")
    count = len(report.transferred)
    files = f"{count} file{'' if count == 1 else 's'} ({report.transferred_bytes:,} bytes)"
    would = "would transfer" if dry_run else "transferred"
    rest = f"{report.unchanged} unchanged, {len(report.removed)} {'to remove' if dry_run else 'removed'}"
    typer.echo(f"{would} {files}; {rest}")
    if report.config:
        told = (f"{name} = {'...' if name in SECRET else repr(value)}" for name, value in report.config.items())
        typer.echo("board_config.py: " + ", ".join(told))
    if dry_run:
        typer.echo("nothing was changed on the board")
        return
    if count + report.unchanged:
        typer.echo("every file has the hash that it must have, as computed on the board")
    typer.echo(f"ready {report.ready}")
    if identity is not None:
        for line in identity.said:
            typer.echo(line)
    elif "terminal=unprovisioned" in report.ready:
        typer.echo(
            f"no identity yet; give it one: ringcast flash --board {board.name} --port {port} "
            "--db centre.db --number 5550100 --tariff evening --portion-price 25"
        )


def _erase(board: "Board", port: str, dry_run: bool, yes: bool) -> None:
    from testbed.deploy.flash import erase_board

    seen = erase_board(port, board, dry_run=True)
    parts = [f"{len(seen.files)} files of ringcast"]
    parts += [f"the keystore ({len(seen.keys)} files in {board.storage})"] if seen.keys else []
    parts += ["the lock keys and the counter"] if seen.lock else []
    if not (seen.files or seen.keys or seen.lock):
        typer.echo("there is nothing of ringcast on this board")
        return
    typer.echo(f"on the board: {', '.join(parts)}")
    for old, new in seen.back.items():
        typer.echo(f"  {old} {'would become' if dry_run else 'becomes'} {new} again")
    if dry_run:
        typer.echo("nothing was changed on the board")
        return
    if seen.lock or seen.keys:
        typer.echo("without its keys the terminal is lost to the call centre: it will need a new identity")
    if not yes:
        typer.confirm("take all of it off?", abort=True)
    with _progress() as (show, _):
        gone = erase_board(port, board, progress=show)
    typer.echo(
        f"taken off: {len(gone.files) + len(gone.keys)} files{', the lock keys and the counter' if gone.lock else ''}"
    )


@contextmanager
def _progress() -> "Iterator[tuple[Progress | None, Callable[[], None]]]":
    """A bar with files and bytes on a terminal, and what ends it early."""
    if not sys.stderr.isatty():
        yield None, lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:40.40}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking the board", total=None)
        yield (
            (lambda what, done, total: bar.update(task, description=what, completed=done, total=total or None)),
            bar.stop,
        )
