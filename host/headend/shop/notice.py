"""A seller's notice that units are paid for (docs/protocols/shop.md): 105 octets, signed with Ed25519.

Ed25519 rather than HMAC, since the shop then holds nothing that could make a notice: who reads its database, or runs
it, cannot sell units in a seller's name, and a notice that is kept proves who made it.
"""

import struct
from dataclasses import dataclass

from settop.errors import LocalError

from headend.shop.refusals import BAD_NOTICE, UNITS_LIMIT, Refused, checked_number

MAGIC = b"RCSN"
VERSION = 1
CONTEXT = b"ringcast shop notice\0"
"""Stands before what is signed, so that nothing else that the same key signs is a notice."""
_BODY = struct.Struct(">4sBI16sQQ")
SIGNATURE_BYTES = 64
BYTES = _BODY.size + SIGNATURE_BYTES
KEY_BYTES = 32
ORDER_BYTES = 16


@dataclass(frozen=True)
class Notice:
    """Units of an order are paid for. `issued_ms`: when, by the seller's clock, in Unix ms."""

    seller_id: int
    order_id: bytes
    units: int
    issued_ms: int


def sign(notice: Notice, seed: bytes) -> bytes:
    """The notice as it is sent. seed: Ed25519's private key of 32 octets. The same notice gives the same octets.

    Raises LocalError for what a notice has no room for.
    """
    from Crypto.PublicKey import ECC
    from Crypto.Signature import eddsa

    if not 1 <= notice.units <= UNITS_LIMIT or len(notice.order_id) != ORDER_BYTES or len(seed) != KEY_BYTES:
        raise LocalError(f"a notice is of 1 to {UNITS_LIMIT} units and an order's {ORDER_BYTES} octets")
    try:
        body = _BODY.pack(MAGIC, VERSION, notice.seller_id, notice.order_id, notice.units, notice.issued_ms)
    except struct.error:
        raise LocalError("a notice's seller has a number of 32 bits, its time one of 64") from None
    key = ECC.construct(curve="Ed25519", seed=seed)
    return body + eddsa.new(key, "rfc8032").sign(CONTEXT + body)


def public_key(seed: bytes) -> bytes:
    """The 32 octets by which a shop knows who signs with `seed`."""
    from Crypto.PublicKey import ECC

    return bytes(ECC.construct(curve="Ed25519", seed=seed).public_key().export_key(format="raw"))


def read(data: bytes) -> Notice:
    """What it says; whether it is true only `verify` tells. Raises Refused for what is none."""
    if len(data) != BYTES:
        raise Refused(BAD_NOTICE)
    magic, version, seller_id, order_id, units, issued_ms = _BODY.unpack_from(data)
    if magic != MAGIC or version != VERSION or not 1 <= units <= UNITS_LIMIT:
        raise Refused(BAD_NOTICE)
    return Notice(checked_number(seller_id, BAD_NOTICE), order_id, units, issued_ms)


def verify(data: bytes, key: bytes) -> None:
    """Raises Refused where the seller of this public key has not signed it."""
    from Crypto.Signature import eddsa

    try:
        verifier = eddsa.new(eddsa.import_public_key(key), "rfc8032")
        verifier.verify(CONTEXT + data[: _BODY.size], data[_BODY.size :])
    except ValueError:
        raise Refused(BAD_NOTICE) from None
