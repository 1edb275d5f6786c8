"""Freezes the terminal into MicroPython's unix port, but for main.py, which that port takes from its command line.

In MicroPython's ports/unix: make FROZEN_MANIFEST=/path/to/boards/unix/manifest.py
"""

include("$(PORT_DIR)/variants/manifest.py")
include("../../firmware/manifest.py", main=False)
module("board.py")
module("board_codec_line.py")
module("board_common.py", base_path="../shared")
module("board_console.py", base_path="../shared")
