"""What the board runs: the terminal's application over this board's lines."""

import gc

import board
from settop.app import App

gc.collect()  # what importing left behind, so that the large buffers do not lie between it
App(board).run()
