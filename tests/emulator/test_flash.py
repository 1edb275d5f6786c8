"""`testbed.deploy` against a pretend board: what it transfers, leaves alone and refuses, and how it says so."""

import dataclasses
import fcntl
import hashlib
import os
import time

import pytest
import serial
from settop.errors import LocalError, RemoteError
from settop.version import FORMATS
from testbed.boards.profile import Board, board_config, load_board
from testbed.deploy.errors import NoPrompt, PortError, Unplugged
from testbed.deploy.flash import erase_board, flash_board
from testbed.deploy.plan import MANIFEST, PARKED
from testbed.deploy.port import open_port
from testbed.deploy.repl import enter_repl, leave_repl

from tests.helpers.pretend_micropython import Pretence, PretendBoard

SOURCES = {
    "lib/settop/__init__.py": b"",
    "lib/settop/app.py": b"def go():\n    return 1\n",
    "lib/settop/ts/packet.py": b"TABLE = %r\n" % (bytes(range(32, 127)) * 80),
    "board.py": b"NAME = 'pretend'\n",
    "main.py": b"import settop.app\n",
    "boot.py": b"# boot\n",
}


class SmallBoard(Board):
    """A Pico with few files, so that a flash takes no time."""

    sources = SOURCES

    def whole_files(self):
        return self.sources

    def files(self, config=None, extra=None):
        settings = {"board_config.py": board_config(config)} if config else {}
        return {**self.sources, **(extra or {}), **settings}


class LaterBoard(SmallBoard):
    """The next release: one module changed, one gone."""

    sources = {
        **{path: data for path, data in SOURCES.items() if "packet" not in path},
        "lib/settop/app.py": b"def go():\n    return 2\n",
    }


def small(kind=SmallBoard):
    pico = load_board("pico")
    return kind(**{field.name: getattr(pico, field.name) for field in dataclasses.fields(pico)})


BOARD = small()
PATHS = {"lib/settop/__init__.mpy", "lib/settop/app.mpy", "lib/settop/ts/packet.mpy", "board.mpy", "main.py", "boot.py"}


@pytest.fixture
def bench(tmp_path):
    """Makes pretend boards; they end with the test."""
    opened = []

    def make(state="friendly", **pretence):
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(PretendBoard(folder, Pretence(**pretence), state).__enter__())
        return opened[-1]

    yield make
    for board in opened:
        board.__exit__()


def answers(board):
    """Whether a prompt can be had at the port, and calculates."""
    with open_port(board.port) as port:
        enter_repl(port, 5)
        said = port.ask("print(6*7)")
        leave_repl(port)
    return said == "42\n"


# What is transferred.


def test_flash_puts_every_file_and_starts_the_terminal(bench):
    board = bench()
    report = flash_board(board.port, BOARD)
    assert set(report.transferred) == PATHS
    assert list(report.transferred)[-1] == "main.py"
    assert set(board.files()) == PATHS | {MANIFEST}
    assert board.files()["main.py"] == SOURCES["main.py"]
    assert report.ready == f"board=pretend formats={FORMATS} boot=0 terminal=unprovisioned"
    assert board.state == "app"


def test_second_flash_transfers_nothing_and_leaves_no_leftovers(bench):
    board = bench()
    flash_board(board.port, BOARD)
    before = board.files()
    report = flash_board(board.port, BOARD)
    assert report.transferred == {} and report.removed == () and report.unchanged == len(PATHS)
    assert board.files() == before
    assert board.state == "app"


def test_a_new_release_transfers_what_changed_and_removes_what_is_gone(bench):
    board = bench()
    flash_board(board.port, BOARD)
    report = flash_board(board.port, small(LaterBoard))
    assert list(report.transferred) == ["lib/settop/app.mpy"]
    assert report.removed == ("lib/settop/ts/packet.mpy",)
    assert not (board.root / "lib/settop/ts").exists()
    assert set(board.files()) == PATHS - {"lib/settop/ts/packet.mpy"} | {MANIFEST}


def test_a_file_that_was_damaged_on_the_board_is_put_again_whatever_the_manifest_says(bench):
    board = bench()
    flash_board(board.port, BOARD)
    whole = board.files()["lib/settop/app.mpy"]
    (board.root / "lib/settop/app.mpy").write_bytes(whole[:-1] + b"\0")
    assert list(flash_board(board.port, BOARD).transferred) == ["lib/settop/app.mpy"]
    assert board.files()["lib/settop/app.mpy"] == whole


def test_a_flash_goes_on_without_the_manifest(bench):
    board = bench()
    flash_board(board.port, BOARD)
    (board.root / MANIFEST).unlink()
    report = flash_board(board.port, small(LaterBoard))
    assert list(report.transferred) == ["lib/settop/app.mpy"] and report.kept == {}


