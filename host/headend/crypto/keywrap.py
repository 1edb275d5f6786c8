"""AES key wrap (RFC 3394, SP 800-38F KW) with one cipher for all its steps: what a shop seals with every purchase.

pycryptodome's own mode (AES.MODE_KW) gives the same octets, which the tests ask, and takes three times as long.
"""

import hmac

from Crypto.Cipher import AES

_CHECK_VALUE = b"\xa6" * 8  # RFC 3394, 2.2.3.1
_ROUNDS = 6


def wrap(key: bytes, secret: bytes) -> bytes:
    """`secret` under an AES key, 8 octets longer. Raises ValueError for less than 16 octets, or no multiple of 8."""
    if len(secret) < 16 or len(secret) % 8:
        raise ValueError(f"{len(secret)} octets to wrap: expected 16 or more, in steps of 8")
    encrypt = AES.new(key, AES.MODE_ECB).encrypt
    parts = [secret[at : at + 8] for at in range(0, len(secret), 8)]
    first, step, out = _CHECK_VALUE, 0, bytearray(16)
    for _ in range(_ROUNDS):
        for number, part in enumerate(parts):
            step += 1
            encrypt(first + part, out)
            first = (int.from_bytes(out[:8], "big") ^ step).to_bytes(8, "big")
            parts[number] = bytes(out[8:])
    return first + b"".join(parts)


def unwrap(key: bytes, wrapped: bytes) -> bytes:
    """The secret. Raises ValueError where key or octets are not those of `wrap`."""
    if len(wrapped) < 24 or len(wrapped) % 8:
        raise ValueError(f"{len(wrapped)} wrapped octets: expected 24 or more, in steps of 8")
    decrypt = AES.new(key, AES.MODE_ECB).decrypt
    parts = [wrapped[at : at + 8] for at in range(8, len(wrapped), 8)]
    first, step, out = wrapped[:8], _ROUNDS * len(parts), bytearray(16)
    for _ in range(_ROUNDS):
        for number in reversed(range(len(parts))):
            decrypt((int.from_bytes(first, "big") ^ step).to_bytes(8, "big") + parts[number], out)
            step -= 1
            first, parts[number] = bytes(out[:8]), bytes(out[8:])
    if not hmac.compare_digest(first, _CHECK_VALUE):
        raise ValueError("key unwrap failed: wrong wrapping key or altered data")
    return b"".join(parts)
