"""`ringcast scramble`: cut a transport stream into portions and scramble each under its own key."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from testbed.commands._files import hex_bytes, one_line_errors, progress_for


def scramble(
    source: Annotated[Path, typer.Argument(metavar="IN.ts", help="MPEG transport stream, 188-byte packets, clear.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.ts", help="Where the scrambled stream goes.")],
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
    price: Annotated[
        int | None,
        typer.Option(
            "--price",
            metavar="N",
            help="Announce what a portion costs, in minor units (25: 0.25 EUR); the centre charges its own tariff.",
        ),
    ] = None,
    set_up_price: Annotated[
        int | None,
        typer.Option("--set-up-price", metavar="N", help="With --price: once for a broadcast; 0 unless given."),
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", metavar="XXX", help="With --price: three letters; EUR unless given.")
    ] = None,
    tariff: Annotated[
        str | None, typer.Option("--tariff", metavar="NAME", help="With --price: its name, 20 characters at most.")
    ] = None,
) -> None:
    """Scramble IN.ts into OUT.ts with DVB-CISSA, a new key for every portion.

    The result is a standard stream: its PMT carries a CA descriptor, and a message on the CA PID tells ten times a
    second which portion is on air. `ringcast descramble` with KEYS.json undoes it. Example:

    ringcast scramble film.ts broadcast.ts --portion-seconds 10 --programme-secret $(openssl rand -hex 32)
    --keys-out keys.json
    """
    import json
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no linear algebra here: spares numpy's thread pool

    from headend.ts.keys import BROADCAST_ID_BYTES
    from headend.ts.output import replacing
    from headend.ts.scrambler import scramble_file
    from settop.wire.offer import Offer

    secret = hex_bytes(programme_secret, "--programme-secret")
    run_id = os.urandom(BROADCAST_ID_BYTES) if broadcast_id is None else hex_bytes(broadcast_id, "--broadcast-id")
    if keys_out.absolute() in (source.absolute(), target.absolute()):
        raise typer.BadParameter("--keys-out must be another file than IN.ts and OUT.ts")
    if price is None and any(given is not None for given in (set_up_price, currency, tariff)):
        raise typer.BadParameter("--set-up-price, --currency and --tariff need --price, too")
    gc.freeze()  # what is loaded stays: spares collections, and copies in forked workers
    with one_line_errors("scramble"), replacing(keys_out, mode=0o600) as keys_file:
        offer = None
        if price is not None:
            offer = Offer(price, currency or "EUR", "standard" if tariff is None else tariff, set_up_price or 0)
        with progress_for(source, "scrambling") as progress:
            result = scramble_file(
                source, target, portion_seconds, secret, run_id, programme_id, programme, progress, offer
            )
        os.write(keys_file, json.dumps(result.as_json(), indent=1).encode() + b"\n")
    typer.echo(
        f"{len(result.portions)} portions, {result.scrambled} of {result.packets} packets scrambled, "
        f"{result.ecm_inserted + result.ecm_replacing_null} ECMs on PID 0x{result.ca_pid:04x} "
        f"({result.ecm_replacing_null} in place of null packets)"
    )
