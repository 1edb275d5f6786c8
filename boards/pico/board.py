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
HEAP_BYTES = 240000
STORAGE = "/keys"

_BLOCK_BYTES = 4096
_LOCK_MAGIC = b"RCLK1\x00\x00\x00"
_LOCK_BYTES = 32


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
        self._line = ""

    def read_line(self):
        """The next whole line without its end, or None."""
        while self._poll.poll(0):
            char = sys.stdin.read(1)
            if char in "\r\n":
                line = self._line
                self._line = ""
                if line:
                    return line
            elif len(self._line) < 600:
                self._line += char
        return None

    def write_line(self, text):
        print(text)


def load_lock():
    """The keystore's lock key (32 bytes) from the flash block just below the file system, or None."""
    block = bytearray(len(_LOCK_MAGIC) + _LOCK_BYTES)
    rp2.Flash().readblocks(-1, block)
    return block[len(_LOCK_MAGIC) :] if block[: len(_LOCK_MAGIC)] == _LOCK_MAGIC else None


def store_lock(lock):
    """Write the lock key. The block lies behind the firmware image and below the file system: no file reaches it."""
    block = bytearray(b"\xff" * _BLOCK_BYTES)
    block[: len(_LOCK_MAGIC)] = _LOCK_MAGIC
    block[len(_LOCK_MAGIC) : len(_LOCK_MAGIC) + _LOCK_BYTES] = lock
    rp2.Flash().writeblocks(-1, block)
    for i in range(len(block)):
        block[i] = 0


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
