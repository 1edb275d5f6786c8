"""pyboard v1.1 (STM32F405): modem on UART 4 (X1, X2), tuner and decoder on UART 6 (Y1, Y2), console on USB.

The stock image has no cryptolib: settop.crypto.soft_aes stands in and opens a slow programme only, see wiring.md. A
board_config.py on the file system, if there is one, says what differs on this bench.
"""

import machine
from board_common import (  # noqa: F401 (the same names everywhere)
    Console,
    cable,
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
    uart_of,
)
from board_stm32 import _vault  # noqa: F401

try:
    import board_config as _config
except ImportError:
    _config = None

NAME = "pyboard"
PORT = "stm32"
LINK = getattr(_config, "LINK", "uarts")  # or "cable": modem, tuner, output and console share the USB cable
CORES = getattr(_config, "CORES", 1)
UARTS = {4: ("X1", "X2"), 6: ("Y1", "Y2")}  # id: TX pin, RX pin; the port knows a UART's pins by itself
WIRES = getattr(_config, "WIRES", {4: "modem", 6: "tuner"})  # what they lead to; the tuner's TX is the decoder's input
SERVICES = getattr(_config, "SERVICES", ("call",))  # settop/services: those that are started
HEADEND = getattr(_config, "HEADEND", "")  # public key, in hex, of the head-end that alone may provision it
SIGNER = getattr(_config, "SIGNER", "")  # public key, in hex, of whose modules it takes as updates
MODEM_BAUD = 115200
TUNER_BAUD = getattr(_config, "TUNER_BAUD", 115200)
STORAGE = "/flash/keys"
LOCK_PLACE = "the last flash sector (11), which the stock image leaves empty: two lock keys, a counter"
NETWORK = None
CODEC = (
    1,
    None,
    None,
    None,
    "X5",
    "X4",
    "X3",
    "X9",
)  # SPI, which knows its pins; XCS, XDCS, DREQ, XRESET of the decoder chip
HEAP_BYTES = 102000  # by others' boards
FLASH_BYTES = 262144  # of about 420 KiB between the stock image and the keystore's sector


def modem():
    """The modem's line: any(), readinto(view), write(data)."""
    shared = cable()
    return shared.modem if shared is not None else _uart(uart_of("modem"), MODEM_BAUD, 512)


def tuner_and_output():
    """(tuner, output): by UARTs one, its receiver the tuner, its transmitter the decoder's clear input."""
    shared = cable()
    if shared is not None:
        return shared.tuner, shared.output
    # This port has no transmit buffer: a write takes as long as the line does, and so much comes in meanwhile.
    uart = _uart(uart_of("tuner"), TUNER_BAUD, 8192)
    return uart, uart


def _uart(pins, baud, rxbuf, _txbuf=0):
    return machine.UART(pins[0], baud, rxbuf=rxbuf, timeout=0, timeout_char=0)


def unique_id():
    return machine.unique_id()


def __getattr__(name):  # codec, network_up and the others: what somebody asks for is loaded then
    if name in ("codec", "dock"):
        import board_codec

        return getattr(board_codec, name)
    if name[:8] != "network_":
        raise AttributeError(name)
    import board_network

    return getattr(board_network, name)
