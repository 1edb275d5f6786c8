"""Control words: one per portion, derived, so that any number of call centres agree without talking to each other."""

import hmac
import struct

from settop.errors import LocalError
from settop.wire.ids import BROADCAST_ID_BYTES, CONTROL_WORD_BYTES

MIN_SECRET_BYTES = 16


def control_word(programme_secret: bytes, programme_id: int, broadcast_id: bytes, portion: int) -> bytes:
    """The 16-byte AES key of one portion: HKDF-SHA256 (RFC 5869), salt `broadcast_id`, info names the portion.

    `programme_secret` has at least 16 bytes, `broadcast_id` exactly 8; `programme_id` and `portion` are
    0..2^32-1. Raises LocalError outside these ranges.
    """
    if len(programme_secret) < MIN_SECRET_BYTES:
        raise LocalError(f"programme secret of {len(programme_secret)} bytes, at least {MIN_SECRET_BYTES} needed")
    if len(broadcast_id) != BROADCAST_ID_BYTES:
        raise LocalError(f"broadcast id of {len(broadcast_id)} bytes, expected {BROADCAST_ID_BYTES}")
    if not (0 <= programme_id < 1 << 32 and 0 <= portion < 1 << 32):
        raise LocalError("programme id and portion index must fit 32 bits")
    info = b"ringcast cw 1" + struct.pack(">II", programme_id, portion)
    # 16 bytes come from the first block of HKDF-Expand, so one HMAC each for extract and expand is the whole of it.
    extracted = hmac.digest(broadcast_id, programme_secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")[:CONTROL_WORD_BYTES]