def test_dry_run_says_what_would_be_done_and_changes_nothing(bench):
    board = bench()
    (board.root / "main.py").write_bytes(b"print('mine')\n")
    before = board.files()
    report = flash_board(board.port, BOARD, dry_run=True)
    assert set(report.transferred) == PATHS and report.kept == {"main.py": "main.py.kept"}
    assert board.files() == before
    assert board.state == "app"  # what ran runs again


def test_config_is_written_as_source_and_settings_that_are_not_named_stay(bench):
    board = bench()
    flash_board(board.port, BOARD, {"CORES": 1, "LINK": "uarts"})
    assert board.files()["board_config.py"] == b"LINK = 'uarts'\nCORES = 1\n"
    report = flash_board(board.port, BOARD, {"TUNER_BAUD": 1_500_000, "CORES": 2}, keep_config=True)
    assert report.config == {"LINK": "uarts", "CORES": 2, "TUNER_BAUD": 1_500_000}
    assert board.files()["board_config.py"] == b"LINK = 'uarts'\nCORES = 2\nTUNER_BAUD = 1500000\n"
    assert flash_board(board.port, BOARD).removed == ("board_config.py",)


def test_an_image_with_the_terminal_inside_gets_its_settings_alone(bench):
    board = bench()
    flash_board(board.port, BOARD, {"CORES": 1})
    board.is_.frozen = True  # a new image was put on it
    report = flash_board(board.port, BOARD, {"CORES": 2}, ready_s=0)
    assert report.transferred == {"board_config.py": 10}
    assert set(report.removed) == PATHS
    assert set(board.files()) == {"board_config.py", MANIFEST}


# What belongs to the user.


def test_files_of_the_user_stay_and_those_in_the_way_come_back_on_erase(bench):
    board = bench()
    mine = {"main.py": b"print('mine')\n", "board.py": b"LED = 25\n", "notes.txt": b"do not touch", "lib/other.py": b""}
    (board.root / "lib").mkdir()
    for path, data in mine.items():
        (board.root / path).write_bytes(data)
    report = flash_board(board.port, BOARD)
    assert report.kept == {"board.py": "board.py.kept", "main.py": "main.py.kept"}
    assert board.files()["main.py.kept"] == mine["main.py"]
    assert board.files()["main.py"] == SOURCES["main.py"]
    flash_board(board.port, BOARD)
    erased = erase_board(board.port, BOARD)
    assert erased.back == {"board.py.kept": "board.py", "main.py.kept": "main.py"}
    assert board.files() == mine


def test_a_kept_file_is_never_overwritten_by_another_one(bench):
    board = bench()
    for name, data in (("main.py", b"second\n"), ("main.py.kept", b"first\n")):
        (board.root / name).write_bytes(data)
    assert flash_board(board.port, BOARD).kept == {"main.py": "main.py.kept2"}
    assert board.files()["main.py.kept"] == b"first\n" and board.files()["main.py.kept2"] == b"second\n"


def test_a_main_that_the_user_changed_after_the_flash_is_kept(bench):
    board = bench()
    flash_board(board.port, BOARD)
    (board.root / "main.py").write_bytes(b"print('my change')\n")
    assert flash_board(board.port, BOARD).kept == {"main.py": "main.py.kept"}
    assert board.files()["main.py.kept"] == b"print('my change')\n"


def test_a_folder_that_would_be_imported_instead_is_named_and_nothing_is_changed(bench):
    board = bench()
    (board.root / "settop").mkdir()
    (board.root / "settop/app.py").write_bytes(b"")
    with pytest.raises(LocalError, match=r"/settop/app\.py .* instead of lib/settop: remove it"):
        flash_board(board.port, BOARD)
    assert set(board.files()) == {"settop/app.py"}


@pytest.mark.parametrize("block", [-1, -2, -3, -4])
def test_erase_takes_keystore_lock_keys_and_counter_too_and_nothing_else(bench, block):
    board = bench()
    board.is_.lock[block][:] = b"RCLK1" + b"\x55" * 59
    (board.root / "keys").mkdir()
    (board.root / "keys/identity.a").write_bytes(b"sealed")
    (board.root / "mine.py").write_bytes(b"")
    flash_board(board.port, BOARD)
    assert board.files()["keys/identity.a"] == b"sealed"  # a flash leaves it
    assert erase_board(board.port, BOARD, dry_run=True).lock
    assert board.is_.lock[block][:5] == b"RCLK1"
    erased = erase_board(board.port, BOARD)
    assert erased.lock and erased.keys == ("/keys/identity.a",)
    assert set(b"".join(board.is_.lock.values())) == {0xFF}
    assert [path.name for path in board.root.iterdir()] == ["mine.py"]
    assert erase_board(board.port, BOARD).files == ()


