"""MicroPython's unix port as a board: the serial lines are terminals whose paths come on the command line.

    micropython main.py MODEM_TTY TUNER_TTY OUTPUT_TTY
"""

import os
import select
import sys
import time

try:
    from board_config import TUNER_BAUD  # what this bench's tuner line runs at
except ImportError:
    TUNER_BAUD = 921600

NAME = "unix"
MODEM_BAUD = 115200
HEAP_BYTES = 360000
STORAGE = "keys"

_LOCK_FILE = "lock.key"  # outside STORAGE, as a board's lies outside its file system
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
    return Tty(sys.argv[1], 1024)


def tuner_and_output():
    """(tuner, output): here two lines, on a board with UARTs one."""
    return Tty(sys.argv[2], 16384), Tty(sys.argv[3], 16)


class Console:
    """Lines on standard input and output."""

    def __init__(self):
        self._ready = select.poll()
        self._ready.register(sys.stdin, select.POLLIN)
        _poll.register(sys.stdin, select.POLLIN)
        self._line = b""

    def read_line(self):
        while self._ready.poll(0):
            char = sys.stdin.buffer.read(1)
            if not char:
                sys.exit(0)  # the bench has closed the console
            if char == b"\n":
                line = self._line.decode()
                self._line = b""
                return line
            if len(self._line) < 600:
                self._line += char
        return None

    def write_line(self, text):
        print(text)


def load_lock():
    try:
        with open(_LOCK_FILE, "rb") as file:
            lock = file.read()
    except OSError:
        return None
    return bytearray(lock) if len(lock) == 32 else None


def store_lock(lock):
    with open(_LOCK_FILE, "wb") as file:
        file.write(lock)


def unique_id():
    return b"unix"


def entropy():
    return os.urandom(32)


def ticks_ms():
    return time.ticks_ms()


def ticks_diff(a, b):
    return time.ticks_diff(a, b)


def idle(idle_ms):
    _poll.poll(idle_ms)
