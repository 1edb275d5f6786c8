"""Four buttons of a panel on the boards that have pins for them: off unless board_config.py says where they are."""

import sys

import pytest
from settop.errors import LocalError
from testbed.boards import load_board
from testbed.boards.profile import board_config

from tests.helpers.board_modules import Pin, load_module

WITH_PINS = ("pico", "pico_w", "pico2", "pico2_w")
PINS = (10, 11, 12, 13)


@pytest.fixture
def load(monkeypatch):
    monkeypatch.setattr(Pin, "low", set())
    return lambda name, config=None: load_module(monkeypatch, name, config)[0]


@pytest.mark.parametrize("name", WITH_PINS)
def test_each_pin_that_is_pulled_to_ground_is_its_bit(load, name):
    buttons = load(name, {"BUTTONS": PINS}).buttons
    assert buttons() == 0
    for bit, pin in enumerate(PINS):
        Pin.low = {pin}
        assert buttons() == 1 << bit
    Pin.low = set(PINS)
    assert buttons() == 15


@pytest.mark.parametrize("name", ("unix", *WITH_PINS, "esp32", "pyboard"))
def test_without_buttons_there_is_no_such_name_and_never_a_display(load, name):
    board = load(name)
    assert getattr(board, "buttons", None) is None and getattr(board, "display", None) is None
    assert "board_buttons" in sys.modules or name not in WITH_PINS


@pytest.mark.parametrize(
    "pins", [(1, 2, 3), (10, 11, 12, 12), 7, ("a", "b", "c", "d"), (0, 10, 11, 12), (10, 11, 12, 22)]
)
def test_pins_that_are_none_or_taken_are_refused(load, pins):
    board = load("pico", {"BUTTONS": pins})
    with pytest.raises(LocalError, match="four pins that nothing else is on"):
        _ = board.buttons


def test_they_come_with_who_has_a_panel():
    for name in WITH_PINS:
        board = load_board(name)
        assert "board_buttons.py" in board.files({"SERVICES": ("titles", "panel")})
        assert "board_buttons.py" not in board.files({"SERVICES": ("titles",)})


def test_a_configuration_may_name_them():
    assert board_config({"BUTTONS": PINS}) == b"BUTTONS = (10, 11, 12, 13)\n"
    with pytest.raises(LocalError, match="expected the pins of up, down, ok and back"):
        board_config({"BUTTONS": (1, 2)})