# The cable is pulled.


@pytest.mark.parametrize("power_cycled", [False, True], ids=["powered", "power_cycled"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.7, 0.85, 0.97])
def test_cable_pulled_at_any_instant_leaves_a_board_that_answers_and_can_be_flashed(bench, share, power_cycled):
    rehearsal = bench()
    flash_board(rehearsal.port, BOARD)
    total = len(rehearsal.heard)
    board = bench()
    flash_board(board.port, small(LaterBoard))  # so that main.py has to go out of the way
    (board.root / "lib/settop/app.mpy").unlink()
    board.pull_after(int(total * share))
    with pytest.raises((Unplugged, NoPrompt, PortError)) as caught:
        while not board.pulled:  # towards the end there is nothing left to do: again
            flash_board(board.port, BOARD)
    assert isinstance(caught.value, Unplugged) and "plug the cable in" in str(caught.value)
    board.plug(power_cycled)
    assert answers(board)
    report = flash_board(board.port, BOARD)
    assert report.ready
    assert set(board.files()) == PATHS | {MANIFEST}
    assert board.files()["main.py"] == SOURCES["main.py"]


def test_while_files_are_put_main_is_out_of_the_way_and_no_name_has_half_a_file(bench):
    board = bench()
    flash_board(board.port, small(LaterBoard))
    seen = []
    flash_board(board.port, BOARD, progress=lambda what, done, total: seen.append((what, board.files())))
    assert any(PARKED in files for _, files in seen)
    assert all("main.py" not in files for _, files in seen)
    final = board.files()
    older = {"lib/settop/app.mpy"}  # had another content before
    for _, files in seen:
        assert all(data == final[path] for path, data in files.items() if path in PATHS - older)


def test_an_unchanged_main_is_not_transferred_again(bench):
    board = bench()
    flash_board(board.port, BOARD)
    assert "main.py" not in flash_board(board.port, small(LaterBoard)).transferred
    assert board.files()["main.py"] == SOURCES["main.py"] and PARKED not in board.files()


# The board will not do.


@pytest.mark.parametrize(
    ("pretence", "error", "text"),
    [
        ({"implementation": "circuitpython"}, RemoteError, "runs circuitpython, expected MicroPython"),
        (
            {"version": (1, 19, 1)},
            RemoteError,
            r"MicroPython 1\.19\.1 is too old, expected 1\.23\.0 or newer: put a new",
        ),
        (
            {"platform": "esp32", "machine": "Generic ESP32 module with ESP32"},
            LocalError,
            "--board pico is for the rp2 port",
        ),
        ({"machine": "Raspberry Pi Pico2 with RP2350"}, LocalError, "which is no pico: name the right board"),
        ({"machine": "Raspberry Pi Pico W with RP2040"}, LocalError, "which is no pico: name the right board"),
        ({"mpy": 0x1305}, RemoteError, r"loads \.mpy version 5\.3 for armv6m, and board\.mpy is version 6: take the"),
        ({"free_bytes": 8192}, RemoteError, r"8 KiB free, and this needs \d+ KiB: remove files of yours"),
    ],
)
def test_a_board_that_will_not_do_is_refused_untouched_and_goes_on(bench, pretence, error, text):
    board = bench(state="app", **pretence)
    (board.root / "main.py").write_bytes(b"print('mine')\n")
    with pytest.raises(error, match=text):
        flash_board(board.port, BOARD)
    assert board.files() == {"main.py": b"print('mine')\n"}
    deadline = time.monotonic() + 5
    while board.state != "app" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert board.state == "app"


def test_native_code_for_another_processor_is_refused(bench):
    native = b"import micropython\n@micropython.viper\ndef f(x: int) -> int:\n    return x\n"
    board = bench(mpy=0x2B06)  # version 6.3, xtensawin
    with pytest.raises(RemoteError, match=r"fast\.mpy is version 6\.3 for armv6m"):
        flash_board(board.port, BOARD, extra_files={"fast.py": native})
    assert board.files() == {}


def test_flash_that_fills_up_on_the_way_says_so_and_leaves_a_prompt(bench):
    board = bench(full_after_bytes=5000)
    with pytest.raises(RemoteError, match=r"file system is full .* remove files of yours .* flash again"):
        flash_board(board.port, BOARD)
    assert "main.py" not in board.files()
    assert answers(board)
    board.is_.full_after_bytes = None
    assert flash_board(board.port, BOARD).ready


def test_file_that_does_not_read_back_as_written_stops_the_flash_before_it_gets_its_name(bench):
    board = bench(spoils="import settop")
    with pytest.raises(RemoteError, match=r"main\.py did not read back as it was written"):
        flash_board(board.port, BOARD)
    assert "main.py" not in board.files()
    assert answers(board)


