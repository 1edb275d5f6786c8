"""How much of a board's flash our modules take."""

from dataclasses import dataclass

from testbed.boards.compile import compile_module
from testbed.boards.profile import Board


@dataclass(frozen=True)
class Size:
    """`bytecode_bytes`: the compiled modules together. `budget_bytes`: what the board has for them."""

    bytecode_bytes: int
    budget_bytes: int

    @property
    def fits(self) -> bool:
        return self.bytecode_bytes <= self.budget_bytes


def frozen_size(board: Board) -> Size:
    """The sum of the .mpy files of all that an image would freeze: settop, the board's modules, main.py.

    Frozen modules take about as much: they lose the file headers and share their strings, and gain the tables that
    a file has only in RAM.
    """
    modules = board.frozen_files().items()
    return Size(sum(len(compile_module(name, data, board.mpy_arch)) for name, data in modules), board.flash_bytes)
