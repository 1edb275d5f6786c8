"""A board that is asked and told things: in the raw REPL, at its home, and started again afterwards."""

import ast
import contextlib

from settop.errors import RemoteError

from testbed.boards.profile import CONFIG_NAMES, Board
from testbed.deploy.agent import Agent
from testbed.deploy.errors import Unplugged
from testbed.deploy.home import go_home
from testbed.deploy.port import open_port
from testbed.deploy.probe import Found, probe
from testbed.deploy.repl import enter_repl, leave_repl
from testbed.deploy.started import BoardConsole, wait_ready

CONFIG = "board_config.py"
_SETTLE_S = 4.0  # a program of the user's need not say anything at all


class Session:
    """A context manager: the board in the raw REPL, and what it says of itself.

    At the end, whatever the end is, the board is started again and given the time to start: who opens the port next
    finds a program that runs, or a prompt.
    """

    def __init__(self, port: str, board: Board) -> None:
        self._board = board
        self._name = port
        self._undo = contextlib.ExitStack()
        self._left = False

    def __enter__(self) -> "Session":
        with contextlib.ExitStack() as undo:
            self.port = undo.enter_context(open_port(self._name, self._board.dtr, self._board.rts))
            enter_repl(self.port, stuck=keeps_ctrl_c(self._board))
            undo.push(self._let_go)
            self._link = self._board.link
            self.agent = Agent(self.port)
            self.home = go_home(self.agent)
            self.found: Found = probe(self.agent)
            self.settings = _settings(self.agent)
            self._link = str(self.settings.get("LINK", self._link))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._undo.__exit__(*exception)  # type: ignore[arg-type]

    def start(self, link: str) -> BoardConsole:
        """Start what is on the board, which talks by `link`; its console. No more questions after this."""
        self._left = True
        leave_repl(self.port)
        return BoardConsole(self.port, link)

    def _let_go(self, kind: object, *_: object) -> None:
        if self._left or kind is Unplugged:
            return
        with contextlib.suppress(RemoteError):
            wait_ready(self.port, self.start(self._link), _SETTLE_S)


def keeps_ctrl_c(board: Board) -> str:
    """What helps against a program that does not stop for Ctrl-C, and against a boot.py that does not end: on a Pico
    the USB port comes up after it. A reset starts either again, and another stock image leaves the files alone."""
    erase = {
        "rp2": "erase the flash (hold BOOTSEL, copy Raspberry Pi's flash_nuke.uf2), put MicroPython on it anew",
        "esp32": "erase the flash (esptool.py erase_flash), put MicroPython on it anew",
        "stm32": "hold USR while you press reset, until the LEDs say safe mode",
    }.get(board.port, "erase the board's flash, put MicroPython on it anew")
    if board.image is None:
        return f"If a reset does not help, its main.py or boot.py does not let go: {erase}, and flash again"
    return (
        f"If a reset does not help, its main.py or boot.py does not let go. Of main.py: `./ringcast firmware --board "
        f"{board.name}` makes an image with the terminal inside, which runs instead of it. Of either: {erase}, and "
        "flash again"
    )


def _settings(agent: Agent) -> dict[str, object]:
    """What the board's board_config.py sets, as far as it is a setting that we know."""
    if agent.kind(CONFIG) != "f":
        return {}
    found: dict[str, object] = {}
    for line in agent.read(CONFIG).decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        if name.strip() in CONFIG_NAMES:
            with contextlib.suppress(ValueError, SyntaxError):
                found[name.strip()] = ast.literal_eval(value.strip())  # which passes over a comment behind it
    return found
