"""What the boards' own files do with console lines and with the lock key.

On this Python the modules of a port are stood in for; the Pico's and the unix port's run on the interpreter too.
"""

import io
import os
import select
import stat
import sys
import time

import pytest
from testbed.boards import BOARD_NAMES, load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.unix import UnixMachine
from testbed.runtimes import RuntimeUnavailable, pico_image, unix_binary

from tests.helpers.board_modules import Flash, Nvs, Stm32Flash, load_module

LOCK = bytes(range(100, 132))
LINE_BYTES = 600


@pytest.fixture
def load(monkeypatch):
    """A board's module on this Python, by the board's name."""
    return lambda name: load_module(monkeypatch, name)[0]


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


every = pytest.mark.parametrize("board", BOARD_NAMES)


@every
def test_lines_come_one_by_one(lines_of, board):
    assert lines_of(board, b"call 5550100\nhangup\r\n\nstat") == ["call 5550100", "hangup"]


@every
def test_line_that_is_no_utf_8_is_refused_and_the_next_one_comes(lines_of, board):
    assert lines_of(board, b"hang\xffup\nstatus\n") == [UnicodeError, "status"]
    assert lines_of(board, b"\xe2\nstatus\n") == [UnicodeError, "status"]


@every
def test_longest_line_comes_and_a_longer_one_is_dropped_whole(lines_of, board):
    longest = b"x" * LINE_BYTES
    assert lines_of(board, longest + b"\nstatus\n") == [longest.decode(), "status"]
    assert lines_of(board, b"hangup " + longest + b"\nstatus\n") == ["status"]
    assert lines_of(board, longest * 50 + b"\nstatus\n") == ["status"]


@pytest.mark.parametrize("board", ["pico", "pico_w", "pico2"])
def test_pico_keeps_its_lock_and_leaves_no_copy_in_the_buffers(load, board):
    board = load(board)
    assert board.load_lock() is None
    board.store_lock(bytearray(LOCK))
    assert LOCK in Flash.content
    lock = board.load_lock()
    assert isinstance(lock, bytearray)
    assert lock == LOCK
    assert Flash.blocks
    assert not any(any(block) for block in Flash.blocks)


def test_esp32_keeps_its_lock_in_nvs(load):
    board = load("esp32")
    assert board.load_lock() is None
    board.store_lock(bytearray(LOCK))
    assert Nvs.stored == {("ringcast", "lock"): LOCK}
    lock = board.load_lock()
    assert isinstance(lock, bytearray)
    assert lock == LOCK


@pytest.mark.parametrize("blob", [LOCK[:-1], LOCK + b"x"])
def test_esp32_refuses_a_lock_of_another_length(load, blob):
    board = load("esp32")
    Nvs.stored["ringcast", "lock"] = blob
    assert board.load_lock() is None


@pytest.fixture
def pyboard(monkeypatch):
    return load_module(monkeypatch, "pyboard")


def test_pyboard_keeps_its_lock_in_the_last_sector_and_overwrites_the_one_before(pyboard):
    board, flash = pyboard
    assert board.load_lock() is None
    for lock in (LOCK, bytes(range(32)), LOCK[::-1]):
        board.store_lock(bytearray(lock))
        found = board.load_lock()
        assert isinstance(found, bytearray)
        assert found == lock
        assert [kept for kept in (LOCK, bytes(range(32)), LOCK[::-1]) if kept in flash.content] == [lock]
    assert flash.control >> 31 and flash.interrupts  # locked again, and nobody else's time is taken
    assert flash.open_writes == 0


def test_pyboard_survives_a_power_cut_at_every_half_word_of_a_new_lock(pyboard):
    board, flash = pyboard
    third = bytes(range(32))
    board.store_lock(bytearray(LOCK))
    before = bytes(flash.content)
    flash.writes = 0
    board.store_lock(bytearray(LOCK[::-1]))
    for cut in range(flash.writes):
        flash.content[:] = before
        flash.restart()
        flash.cut_after = cut
        with pytest.raises(Stm32Flash.PowerCut):
            board.store_lock(bytearray(LOCK[::-1]))
        flash.restart()
        flash.cut_after = None
        assert board.load_lock() in (LOCK, LOCK[::-1])
        board.store_lock(bytearray(third))
        assert board.load_lock() == third
        assert LOCK not in flash.content and LOCK[::-1] not in flash.content


def test_pyboard_whose_sector_is_full_or_taken_by_a_larger_image_says_so_and_writes_nothing(pyboard):
    board, flash = pyboard
    flash.content[:] = b"\x12" * flash.BYTES
    assert board.load_lock() is None
    with pytest.raises(OSError, match="28"):
        board.store_lock(bytearray(LOCK))
    assert set(flash.content) == {0x12}


@pytest.mark.parametrize("fault", ["says", "silent"])
def test_pyboard_whose_flash_refuses_says_so_and_locks_it_again(pyboard, fault):
    board, flash = pyboard
    flash.fault = fault
    with pytest.raises(OSError):
        board.store_lock(bytearray(LOCK))
    assert board.load_lock() is None
    assert flash.control >> 31 and flash.interrupts


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


def probe_files(board):
    return {**load_board(board).board_modules(), "main.py": PROBE}


BAD_LINES = b"hang\xffup\n" + b"hangup" + b"x" * LINE_BYTES + b"\nstatus\n"


@pytest.mark.pico
def test_emulated_pico_refuses_bad_lines_and_keeps_its_lock():
    try:
        image = pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    machine = PicoMachine(image, TerminalSpec(files=probe_files("pico"), seed=b"p"))
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
    machine = UnixMachine(binary, TerminalSpec(files=probe_files("unix")))
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
