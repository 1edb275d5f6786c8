"""Raspberry Pi Pico (RP2040), real or emulated: modem on UART0, tuner and decoder on UART1.

Console on USB. A board_config.py on the file system, if there is one, says what differs on this bench.
"""

from board_common import (  # noqa: F401 (the same names on every board)
    Console,
    count,
    counter,
    entropy,
    forget_old_lock,
    idle,
    load_locks,
    locks_damaged,
    store_lock,
    ticks_diff,
    ticks_ms,
)
from board_rp2 import _vault, button, modem, tuner_and_output, unique_id  # noqa: F401

try:
    import board_config as _config
except ImportError:
    _config = None

NAME = "pico"
PORT = "rp2"
LINK = getattr(_config, "LINK", "uarts")  # or "cable": modem, tuner, output and console share the USB cable
CORES = getattr(_config, "CORES", 2)  # 1 leaves the second core alone
UARTS = {0: (0, 1), 1: (4, 5)}  # id: TX pin, RX pin
WIRES = getattr(_config, "WIRES", {0: "modem", 1: "tuner"})  # what they lead to; the tuner's TX is the decoder's input
SERVICES = getattr(_config, "SERVICES", ("call",))  # settop/services: those that are started
HEADEND = getattr(_config, "HEADEND", "")  # public key, in hex, of the head-end that alone may provision it
MODEM_BAUD = 115200
TUNER_BAUD = getattr(_config, "TUNER_BAUD", 921600)
STORAGE = "/keys"
LOCK_PLACE = "the four flash blocks just below the file system: two lock keys, a counter"
NETWORK = None
HEAP_BYTES = 240000  # MicroPython 1.25 leaves about so much
FLASH_BYTES = 262144  # of the 299 KiB between the stock image and the keystore's blocks
