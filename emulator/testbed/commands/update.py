"""`ringcast update`: signed modules of the firmware: a key pair, signing, what one says of itself, whether it holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from settop.errors import LocalError, RemoteError

from testbed.commands._files import hex_bytes

if TYPE_CHECKING:
    from headend.updates.module import SignedModule

app = typer.Typer(
    help="Signed updates: codec units and services that terminals take in the field.\n\n"
    "A board takes modules of one signer, whose public key is SIGNER in its board_config.py, and of each name newer "
    "versions alone. docs/protocols/update.md explains the format, and what a terminal does with one.",
    no_args_is_help=True,
    add_completion=False,
)

Signed = Annotated[Path, typer.Argument(metavar="FILE", help="A signed module.")]
KeyFile = Annotated[
    Path, typer.Option("--key-file", metavar="FILE", help="The signer's private key, of `ringcast update keygen`.")
]


@app.command()
def keygen(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The new key file; one that is there is not touched.")],
) -> None:
    """Make a signing key: FILE, for its owner alone, and the line that boards get of it.

    Who has FILE can run what he likes on every board that trusts it: keep it off the computers that serve. Boards
    never see it. There is no way back from a lost one but to flash the boards.

    \b
      ringcast update keygen signer.key
      SIGNER = "d75a9801..."       (a line for board_config.py)

    Exit status: 0 made; 1 it cannot be made.
    """
    from headend.updates.signing_key import make_key_file

    key = make_key_file(path)
    typer.echo(f'SIGNER = "{key.public.hex()}"')


@app.command()
def sign(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A module: Python source, or a .mpy of mpy-cross.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, whole or not at all.")],
    key_file: KeyFile,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What it is called: a-z, 0-9, _. A service runs by this name.")
    ],
    version: Annotated[
        int, typer.Option("--version", metavar="N", help="Higher than every one before; a board takes none twice.")
    ],
    codec: Annotated[
        str, typer.Option("--codec", metavar="CODEC", help="It is the unit for titles of this codec; else a service.")
    ] = "",
    board: Annotated[
        str, typer.Option("--board", metavar="BOARD", help="For this board alone; source is compiled for it.")
    ] = "",
    as_source: Annotated[
        bool, typer.Option("--source", help="Leave source as it is: every board takes it, and needs more memory.")
    ] = False,
) -> None:
    """Sign IN as a module for terminals.

    Source is compiled by mpy-cross for the processor of --board; without one it must be plain Python, and the .mpy is
    for every processor. --source signs the text itself, which a terminal on CPython takes, too. A codec's module has
    make(sink, rate, channels, extra), a service's make(terminal); both may have check(), a look at itself.

    \b
      ringcast update sign ulaw.py ulaw.up --key-file signer.key --name ulaw --version 1 --codec ulaw --board pico
      ringcast update sign news.mpy news.up --key-file signer.key --name news --version 7

    Exit status: 0 done; 1 it cannot be done, and a line says why: OUT is as it was then; 2 for options that mean
    nothing.
    """
    from headend.files import write_file
    from headend.updates.module import mpy_of
    from headend.updates.module import sign as sign_it
    from headend.updates.signing_key import read_key_file
    from settop.wire.update import SOURCE

    key = read_key_file(key_file)
    module = read_module(source)
    is_source = mpy_of(module) == SOURCE
    if as_source and not is_source:
        raise typer.BadParameter("--source: IN is a .mpy, and stays one")
    if board:
        from testbed.boards import load_board

        processor = load_board(board).mpy_arch
    else:
        processor = ""
    if is_source and not as_source:
        from testbed.boards.compile import compile_module

        # What has no machine code in it comes out alike for all, but for how large a small integer is: as on a board.
        module = compile_module(f"up_{name}.py", module, processor or "armv6m")
        if not processor and mpy_of(module)[1]:
            raise LocalError(f"{source} has machine code in it (viper or native): say --board")
    made = sign_it(key, name, version, module, codec, board)
    octets = made.octets()
    write_file(target, octets)
    typer.echo(f"{target}: {_words(made)}, {len(octets)} bytes")


@app.command()
def info(path: Signed) -> None:
    """What a signed module says of itself. Who signed it is not judged: `ringcast update verify` does that.

    \b
      ringcast update info ulaw.up

    Exit status: 0 it is whole; 1 it is cut short, altered or none at all.
    """
    from headend.updates.module import read

    made = read(read_module(path))
    rows = {
        "name": made.name,
        "kind": f"codec unit for {made.codec}" if made.codec else "service",
        "version": str(made.version),
        "board": made.board or "any",
        "form": form_of(made.mpy),
        "module": f"{len(made.module)} bytes",
        "signature": f"{made.signature.hex()[:16]}... (not judged)",
    }
    for word, value in rows.items():
        typer.echo(f"{word:<10}{value}")


@app.command()
def verify(
    path: Signed,
    signer: Annotated[
        str | None, typer.Option("--signer", metavar="HEX", help="The signer's public key, as boards have it.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="The signer's key file, instead of --signer.")
    ] = None,
) -> None:
    """Whether a signed module is whole and of this signer.

    \b
      ringcast update verify ulaw.up --signer d75a9801...

    Exit status: 0 it is; 1 it is not; 2 for options that mean nothing.
    """
    from headend.updates.module import read
    from headend.updates.signing_key import read_key_file

    if (signer is None) == (key_file is None):
        raise typer.BadParameter("say whose it should be: --signer HEX or --key-file FILE")
    if key_file is not None:
        public = read_key_file(key_file).public
    else:
        assert signer is not None
        public = hex_bytes(signer, "--signer")
    made = read(read_module(path))
    made.judge(public)
    typer.echo(f"{path}: {_words(made)}; whole, and of this signer")


def read_module(path: Path) -> bytes:
    """LocalError: it cannot be read. RemoteError: it is larger than any module."""
    from headend.updates.module import MAX_BYTES

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise LocalError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise RemoteError(f"{path} has more than {MAX_BYTES} bytes, which no terminal takes")
    return data


def _words(made: "SignedModule") -> str:
    kind = f"codec unit for {made.codec}" if made.codec else "service"
    return f"{made.name} version {made.version}, {kind}, for {made.board or 'any board'}, {form_of(made.mpy)}"


def form_of(mpy: bytes) -> str:
    """What the three octets of a head say of the module's form."""
    from settop.wire.update import SOURCE

    if mpy == SOURCE:
        return "Python source"
    version, flags, bits = mpy
    processor = "machine code" if flags >> 2 else "any processor"
    return f".mpy {version} ({processor}, integers of {bits} bits)"
