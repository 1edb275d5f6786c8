"""A program on an emulated Pico beside the terminal's files, run until it ends and MicroPython has its prompt again."""

from testbed.boards import load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine

MS = 1_000_000


def run_to_the_prompt(image, program, seed, limit_ms, codec=True, **files):
    """What it said on the console, and the machine, 0.1 s later; the caller closes it. files: by name, more of them."""
    files = load_board("pico").files({"SERVICES": ()}, {"main.py": program, **files})
    machine = PicoMachine(image, TerminalSpec(files=files, seed=seed, codec=codec))
    machine.boot()
    said = b""
    for at_ms in range(10, limit_ms, 10):
        machine.advance(at_ms * MS)
        said += machine.take("console")
        if b">>>" in said:
            break
    else:
        machine.close()
        raise AssertionError(said)
    machine.advance((at_ms + 100) * MS)
    return said.decode(), machine
