"""What the boards' own files do with console lines and with the lock key; the modules of a port are stood in for."""

import io
import os
import runpy
import select
import stat
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.unix import UnixMachine
from testbed.runtimes import RuntimeUnavailable, pico_image, unix_binary
from testbed.terminals import terminal_spec

BOARDS = Path(__file__).parents[2] / "boards"
LOCK = bytes(range(100, 132))
LINE_BYTES = 600


class Flash:
    """rp2.Flash as far as a board uses it; `blocks` holds the buffers that went in and out."""

    content = b"\xff" * 4096
    blocks: list = []

    def readblocks(self, number, block, offset=0):
        assert number == -1
        block[:] = self.content[offset : offset + len(block)]
        self.blocks.append(block)

    def writeblocks(self, number, block, offset=0):
        assert number == -1
        Flash.content = bytes(block) + self.content[len(block) :]
        self.blocks.append(block)

    def ioctl(self, operation, number):
        assert (operation, number) == (6, -1)
        Flash.content = b"\xff" * 4096
        return 0


@pytest.fixture
def flash(monkeypatch):
    monkeypatch.setattr(Flash, "content", b"\xff" * 4096)
    monkeypatch.setattr(Flash, "blocks", [])
    return Flash


@pytest.fixture
def load(flash, monkeypatch):
    """Run a board's file on this Python; gives its names."""
    monkeypatch.setitem(sys.modules, "rp2", SimpleNamespace(Flash=flash))
    monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(UART=None, Pin=None, unique_id=lambda: b""))
    return lambda name: SimpleNamespace(**runpy.run_path(str(BOARDS / name / "board.py")))


class Stdin:
    """sys.stdin with a queue of octets, and the poll that goes with it."""

    def __init__(self, monkeypatch, octets):
        self.buffer = self
        self._stream = io.BytesIO(octets)
        self._left = len(octets)
        monkeypatch.setattr(sys, "stdin", self)
        monkeypatch.setattr(select, "poll", lambda: self)

    def register(self, stream, events):
        pass

    def poll(self, timeout_ms):
        return [(self, select.POLLIN)] if self._left else []

    def readinto(self, view):
        self._left -= len(view)
        return self._stream.readinto(view)


@pytest.fixture
def lines_of(load, monkeypatch):
    """All that a board's console makes of octets: lines, and UnicodeError for refused ones."""

    def read(name, octets):
        Stdin(monkeypatch, octets)
        console = load(name).Console()
        lines = []
        while True:
            try:
                line = console.read_line()
            except UnicodeError:
                line = UnicodeError
            if line is None:
                return lines
            lines.append(line)

    return read


both = pytest.mark.parametrize("board", ["pico", "unix"])


@both
def test_lines_come_one_by_one(lines_of, board):
    assert lines_of(board, b"call 5550100\nhangup\r\n\nstat") == ["call 5550100", "hangup"]


@both
def test_line_that_is_no_utf_8_is_refused_and_the_next_one_comes(lines_of, board):
    assert lines_of(board, b"hang\xffup\nstatus\n") == [UnicodeError, "status"]
    assert lines_of(board, b"\xe2\nstatus\n") == [UnicodeError, "status"]


@both
def test_longest_line_comes_and_a_longer_one_is_dropped_whole(lines_of, board):
    longest = b"x" * LINE_BYTES
    assert lines_of(board, longest + b"\nstatus\n") == [longest.decode(), "status"]
    assert lines_of(board, b"hangup " + longest + b"\nstatus\n") == ["status"]
    assert lines_of(board, longest * 50 + b"\nstatus\n") == ["status"]


def test_pico_keeps_its_lock_and_leaves_no_copy_in_the_buffers(load, flash):
    board = load("pico")
    assert board.load_lock() is None
    board.store_lock(bytearray(LOCK))
    assert LOCK in flash.content
    lock = board.load_lock()
    assert isinstance(lock, bytearray)
    assert lock == LOCK
    assert flash.blocks
    assert not any(any(block) for block in flash.blocks)


def test_unix_board_keeps_its_lock_in_a_file_for_its_owner_alone(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    board = load("unix")
    assert board.load_lock() is None
    for old_mode in (None, 0o644):
        if old_mode:
            os.chmod("lock.key", old_mode)
        board.store_lock(bytearray(LOCK))
        assert stat.S_IMODE(os.stat("lock.key").st_mode) == 0o600
    lock = board.load_lock()
    assert isinstance(lock, bytearray)
    assert lock == LOCK


@pytest.mark.parametrize("content", [b"", LOCK[:-1], LOCK + b"x"])
def test_unix_board_refuses_a_lock_of_another_length(load, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lock.key").write_bytes(content)
    assert load("unix").load_lock() is None


# --- the same on the interpreter itself ---------------------------------------------------------------------------

PROBE = b"""
import board, time
console = board.Console()
board.store_lock(bytearray(range(100, 132)))
print("lock", board.load_lock() == bytearray(range(100, 132)))
while True:
    try:
        line = console.read_line()
    except UnicodeError:
        line = "refused"
    if line is not None:
        print("<" + line + ">")
    time.sleep_ms(1)
"""


BAD_LINES = b"hang\xffup\n" + b"hangup" + b"x" * LINE_BYTES + b"\nstatus\n"


@pytest.mark.pico
def test_emulated_pico_refuses_bad_lines_and_keeps_its_lock():
    try:
        image = pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    files = terminal_spec("pico", 921_600, b"").files
    machine = PicoMachine(image, TerminalSpec(files={"board.py": files["board.py"], "main.py": PROBE}, seed=b"p"))
    try:
        machine.boot()
        said, sent = b"", False
        for now_ms in range(10, 6000, 10):
            machine.advance(now_ms * 1_000_000)
            said += machine.take("console")
            if b"lock" in said and not sent:
                machine.send("console", BAD_LINES)
                sent = True
            if b"<status>" in said:
                break
        assert said.decode().split() == ["lock", "True", "<refused>", "<status>"]
        assert LOCK in bytes(machine.flash)
    finally:
        machine.close()


@pytest.mark.unix
def test_unix_port_refuses_bad_lines_and_keeps_its_lock_to_its_owner():
    try:
        binary = unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    files = terminal_spec("unix", 921_600, b"").files
    machine = UnixMachine(binary, TerminalSpec(files={"board.py": files["board.py"], "main.py": PROBE}))
    try:
        machine.boot()
        machine.send("console", BAD_LINES)
        said = b""
        end_s = time.monotonic() + 10
        while b"<status>" not in said and time.monotonic() < end_s:
            machine.advance(time.monotonic_ns() + 2_000_000)
            said += machine.take("console")
        assert said.decode().split() == ["lock", "True", "<refused>", "<status>"]
        assert stat.S_IMODE((machine.folder / "lock.key").stat().st_mode) == 0o600
    finally:
        machine.close()
