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
SIGNER = getattr(_config, "SIGNER", "")  # public key, in hex, of whose modules it takes as updates
MODEM_BAUD = 115200
TUNER_BAUD = getattr(_config, "TUNER_BAUD", 921600)
STORAGE = "/keys"
LOCK_PLACE = "the NVS partition (namespace ringcast): two lock keys, a counter"
NETWORK = "wlan"  # where board_config.py says WLAN = ("NAME", "PASSWORD")
CODEC = (2, 18, 23, 19, 5, 21, 36, 22)  # SPI, its SCK, MOSI, MISO; XCS, XDCS, DREQ, XRESET of the decoder chip
HEAP_BYTES = 160000  # by others' boards; it grows in steps, as ESP-IDF has memory left
FLASH_BYTES = 262144  # of what the stock image leaves of its 1984 KiB partition

_LOCK_KEYS = ("lock", "lock1")  # blobs; formats before 4 kept one lock key in the first, 32 octets and no more
_COUNT_KEY = "count"
_OLD_LOCK_BYTES = 32
_OLD_MAGIC = b"RCLK1\x00\x00\x00"  # before it in flash, see settop.keystore.blocks
_BLOB_BYTES = 64
_MOST = 0x7FFFFFFF


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


class _Blobs:
    """NVS as flash for lock keys: the face that settop.keystore.blocks wants. A block is a blob, blank where none is.

    A commit of NVS is whole or not there (ESP-IDF, non-volatile storage library), so a cut has no steps here.
    """

    block_bytes = 256

    def read(self, block, at, view):
        blob = _blob(block)
        view[:] = memoryview(blob)[at : at + len(view)]
        _wipe(blob)

    def program(self, block, at, data):
        blob = _blob(block)
        for i in range(len(data)):
            blob[at + i] &= data[i]
        nvs = _nvs()
        nvs.set_blob(_LOCK_KEYS[block], blob)
        nvs.commit()
        _wipe(blob)

    def erase(self, block):
        nvs = _nvs()
        try:
            nvs.erase_key(_LOCK_KEYS[block])
        except OSError:  # there is none
            return
        nvs.commit()


def _blob(block):
    blob = bytearray(b"\xff" * _BLOB_BYTES)
    try:
        size = _nvs().get_blob(_LOCK_KEYS[block], blob)
    except OSError:  # there is none, or one that is longer
        return blob
    if size == _OLD_LOCK_BYTES:
        for i in range(size - 1, -1, -1):
            blob[len(_OLD_MAGIC) + i] = blob[i]
        blob[: len(_OLD_MAGIC)] = _OLD_MAGIC
    return blob


def _wipe(blob):
    for i in range(len(blob)):
        blob[i] = 0


class _Counter:
    """A counter in NVS, which spreads its writes over the partition's pages and writes whole or not at all.

    An entry of 32 octets for each count, 126 on a page of 4 KiB, some five pages of the stock 24 KiB partition in turn:
    with 100,000 erasures of a page about 60 million counts. After that, or at 2^31 - 1, count() says that it is worn
    out.
    """

    def value(self):
        try:
            return _nvs().get_i32(_COUNT_KEY)
        except OSError:  # it never has counted
            return 0

    def count(self):
        from settop.errors import RemoteError

        reached = self.value()
        try:
            if reached == _MOST:
                raise OSError
            nvs = _nvs()
            nvs.set_i32(_COUNT_KEY, reached + 1)
            nvs.commit()
        except OSError:
            raise RemoteError("the counter does not count: NVS is worn out or full; replace the board")
        return reached + 1


def _nvs():
    return esp32.NVS("ringcast")


def _vault():
    from settop.keystore.blocks import Locks

    return Locks(_Blobs(), (0, 1)), _Counter()


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
