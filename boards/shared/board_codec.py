"""The decoder chip's wires and the dock's UART, loaded when somebody asks for board.codec or board.dock: a board that
only telephones never does."""

import board
from board_common import cable, uart_of
from machine import SPI, Pin

_BAUD = 1600000  # a VS1053b that has just started reads no faster than 1.75 Mbaud
_DOCK_BAUD = 115200
_RX_BYTES = 2048  # of the dock: what comes while the flash is written
_TX_BYTES = 1024


def codec():
    """(SPI, XCS, XDCS, DREQ, XRESET): a machine.SPI in mode 0 and four machine.Pin, the chip not in reset.

    Whether a chip is there, its driver sees (settop.codec.vs1053).
    """
    number, sck, mosi, miso, xcs, xdcs, dreq, xreset = board.CODEC
    if sck is None:  # the port ties each SPI to its pins
        spi = SPI(number, baudrate=_BAUD, polarity=0, phase=0)
    else:
        spi = SPI(number, baudrate=_BAUD, polarity=0, phase=0, sck=Pin(sck), mosi=Pin(mosi), miso=Pin(miso))
    return (
        spi,
        Pin(xcs, Pin.OUT, value=1),
        Pin(xdcs, Pin.OUT, value=1),
        Pin(dreq, Pin.IN),
        Pin(xreset, Pin.OUT, value=1),
    )


def dock():
    """The line of a portable player's dock: any(), readinto(view), write(data)."""
    if cable() is not None:
        raise ValueError("board_config.py: the dock has a UART of its own, LINK = 'uarts'")
    return board._uart(uart_of("dock"), _DOCK_BAUD, _RX_BYTES, _TX_BYTES)
