"""What the host knows of the boards: profiles, compiled modules, sizes, the package for mip."""

from testbed.boards.profile import BOARD_NAMES, Board, load_board

__all__ = ["BOARD_NAMES", "Board", "load_board"]
