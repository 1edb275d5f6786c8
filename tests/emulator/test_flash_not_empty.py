"""Boards on which somebody has worked before: what is in the way, what their boot.py has done, what keeps Ctrl-C."""

import re

import pytest
from settop.errors import LocalError, RemoteError
from testbed.boards.profile import load_board
from testbed.deploy.agent import PART
from testbed.deploy.errors import BoardRaised, NoPrompt
from testbed.deploy.flash import erase_board, flash_board
from testbed.deploy.plan import MANIFEST, PARKED
from testbed.deploy.repl import enter_repl
from testbed.deploy.session import keeps_ctrl_c

from tests.emulator.test_flash import BOARD, PATHS, SOURCES, bench  # noqa: F401 (the fixture)


def folder(path, **files):
    """What makes a folder at `path` of a board's root, with these files in it."""

    def make(root):
        (root / path).mkdir(parents=True)
        for name, text in files.items():
            (root / path / f"{name}.py").write_text(text)

    return make


def file(path, text="mine"):
    def make(root):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    return make


def tree(board):
    """Every path on the board, folders with a slash behind them."""
    return {path.relative_to(board.root).as_posix() + ("/" if path.is_dir() else "") for path in board.root.rglob("*")}


IN_THE_WAY = [
    ("main.py", folder("main.py", a="x")),
    ("main.py", folder("main.py")),
    ("boot.py", folder("boot.py", a="x")),
    ("board.mpy", folder("board.mpy", a="x")),
    ("board.py", folder("board.py")),
    ("board", folder("board", __init__="x")),
    ("lib", file("lib")),
    ("lib/settop", file("lib/settop")),
    ("/keys", file("keys")),
    (PART, folder(PART, a="x")),
    (PARKED, folder(PARKED)),
    (MANIFEST, folder(MANIFEST, a="x")),
]


@pytest.mark.parametrize(("path", "make"), IN_THE_WAY, ids=[f"{n} {path}" for n, (path, _) in enumerate(IN_THE_WAY)])
def test_what_is_in_the_way_is_kept_under_another_name_and_comes_back_on_erase(bench, path, make):  # noqa: F811
    board = bench()
    make(board.root)
    before = tree(board)
    dry = flash_board(board.port, BOARD, dry_run=True)
    assert dry.kept == {path: path + ".kept"} and tree(board) == before
    report = flash_board(board.port, BOARD)
    assert report.kept == {path: path + ".kept"} and report.ready
    assert tree(board) >= PATHS
    again = flash_board(board.port, BOARD)
    assert (again.transferred, again.kept) == ({}, {})
    erased = erase_board(board.port, BOARD)
    assert erased.back == {path + ".kept": path}
    assert tree(board) == before


def test_several_things_in_the_way_at_once(bench):  # noqa: F811
    board = bench()
    for _, make in IN_THE_WAY[::2]:
        make(board.root)
    assert flash_board(board.port, BOARD).ready
    assert tree(board) >= PATHS


@pytest.mark.parametrize(
    "make",
    [
        folder("lib/settop/app.mpy", a="x"),
        folder("lib/settop/app.mpy"),
        folder("lib/settop/app.mpy/deep/er", a="x"),
        file("lib/settop/ts"),
        folder("lib/settop/old/folder", a="x"),
    ],
)
def test_the_packages_own_folder_is_put_in_order(bench, make):  # noqa: F811
    board = bench()
    make(board.root)
    report = flash_board(board.port, BOARD)
    assert report.ready and report.kept == {}
    assert set(board.files()) == PATHS | {MANIFEST}


def test_an_empty_folder_that_would_be_imported_instead_is_named(bench):  # noqa: F811
    board = bench()
    (board.root / "settop").mkdir()
    told = rf"/settop on the board .* instead of lib/settop: .*mpremote connect {re.escape(board.port)} rm -r :settop"
    with pytest.raises(LocalError, match=told):
        flash_board(board.port, BOARD)
    assert tree(board) == {"settop/"}


def test_what_comes_back_on_erase_never_replaces_what_has_its_name_now(bench):  # noqa: F811
    board = bench()
    file("lib")(board.root)
    flash_board(board.port, BOARD)
    file("lib/mine.py")(board.root)
    assert erase_board(board.port, BOARD).back == {}
    assert tree(board) == {"lib.kept", "lib/", "lib/mine.py"}


# What boot.py has done.


BOOTS = {
    "changes the folder": b"import os\nos.chdir('/app')\n",
    "unmounts the file system": b"import vfs\nvfs.umount('/')\n",
    "mounts it read-only": b"vfs.mount(fs, '/', readonly=True)\n",
    "mounts a ramdisk over it": b"vfs.mount(ramdisk, '/')\n",
    "prints for ever": b"while True:\n    print('waiting for the network')\n",
}


ENDLESS = "prints for ever"
"""Long: whoever flashes has patience with a board that does not let go, and that is real time."""


