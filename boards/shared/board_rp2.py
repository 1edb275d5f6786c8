"""What all boards with an RP2040 or RP2350 do alike; their board.py has the pins and the rates."""

import machine
import rp2
from board_common import cable, uart_of

_PAGE_BYTES = 256  # what the flash programs at a time
_ERASE_BLOCK = 6  # of the block device protocol
_LOCK_MAGIC = b"RCLK1\x00\x00\x00"
_LOCK_BYTES = 32


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


def load_lock():
    """The keystore's lock key (32 bytes) from the flash block just below the file system, or None."""
    block = bytearray(len(_LOCK_MAGIC) + _LOCK_BYTES)
    rp2.Flash().readblocks(-1, block)
    lock = None
    if block[: len(_LOCK_MAGIC)] == _LOCK_MAGIC:
        lock = bytearray(memoryview(block)[len(_LOCK_MAGIC) :])
    for i in range(len(block)):
        block[i] = 0
    return lock


def store_lock(lock):
    """Write the lock key. The block lies behind the firmware image and below the file system: no file reaches it."""
    # One page, not the whole block of 4 KiB: late in a run the heap may not have so much in a row.
    page = bytearray(b"\xff" * _PAGE_BYTES)
    try:
        page[: len(_LOCK_MAGIC)] = _LOCK_MAGIC
        page[len(_LOCK_MAGIC) : len(_LOCK_MAGIC) + _LOCK_BYTES] = lock
        flash = rp2.Flash()
        flash.ioctl(_ERASE_BLOCK, -1)
        flash.writeblocks(-1, page, 0)
    finally:
        for i in range(len(page)):
            page[i] = 0


def button():
    """Whether BOOTSEL is held: who does that agrees to another identity."""
    return rp2.bootsel_button() == 1


def unique_id():
    return machine.unique_id()
