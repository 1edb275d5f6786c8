"""Buttons and a small display as a service: by them a person does what the console does (docs/panel.md).

Console: `press up|down|ok|back` is one stroke, `display` tells what is shown. What it tells: `display ROW|ROW|ROW|ROW`
whenever that changes. The board may have buttons(), bits of up, down, ok and back that are down, and display(), an
object with write(row, text).
"""

from gc import collect

from settop.errors import RemoteError
from settop.services.panel.buttons import NAMES, Buttons
from settop.services.panel.core import Panel
from settop.services.panel.reach import Reach
from settop.services.panel.screen import Screen
from settop.wire.console import parse

COMMANDS = ("press", "display")
LOOK_MS = 500  # how often what the other services do is looked at
ROWS, COLUMNS = 4, 20
NO_MEMORY = "there is no memory for it"


def make(terminal):
    """See settop.services.face."""
    return PanelService(terminal)


class Told:
    """The terminal's console, of which the panel hears what is said."""

    def __init__(self, console, hear):
        self.read_line = console.read_line
        self.console = console
        self._hear = hear

    def write_line(self, text):
        self.console.write_line(text)
        self._hear(text)


class PanelService:
    """See settop.services.face; `terminal` is what that says."""

    COMMANDS = COMMANDS
    opener = None
    busy = ""
    refused = 0

    def __init__(self, terminal):
        self._terminal = terminal
        board = terminal.board
        self._pressed = getattr(board, "buttons", None)
        display = getattr(board, "display", None)
        self._display = None if display is None else display()
        rows, columns = getattr(self._display, "rows", ROWS), getattr(self._display, "columns", COLUMNS)
        self._reach = Reach(terminal)
        self._screen = Screen(rows, columns)
        self._panel = Panel(self._reach, rows, columns)
        self._buttons = Buttons()
        self._look_ms = 0
        self._wrong = None  # a bug that showed while another service was at work
        self._heard = True  # something that may change what is shown
        terminal.console = self._told = Told(terminal.console, self._hear)

    def command(self, words, now_ms):
        if words == ["display"]:
            self._draw(now_ms)
            self._tell()
        elif words[0] == "press" and len(words) == 2 and words[1] in NAMES:
            self._stroke(words[1], now_ms)
        else:
            raise RemoteError("press takes one of up, down, ok, back; display takes nothing")

    def on_event(self, event, now_ms):
        """The broadcast is none of its business."""

    def status(self):
        return "page=" + self._panel.page

    def stop(self):
        if self._terminal.console is self._told:
            self._terminal.console = self._told.console

    def step(self, now_ms):
        """Returns the time at which it wants to be called again at the latest, or None."""
        if self._wrong is not None:
            raise self._wrong
        try:
            return self._turn(now_ms)
        except MemoryError:
            collect()
            self._panel.give_up()
            self._look_ms = now_ms + LOOK_MS
            return self._look_ms

    # --- inside -----------------------------------------------------------------------------------------------------

    def _turn(self, now_ms):
        if self._pressed is not None:
            name = self._buttons.look(self._pressed(), now_ms)
            if name is not None:
                self._stroke(name, now_ms)
        self._reach.now_ms = now_ms
        more = self._panel.step()
        if more or self._heard or now_ms >= self._look_ms:
            self._draw(now_ms)
        due_ms = self._screen.due_ms()
        if due_ms is not None and now_ms >= due_ms:
            self._show(now_ms)
        return now_ms if more else self._look_ms if due_ms is None else min(due_ms, self._look_ms)

    def _hear(self, line):
        """Whatever is said. Who says it must not fail for the panel's sake: what is wrong here is for its own turn."""
        try:
            found = parse(line)
            if found is not None and found[1] not in COMMANDS:
                self._panel.told(found[1], found[2])
                self._heard = True
        except MemoryError:
            collect()
        except Exception as error:
            self._wrong = error

    def _stroke(self, name, now_ms):
        self._reach.now_ms = now_ms
        try:
            self._panel.stroke(name)
        except MemoryError:
            collect()
            self._terminal.report("error", NO_MEMORY)
        self._draw(now_ms)

    def _draw(self, now_ms):
        self._heard = False
        self._look_ms = now_ms + LOOK_MS
        self._reach.now_ms = now_ms
        self._screen.show(self._panel.view(), now_ms)
        self._show(now_ms)

    def _show(self, now_ms):
        changed = self._screen.draw(now_ms)
        if changed:
            if self._display is not None:
                for row in changed:
                    self._display.write(row, self._screen.drawn[row])
            self._tell()

    def _tell(self):
        self._terminal.report("display", "|".join([row.rstrip() for row in self._screen.drawn]))
