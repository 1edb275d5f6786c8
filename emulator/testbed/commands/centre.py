"""`ringcast centre`: what an operator of the call centre does: look, revoke, change the master key, back up."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError

from testbed.commands import _centre as shared
from testbed.commands._centre import AsJson, Db, Limit, MasterKeyFile, OfSubscriber, Since
from testbed.commands._master_key import key_file
from testbed.commands.ending import interruption, tell

if TYPE_CHECKING:
    from headend.accounts.rotating import Rotated
    from sqlalchemy import Engine

app = typer.Typer(
    help="The call centre: subscribers, calls, alarms, revocation, its master key, backup and restore.\n\n"
    "docs/centre.md explains the commands and has the procedures.",
    no_args_is_help=True,
    add_completion=False,
)
LOOK, KEYS, COPIES = "Look", "Terminals and keys", "Backup"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@app.command(rich_help_panel=LOOK)
def subscribers(
    db: Db,
    since: Since = None,
    subscriber: OfSubscriber = None,
    revoked: Annotated[bool, typer.Option("--revoked", help="Those alone that are revoked.")] = False,
    limit: Limit = 100,
    json_: AsJson = False,
) -> None:
    """Who is registered: terminal, tariff, money, calls, alarms; the newest first.

    --since shows who has called from then on. No key is shown, nor anything that one could call with.

    \b
      ringcast centre subscribers --db centre.db
      ringcast centre subscribers --db centre.db --revoked --json

    Exit status: 0; 1 where the database cannot be read, and a line says why; 2 for options that mean nothing.
    """
    from headend.callcentre.overview import subscribers as found

    wanted = shared.only(since, subscriber, limit, _now_ms())
    columns: list[shared.Column] = [
        ("no.", "right", lambda line: str(line.subscriber)),
        ("terminal", "left", lambda line: line.terminal),
        ("tariff", "left", lambda line: line.tariff),
        ("programmes", "left", lambda line: "all" if line.programmes is None else " ".join(map(str, line.programmes))),
        ("credit", "right", lambda line: shared.money(line.credit, line.currency)),
        ("charged", "right", lambda line: shared.money(line.charged, line.currency)),
        ("calls", "right", lambda line: str(line.calls)),
        ("last call (UTC)", "left", lambda line: shared.instant(line.last_call_ms)),
        ("alarms", "right", lambda line: str(line.alarms)),
        ("clones", "left", lambda line: line.clone_rule),
        ("revoked (UTC)", "left", lambda line: shared.instant(line.revoked_ms)),
    ]
    shared.show("subscribers", found(shared.open_centre(db), wanted, revoked), limit, json_, columns)


@app.command(rich_help_panel=LOOK)
def calls(
    db: Db,
    since: Since = None,
    subscriber: OfSubscriber = None,
    running: Annotated[bool, typer.Option("--running", help="Those alone that have not ended.")] = False,
    limit: Limit = 100,
    json_: AsJson = False,
) -> None:
    """The call records: programme, times, portions, price, how each ended; the newest first.

    \b
      ringcast centre calls --db centre.db --since 2h
      ringcast centre calls --db centre.db --subscriber 7 --json

    Exit status: 0; 1 where the database cannot be read, and a line says why; 2 for options that mean nothing.
    """
    from headend.callcentre.overview import calls as found

    wanted = shared.only(since, subscriber, limit, _now_ms())
    columns: list[shared.Column] = [
        ("call", "right", lambda line: str(line.call)),
        ("subscriber", "right", lambda line: str(line.subscriber)),
        ("programme", "right", lambda line: str(line.programme)),
        ("begun (UTC)", "left", lambda line: shared.instant(line.started_ms)),
        ("ended (UTC)", "left", lambda line: shared.instant(line.ended_ms, "running")),
        ("portions", "right", lambda line: str(line.portions)),
        ("given back", "right", lambda line: str(line.withdrawn)),
        ("price", "right", lambda line: shared.money(line.price, line.currency)),
        ("how it ended", "left", lambda line: line.reason or ""),
    ]
    shared.show("calls", found(shared.open_centre(db), wanted, running), limit, json_, columns)


@app.command(rich_help_panel=LOOK)
def alarms(
    db: Db,
    since: Since = None,
    subscriber: OfSubscriber = None,
    kind: Annotated[list[str] | None, typer.Option(metavar="WORD", help="Of this kind alone; repeat it.")] = None,
    limit: Limit = 100,
    json_: AsJson = False,
) -> None:
    """What the centre wants looked at, such as a terminal that seems to be there twice; the newest first.

    \b
      ringcast centre alarms --db centre.db --since 1d
      ringcast centre alarms --db centre.db --kind clone --json

    Exit status: 0; 1 where the database cannot be read, and a line says why; 2 for options that mean nothing.
    """
    from headend.callcentre.overview import alarms as found

    wanted = shared.only(since, subscriber, limit, _now_ms())
    columns: list[shared.Column] = [
        ("at (UTC)", "left", lambda line: shared.instant(line.at_ms)),
        ("subscriber", "right", lambda line: str(line.subscriber)),
        ("terminal", "left", lambda line: line.terminal),
        ("kind", "left", lambda line: line.kind),
        ("what", "left", lambda line: line.text),
    ]
    shared.show("alarms", found(shared.open_centre(db), wanted, kind or ()), limit, json_, columns)


@app.command(rich_help_panel=KEYS)
def revoke(
    terminal: Annotated[str, typer.Argument(metavar="TERMINAL", help="Its id, 16 hex digits.")],
    db: Db,
    undo: Annotated[bool, typer.Option("--undo", help="Take the revocation back.")] = False,
) -> None:
    """Treat a terminal as unknown from now on, and end its call.

    It is answered as one that was never registered. Records and money stay.

    \b
      ringcast centre revoke 0123456789abcdef --db centre.db
      ringcast centre revoke 0123456789abcdef --db centre.db --undo

    Exit status: 0 if it is so now, or was before; 1 for an unknown terminal; 2 for what is no terminal's id.
    """
    from headend.callcentre.revoking import reinstate
    from headend.callcentre.revoking import revoke as revoke_it

    which, engine, now_ms = shared.terminal_id(terminal), shared.open_centre(db), _now_ms()
    if undo:
        was = reinstate(engine, which)
        typer.echo(f"terminal {which.hex()} may call again" if was else f"terminal {which.hex()} was not revoked")
        return
    since_ms = revoke_it(engine, which, now_ms)
    already = "" if since_ms == now_ms else f" already, since {shared.instant(since_ms)} UTC"
    typer.echo(f"terminal {which.hex()} is revoked{already}")


@app.command(rich_help_panel=KEYS)
def clones(
    subscriber: Annotated[str, typer.Argument(metavar="N|TERMINAL", help="The subscriber's number, or the terminal.")],
    rule: Annotated[str, typer.Argument(metavar="RULE", help="warn, deny or reprovision.")],
    db: Db,
) -> None:
    """Say what becomes of a call of this subscriber that shows an outdated token. There is an alarm in any case.

    warn: it goes on. deny: it is refused, another one goes on. reprovision: the terminal is revoked.

    \b
      ringcast centre clones 0123456789abcdef deny --db centre.db

    Exit status: 0 if it is so now; 1 for an unknown subscriber or rule; 2 for what is no terminal's id.
    """
    from headend.callcentre.overview import subscribers as found
    from headend.callcentre.subscribers import set_clone_rule

    wanted, engine = shared.only(None, subscriber, 1, _now_ms()), shared.open_centre(db)
    lines = found(engine, wanted)
    if not lines:
        raise LocalError(f"no subscriber {subscriber}: `ringcast centre subscribers` shows them")
    set_clone_rule(engine, lines[0].subscriber, rule)
    typer.echo(f"terminal {lines[0].terminal}: {rule}")


@app.command("rotate-key", rich_help_panel=KEYS)
def rotate_key(
    db: Db,
    master_key: MasterKeyFile = None,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Only draw the new key into the file, for copies of it on other computers."),
    ] = False,
) -> None:
    """Change the master key: everything that is sealed under it is sealed anew.

    Call centres and `provision` go on meanwhile. What is cut off is finished by the same command. Before, copy the key
    file to where old backups are kept: they open with the old key alone. Afterwards, make a backup and a copy of the
    new key. For keys in the environment, see docs/centre.md.

    \b
      ringcast centre rotate-key --db centre.db
      ringcast centre rotate-key --db centre.db --prepare

    Exit status: 0 if the new key is in force alone (--prepare: is in the file); 1 if not, and a line says why.
    """
    from headend.accounts.rotating import prepare_file, rotate_file

    engine, path = shared.open_centre(db), key_file(db, master_key)
    if path is None:
        if prepare:
            raise LocalError("the master key is in the environment: --prepare is for a key file")
        rotated = _rotate_in_environment(engine)
    elif prepare:
        made = prepare_file(engine, path)
        typer.echo(f"{path} has the new key before the old one" + ("" if made else " already"))
        typer.echo("copy it to every computer that uses this database, then run this again there without --prepare")
        return
    else:
        with interruption("not finished: the key file has both keys and opens everything; run it again"):
            rotated = rotate_file(engine, path)
    typer.echo(f"{rotated.sealed_anew} device keys sealed anew, master key version {rotated.version} is in force")
    if rotated.continued:
        typer.echo("this finished what an earlier run had begun, or --prepare")
    typer.echo(
        "earlier backups open with the old key only: make a new one, and keep a copy of the new key apart from it"
    )


def _rotate_in_environment(engine: "Engine") -> "Rotated":
    from headend.accounts.master_key import ENVIRONMENT, load_master_key
    from headend.accounts.rotating import seal_anew

    held = load_master_key().held()
    if len(held) == 1:
        raise LocalError(
            f"the master key is in {ENVIRONMENT}, which cannot be changed for other programs: draw a new key (openssl "
            f"rand -hex 32), restart all with {ENVIRONMENT} holding the new key, a space and the old one, then run "
            "this again so; docs/centre.md has the steps"
        )
    with interruption(f"not finished: leave both keys in {ENVIRONMENT} and run it again"):
        rotated = seal_anew(engine, held[1], held[0])
    tell("ringcast centre rotate-key", f"note: restart all programs with {ENVIRONMENT} holding the first key alone")
    return rotated


@app.command(rich_help_panel=COPIES)
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet; its mode will be 0600.")],
    db: Db,
) -> None:
    """Copy the database, as it is at one instant, while it is in use.

    The master key is not in it: keep a copy of the key file elsewhere. For SQLite; PostgreSQL has pg_dump.

    \b
      ringcast centre backup /backup/centre-2026-11-28.db --db centre.db

    Exit status: 0 if the copy is there and was read through; 1 if not, and a line says why: there is no file then.
    """
    from headend.accounts.backup import back_up

    back_up(db, file)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")


@app.command(rich_help_panel=COPIES)
def restore(
    db: Db,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="What `ringcast centre backup` made.", show_default=False)
    ] = None,
    master_key: MasterKeyFile = None,
    settle: Annotated[
        bool, typer.Option("--settle", help="No FILE: another program put the database back; do the rest.")
    ] = False,
) -> None:
    """Put a backup where no database is.

    Calls that were under way in it are ended, tokens against clones begin anew. What was registered, charged, paid in
    and revoked since the backup is lost: docs/centre.md says what that means. For SQLite; for PostgreSQL, pg_restore
    puts the database back and --settle does the rest.

    \b
      ringcast centre restore /backup/centre-2026-11-28.db --db centre.db
      ringcast centre restore --settle --db postgresql+psycopg://centre@host/centre --master-key centre.key

    Exit status: 0 if the database is there; 1 if not, and a line says why: nothing was changed then; 2 for FILE with
    --settle or neither.
    """
    if (file is None) != settle:
        raise typer.BadParameter("give either FILE, or --settle for a database that another program put back")
    from headend.accounts.backup import restore as restore_it
    from headend.accounts.master_key import load_master_key
    from headend.accounts.terminals import check_all_versions
    from headend.callcentre.restored import settle_restored

    path = key_file(db, master_key)
    key = load_master_key(path) if path is None or master_key is not None or path.exists() else None
    ended = 0

    def put_right(engine: "Engine") -> None:
        nonlocal ended
        if key is not None:
            check_all_versions(engine, key)
        ended = settle_restored(engine)

    if file is None:
        put_right(shared.open_centre(db))
    else:
        restore_it(file, db, put_right)
    typer.echo(f"restored; {ended} calls that were under way in the backup are ended")
    if key is None:
        missing = f"note: {path} is missing: restore the key of that time too, nothing opens without it"
        tell("ringcast centre restore", missing)
