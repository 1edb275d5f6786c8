"""Raspberry Pi Pico (RP2040), real or emulated: modem on UART0, tuner and decoder on UART1, console on USB."""

import os
import select
import sys
import time

import machine
import rp2

try:
    from board_config import TUNER_BAUD  # what this bench's tuner line runs at
except ImportError:
    TUNER_BAUD = 921600

NAME = "pico"
MODEM_BAUD = 115200
STORAGE = "/keys"

_PAGE_BYTES = 256  # what the flash programs at a time
_ERASE_BLOCK = 6  # of the block device protocol
_LOCK_MAGIC = b"RCLK1\x00\x00\x00"
_LOCK_BYTES = 32
_LINE_BYTES = 600  # the longest console line


def modem():
    """The modem's serial line: any(), readinto(view), write(data)."""
    return machine.UART(0, MODEM_BAUD, tx=machine.Pin(0), rx=machine.Pin(1), rxbuf=1024, txbuf=512, timeout=0)


def tuner_and_output():
    """(tuner, output): one UART, its receiver the tuner, its transmitter the decoder's clear input."""
    uart = machine.UART(
        1, TUNER_BAUD, tx=machine.Pin(4), rx=machine.Pin(5), rxbuf=16384, txbuf=8192, timeout=0, timeout_char=0
    )
    return uart, uart


class Console:
    """Lines on the USB serial port; the REPL is there when the firmware stops (Ctrl-C)."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._room = select.poll()
        self._room.register(sys.stdout, select.POLLOUT)
        self._octet = bytearray(1)
        self._line = bytearray(_LINE_BYTES)
        self._count = 0

    def read_line(self):
        """The next whole line without its end, or None. Raises UnicodeError for one that is not UTF-8.

        A line of more than 600 bytes is dropped whole: its beginning might be a command of its own.
        """
        while self._poll.poll(0):
            sys.stdin.buffer.readinto(self._octet)
            if self._octet[0] not in b"\r\n":
                if self._count < _LINE_BYTES:
                    self._line[self._count] = self._octet[0]
                self._count += 1
                continue
            count, self._count = self._count, 0
            if 0 < count <= _LINE_BYTES:
                return bytes(memoryview(self._line)[:count]).decode()
        return None

    def write_line(self, text):
        """Write one line; what finds no room is dropped, a line as a whole if not even its first octet does.

        print would wait half a second for each piece that an open port, which nobody reads, has no room for. The
        player cannot wait. A poll tells of room for one octet, so they go one by one.
        """
        line = memoryview(text.encode() + b"\r\n")
        for at in range(len(line)):
            if not self._room.poll(0):
                return
            sys.stdout.buffer.write(line[at : at + 1])


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
    page[: len(_LOCK_MAGIC)] = _LOCK_MAGIC
    page[len(_LOCK_MAGIC) : len(_LOCK_MAGIC) + _LOCK_BYTES] = lock
    flash = rp2.Flash()
    flash.ioctl(_ERASE_BLOCK, -1)
    flash.writeblocks(-1, page, 0)
    for i in range(len(page)):
        page[i] = 0


def unique_id():
    return machine.unique_id()


def entropy():
    """Seed bytes of the ring oscillator; the application mixes them with the lock key and a boot counter."""
    return os.urandom(32)


def ticks_ms():
    return time.ticks_ms()


def ticks_diff(a, b):
    return time.ticks_diff(a, b)


def idle(idle_ms):
    """Nothing to do for so long. Sleeps rather than polls: an idle core costs less power, and less emulation."""
    time.sleep_ms(idle_ms)
