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
from settop.errors import RemoteError
from testbed.boards import BOARD_NAMES, load_board
from testbed.boards.package import package_files
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.machines.pico_flash import BLOCK_BYTES, FILES_START
from testbed.machines.unix import UnixMachine
from testbed.runtimes import RuntimeUnavailable, pico_image, unix_binary

from tests.helpers.board_modules import Flash, Nvs, Stm32Flash, load_module

LOCK = bytes(range(100, 132))
OLD_MAGIC = b"RCLK1\0\0\0"  # of formats before 4
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


@pytest.fixture
def old(monkeypatch, load, tmp_path):
    """A board that formats 3 left a lock key on, by its name; and where nobody must find it afterwards."""
    monkeypatch.chdir(tmp_path)

    def old(name):
        board = load(name)
        if name == "unix":
            (tmp_path / "lock.key").write_bytes(LOCK)
            return board, (tmp_path / "lock.key").read_bytes
        if name == "esp32":
            Nvs.stored["ringcast", "lock"] = LOCK
            return board, lambda: b"".join(blob for blob in Nvs.stored.values())
        if name == "pyboard":
            flash = sys.modules["stm"].mem16._flash
            # Three provisionings: those before the last are overwritten, and one was cut short.
            flash.content[:160] = bytes(80) + OLD_MAGIC[:6] + b"\xff" * 34 + OLD_MAGIC + LOCK
            return board, lambda: bytes(flash.content)
        Flash.content[-4096:-4056] = OLD_MAGIC + LOCK
        return board, lambda: bytes(Flash.content)

    return old


@every
def test_the_lock_key_of_formats_3_is_there_until_it_is_forgotten(old, board):
    board, stored = old(board)
    new = bytes(range(32))
    assert board.load_locks() == [LOCK] and board.locks_damaged() == 0
    assert board.counter() == 0
    board.store_lock(new)
    assert board.load_locks() == [new, LOCK]
    board.forget_old_lock()
    assert board.load_locks() == [new] and board.locks_damaged() == 0
    assert LOCK not in stored() and new in stored()
    board.store_lock(LOCK[::-1])
    assert board.load_locks() == [LOCK[::-1], new]


@pytest.mark.parametrize("board", ["pico", "pico_w", "pico2"])
def test_pico_keeps_its_locks_below_the_file_system_and_leaves_no_copy_in_the_buffers(load, board):
    board = load(board)
    board.store_lock(bytearray(LOCK))
    board.count()
    assert LOCK in Flash.content[-4096:]
    (lock,) = board.load_locks()
    assert lock == LOCK
    lock[:] = bytes(32)
    assert Flash.buffers
    assert not any(LOCK in bytes(buffer) for buffer in Flash.buffers)


def test_esp32_keeps_its_locks_in_nvs(load):
    board = load("esp32")
    board.store_lock(bytearray(LOCK))
    assert LOCK in Nvs.stored["ringcast", "lock"]
    board.store_lock(bytearray(LOCK[::-1]))
    board.forget_old_lock()
    assert Nvs.stored.keys() == {("ringcast", "lock1")}


@pytest.mark.parametrize("blob", [LOCK[:-1], LOCK + b"x", LOCK * 3])
def test_esp32_refuses_a_lock_of_another_length(load, blob):
    board = load("esp32")
    Nvs.stored["ringcast", "lock"] = blob
    assert board.load_locks() == []


@pytest.mark.parametrize("end", ["worn", "full"])
def test_esp32_says_that_its_counter_is_worn_out(load, end):
    board = load("esp32")
    reached = board.count() if end == "worn" else 2**31 - 1
    Nvs.stored["ringcast", "count"] = reached
    Nvs.fails = end == "worn"
    with pytest.raises(RemoteError, match="worn out or full; replace the board"):
        board.count()
    assert board.counter() == reached


@pytest.fixture
def pyboard(monkeypatch):
    return load_module(monkeypatch, "pyboard")


def restart(flash):
    """What power that comes back finds."""
    flash.restart()
    flash.cut_after = None
    sys.modules["board_common"]._kept = None


def test_pyboard_keeps_its_locks_in_the_last_sector_and_overwrites_what_is_forgotten(pyboard):
    board, flash = pyboard
    for lock in (LOCK, bytes(range(32)), LOCK[::-1]):
        board.store_lock(bytearray(lock))
        board.forget_old_lock()
        (found,) = board.load_locks()
        assert isinstance(found, bytearray)
        assert found == lock
        assert [kept for kept in (LOCK, bytes(range(32)), LOCK[::-1]) if kept in flash.content] == [lock]
    assert flash.control >> 31 and flash.interrupts  # locked again, and nobody else's time is taken
    assert flash.open_writes == 0


def test_pyboard_survives_a_power_cut_at_every_half_word_of_a_new_lock_and_of_a_forgotten_one(pyboard):
    board, flash = pyboard
    third = bytes(range(32))
    cuts = 0
    for old in (b"", OLD_MAGIC + LOCK):
        flash.content[:] = b"\xff" * flash.BYTES
        flash.content[: len(old)] = old
        restart(flash)
        if not old:
            board.store_lock(bytearray(LOCK))
        for operation, allowed in (
            (lambda: board.store_lock(bytearray(LOCK[::-1])), ([LOCK], [LOCK[::-1], LOCK])),
            (board.forget_old_lock, ([LOCK[::-1]], [LOCK[::-1], LOCK])),
        ):
            before = bytes(flash.content)
            flash.writes = 0
            operation()
            done, after = flash.writes, bytes(flash.content)
            for cut in range(done):
                flash.content[:] = before
                restart(flash)
                flash.cut_after = cut
                with pytest.raises(Stm32Flash.PowerCut):
                    operation()
                restart(flash)
                assert board.load_locks() in allowed and board.locks_damaged() == 0, cut
                board.store_lock(bytearray(third))
                board.forget_old_lock()
                assert board.load_locks() == [third]
                assert LOCK not in flash.content and LOCK[::-1] not in flash.content
                cuts += 1
            flash.content[:] = after
            restart(flash)
    print(f"{cuts} power cuts")
    assert cuts > 150


