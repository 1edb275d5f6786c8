"""A flash brings what the board's services need and takes the rest of ours away."""

import pytest
from settop.errors import LocalError
from testbed.boards import load_board
from testbed.boards.package import check_services, service_names
from testbed.deploy.flash import erase_board, flash_board, terminal_files
from testbed.deploy.plan import MANIFEST

from tests.helpers.commands import ringcast
from tests.helpers.pretend_micropython import Pretence, PretendBoard

PICO = load_board("pico")
BOTH = {"SERVICES": ("call", "titles")}
ROOM = "lib/settop/services/titles/"


@pytest.fixture
def board(tmp_path):
    with PretendBoard(tmp_path, Pretence()) as pretend:
        yield pretend


def of_titles():
    """What titles bring to a board that telephones."""
    return terminal_files(PICO, BOTH).keys() - terminal_files(PICO, None).keys() - {"board_config.py"}


def command(board, *words):
    return ringcast("flash", "--board", "pico", "--port", board.port, *words)


def test_a_service_comes_with_its_files_and_goes_with_them(board):
    first = flash_board(board.port, PICO)
    assert set(first.transferred) == set(terminal_files(PICO, None)) and f"{ROOM}service.mpy" not in first.transferred
    more = flash_board(board.port, PICO, BOTH)
    assert set(more.transferred) == {*of_titles(), "board_config.py"} and more.removed == ()
    assert f"{ROOM}service.mpy" in board.files() and "board_codec.mpy" in board.files()
    less = flash_board(board.port, PICO)
    assert less.transferred == {} and set(less.removed) == {*of_titles(), "board_config.py"}
    assert set(board.files()) == {*terminal_files(PICO, None), MANIFEST}
    assert not (board.root / ROOM).exists()


def test_services_that_the_board_itself_names_count_where_its_settings_stay(board):
    (board.root / "board_config.py").write_bytes(b"SERVICES = ('call', 'titles')  # mine\n")
    report = flash_board(board.port, PICO, {"CORES": 1}, keep_config=True)
    assert set(report.transferred) == {*terminal_files(PICO, None), *of_titles(), "board_config.py"}
    assert report.config == {"CORES": 1, "SERVICES": ("call", "titles")}
    assert board.files()["board_config.py"] == b"CORES = 1\nSERVICES = ('call', 'titles')\n"
    again = flash_board(board.port, PICO, keep_config=True)
    assert again.transferred == {} and again.removed == ()


def test_what_a_network_takes_comes_with_the_wire_that_the_board_names(board):
    (board.root / "board_config.py").write_bytes(b"WIRES = {0: 'modem', 1: 'tuner', 2: 'network'}\n")
    report = flash_board(board.port, PICO, keep_config=True)
    assert "lib/settop/link/network.mpy" in report.transferred


def test_further_files_bring_what_they_import(board):
    mine = {"mine.py": b"from settop.titles.tenth import TenthReader\n"}
    report = flash_board(board.port, PICO, extra_files=mine)
    assert {"mine.mpy", "lib/settop/titles/tenth.mpy"} <= report.transferred.keys()
    gone = flash_board(board.port, PICO).removed
    assert {"mine.mpy", "lib/settop/titles/tenth.mpy"} <= set(gone)


def test_an_erasure_takes_off_what_any_service_brought(board):
    flash_board(board.port, PICO, BOTH)
    (board.root / MANIFEST).unlink()  # by hand: what is equal to a file of today's is ours all the same
    gone = erase_board(board.port, PICO)
    assert "board_codec.mpy" in gone.files and f"{ROOM}service.mpy" in gone.files
    assert set(board.files()) <= {"board_config.py"}


def test_a_dry_run_says_what_a_service_would_bring_and_take(board):
    flash_board(board.port, PICO, BOTH)
    ended = command(board, "--dry-run", "--service", "call")
    assert f"  would remove  {ROOM}service.mpy" in ended.out and f"{len(of_titles())} to remove" in ended.out
    assert f"{ROOM}service.mpy" in board.files()


def test_the_command_sets_the_services_and_the_board_keeps_them(board):
    ended = command(board, "--service", "call", "--service", "titles")
    assert ended.status == 0 and "board_config.py: SERVICES = ('call', 'titles')" in ended.out, ended.err
    assert "transferred 0 files" in command(board).out
    ended = command(board, "--service", "call")
    assert f"{len(of_titles())} removed" in ended.out and board.files()["board_config.py"] == b"SERVICES = ('call',)\n"


def test_a_service_that_there_is_not_is_refused_before_the_board_is_touched(board):
    ended = command(board, "--service", "cinema")
    assert ended.status == 1 and f"no service 'cinema'; there are {', '.join(service_names())}" in ended.complaint
    ended = command(board, "--service", "call", "--service", "call")
    assert ended.status == 1 and "service call is named twice" in ended.complaint
    assert command(board, "--erase", "--service", "call").status == 2
    assert board.heard == b""
    with pytest.raises(LocalError, match="no service ''"):
        check_services([""])
