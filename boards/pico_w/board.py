"""Raspberry Pi Pico W (RP2040 and wireless): modem on UART0, tuner and decoder on UART1.

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
from board_rp2 import _uart, _vault, button, modem, tuner_and_output, unique_id  # noqa: F401

try:
    import board_config as _config
except ImportError:
    _config = None

NAME = "pico_w"
PORT = "rp2"
LINK = getattr(_config, "LINK", "uarts")  # or "cable": modem, tuner, output and console share the USB cable
CORES = getattr(_config, "CORES", 2)  # 1 leaves the second core alone
UARTS = {0: (0, 1), 1: (4, 5)}  # id: TX pin, RX pin
WIRES = getattr(_config, "WIRES", {0: "modem", 1: "tuner"})  # what they lead to; the tuner's TX is the decoder's input
SERVICES = getattr(_config, "SERVICES", ("call",))  # settop/services: those that are started
HEADEND = getattr(_config, "HEADEND", "")  # public key, in hex, of the head-end that alone may provision it
SIGNER = getattr(_config, "SIGNER", "")  # public key, in hex, of whose modules it takes as updates
MODEM_BAUD = 115200
TUNER_BAUD = getattr(_config, "TUNER_BAUD", 921600)
STORAGE = "/keys"
LOCK_PLACE = "the four flash blocks just below the file system: two lock keys, a counter"
NETWORK = "wlan"  # where board_config.py says WLAN = ("NAME", "PASSWORD")
CODEC = (0, 18, 19, 16, 17, 20, 21, 22)  # SPI, its SCK, MOSI, MISO; XCS, XDCS, DREQ, XRESET of the decoder chip
HEAP_BYTES = 190000  # the wireless driver takes the rest
FLASH_BYTES = 262144  # of about 340 KiB between the stock image and the keystore's blocks


def __getattr__(name):  # codec, network_up and the others: what somebody asks for is loaded then
    if name in ("codec", "dock"):
        import board_codec

        return getattr(board_codec, name)
    if name == "buttons":
        import board_buttons

        return board_buttons.made()
    if name[:8] != "network_":
        raise AttributeError(name)
    import board_network

    return getattr(board_network, name)
