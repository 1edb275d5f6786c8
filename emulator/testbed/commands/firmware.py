"""`ringcast firmware`: an image with the terminal inside, to be copied onto a board."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError

if TYPE_CHECKING:
    from testbed.boards import Board

_DRIVES = {"pico": "RPI-RP2", "pico2": "RP2350"}
"""What the boot ROM calls the drive that appears with BOOTSEL."""


def firmware(
    board: Annotated[str, typer.Option(metavar="NAME", help="Which board: pico or pico2.")] = "pico",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the image goes; ringcast-NAME.uf2 without this.")
    ] = None,
) -> None:
    """Build MicroPython with the terminal frozen in: one file to copy onto the board, and nothing beside it.

    The same sources give the same bytes, from run to run. Built from Debian's source packages in your cache folder, in
    half a minute on an idle computer; what is there already is not built again. A board_config.py on the board's file
    system may still set LINK, CORES and TUNER_BAUD, and Ctrl-C on the console still leads to the prompt. Its own
    main.py has no effect.

    For boards that this cannot build for, `ringcast flash` puts the terminal on a stock MicroPython.

    \b
    Try it:
      ringcast firmware --board pico
      ringcast firmware --board pico2 --out build/terminal.uf2

    \b
    Exit status:
      0  the image is there
      1  it is not; the line says why and what to do
    """
    from headend.files import write_file

    from testbed.boards import load_board
    from testbed.boards.sizes import frozen_size
    from testbed.machines.pico_flash import uf2_payload
    from testbed.runtimes.find import firmware_image

    profile = load_board(board)
    target = out if out is not None else Path(f"ringcast-{profile.name}.uf2")
    if target.is_dir():
        raise LocalError(f"{target} is a folder: name the file, such as {target / f'ringcast-{board}.uf2'}")
    target.parent.mkdir(parents=True, exist_ok=True)  # what cannot be written is better known before the build
    if not os.access(target if target.exists() else target.parent, os.W_OK):
        raise LocalError(f"{target} cannot be written here: name another file with --out")
    size = frozen_size(profile)
    if not size.fits:
        raise LocalError(
            f"settop compiles to {size.bytecode_bytes:,} bytes and {board} has {size.budget_bytes:,} for it: "
            "FLASH_BYTES in its board.py says so"
        )
    image = firmware_image(profile, lambda line: typer.echo(line, err=True))
    data = image.path.read_bytes()
    write_file(target, data)
    _report(profile, target, data, sum(len(part) for _, part in uf2_payload(data)), size.bytecode_bytes)


def _report(board: "Board", target: Path, data: bytes, image_bytes: int, bytecode_bytes: int) -> None:
    assert board.image is not None
    room = board.image.image_bytes
    typer.echo(f"image   {target}, {len(data):,} bytes")
    typer.echo(f"sha256  {hashlib.sha256(data).hexdigest()}")
    typer.echo(f"flash   {image_bytes:,} of {room:,} bytes before the keystore's blocks ({_share(image_bytes, room)})")
    typer.echo(
        f"settop  {bytecode_bytes:,} of the board's {board.flash_bytes:,} bytes for frozen bytecode "
        f"({_share(bytecode_bytes, board.flash_bytes)})"
    )
    typer.echo("")
    typer.echo("Next: hold BOOTSEL while you plug the board's USB cable in; a drive appears. Copy the image there:")
    typer.echo(f"  cp {target} /media/$USER/{_DRIVES.get(board.name, 'RPI-RP2')}/")
    typer.echo("The board restarts by itself as a serial port. Give the terminal its identity:")
    typer.echo("  ./ringcast provision --port /dev/ttyACM0 --db centre.db --number 5550100 \\")
    typer.echo("      --tariff evening --portion-price 25")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"
