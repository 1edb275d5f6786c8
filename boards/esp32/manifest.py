"""Freezes the terminal for an ESP32 into MicroPython, so that the image boots with no files beside it.

In MicroPython's ports/esp32: make BOARD=ESP32_GENERIC FROZEN_MANIFEST=/path/to/boards/esp32/manifest.py
"""

include("$(PORT_DIR)/boards/manifest.py")
include("../../firmware/manifest.py")
module("board.py")
module("board_codec.py", base_path="../shared")
module("board_common.py", base_path="../shared")
module("board_console.py", base_path="../shared")
module("board_network.py", base_path="../shared")
module("board_wlan.py", base_path="../shared")
