"""What the board runs: the terminal's application over this board's lines."""

import board
from settop.app import App

App(board).run()
