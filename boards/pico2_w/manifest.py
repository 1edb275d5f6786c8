"""Freezes the terminal for a Raspberry Pi Pico 2 W into MicroPython, so that the image boots with no files beside it.

In MicroPython's ports/rp2: make BOARD=RPI_PICO2_W FROZEN_MANIFEST=/path/to/boards/pico2_w/manifest.py
"""

include("$(PORT_DIR)/boards/RPI_PICO2_W/manifest.py")
include("../../firmware/manifest.py")
module("board.py")
module("board_buttons.py", base_path="../shared")
module("board_codec.py", base_path="../shared")
module("board_common.py", base_path="../shared")
module("board_console.py", base_path="../shared")
module("board_network.py", base_path="../shared")
module("board_rp2.py", base_path="../shared")
module("board_wlan.py", base_path="../shared")
