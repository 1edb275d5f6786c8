"""`ringcast descramble`: open what `ringcast scramble` made, with its key file."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.commands._files import progress_for, read_twice, stream_source, warn


def descramble(
    source: Annotated[
        Path, typer.Argument(metavar="IN.ts", help="What `ringcast scramble` made; - is standard input.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT.ts", help="Where the clear stream goes; - is standard output.")
    ],
    keys: Annotated[Path, typer.Option("--keys", metavar="KEYS.json", help="The key file of that stream.")],
) -> None:
    """Descramble IN.ts into OUT.ts: packets opened, PMT as it was, ECMs removed.

    Portions that KEYS.json has no key for stay scrambled; the last line says how many packets that were. Example:

    ringcast descramble broadcast.ts film.ts --keys keys.json

    Inputs, pipes and exit status are those of `ringcast scramble`.
    """
    from headend.ts.descrambler import descramble_file
    from headend.ts.io.targets import is_stdout

    with (
        stream_source("descramble", source, target) as given,
        progress_for(source, "descrambling") as progress,
        read_twice(keys) as key_file,
    ):
        result = descramble_file(given, target, key_file, progress)
    untold = result.left_scrambled - result.without_key
    typer.echo(
        f"{result.descrambled} packets descrambled, {result.left_scrambled} left scrambled"
        + (f" ({result.without_key} for want of a key" if result.left_scrambled else "")
        + (f", {untold} near a joint or gap, where no ECM tells their portion" if untold else "")
        + (")" if result.left_scrambled else "")
        + f", {result.packets} packets written",
        err=is_stdout(target),
    )
    if result.not_pes:
        warn("descramble", f"{result.not_pes} of {result.pes_checked} opened packets that should begin a PES do not")