def test_pyboard_counts_bits_and_never_back_whatever_cut_or_damage(pyboard):
    board, flash = pyboard
    assert [board.count() for _ in range(40)] == list(range(1, 41))
    start = 0xA000
    assert flash.content[start : start + 6] == b"\0\0\0\0\0\xff"
    before = bytes(flash.content)
    for cut in range(2):
        flash.content[:] = before
        restart(flash)
        board.counter()
        flash.cut_after = cut
        if not cut:
            with pytest.raises(Stm32Flash.PowerCut):
                board.count()
        else:
            board.count()
        restart(flash)
        assert board.counter() == 40 + cut
    flash.content[start + 1000] = 0xDF  # a bit that is wrongly 0
    flash.content[start + 2] = 0x55  # some that are wrongly 1
    restart(flash)
    assert board.counter() == 1000 * 8 + 6
    assert board.count() == 1000 * 8 + 7
    restart(flash)
    assert board.counter() == 1000 * 8 + 7


def test_pyboard_whose_counter_is_used_up_says_so_and_keeps_its_value(pyboard):
    board, flash = pyboard
    flash.content[0xA000:-2] = bytes(flash.BYTES - 0xA002)
    restart(flash)
    assert board.counter() == 720_880
    assert [board.count() for _ in range(16)][-1] == 720_896
    with pytest.raises(RemoteError, match="replace the board"):
        board.count()
    assert board.counter() == 720_896


def test_pyboard_whose_slots_are_used_up_keeps_the_locks_that_it_has(pyboard):
    board, _ = pyboard
    for number in range(512):
        board.store_lock(bytes((number & 0xFF,)) * 32)
        board.forget_old_lock()
    with pytest.raises(OSError, match="28"):
        board.store_lock(LOCK)
    assert board.load_locks() == [bytes((511 & 0xFF,)) * 32]
    assert board.count() == 1


def test_pyboard_whose_sector_is_taken_by_a_larger_image_says_so_and_writes_nothing(pyboard):
    board, flash = pyboard
    flash.content[:] = b"\x12" * flash.BYTES
    assert board.load_locks() == []
    with pytest.raises(OSError, match="28"):
        board.store_lock(bytearray(LOCK))
    assert set(flash.content) == {0x12}


@pytest.mark.parametrize("fault", ["says", "silent"])
def test_pyboard_whose_flash_refuses_says_so_and_locks_it_again(pyboard, fault):
    board, flash = pyboard
    flash.fault = fault
    with pytest.raises(OSError):
        board.store_lock(bytearray(LOCK))
    with pytest.raises(RemoteError, match="worn out or failing"):
        board.count()
    assert board.load_locks() == []
    assert flash.control >> 31 and flash.interrupts


def test_unix_board_keeps_its_locks_in_a_file_for_its_owner_alone(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    board = load("unix")
    for old_mode in (None, 0o644):
        if old_mode:
            (tmp_path / "lock.key").write_bytes(LOCK)  # as it was before
            os.chmod("lock.key", old_mode)
        board.store_lock(bytearray(LOCK))
        assert stat.S_IMODE(os.stat("lock.key").st_mode) == 0o600
        board.count()
        assert stat.S_IMODE(os.stat("lock.key").st_mode) == 0o600
    assert os.listdir() == ["lock.key"]
    assert board.load_locks()[0] == LOCK


@pytest.mark.parametrize("content", [b"", LOCK[:-1], LOCK + b"x", b"RCLK2" + LOCK[5:]])
def test_unix_board_refuses_a_lock_of_another_length(load, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lock.key").write_bytes(content)
    assert load("unix").load_locks() == []


@pytest.mark.parametrize("size", [20, 47, 4000, 8200])
def test_a_unix_boards_file_that_was_cut_short_is_damage_or_gives_what_is_whole(load, tmp_path, monkeypatch, size):
    monkeypatch.chdir(tmp_path)
    board = load("unix")
    board.store_lock(bytearray(LOCK))
    board.count()
    path = tmp_path / "lock.key"
    path.write_bytes(path.read_bytes()[:size])
    sys.modules["board_common"]._kept = None
    assert (board.load_locks(), board.locks_damaged()) == (([LOCK], 0) if size > 48 else ([], 1))
    board.store_lock(bytearray(LOCK[::-1]))
    assert board.load_locks()[0] == LOCK[::-1]
    assert path.stat().st_size == 16384


# --- the same on the interpreter itself ---------------------------------------------------------------------------

PROBE = b"""
import board, time
console = board.Console()
board.store_lock(bytearray(range(100, 132)))
board.count()
print("lock", board.load_locks() == [bytearray(range(100, 132))] and board.counter() == 1)
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
    return {**package_files(), **load_board(board).board_modules(), "main.py": PROBE}


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
        assert LOCK in bytes(machine.flash[FILES_START - BLOCK_BYTES : FILES_START])
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
