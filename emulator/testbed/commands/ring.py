"""`ringcast ring`: a telephone call to a running `ringcast modem`."""

from pathlib import Path
from typing import Annotated

import typer
from settop.errors import RingcastError

from testbed.line.pty_modem import ring as ring_modem


def ring(
    link: Annotated[Path, typer.Option(help="The --link of the running modem.")],
    seconds: Annotated[int, typer.Option(min=1, max=3600, help="Gives up after so long without an answer.")] = 30,
) -> None:
    """Calls a running modem: it says RING every 5 s until answered (ATA, or S0 by itself).

    \b
    Try it:
      ringcast modem --link /tmp/modem --echo &
      ringcast ring --link /tmp/modem
    """
    try:
        typer.echo(ring_modem(link, seconds))
    except RingcastError as error:
        typer.echo(f"ringcast ring: {error}", err=True)
        raise typer.Exit(1) from None
