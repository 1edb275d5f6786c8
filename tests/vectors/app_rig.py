"""A board of the tests' own for the application: lines, files, console, clock."""

import gc

from settop.app import App
from settop.keystore.identity import Identity, pack_identity
from settop.keystore.keystore import Keystore
from settop.keystore.relock import replace

LOCK = bytes(range(32))
KEY = bytes(range(100, 132))
NUMBER = "5550100"


class Files:
    def __init__(self):
        self.files = {}
        self.fails = False

    def read(self, path, limit):
        data = self.files.get(path)
        return None if data is None else data[:limit]

    def write(self, path, data):
        if self.fails:
            raise OSError(5)
        self.files[path] = bytes(data)

    def remove(self, path):
        if self.fails:
            raise OSError(5)
        self.files.pop(path, None)

    def names(self, folder):
        return [path[len(folder) + 1 :] for path in self.files if path.startswith(folder + "/")]


class Line:
    """A silent serial line."""

    def __init__(self):
        self.out = b""

    def any(self):
        return 0

    def readinto(self, view):
        return 0

    def write(self, data):
        self.out += bytes(data)
        return len(data)


class Tuner(Line):
    """What `data` holds has come."""

    data = b""

    def any(self):
        return len(self.data)

    def readinto(self, view):
        count = min(len(view), len(self.data))
        view[:count] = self.data[:count]
        self.data = self.data[count:]
        return count


class Output:
    """The decoder, who keeps nothing: a board's heap is small."""

    def write(self, data):
        return len(data)


class Console:
    def __init__(self):
        self.lines = []
        self.said = []

    def read_line(self):
        if not self.lines:
            return None
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return line

    def write_line(self, text):
        self.said.append(text)


class Board:
    NAME = "test"
    STORAGE = "keys"
    WIRES = {0: "modem", 1: "tuner"}
    SERVICES = ("call",)

    def __init__(self):
        self.FILES = Files()
        self.locks = []  # newest first
        self.counted = 0
        self.console = Console()
        self.line = Line()
        self.tuner = Tuner()
        self.ticks = 5

    def Console(self):
        return self.console

    def modem(self):
        return self.line

    def tuner_and_output(self):
        return self.tuner, Output()

    def load_locks(self):
        return [bytearray(lock) for lock in self.locks]

    def locks_damaged(self):
        return 0

    def store_lock(self, lock):
        del self.locks[1:]
        self.locks.insert(0, bytes(lock))

    def forget_old_lock(self):
        self.locks = self.locks[:1]

    def counter(self):
        return self.counted

    def count(self):
        self.counted += 1
        return self.counted

    def unique_id(self):
        return b"board 01"

    def entropy(self):
        return b"e" * 32

    def ticks_ms(self):
        return self.ticks

    def ticks_diff(self, a, b):
        return a - b


def provisioned_board():
    board = Board()
    identity = pack_identity(Identity(b"terminal", KEY))
    rows = (
        ("terminal", "identity", identity, False),
        ("call", "number", NUMBER.encode(), False),
        ("call", "token", b"\x01" + b"terminal" + bytes(8), False),
    )
    replace(Keystore(board), LOCK, rows)
    return board


def start(board):
    """The application after power-on; the one before must be out of reach, or a board's heap is too small for both."""
    gc.collect()
    return App(board)


def answer(app, board, *lines):
    """What the console says to the lines."""
    board.console.lines += lines
    before = len(board.console.said)
    for _ in range(len(lines) + 1):
        board.ticks += 10
        app.step()
    return [line.split(" ", 2)[2] for line in board.console.said[before:]]


def no_secret_in(board):
    for secret in (KEY, LOCK) + tuple(board.locks):  # noqa: RUF005 (MicroPython knows no * here)
        shown = (secret.hex(), repr(secret))
        for line in board.console.said:
            assert shown[0] not in line and shown[1] not in line
