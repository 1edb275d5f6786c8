"""X25519 key agreement (RFC 7748).

The ladder does the same steps for every scalar, but MicroPython's big integers take time that depends on
their values, and leave copies on the heap that cannot be wiped. Use it for keys of one call, on devices whose
timing no attacker can measure finely; it is no substitute for a hardened implementation.
"""

from settop.errors import LocalError, RemoteError

KEY_BYTES = 32
_P = 2**255 - 19
_BASE_POINT = b"\x09" + bytes(31)


def public_key(scalar):
    """Public key, as bytes, of the 32 random bytes `scalar`. Raises LocalError for another length."""
    return bytes(_multiply(scalar, _BASE_POINT))


def shared_secret(scalar, peer_public):
    """32-byte secret, as a bytearray for the caller to wipe; never a key itself: put it through HKDF.

    Raises RemoteError where `peer_public` is not 32 bytes or is a point of small order, which makes the
    secret all-zero whatever our scalar is (RFC 7748, 6.1).
    """
    if len(peer_public) != KEY_BYTES:
        raise RemoteError("X25519 public key of %d bytes, expected 32" % len(peer_public))
    secret = _multiply(scalar, peer_public)
    any_bit = 0
    for byte in secret:
        any_bit |= byte
    if any_bit == 0:
        raise RemoteError("X25519 public key of small order: it fixes the secret; the peer must send another key")
    return secret


def _multiply(scalar, u):
    """The Montgomery ladder (RFC 7748, 5): u-coordinate of scalar times the point, as a bytearray."""
    if len(scalar) != KEY_BYTES:
        raise LocalError("X25519 scalar of %d bytes, expected 32" % len(scalar))
    k = int.from_bytes(scalar, "little")
    k = k & (1 << 254) - 8 | 1 << 254
    x1 = (int.from_bytes(u, "little") & (1 << 255) - 1) % _P
    x2 = 1
    z2 = 0
    x3 = x1
    z3 = 1
    swap = 0
    for at in range(254, -1, -1):
        bit = k >> at & 1
        swap ^= bit
        mask = swap * (x2 ^ x3)
        x2 ^= mask
        x3 ^= mask
        mask = swap * (z2 ^ z3)
        z2 ^= mask
        z3 ^= mask
        swap = bit
        total = x2 + z2
        difference = x2 + _P - z2
        total_squared = total * total % _P
        difference_squared = difference * difference % _P
        cross = (x3 + _P - z3) * total % _P
        other_cross = (x3 + z3) * difference % _P
        x3 = (cross + other_cross) ** 2 % _P
        z3 = (cross + _P - other_cross) ** 2 * x1 % _P
        x2 = total_squared * difference_squared % _P
        gap = total_squared + _P - difference_squared
        z2 = gap * (total_squared + 121665 * gap) % _P
    mask = swap * (x2 ^ x3)
    x2 ^= mask
    mask = swap * (z2 ^ z3)
    z2 ^= mask
    return bytearray((x2 * pow(z2, _P - 2, _P) % _P).to_bytes(KEY_BYTES, "little"))
