"""`ringcast modem`: a V.250 modem on a pseudo-terminal."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from testbed.line.exchange import ExchangeSettings
from testbed.line.pty_modem import OWN_NUMBER, PtyModem


def modem(
    link: Annotated[Path, typer.Option(help="Where to put the symlink to the pseudo-terminal.")],
    echo: Annotated[bool, typer.Option("--echo", help="5550100 returns what it gets; else it swallows.")] = False,
    rate: Annotated[int, typer.Option(min=50, max=1_000_000, help="Line rate in bit/s.")] = 2400,
    setup_ms: Annotated[int, typer.Option(min=0, max=60_000, help="From the last digit to the first ring.")] = 500,
) -> None:
    """A V.250 modem on a pseudo-terminal, in real time, with an exchange behind it.

    \b
    Numbers:
      5550100   answers (--echo: returns what it gets; otherwise swallows it)
      5550101   BUSY
      5550102   rings, never answers: NO ANSWER after S7 seconds
      5550103   answers and hangs up after 2 s: NO CARRIER
      5550104   NO DIALTONE
      others    NO CARRIER after an announcement
      5550199   this modem; `ringcast ring --link PATH` calls it

    \b
    Try it:
      ringcast modem --link /tmp/modem --echo &
      chat -v '' ATZ OK ATDT5550100 CONNECT '' </tmp/modem >/tmp/modem
      minicom -D /tmp/modem     (AT&V, ATDT5550100; then +++, one second, ATH)

    Several programs may have the pseudo-terminal open; closing the last of them hangs up, as dropping DTR does (not
    with AT&D0). Exit status: 0 after Ctrl-C or SIGTERM, which end it; 1 where PATH cannot be made, and a line says why.
    """
    settings = ExchangeSettings(bits_per_s=rate, setup_ms=setup_ms)
    desk = PtyModem(link, settings, echo=echo, log=_log)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: desk.stop())
    with desk:
        typer.echo(f"modem {OWN_NUMBER} ready at {link}, {rate} bit/s")
        desk.run()


def _log(text: str, now_ms: int) -> None:
    typer.echo(f"{now_ms / 1000:10.3f} s  {text}")
