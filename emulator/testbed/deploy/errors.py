"""What can go wrong between us and a board, each with a line that says what to do next."""

from settop.errors import LocalError, RemoteError


class PortError(LocalError):
    """The port is not there, is not ours to open, or is in use."""


class NoPrompt(RemoteError):
    """The board does not answer as MicroPython's REPL: silence, or something else."""


class Unplugged(RemoteError):
    """The line to the board broke in the middle of what we did."""


class BoardRaised(RemoteError):
    """Python on the board raised an exception. `line` is the last of its traceback, `errno` an OSError's number, `path`
    what it was about, where that is known."""

    def __init__(self, line: str, errno: int | None, path: str = "") -> None:
        words = _words(line, errno)
        if path and words:
            super().__init__(f"{path} on the board: {words}")
        elif words:
            super().__init__(f"the board answers with an error: {words}")
        else:
            super().__init__(f"the board answers with an error{f' about {path}' if path else ''}: {line}")
        self.line = line
        self.errno = errno
        self.path = path


class FileSystemTaken(RemoteError):
    """The board's file system is not to be had, or not for writing, since something on the board has seen to that."""

    def __init__(self, home: str, what: str) -> None:
        super().__init__(
            f"{home} on the board, where main.py lies: {what}. What runs at the board's start, a boot.py most likely, "
            "has mounted or unmounted it so: change that, or erase the board's flash and put MicroPython on it anew"
        )


NO_SPACE = 28
NOT_WRITABLE = (1, 13, 19, 30)
"""EPERM, EACCES, ENODEV, EROFS: what a file system answers that takes no files."""

_WORDS = {
    1: "the board does not allow it: what is mounted there takes no files",
    2: "there is no such file or folder: did somebody else change the board meanwhile? Say the same again",
    5: "the flash cannot be read or written: try again, then with another board",
    12: "the board has no memory left for it: press its reset and say the same again",
    13: "the board does not allow it: is it write-protected?",
    16: "it is in use",
    17: "something of that name is there already: give it another name, then say the same again",
    19: "no file system is mounted there",
    20: "a file lies where a folder has to be: give it another name, then say the same again",
    21: "a folder lies where a file has to be: give it another name, then say the same again",
    22: "the board's file system does not take this name",
    27: "the file is too large for the board's file system",
    NO_SPACE: "the board's file system is full: remove files of yours from it and say the same again",
    30: "the board's file system is read-only",
    36: "the name is too long for the board's file system",
    39: "the folder is not empty: remove what is in it, then say the same again",
    84: "the board's file system is damaged there: save what you need of it, then make a new one",
}
"""OSError's numbers as MicroPython has them (py/mperrno.h), with those of littlefs (lfs2.h), and what to do."""


def _words(line: str, errno: int | None) -> str:
    if line.startswith("MemoryError"):
        return _WORDS[12]
    return f"{_WORDS[errno]} (OSError {errno})" if errno in _WORDS else ""
