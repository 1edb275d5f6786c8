"""What can go wrong between us and a board, each with a line that says what to do next."""

from settop.errors import LocalError, RemoteError


class PortError(LocalError):
    """The port is not there, is not ours to open, or is in use."""


class NoPrompt(RemoteError):
    """The board does not answer as MicroPython's REPL: silence, or something else."""


class Unplugged(RemoteError):
    """The line to the board broke in the middle of what we did."""


class BoardRaised(RemoteError):
    """Python on the board raised an exception. `line` is the last of its traceback, `errno` an OSError's number."""

    def __init__(self, line: str, errno: int | None) -> None:
        super().__init__(f"the board answers with an error: {line}")
        self.line = line
        self.errno = errno
