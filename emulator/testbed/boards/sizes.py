"""How much of a board's flash our modules take."""

from collections.abc import Sequence
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


def frozen_size(board: Board, network: bool = False, services: Sequence[str] = ()) -> Size:
    """The sum of the .mpy files of all that an image would freeze: settop, the board's modules, main.py. network,
    services: as in `Board.frozen_files`.

    Frozen modules take about as much: they lose the file headers and share their strings, and gain the tables that
    a file has only in RAM.
    """
    modules = board.frozen_files(network, services).items()
    recipe = board.network_image if network else board.image
    budget = board.flash_bytes if recipe is None else recipe.frozen_bytes or board.flash_bytes
    return Size(sum(len(compile_module(name, data, board.mpy_arch)) for name, data in modules), budget)
