"""Settings that no board knows, and power that goes in the middle of a new lock key, on every board."""

import os
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


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("name", ["pico", "pico_w", "pico2"])
@pytest.mark.parametrize("cut", ["erase", "program", "refused"])
def test_power_cut_in_a_new_lock_leaves_one_whole_key_none_or_a_wrong_one_and_no_copy(monkeypatch, name, cut):
    """One block: the old key goes before the new one comes. A wrong one opens nothing, and provisioning starts anew."""
    board, _ = load_module(monkeypatch, name)
    board.store_lock(bytearray(OLD))
    flash_ioctl, flash_write = Flash.ioctl, Flash.writeblocks

    def ioctl(self, operation, number):
        flash_ioctl(self, operation, number)
        if cut == "erase":
            raise PowerCut

    def writeblocks(self, number, block, offset=0):
        self.blocks.append(block)
        if cut == "refused":
            raise OSError(5)
        if cut == "program":
            half = bytes(block[:24]) + b"\xff" * (len(block) - 24)
            Flash.content = half + Flash.content[len(block) :]
            raise PowerCut

    monkeypatch.setattr(Flash, "ioctl", ioctl)
    monkeypatch.setattr(Flash, "writeblocks", writeblocks)
    with pytest.raises((PowerCut, OSError)):
        board.store_lock(bytearray(NEW))
    assert not any(any(block) for block in Flash.blocks)
    lock = board.load_lock()
    assert OLD not in Flash.content
    assert lock is None if cut != "program" else lock not in (None, OLD, NEW)
    monkeypatch.setattr(Flash, "ioctl", flash_ioctl)
    monkeypatch.setattr(Flash, "writeblocks", flash_write)
    board.store_lock(bytearray(NEW))
    assert board.load_lock() == NEW


def test_power_cut_before_the_commit_leaves_an_esp32_its_old_lock(monkeypatch):
    board, _ = load_module(monkeypatch, "esp32")
    board.store_lock(bytearray(OLD))

    def commit(self):
        raise PowerCut

    monkeypatch.setattr(Nvs, "commit", commit)
    with pytest.raises(PowerCut):
        board.store_lock(bytearray(NEW))
    assert board.load_lock() == OLD


@pytest.mark.parametrize("written", [0, 1, 31])
def test_power_cut_while_the_file_is_written_leaves_a_unix_board_without_a_lock(monkeypatch, tmp_path, written):
    board, _ = load_module(monkeypatch, "unix")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "system", lambda command: 0)
    board.store_lock(bytearray(OLD))
    with open("lock.key", "wb") as file:
        file.write(NEW[:written])
    assert board.load_lock() is None
    board.store_lock(bytearray(NEW))
    assert board.load_lock() == NEW
    assert sys.modules["board"] is board
