"""MicroPython's unix port as a board: the serial lines are terminals whose paths come on the command line.

micropython main.py MODEM_TTY TUNER_TTY OUTPUT_TTY [CODEC_TTY]; with LINK = "cable" no paths, and the lines go over
standard input and output. A board_config.py in the folder, if there is one, says what differs on this bench.
"""

import os
import select
import sys

import board_common
from board_common import (  # noqa: F401 (the same names on every board)
    cable,
    count,
    counter,
    entropy,
    forget_old_lock,
    load_locks,
    locks_damaged,
    store_lock,
    ticks_diff,
    ticks_ms,
)

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
SIGNER = getattr(_config, "SIGNER", "")  # public key, in hex, of whose modules it takes as updates
MODEM_BAUD = 115200
TUNER_BAUD = getattr(_config, "TUNER_BAUD", 921600)
STORAGE = "keys"
LOCK_PLACE = "lock.key, a file outside the keystore's folder for its owner alone: two lock keys, a counter"
NETWORK = "host"  # the sockets of the machine that it runs on
CODEC = None  # no pins
HEAP_BYTES = 360000  # what the bench gives it (-X heapsize); objects are about 1.5 times as large as a board's
FLASH_BYTES = 1048576  # there is no flash: so much would be a surprise

_LOCK_FILE = "lock.key"
_NEW_FILE = "lock.new"
_BLOCK_BYTES = 4096
_PIECE_BYTES = 256  # the heap may be as small as a board's, and have no large piece late in a run
_FILE_BYTES = 4 * _BLOCK_BYTES  # two blocks for lock keys, two for the counter
_OLD_BYTES = 32  # all that the file of formats before 4 held: a lock key
_OLD_MAGIC = b"RCLK1\x00\x00\x00"  # before it in flash, see settop.keystore.blocks
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
        size = min(len(view), self._end - self._start)
        view[:size] = self._view[self._start : self._start + size]
        self._start += size
        return size

    def write(self, data):
        return self._file.write(data)


def modem():
    """The modem's line: any(), readinto(view), write(data)."""
    shared = cable()
    return shared.modem if shared is not None else Tty(sys.argv[1], 1024)


def dock():
    """The line of a portable player's dock, in the modem's place: any(), readinto(view), write(data)."""
    return Tty(sys.argv[1], 2048)


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


class _File:
    """A file as flash: the face that settop.keystore.blocks wants."""

    block_bytes = _BLOCK_BYTES

    def read(self, block, at, view):
        for i in range(len(view)):
            view[i] = 0xFF  # what is not there is blank
        try:
            file = open(_LOCK_FILE, "rb", buffering=0)
        except OSError:
            return
        with file:
            start = block * _BLOCK_BYTES + at
            if not _is_old(file):
                file.seek(start)
                file.readinto(view)
            elif start < len(_OLD_MAGIC) + _OLD_BYTES:
                whole = _OLD_MAGIC + file.read(_OLD_BYTES)
                part = whole[start : start + len(view)]
                view[: len(part)] = part

    def program(self, block, at, data):
        old = bytearray(len(data))
        self.read(block, at, old)
        for i in range(len(data)):
            old[i] &= data[i]
        self._write(block * _BLOCK_BYTES + at, old)

    def erase(self, block):
        self._write(block * _BLOCK_BYTES, b"\xff" * _PIECE_BYTES, _BLOCK_BYTES // _PIECE_BYTES)

    def _write(self, start, data, times=1):
        if _file_bytes() != _FILE_BYTES:
            self._make()
        with open(_LOCK_FILE, "r+b", buffering=0) as file:
            file.seek(start)
            for _ in range(times):
                file.write(data)
            _to_medium(file)

    def _make(self):
        """The whole file, with what is there of it. Its owner alone may read it before there is anything to read."""
        piece = bytearray(_PIECE_BYTES)
        with open(_NEW_FILE, "wb", buffering=0) as file:
            if hasattr(os, "system"):  # the port has no os.chmod
                os.system("chmod 600 " + _NEW_FILE)  # noqa: S605
            for start in range(0, _FILE_BYTES, _PIECE_BYTES):
                self.read(start // _BLOCK_BYTES, start % _BLOCK_BYTES, piece)
                file.write(piece)
            _to_medium(file)
        for i in range(_PIECE_BYTES):
            piece[i] = 0
        os.rename(_NEW_FILE, _LOCK_FILE)


def _is_old(file):
    size = file.seek(0, 2)
    file.seek(0)
    old = size == _OLD_BYTES and file.read(4) != _OLD_MAGIC[:4]
    file.seek(0)
    return old


def _file_bytes():
    try:
        return os.stat(_LOCK_FILE)[6]
    except OSError:
        return 0


def _to_medium(file):
    if hasattr(os, "fsync"):
        os.fsync(file.fileno())
    elif hasattr(os, "sync"):
        os.sync()


def _vault():
    from settop.keystore.blocks import Counter, Locks

    return Locks(_File(), (0, 1)), Counter(_File(), (2, 3))


def codec():
    """The wires of a decoder chip at the far end of the fourth line; None where there is none."""
    if len(sys.argv) < 5:
        return None
    import board_codec_line

    return board_codec_line.codec(Tty(sys.argv[4], 256))


def network_up(line=None):
    if line is not None:
        raise OSError(19)  # ENODEV


def network_down():
    pass


def network_state():
    return "up"


def network_names():
    """The name servers of the machine that it runs on, as far as they have IPv4 addresses (resolv.conf(5))."""
    servers = []
    try:
        with open("/etc/resolv.conf") as file:
            for line in file:
                words = line.split()
                if words[:1] == ["nameserver"] and len(words) > 1 and "." in words[1] and ":" not in words[1]:
                    servers.append(words[1])
    except OSError:
        pass
    return tuple(servers)


def network_step():
    return 0


def unique_id():
    return b"unix"


def idle(idle_ms):
    """Nothing to do for so long, or until something comes."""
    if cable() is None:
        _poll.poll(idle_ms)
    else:
        board_common.idle(idle_ms)
