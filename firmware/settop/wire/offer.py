"""What a portion costs, as the broadcast says it before anybody calls: THE definition, for both ends.

It follows the programme id in our CA descriptor (settop.wire.ecm) and is public; what is charged, the centre's own
tariff decides. Layout (big-endian), 12 octets and the name:

    price u32       of a portion, in minor units of the currency (hundredths of a euro)
    set_up u32      once for each broadcast, with its first portion
    currency 3      letters A to Z (ISO 4217)
    length u8       1 to MAX_TARIFF_CHARS
    tariff          `length` printable ASCII characters, none of them a blank at either end

Octets behind it are passed over.
"""

import struct

from settop.errors import LocalError

MAX_TARIFF_CHARS = 20
MAX_PRICE = 0xFFFFFFFF
CURRENCY_CHARS = 3

_HEAD = ">II3sB"
_HEAD_BYTES = 12


class Offer:
    """`price` and `set_up` 0 to MAX_PRICE, `currency` and `tariff` str as above. Raises LocalError for others."""

    def __init__(self, price, currency, tariff, set_up=0):
        if not (0 <= price <= MAX_PRICE and 0 <= set_up <= MAX_PRICE):
            raise LocalError("a price on air is 0 to %d minor units" % MAX_PRICE)
        if not _is_currency(currency.encode()):
            raise LocalError("a currency on air is three letters A to Z, such as EUR")
        if not _is_tariff(tariff.encode()):
            raise LocalError("a tariff's name on air is 1 to %d printable ASCII characters" % MAX_TARIFF_CHARS)
        self.price = price
        self.set_up = set_up
        self.currency = currency
        self.tariff = tariff


def pack_offer(offer):
    """Its octets."""
    name = offer.tariff.encode()
    return struct.pack(_HEAD, offer.price, offer.set_up, offer.currency.encode(), len(name)) + name


def unpack_offer(data):
    """Octets to Offer; None where there are none, or where they break the limits."""
    if len(data) < _HEAD_BYTES:
        return None
    price, set_up, currency, length = struct.unpack(_HEAD, data[:_HEAD_BYTES])
    name = bytes(data[_HEAD_BYTES : _HEAD_BYTES + length])
    if len(name) != length or not _is_currency(currency) or not _is_tariff(name):
        return None
    return Offer(price, bytes(currency).decode(), name.decode(), set_up)


def _is_currency(text):
    return len(text) == CURRENCY_CHARS and min(text) >= 0x41 and max(text) <= 0x5A


def _is_tariff(text):
    return 1 <= len(text) <= MAX_TARIFF_CHARS and min(text) >= 0x20 and max(text) < 0x7F and text.strip() == text