@pytest.mark.parametrize(
    "code",
    [pytest.param(code, id=name, marks=pytest.mark.long if name == ENDLESS else ()) for name, code in BOOTS.items()],
)
@pytest.mark.parametrize("started", [True, False], ids=["started", "at a prompt"])
def test_whatever_boot_py_does_the_files_go_where_the_next_start_finds_them(bench, code, started):  # noqa: F811
    board = bench(app_output=b"waiting for the network\r\n" * 40)
    (board.root / "boot.py").write_bytes(code)
    (board.root / "app").mkdir()
    if started:
        board._boot()
    report = flash_board(board.port, BOARD)
    assert report.ready and report.kept == {"boot.py": "boot.py.kept"}
    assert board.files()["boot.py.kept"] == code and board.files()["boot.py"] == SOURCES["boot.py"]
    assert tree(board) >= PATHS
    assert list((board.root / "app").iterdir()) == []
    erase_board(board.port, BOARD)
    assert board.files() == {"boot.py": code}


def test_sys_path_of_the_board_does_not_matter(bench):  # noqa: F811
    assert flash_board(bench(path=()).port, BOARD).ready
    assert flash_board(bench(path=("/sd", "/app")).port, BOARD).ready


def test_a_file_system_that_takes_no_files_is_told_where_we_cannot_mount_it(bench, monkeypatch):  # noqa: F811
    monkeypatch.setattr("testbed.deploy.home._REMOUNT", {})
    for code, told in (
        (BOOTS["mounts it read-only"], "it takes no files"),
        (BOOTS["unmounts the file system"], "no file system is mounted there"),
    ):
        board = bench()
        (board.root / "boot.py").write_bytes(code)
        with pytest.raises(
            RemoteError, match=rf"^/ on the board, where main\.py lies: {told}.* a boot\.py most likely"
        ):
            flash_board(board.port, BOARD)
        assert board.files() == {"boot.py": code}


def test_a_dry_run_of_a_read_only_board_changes_nothing(bench):  # noqa: F811
    board = bench()
    (board.root / "boot.py").write_bytes(BOOTS["mounts it read-only"])
    assert flash_board(board.port, BOARD, dry_run=True).kept == {"boot.py": "boot.py.kept"}
    assert tree(board) == {"boot.py"}


# What the board answers.


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (20, "/main.py on the board: a file lies where a folder has to be"),
        (21, "/main.py on the board: a folder lies where a file has to be"),
        (5, "/main.py on the board: the flash cannot be read or written"),
        (30, "/main.py on the board: the board's file system is read-only"),
        (84, "/main.py on the board: the board's file system is damaged"),
        (99, "the board answers with an error about /main.py: OSError: 99"),
    ],
)
def test_a_number_of_the_boards_is_said_in_words_with_the_path(bench, number, words, monkeypatch):  # noqa: F811
    board = bench()
    write = board.write

    def fail(target, data):
        if data == SOURCES["main.py"]:
            raise OSError(number, "so")
        write(target, data)

    monkeypatch.setattr(board, "write", fail)
    with pytest.raises(BoardRaised, match="^" + re.escape(words)):
        flash_board(board.port, BOARD)
    assert "main.py" not in board.files()


def test_full_to_the_last_block_is_told_before_anything_is_touched(bench):  # noqa: F811
    board = bench(free_bytes=0)
    file("mine.bin")(board.root)
    with pytest.raises(RemoteError, match=r"has 0 KiB free, and this needs \d+ KiB: remove files of yours"):
        flash_board(board.port, BOARD)
    assert tree(board) == {"mine.bin"}


# What keeps Ctrl-C.


@pytest.mark.parametrize("output", [b"temperature 21.5\r\n", b""], ids=["talks", "is silent"])
def test_a_program_that_keeps_ctrl_c_is_told_with_what_helps(bench, output, monkeypatch):  # noqa: F811
    monkeypatch.setattr("testbed.deploy.session.enter_repl", lambda port, **how: enter_repl(port, 1.0, **how))
    board = bench(state="app", deaf_to=10**9, app_output=output)
    with pytest.raises(
        NoPrompt, match=r"does not let go\. Of main\.py: `\./ringcast firmware --board pico` makes an image"
    ):
        flash_board(board.port, BOARD)


def test_what_is_no_micropython_is_not_taken_for_a_program_that_keeps_ctrl_c(bench, monkeypatch):  # noqa: F811
    monkeypatch.setattr("testbed.deploy.session.enter_repl", lambda port, **how: enter_repl(port, 1.0, **how))
    with pytest.raises(NoPrompt, match=r"not as MicroPython does .* Expected MicroPython's prompt$"):
        flash_board(bench(state="garbage").port, BOARD)


def test_what_helps_is_what_the_board_has():
    assert "flash_nuke.uf2" in keeps_ctrl_c(load_board("pico_w"))
    assert "ringcast firmware" not in keeps_ctrl_c(load_board("pico_w"))
    assert "erase_flash" in keeps_ctrl_c(load_board("esp32"))
    assert "USR" in keeps_ctrl_c(load_board("pyboard"))
