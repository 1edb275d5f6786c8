"""A board for tests of provisioning: the firmware's own application in this process, spoken to by its console."""

import sys
from collections.abc import Callable
from pathlib import Path

from testbed.machines.cpython import use_shims

sys.path[:0] = [path for path in [str(Path(__file__).parent.parent / "vectors")] if path not in sys.path]
use_shims()
import app_rig  # noqa: E402


class BenchBoard:
    """Also a console as `provision_board` wants it. trusts: the head-end's public key. spoil: changes the lines that it
    hears. mute: an event that it does not tell. `log` is all that went over the console."""

    def __init__(
        self, trusts: bytes = b"", seed: bytes = b"board", spoil: Callable[[str], str] = lambda line: line
    ) -> None:
        self.board = app_rig.Board()
        self.board.HEADEND = trusts.hex()
        self.board.entropy = lambda: seed
        self.app = app_rig.start(self.board)
        self.spoil = spoil
        self.mute = ""
        self.answers: list[bytes] = []
        self.log = b""

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    @property
    def identity(self):
        return self.app.identity()

    @property
    def number(self):
        """The telephone number that it dials."""
        return bytes(self.app.records("call").load("number")).decode()

    def restart(self):
        self.app = None
        self.app = app_rig.start(self.board)

    def say(self, line: str) -> list[str]:
        """What it answers."""
        return app_rig.answer(self.app, self.board, line)

    def said(self, event: str) -> str:
        """The last line of that event."""
        texts = [line.split(" ", 3)[3] for line in self.board.console.said if line.split(" ")[2] == event]
        return texts[-1]

    def write(self, data: bytes) -> int:
        self.log += data
        for line in data.decode().split("\r\n"):
            if line:
                for text in self.say(self.spoil(line)):
                    if not self.mute or not text.startswith(self.mute):
                        self.answers.append(b"@ 1234 " + text.encode() + b"\r\n")
        return len(data)

    def readline(self, _size: int) -> bytes:
        line = self.answers.pop(0) if self.answers else b""
        self.log += line
        return line

    def taken(self) -> bytes:
        """All that it has said by now."""
        answers, self.answers = self.answers, []
        self.log += b"".join(answers)
        return b"".join(answers)
