"""What the board runs: the terminal's application over this board's lines."""

import gc
import sys

# A boot.py may have changed sys.path, or the folder under an image that has us inside: its board_config.py lies at "/".
for place in ("", ".frozen", "lib", "/"):
    if place not in sys.path:
        sys.path.append(place)

import board  # noqa: E402
from settop.app import App  # noqa: E402

gc.collect()  # what importing left behind, so that the large buffers do not lie between it
App(board).run()
