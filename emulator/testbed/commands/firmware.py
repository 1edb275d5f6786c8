"""`ringcast firmware`: an image with the terminal inside, to be copied onto a board."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError

if TYPE_CHECKING:
    from testbed.boards import Board
    from testbed.boards.sizes import Size

_DRIVES = {"pico": "RPI-RP2", "pico2": "RP2350"}
"""What the boot ROM calls the drive that appears with BOOTSEL."""


def firmware(
    board: Annotated[str, typer.Option(metavar="NAME", help="Which board: pico or pico2.")] = "pico",
    network: Annotated[
        bool, typer.Option("--network", help="With IP and TLS, over PPP on a serial line (pico).")
    ] = False,
    service: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further service inside; repeat it.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the image goes; ringcast-NAME.uf2 or ringcast-NAME-network.uf2."),
    ] = None,
) -> None:
    """Build MicroPython with the terminal frozen in: one file to copy onto the board, and nothing beside it.

    The same sources give the same bytes, from run to run. Built from Debian's source packages in your cache folder, in
    half a minute on an idle computer, and in seconds where only settop has changed since; what is there already is not
    built again. A board_config.py on the board's file system may still set LINK, CORES and TUNER_BAUD, and Ctrl-C on
    the console still leads to the prompt. Its own main.py has no effect.

    Inside is what the board's own services need, and with a network those that want one. --service adds another, which
    the board starts where its board_config.py says so (`ringcast flash --service`).

    The image with a network lays out the flash in its own way. A board that changes between it and another image finds
    neither its files nor its keys again: take them off first (`ringcast flash --erase`), and give it a new identity.

    For boards that this cannot build for, `ringcast flash` puts the terminal on a stock MicroPython.

    \b
    Try it:
      ringcast firmware --board pico
      ringcast firmware --board pico2 --out build/terminal.uf2
      ringcast firmware --board pico --network
      ringcast firmware --board pico --service titles

    \b
    Exit status:
      0  the image is there
      1  it is not; the line says why and what to do
    """
    from headend.files import write_file

    from testbed.boards import load_board
    from testbed.boards.package import check_services
    from testbed.boards.sizes import frozen_size
    from testbed.machines.pico_flash import uf2_payload
    from testbed.runtimes.find import firmware_image

    profile = load_board(board)
    named = f"ringcast-{profile.name}{'-network' if network else ''}.uf2"
    target = out if out is not None else Path(named)
    if target.is_dir():
        raise LocalError(f"{target} is a folder: name the file, such as {target / named}")
    target.parent.mkdir(parents=True, exist_ok=True)  # what cannot be written is better known before the build
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise LocalError(f"{target} cannot be written here: name another file with --out")
    services = service or ()
    check_services(services)
    size = frozen_size(profile, network, services)
    if not size.fits:
        raise LocalError(
            f"settop with {', '.join(profile.image_services(network, services))} compiles to "
            f"{size.bytecode_bytes:,} bytes and {board} has {size.budget_bytes:,} for it: FLASH_BYTES in its board.py "
            "says so, or frozen_bytes in its board.toml"
        )
    image = firmware_image(profile, lambda line: typer.echo(line, err=True), network, services)
    data = image.path.read_bytes()
    write_file(target, data)
    recipe = profile.network_image if network else profile.image
    assert recipe is not None
    typer.echo(f"image   {target}, {len(data):,} bytes")
    typer.echo(f"sha256  {hashlib.sha256(data).hexdigest()}")
    typer.echo(f"inside  {', '.join(profile.image_services(network, services))}")
    _report(profile, target, sum(len(part) for _, part in uf2_payload(data)), recipe.image_bytes, size)


def _report(board: "Board", target: Path, image_bytes: int, room: int, size: "Size") -> None:
    typer.echo(f"flash   {image_bytes:,} of {room:,} bytes before the keystore's blocks ({_share(image_bytes, room)})")
    typer.echo(
        f"settop  {size.bytecode_bytes:,} of the board's {size.budget_bytes:,} bytes for frozen bytecode "
        f"({_share(size.bytecode_bytes, size.budget_bytes)})"
    )
    typer.echo("")
    typer.echo("Next: hold BOOTSEL while you plug the board's USB cable in; a drive appears. Copy the image there:")
    typer.echo(f"  cp {target} /media/$USER/{_DRIVES.get(board.name, 'RPI-RP2')}/")
    typer.echo("The board restarts by itself as a serial port. Give the terminal its identity:")
    typer.echo("  ./ringcast provision --port /dev/ttyACM0 --db centre.db --number 5550100 \\")
    typer.echo("      --tariff evening --portion-price 25")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"
