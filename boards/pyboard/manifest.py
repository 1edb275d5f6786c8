"""Freezes the terminal for a pyboard into MicroPython, so that the image boots with no files beside it.

In MicroPython's ports/stm32: make BOARD=PYBV11 FROZEN_MANIFEST=/path/to/boards/pyboard/manifest.py
"""

include("$(PORT_DIR)/boards/PYBV10/manifest.py")
include("../../firmware/manifest.py")
module("board.py")
module("board_stm32.py")
module("board_codec.py", base_path="../shared")
module("board_common.py", base_path="../shared")
module("board_console.py", base_path="../shared")
module("board_network.py", base_path="../shared")
