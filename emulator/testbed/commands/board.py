"""`ringcast board`: an emulated Pico as a process of its own, with the ports of a board on a bench."""

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def board(
    link: Annotated[
        Path, typer.Option(metavar="PREFIX", help="Ports appear as PREFIX-usb, PREFIX-uart0, PREFIX-uart1.")
    ],
    uf2: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A Pico image of your own; default: stock MicroPython.")
    ] = None,
    firmware: Annotated[
        bool, typer.Option("--firmware", help="The image of `ringcast firmware`, terminal inside, not the stock one.")
    ] = False,
    network: Annotated[
        bool, typer.Option("--network", help="The image with IP and TLS, with or without --firmware.")
    ] = False,
    flash: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the flash (image, files, keys) in this file from run to run."),
    ] = None,
    blank: Annotated[
        bool, typer.Option("--blank", help="Forget what --flash holds; start from the image on an erased flash.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Which board: its id and its randomness.")] = 1,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", hidden=True, help="Shared with whoever keeps step with the board.")
    ] = None,
) -> None:
    """Run an emulated Raspberry Pi Pico whose ports any program can open, paced to real time.

    \b
    Ports:
      PREFIX-usb     MicroPython's console and REPL
      PREFIX-uart0   the modem's line (GP0, GP1)
      PREFIX-uart1   the tuner's stream in, the decoder's out (GP4, GP5)
    A port takes on whatever rate the firmware sets. With --network a UART may lead to the network instead (WIRES in
    board_config.py): its port is then the far end of a PPP line, for any program that speaks PPP.

    \b
    Try it:
      ringcast board --link /tmp/pico --flash /tmp/pico.flash
      ringcast board --link /tmp/pico --firmware
      ringcast board --link /tmp/pico --network
    and in another terminal:
      mpremote connect /tmp/pico-usb exec "print(1+1)"
      mpremote connect /tmp/pico-usb repl
      ringcast flash --board pico --port /tmp/pico-usb

    \b
    While it runs, a line on standard input:
      power cycle | power off | power on | usb off | usb on | state | quit
    SIGUSR1 is `power cycle`. SIGTERM and Ctrl-C end it: the links go, the flash is kept if --flash names a file.

    \b
    Exit status:
      0  ended as it was asked to
      1  it did not start, or the board died; the line says why
    """
    from testbed.hil.board_flash import first_flash, held_alone, keep_flash

    with held_alone("--link", link), held_alone("--flash", flash):
        from testbed.hil.pty_board import Page, PtyBoard
        from testbed.machines.base import TerminalSpec
        from testbed.machines.pico import PicoMachine

        contents, image = first_flash(uf2, firmware, flash, blank, _say, network)
        keep_flash(flash, contents)  # a file that cannot be written is better known now
        spec = TerminalSpec(files={}, seed=b"board %d" % seed)
        machine = PicoMachine(image, spec, flash=contents, rates_follow=True)
        desk = PtyBoard(machine, link, _say, keep=partial(keep_flash, flash), page=Page(page) if page else None)
        for number, command in ((signal.SIGTERM, "quit"), (signal.SIGINT, "quit"), (signal.SIGUSR1, "power cycle")):
            signal.signal(number, lambda *_, command=command: desk.order(command))
        with desk:
            if not sys.stdin.closed:
                os.set_blocking(sys.stdin.fileno(), False)
                desk.listen(sys.stdin.fileno())
            ports = " ".join(str(path) for path in desk.links(link).values())
            _say(f"board ready: {ports} (image: {image.origin})")
            desk.run()
        late = f", {desk.slipped_ns / 1e9:.3f} s of them late: this host could not keep pace" if desk.slipped_ns else ""
        lost = f"; {desk.lost_bytes} bytes lost for want of a reader" if desk.lost_bytes else ""
        _say(f"board ended after {desk.simulated_ns / 1e9:.3f} s{late}{lost}")


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()
