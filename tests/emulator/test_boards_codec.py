"""The decoder chip on every board: its pins in board.py, in wiring.md, and what board.codec() gives."""

import re
import sys

import pytest
from testbed.boards import BOARD_NAMES
from testbed.boards.profile import BOARDS
from testbed.machines.codec import pico_bus

from tests.helpers.board_modules import Pin, load_module

WITH_CHIP = [name for name in BOARD_NAMES if name != "unix"]
PLACES = ("SCLK", "SI", "SO", "XCS", "XDCS", "DREQ", "XRESET")


@pytest.fixture
def load(monkeypatch):
    return lambda name: load_module(monkeypatch, name)[0]


@pytest.mark.parametrize("name", WITH_CHIP)
def test_the_chip_is_on_the_pins_of_the_constant_and_not_in_reset(load, name):
    board = load(name)
    assert "board_codec" not in sys.modules, "before anybody asks"
    number, sck, mosi, miso, *others = board.CODEC
    spi, xcs, xdcs, dreq, xreset = board.codec()
    assert spi.number == number and spi.options["polarity"] == spi.options["phase"] == 0
    assert spi.baud <= 12_288_000 / 7
    if board.PORT == "stm32":
        assert (sck, mosi, miso) == (None, None, None) and "sck" not in spi.options
    else:
        assert [spi.options[pin] for pin in ("sck", "mosi", "miso")] == [("pin", pin) for pin in (sck, mosi, miso)]
    assert [pin[1] for pin in (xcs, xdcs, dreq, xreset)] == others
    assert [(pin.mode, pin.value) for pin in (xcs, xdcs, xreset)] == [(Pin.OUT, 1)] * 3
    assert dreq.mode == Pin.IN


@pytest.mark.parametrize("name", WITH_CHIP)
def test_no_pin_has_two_uses(load, name):
    board = load(name)
    pins = [pin for pin in board.CODEC[1:] if pin is not None]
    pins += [pin for pair in board.UARTS.values() for pin in pair]
    assert len(set(pins)) == len(pins)


@pytest.mark.parametrize("name", WITH_CHIP)
def test_wiring_says_which_pin_goes_where(load, name):
    text = (BOARDS / name / "wiring.md").read_text()
    rows = dict(re.findall(r"^ +(\w+)(?: \(\d+\))? (?:──►|◄──) (\w+)", text.partition("## Decoder chip")[2], re.M))
    drawn = {place: pin for pin, place in rows.items()}
    for place, pin in zip(PLACES, load(name).CODEC[1:], strict=True):
        if pin is not None:
            assert re.fullmatch(rf"(GP|GPIO)?{pin}", drawn[place]), place
    assert set(drawn) == set(PLACES)


def test_the_emulated_chip_is_on_the_picos_pins(load):
    number, _sck, _mosi, _miso, *others = load("pico").CODEC
    assert number == 0
    assert others == [pico_bus.XCS_PIN, pico_bus.XDCS_PIN, pico_bus.DREQ_PIN, pico_bus.XRESET_PIN]


def test_unix_has_one_where_its_command_line_names_a_line_for_it(load, monkeypatch):
    board = load("unix")
    monkeypatch.setattr(sys, "argv", ["main.py", "modem", "tuner", "output"])
    assert board.CODEC is None and board.codec() is None
    monkeypatch.setattr(sys, "argv", [*sys.argv, "codec"])
    monkeypatch.setattr(board, "Tty", lambda path, size: path)
    assert len(board.codec()) == 5
