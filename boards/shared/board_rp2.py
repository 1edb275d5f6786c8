"""What all boards with an RP2040 or RP2350 do alike; their board.py has the pins and the rates."""

import sys

import machine
from board_common import cable, uart_of
from rp2 import Flash, bootsel_button

# MicroPython's own boot code has left the whole of rp2 behind: 1.4 KB of heap, most of it for PIO programs.
sys.modules.pop("rp2", None)
_main = __import__("__main__")
if hasattr(_main, "rp2"):
    delattr(_main, "rp2")

_PAGE_BYTES = 256  # what the flash programs at a time
_BLOCK_BYTES = 4096
_ERASE_BLOCK = 6  # of the block device protocol


def _uart(pins, baud, rxbuf, txbuf):
    number, tx, rx = pins
    return machine.UART(
        number,
        baud,
        tx=machine.Pin(tx),
        rx=machine.Pin(rx),
        rxbuf=rxbuf,
        txbuf=txbuf,
        timeout=0,
        timeout_char=0,
    )


def modem():
    """The modem's line: any(), readinto(view), write(data)."""
    shared = cable()
    if shared is not None:
        return shared.modem
    import board

    return _uart(uart_of("modem"), board.MODEM_BAUD, 1024, 512)


def tuner_and_output():
    """(tuner, output): by UARTs one, its receiver the tuner, its transmitter the decoder's clear input."""
    shared = cable()
    if shared is not None:
        return shared.tuner, shared.output
    import board

    uart = _uart(uart_of("tuner"), board.TUNER_BAUD, 16384, 4096)
    return uart, uart


class _Flash:
    """The face that settop.keystore.blocks wants."""

    block_bytes = _BLOCK_BYTES

    def read(self, block, at, view):
        Flash().readblocks(block, view, at)

    def program(self, block, at, data):
        # One page, not the whole block of 4 KiB: late in a run the heap may not have so much in a row.
        page = bytearray(b"\xff" * _PAGE_BYTES)
        start = at % _PAGE_BYTES
        try:
            page[start : start + len(data)] = data
            Flash().writeblocks(block, page, at - start)
        finally:
            for i in range(start, start + len(data)):
                page[i] = 0

    def erase(self, block):
        Flash().ioctl(_ERASE_BLOCK, block)


def _vault():
    from settop.keystore.blocks import Counter, Locks

    # Below the file system and behind the firmware image, where no file reaches. Formats before 4 had one lock, in -1.
    flash = _Flash()
    return Locks(flash, (-1, -2)), Counter(flash, (-3, -4))


def button():
    """Whether BOOTSEL is held: who does that agrees to another identity."""
    return bootsel_button() == 1


def unique_id():
    return machine.unique_id()
