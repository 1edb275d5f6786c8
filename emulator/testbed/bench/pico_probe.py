"""Small programs on the emulated Pico that measure themselves and say what they found on the modem line."""

from collections.abc import Mapping

from testbed.boards import load_board
from testbed.boards.needs import needed
from testbed.boards.package import package_files
from testbed.machines.base import MachineError, TerminalSpec
from testbed.machines.codec.sound import Sound
from testbed.machines.pico import PicoMachine
from testbed.runtimes.image import Image

CYCLES_PER_US = 125
_SLICE_MS = 10
_HEAD = b"""
import machine
_line = machine.UART(0, 115200, tx=machine.Pin(0), rx=machine.Pin(1), txbuf=2048)
def say(name, value):
    _line.write("%s %d\\n" % (name, value))
"""
_TAIL = b"""
say("end", 0)
"""


def probe(
    image: Image,
    program: bytes,
    limit_ms: int = 20_000,
    files: Mapping[str, bytes] | None = None,
    codec: bool = False,
) -> tuple[dict[str, int], Sound]:
    """(what `program` reported by `say(name, value)`, by name, what was heard). It finds settop on the board, and
    `files`.

    codec: with a decoder chip, and the board's own modules.
    Simulated time, so the same program gives the same values. MachineError: it did not come to its end.
    """
    board = load_board("pico").board_modules() if codec else {}
    sources = {**package_files(), **board, **(files or {}), "main.py": _HEAD + program + _TAIL}
    files = needed(sources, (), False, None)  # a title takes most of the file system
    machine = PicoMachine(image, TerminalSpec(files=files, seed=b"bench", codec=codec))
    machine.boot()
    said = bytearray()
    console = bytearray()
    try:
        for at_ms in range(_SLICE_MS, limit_ms + 1, _SLICE_MS):
            machine.advance(at_ms * 1_000_000)
            said += machine.take("modem")
            console += machine.take("console")
            if said.endswith(b"end 0\n"):
                break
        else:
            words = (console or b"nothing").decode("utf-8", "replace").strip()[-400:]
            raise MachineError(f"a probe had no end within {limit_ms} simulated ms; its console said: {words}")
    finally:
        machine.close()
    return {name: int(value) for name, value in (line.split() for line in said.decode().splitlines())}, machine.sound


def run_probe(
    image: Image,
    program: bytes,
    limit_ms: int = 20_000,
    files: Mapping[str, bytes] | None = None,
    codec: bool = False,
) -> dict[str, int]:
    """What `probe` says. codec: also "underruns", how often the chip fell silent in a title, and "heard_ms"."""
    found, sound = probe(image, program, limit_ms, files, codec)
    if not codec:
        return found
    heard_ms = sum(piece.count * 1000 // piece.rate for piece in sound.pieces)
    return {**found, "underruns": len(sound.underruns), "heard_ms": heard_ms}
