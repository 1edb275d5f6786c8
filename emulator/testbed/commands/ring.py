"""`ringcast ring`: a telephone call to a running `ringcast modem`."""

from pathlib import Path
from typing import Annotated

import typer

from testbed.line.pty_modem import ring as ring_modem


def ring(
    link: Annotated[Path, typer.Option(help="The --link of the running modem.")],
    seconds: Annotated[int, typer.Option(min=1, max=3600, help="Gives up after so long without an answer.")] = 30,
) -> None:
    """Call a running modem: it says RING every 5 s until answered (ATA, or S0 by itself).

    \b
    Try it:
      ringcast modem --link /tmp/modem --echo &
      ringcast ring --link /tmp/modem

    Exit status: 0 it rings; 1 it will not, or no modem runs there, and a line says which.
    """
    typer.echo(ring_modem(link, seconds))
