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
STORAGE = "keys"

_LOCK_FILE = "lock.key"  # outside STORAGE, as a board's lies outside its file system
_LOCK_BYTES = 32
_LINE_BYTES = 600  # the longest console line
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
        self._octet = bytearray(1)
        self._line = bytearray(_LINE_BYTES)
        self._count = 0

    def read_line(self):
        """The next whole line without its end, or None. Raises UnicodeError for one that is not UTF-8.

        A line of more than 600 bytes is dropped whole: its beginning might be a command of its own.
        """
        while self._ready.poll(0):
            if not sys.stdin.buffer.readinto(self._octet):
                sys.exit(0)  # the bench has closed the console
            if self._octet[0] not in b"\r\n":
                if self._count < _LINE_BYTES:
                    self._line[self._count] = self._octet[0]
                self._count += 1
                continue
            count, self._count = self._count, 0
            if 0 < count <= _LINE_BYTES:
                return bytes(memoryview(self._line)[:count]).decode()
        return None

    def write_line(self, text):
        print(text)


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


def entropy():
    return os.urandom(32)


def ticks_ms():
    return time.ticks_ms()


def ticks_diff(a, b):
    return time.ticks_diff(a, b)


def idle(idle_ms):
    _poll.poll(idle_ms)
