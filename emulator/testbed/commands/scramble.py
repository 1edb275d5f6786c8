"""`ringcast scramble`: cut a transport stream into portions and scramble each under its own key."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from testbed.commands._files import hex_bytes, one_line_errors, progress_for, stream_source, warn


def scramble(
    source: Annotated[Path, typer.Argument(metavar="IN.ts", help="MPEG transport stream, clear; - is standard input.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.ts", help="Where it goes, scrambled; - is standard output.")],
    portion_seconds: Annotated[
        float, typer.Option("--portion-seconds", help="Length of a portion in seconds of programme time, 0.2 or more.")
    ],
    programme_secret: Annotated[
        str,
        typer.Option("--programme-secret", metavar="HEX", help="At least 16 bytes; every key derives from it. Secret."),
    ],
    keys_out: Annotated[
        Path, typer.Option("--keys-out", metavar="KEYS.json", help="Where the keys go (mode 0600). Secret.")
    ],
    programme: Annotated[
        int | None,
        typer.Option("--programme", metavar="N", help="Scramble this programme_number only; without it, all of them."),
    ] = None,
    broadcast_id: Annotated[
        str | None,
        typer.Option("--broadcast-id", metavar="HEX", help="8 bytes, new for every broadcast; random unless given."),
    ] = None,
    programme_id: Annotated[
        int,
        typer.Option("--programme-id", metavar="N", help="Id of the programme in its ECMs and keys, 0..4294967295."),
    ] = 1,
) -> None:
    """Scramble IN.ts into OUT.ts with DVB-CISSA, a new key for every portion.

    The result is a standard stream: its PMT carries a CA descriptor, and a message on the CA PID tells ten times a
    second which portion is on air. `ringcast descramble` with KEYS.json undoes it. Example:

    ringcast scramble film.ts broadcast.ts --portion-seconds 10 --programme-secret $(openssl rand -hex 32)
    --keys-out keys.json

    Packets of 192, 204 and 208 bytes are taken as well; what is left out (time stamps, parity, damage, half packets at
    both ends) is said on one line. IN.ts and OUT.ts may be - (standard input and output) or a pipe. What cannot be
    read twice is first copied to a temporary file beside OUT.ts, or where TMPDIR says if OUT.ts is a pipe, too.

    OUT.ts and KEYS.json appear together when they are whole, or not at all. Exit status: 0 done; 1 it cannot be done,
    and a line says why; 130, 143, 129 after Ctrl-C, SIGTERM, SIGHUP; 141 where nobody reads the output any more.
    """
    import json
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no linear algebra here: spares numpy's thread pool

    from headend.files import together
    from headend.ts.keys import BROADCAST_ID_BYTES
    from headend.ts.scrambler import scramble_file
    from headend.ts.targets import is_stdout, is_stream, refuse_same_file

    secret = hex_bytes(programme_secret, "--programme-secret")
    run_id = os.urandom(BROADCAST_ID_BYTES) if broadcast_id is None else hex_bytes(broadcast_id, "--broadcast-id")
    if is_stream(keys_out):
        raise typer.BadParameter("--keys-out must be a file: keys do not go through a pipe or a device")
    if keys_out.absolute() in (source.absolute(), target.absolute()):
        raise typer.BadParameter("--keys-out must be another file than IN.ts and OUT.ts")
    gc.freeze()  # what is loaded stays: spares collections, and copies in forked workers
    # Keys and stream take their names together: one without the other is of no use, and hard to tell from a pair.
    with one_line_errors("scramble"), stream_source("scramble", source, target) as given, together() as files:
        refuse_same_file(source, keys_out)
        keys = files.open(keys_out, mode=0o600)
        out = target if is_stream(target) else files.open(target)
        with progress_for(source, "scrambling") as progress:
            result = scramble_file(given, out, portion_seconds, secret, run_id, programme_id, programme, progress)
        keys.write(json.dumps(result.as_json(), indent=1).encode() + b"\n")
    for warning in result.warnings:
        warn("scramble", warning)
    with one_line_errors("scramble"):
        typer.echo(
            f"{len(result.portions)} portions, {result.scrambled} of {result.packets} packets scrambled, "
            f"{result.ecm_inserted + result.ecm_replacing_null} ECMs on PID 0x{result.ca_pid:04x} "
            f"({result.ecm_replacing_null} in place of null packets)",
            err=is_stdout(target),
        )
