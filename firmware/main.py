"""What the board runs: the terminal's application over this board's lines."""

import gc
import sys

# A boot.py may have changed sys.path, or the folder under an image that has us inside: its board_config.py lies at "/".
for place in ("", ".frozen", "lib", "/"):
    if place not in sys.path:
        sys.path.append(place)

# Importing and starting leave much behind. Collected early, what stays lies close together, and the free memory in one
# piece.
if hasattr(gc, "threshold"):
    gc.threshold(16384)

import board  # noqa: E402
from settop.app import App  # noqa: E402
from settop.registry import preload  # noqa: E402

preload(board.SERVICES)
app = App(board)
gc.collect()
if hasattr(gc, "threshold"):
    gc.threshold(-1)
app.run()
