"""ESP32 (ESP32_GENERIC, such as an ESP32-DevKitC): modem on UART1, tuner and decoder on UART2, console on UART0.

UART0 is the USB socket's bridge chip at 115,200 baud, so that LINK = "cable" carries no more than 11 KB/s there. A
board_config.py on the file system, if there is one, says what differs on this bench.

The random numbers of `entropy` are true ones only while a radio is on (ESP-IDF, random number generation); what the
application adds to them keeps two boots apart without that.
"""

import esp32
import machine
from board_common import (  # noqa: F401 (the same names everywhere)
    Console,
    cable,
    entropy,
    idle,
    ticks_diff,
    ticks_ms,
    uart_of,
)

try:
    import board_config as _config
except ImportError:
    _config = None

NAME = "esp32"
PORT = "esp32"
LINK = getattr(_config, "LINK", "uarts")  # or "cable": modem, tuner, output and console share the USB cable
CORES = getattr(_config, "CORES", 1)
# id: TX pin, RX pin; 16 and 17, UART2's usual ones, are the PSRAM's on a WROVER module
UARTS = {1: (25, 26), 2: (33, 32)}
WIRES = getattr(_config, "WIRES", {1: "modem", 2: "tuner"})  # what they lead to; the tuner's TX is the decoder's input
SERVICES = getattr(_config, "SERVICES", ("call",))  # settop/services: those that are started
HEADEND = getattr(_config, "HEADEND", "")  # public key, in hex, of the head-end that alone may provision it
MODEM_BAUD = 115200
TUNER_BAUD = getattr(_config, "TUNER_BAUD", 921600)
STORAGE = "/keys"
LOCK_PLACE = "the NVS partition (namespace ringcast)"
NETWORK = "wlan"
HEAP_BYTES = 160000  # by others' boards; it grows in steps, as ESP-IDF has memory left
FLASH_BYTES = 196608  # of what the stock image leaves of its 1984 KiB partition

_LOCK_BYTES = 32
_LOCK_KEY = "lock"


def modem():
    """The modem's line: any(), readinto(view), write(data)."""
    shared = cable()
    return shared.modem if shared is not None else _uart(uart_of("modem"), MODEM_BAUD, 1024, 512)


def tuner_and_output():
    """(tuner, output): by UARTs one, its receiver the tuner, its transmitter the decoder's clear input."""
    shared = cable()
    if shared is not None:
        return shared.tuner, shared.output
    uart = _uart(uart_of("tuner"), TUNER_BAUD, 16384, 8192)
    return uart, uart


def _uart(pins, baud, rxbuf, txbuf):
    number, tx, rx = pins
    return machine.UART(number, baud, tx=tx, rx=rx, rxbuf=rxbuf, txbuf=txbuf, timeout=0, timeout_char=0)


def _lock_store():
    return esp32.NVS("ringcast")


def load_lock():
    """The keystore's lock key (32 bytes) from the NVS partition, or None."""
    lock = bytearray(_LOCK_BYTES)
    try:
        count = _lock_store().get_blob(_LOCK_KEY, lock)
    except OSError:  # there is none, or one that is longer
        return None
    return lock if count == _LOCK_BYTES else None


def store_lock(lock):
    """Write the lock key. No file reaches NVS, and a new image leaves it; erasing the whole flash takes it off."""
    nvs = _lock_store()
    nvs.set_blob(_LOCK_KEY, lock)
    nvs.commit()


def unique_id():
    return machine.unique_id()
