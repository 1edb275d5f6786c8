"""Small programs on the emulated Pico that measure themselves and say what they found on the modem line."""

from testbed.boards.package import package_files
from testbed.machines.base import MachineError, TerminalSpec
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


def run_probe(image: Image, program: bytes, limit_ms: int = 20_000) -> dict[str, int]:
    """What `program` reported by `say(name, value)`, by name. It finds settop on the board.

    Simulated time, so the same program gives the same values. MachineError: it did not come to its end.
    """
    files = {**package_files(), "main.py": _HEAD + program + _TAIL}
    machine = PicoMachine(image, TerminalSpec(files=files, seed=b"bench"))
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
    return {name: int(value) for name, value in (line.split() for line in said.decode().splitlines())}
