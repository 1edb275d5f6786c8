"""Freezes the terminal for a Raspberry Pi Pico 2 into MicroPython, so that the image boots with no files beside it.

In MicroPython's ports/rp2: make BOARD=RPI_PICO2 FROZEN_MANIFEST=/path/to/boards/pico2/manifest.py

It leaves out what the stock image freezes from micropython-lib (onewire, dht and others), so that it builds from
sources without that; add include("$(PORT_DIR)/boards/manifest.py") in place of the first two lines to have it.
"""

freeze("$(PORT_DIR)/modules", ("_boot.py", "_boot_fat.py", "rp2.py"))
include("$(MPY_DIR)/extmod/asyncio")
include("../../firmware/manifest.py")
module("board.py")
module("board_buttons.py", base_path="../shared")
module("board_codec.py", base_path="../shared")
module("board_common.py", base_path="../shared")
module("board_console.py", base_path="../shared")
module("board_network.py", base_path="../shared")
module("board_ppp.py", base_path="../shared")
module("board_rp2.py", base_path="../shared")
