"""What the board runs: the terminal's application over this board's lines."""

import gc

# Importing leaves much behind. Collected early, what stays lies close together, and the free memory in one piece.
if hasattr(gc, "threshold"):
    gc.threshold(16384)

import board
from settop.app import App

gc.collect()
if hasattr(gc, "threshold"):
    gc.threshold(-1)
App(board).run()
