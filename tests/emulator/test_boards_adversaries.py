"""Settings that no board knows, and power that goes in the middle of a new lock key, on every board."""

import sys

import pytest
from testbed.boards import BOARD_NAMES, load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.runtimes import RuntimeUnavailable, pico_image

from tests.helpers.board_modules import Flash, Nvs, load_module

OLD, NEW = bytes(range(100, 132)), bytes(range(32))
NONSENSE = [
    ({"LINK": "usb"}, "LINK is 'usb', expected 'uarts' or 'cable'"),
    ({"LINK": None}, "LINK is None"),
    ({"CORES": 0}, "CORES is 0, expected 1 or 2"),
    ({"CORES": "2"}, "CORES is '2'"),
    ({"CORES": 3}, "CORES is 3"),
    ({"TUNER_BAUD": 0}, "TUNER_BAUD is 0, expected 1200 to 8000000"),
    ({"TUNER_BAUD": "921600"}, "TUNER_BAUD is '921600'"),
    ({"TUNER_BAUD": 10**8}, "TUNER_BAUD is 100000000"),
    ({"TUNER_BAUD": 921600.0}, "TUNER_BAUD is 921600.0"),
]

every = pytest.mark.parametrize("name", BOARD_NAMES)


@every
@pytest.mark.parametrize(("config", "said"), NONSENSE)
def test_a_setting_that_no_board_knows_is_told_with_what_was_expected(monkeypatch, name, config, said):
    board, _ = load_module(monkeypatch, name, config)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"board_config\.py") as caught:
            board.Console()
        assert said in str(caught.value)


@every
def test_a_board_config_that_imports_what_is_not_there_is_told(monkeypatch, tmp_path, name):
    board, _ = load_module(monkeypatch, name)
    (tmp_path / "board_config.py").write_text("import settings_of_mine\nLINK = 'cable'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="settings_of_mine"):
        board.Console()


@pytest.mark.pico
def test_a_pico_says_what_is_wrong_in_its_board_config_and_stays_at_its_prompt():
    try:
        image = pico_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    files = {**load_board("pico").files({}), "board_config.py": b"LINK = 'usb'\n"}
    machine = PicoMachine(image, TerminalSpec(files=files, seed=b"x"))
    machine.boot()
    machine.advance(1_500_000_000)
    said = machine.take("console")
    machine.close()
    assert b"ValueError: board_config.py: LINK is 'usb', expected 'uarts' or 'cable'\r\n" in said
    assert said.endswith(b">>> ")


@pytest.mark.parametrize("name", ["pico", "pico_w", "pico2"])
def test_power_cut_before_any_step_of_a_new_or_a_forgotten_lock_leaves_the_newest_whole(monkeypatch, name):
    """Cuts within a step: tests/firmware/test_blocks_power.py."""
    board, _ = load_module(monkeypatch, name)
    board.store_lock(bytearray(OLD))
    for operation, allowed in (
        (lambda: board.store_lock(bytearray(NEW)), ([OLD], [NEW, OLD])),
        (board.forget_old_lock, ([NEW], [NEW, OLD])),
    ):
        before = bytes(Flash.content)
        Flash.done = 0
        operation()
        steps, after = Flash.done, bytes(Flash.content)
        assert steps >= 3
        for cut in range(steps):
            Flash.content[:], Flash.done, Flash.cut_after = before, 0, cut
            with pytest.raises(Flash.PowerCut):
                operation()
            Flash.cut_after = None
            sys.modules["board_common"]._kept = None
            assert board.load_locks() in allowed and board.locks_damaged() == 0
        Flash.content[:] = after
    assert board.load_locks() == [NEW]
    assert not any(key in bytes(buffer) for buffer in Flash.buffers for key in (OLD, NEW) if len(buffer) > 48)


def test_power_cut_before_any_commit_leaves_an_esp32_a_whole_lock(monkeypatch):
    board, _ = load_module(monkeypatch, "esp32")
    board.store_lock(bytearray(OLD))
    commit, commits = Nvs.commit, []

    class PowerCut(Exception):
        pass

    def cut(self):
        if len(commits) == at:
            raise PowerCut
        commits.append(self)
        commit(self)

    monkeypatch.setattr(Nvs, "commit", cut)
    for operation, steps, allowed in (
        (lambda: board.store_lock(bytearray(NEW)), 2, ([OLD], [NEW, OLD])),
        (board.forget_old_lock, 4, ([NEW], [NEW, OLD])),
    ):
        before = dict(Nvs.stored)
        for at in range(steps):
            Nvs.stored.clear()
            Nvs.stored.update(before)
            commits.clear()
            with pytest.raises(PowerCut):
                operation()
            at = -1
            sys.modules["board_common"]._kept = None
            assert board.load_locks() in allowed and board.locks_damaged() == 0
        Nvs.stored.clear()
        Nvs.stored.update(before)
        at = -1
        operation()
    assert board.load_locks() == [NEW]


class Killed(Exception):
    pass


@pytest.mark.parametrize("first", [b"", OLD], ids=["new", "of_formats_3"])
def test_a_unix_board_that_dies_while_it_writes_its_file_has_a_whole_lock(monkeypatch, tmp_path, first):
    board, _ = load_module(monkeypatch, "unix")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "lock.key"
    if first:
        path.write_bytes(OLD)
    else:
        board.store_lock(bytearray(OLD))
    to_medium, left = board._to_medium, [0]

    def dies(file):
        to_medium(file)
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    monkeypatch.setattr(board, "_to_medium", dies)
    cuts = 0
    for operation, allowed in (
        (lambda: board.store_lock(bytearray(NEW)), ([OLD], [NEW, OLD])),
        (board.forget_old_lock, ([NEW], [NEW, OLD])),
    ):
        before = path.read_bytes()
        while True:
            path.write_bytes(before)
            left[0] = cut = cuts
            sys.modules["board_common"]._kept = None
            try:
                operation()
                break
            except Killed:
                cuts += 1
            left[0] = 1000
            sys.modules["board_common"]._kept = None
            assert board.load_locks() in allowed and board.locks_damaged() == 0, cut
        cuts = 0
    assert board.load_locks() == [NEW]
    assert sys.modules["board"] is board
