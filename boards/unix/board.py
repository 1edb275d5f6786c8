"""MicroPython's unix port as a board: the serial lines are terminals whose paths come on the command line.

micropython main.py MODEM_TTY TUNER_TTY OUTPUT_TTY; with LINK = "cable" no paths, and the lines go over standard input
and output. A board_config.py in the folder, if there is one, says what differs on this bench.
"""

import os
import select
import sys

import board_common
from board_common import cable, entropy, ticks_diff, ticks_ms  # noqa: F401 (the same names on every board)

try:
    import board_config as _config
except ImportError:
    _config = None

NAME = "unix"
PORT = "unix"
LINK = getattr(_config, "LINK", "uarts")  # or "cable": modem, tuner, output and console share one line
CORES = getattr(_config, "CORES", 1)
UARTS = None  # terminals instead
WIRES = getattr(_config, "WIRES", {0: "modem", 1: "tuner"})
SERVICES = getattr(_config, "SERVICES", ("call",))  # settop/services: those that are started
HEADEND = getattr(_config, "HEADEND", "")  # public key, in hex, of the head-end that alone may provision it
MODEM_BAUD = 115200
TUNER_BAUD = getattr(_config, "TUNER_BAUD", 921600)
STORAGE = "keys"
LOCK_PLACE = "lock.key, a file outside the keystore's folder for its owner alone"
NETWORK = None
HEAP_BYTES = 360000  # what the bench gives it (-X heapsize); objects are about 1.5 times as large as a board's
FLASH_BYTES = 1048576  # there is no flash: so much would be a surprise

_LOCK_FILE = "lock.key"
_LOCK_BYTES = 32
_poll = select.poll()


class Tty:
    """A serial line: any(), readinto(view), write(data), with a receive buffer as a UART has.

    Whoever made the terminal has set it raw with VMIN 0, so that a read takes what is there (`stty raw min 0`).
    """

    def __init__(self, path, buffer_bytes):
        self._file = open(path, "r+b", buffering=0)
        self._view = memoryview(bytearray(buffer_bytes))
        self._start = self._end = 0
        self._ready = select.poll()
        self._ready.register(self._file, select.POLLIN)
        _poll.register(self._file, select.POLLIN)

    def any(self):
        if self._start == self._end:
            self._start = self._end = 0
        if self._end < len(self._view) and self._ready.poll(0):
            self._end += self._file.readinto(self._view[self._end :]) or 0
        return self._end - self._start

    def readinto(self, view):
        count = min(len(view), self._end - self._start)
        view[:count] = self._view[self._start : self._start + count]
        self._start += count
        return count

    def write(self, data):
        return self._file.write(data)


def modem():
    """The modem's line: any(), readinto(view), write(data)."""
    shared = cable()
    return shared.modem if shared is not None else Tty(sys.argv[1], 1024)


def tuner_and_output():
    """(tuner, output): here two lines, on a board with UARTs one."""
    shared = cable()
    if shared is not None:
        return shared.tuner, shared.output
    return Tty(sys.argv[2], 16384), Tty(sys.argv[3], 16)


def Console():
    """The console: read_line(), write_line(text)."""
    if cable() is None:
        _poll.register(sys.stdin, select.POLLIN)
    return board_common.Console()


def load_lock():
    """The keystore's lock key (32 bytes) from its file, or None."""
    lock = bytearray(_LOCK_BYTES)
    try:
        with open(_LOCK_FILE, "rb", buffering=0) as file:
            whole = file.readinto(lock) == _LOCK_BYTES and not file.read(1)
    except OSError:
        return None
    return lock if whole else None


def store_lock(lock):
    """Write the lock key into a file that its owner alone may read, before there is anything in it to read."""
    with open(_LOCK_FILE, "wb", buffering=0) as file:
        if hasattr(os, "system"):  # the port has no os.chmod
            os.system("chmod 600 " + _LOCK_FILE)  # noqa: S605
        file.write(lock)


def unique_id():
    return b"unix"


def idle(idle_ms):
    """Nothing to do for so long, or until something comes."""
    if cable() is None:
        _poll.poll(idle_ms)
    else:
        board_common.idle(idle_ms)