def test_a_terminal_that_stops_with_an_error_is_reported_with_its_own_words(bench):
    words = b"Traceback (most recent call last):\r\n  File \"main.py\", line 4\r\nImportError: no module named 'x'\r\n"
    board = bench(ready=words + b"MicroPython v1.25.0\r\n>>> ")
    with pytest.raises(RemoteError, match=r"main\.py stops with .ImportError: no module named 'x'"):
        flash_board(board.port, BOARD)


def test_a_terminal_that_says_nothing_is_reported(bench):
    board = bench(ready=b"")
    with pytest.raises(RemoteError, match=r"no `ready` line came in 0\.5 s"):
        flash_board(board.port, BOARD, ready_s=0.5)


# The prompt.


@pytest.mark.parametrize("state", ["friendly", "raw", "app"])
def test_a_prompt_is_found_in_any_state(bench, state):
    board = bench(state=state)
    assert answers(board)


def test_a_half_typed_line_is_dropped_and_not_obeyed(bench):
    board = bench()
    with serial.Serial(board.port) as port:
        port.write(b"erase_everything()")
        port.flush()
        time.sleep(0.1)
    assert answers(board)
    assert board.obeyed == []


def test_a_board_in_the_middle_of_a_raw_paste_is_led_out_of_it(bench):
    board = bench(state="raw")
    with serial.Serial(board.port) as port:
        port.write(b"\x05A\x01print(1)\nprint(")
        port.flush()
        time.sleep(0.1)
    assert answers(board)


def test_a_program_in_full_flow_that_loses_the_first_interrupts_is_stopped(bench):
    board = bench(state="app", deaf_to=5, app_output=b"\x7e\x01\x02 frames \xff>>> raw\x7e" * 20)
    assert answers(board)


def test_a_board_without_raw_paste_is_flashed_too(bench):
    board = bench(raw_paste=False)
    assert flash_board(board.port, BOARD).ready


def ends_soon(board, text, seconds=20):
    begin = time.monotonic()
    with pytest.raises(NoPrompt, match=text), open_port(board.port) as port:
        enter_repl(port, 1.5)
    assert time.monotonic() - begin < seconds


def test_a_silent_board_is_given_up_with_what_to_do(bench):
    ends_soon(bench(state="silent"), r"is silent: nothing came in 1\.5 s.*Unplug the board")


def test_a_board_that_answers_garbage_is_given_up_with_what_to_do(bench):
    ends_soon(bench(state="garbage"), "not as MicroPython does .* another rate")


def test_a_program_that_never_stops_is_given_up_with_what_it_says(bench):
    board = bench(state="chatter", app_output=b"temperature 21.5 >\r\n")
    ends_soon(board, "does not stop for Ctrl-C.*temperature.*Press its reset")


def test_an_echo_is_not_taken_for_a_prompt(bench):
    ends_soon(bench(state="echo"), "echo|does not stop|not as MicroPython")


def test_a_banner_alone_is_not_taken_for_a_prompt(bench):
    ends_soon(bench(state="parrot"), "does not stop for Ctrl-C.*raw REPL; CTRL-B")


# The port.


def test_a_port_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PortError, match=r"there is no port .*/ttyNONE; (there are|no USB serial port)"):
        flash_board(str(tmp_path / "ttyNONE"), BOARD)


def test_a_file_is_no_port(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PortError, match="is no serial port"):
        flash_board(str(tmp_path / "file"), BOARD)


def test_two_flashes_do_not_meet(bench):
    board = bench()
    with open_port(board.port), pytest.raises(PortError, match="in use by another ringcast"):
        flash_board(board.port, BOARD)
    assert flash_board(board.port, BOARD).ready


def test_a_port_that_another_program_has_locked_is_in_use(bench):
    board = bench()
    descriptor = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(PortError, match=r"in use by another program .* close it"):
            flash_board(board.port, BOARD)
    finally:
        os.close(descriptor)
    assert board.heard == b""


def test_control_lines_are_set_before_the_port_opens_and_left_alone_after(bench, monkeypatch):
    told = []
    for name in ("_update_dtr_state", "_update_rts_state"):
        monkeypatch.setattr(
            serial.Serial, name, lambda self, name=name: told.append((name, self._dtr_state, self._rts_state))
        )
    board = bench()
    with open_port(board.port, dtr=False, rts=False):
        pass
    assert told == [("_update_dtr_state", False, False), ("_update_rts_state", False, False)]


def test_board_computes_the_hashes(bench):
    """The figures that decide come from the board: what it has there, not what we sent."""
    board = bench()
    flash_board(board.port, BOARD)
    lines = board.files()[MANIFEST].decode().split()
    assert lines[lines.index("main.py") - 1] == hashlib.sha256(SOURCES["main.py"]).hexdigest()
