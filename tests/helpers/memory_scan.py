"""Looks for an AES-128 key in a memory image: the key itself, and every round key that a cipher object may hold.

The schedules are computed here, by FIPS 197, independently of the code under test.
"""

from collections.abc import Iterable

BLOCK_BYTES = 16
ROUNDS = 10


def _times(a: int, b: int) -> int:
    """Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        product ^= a * (b & 1)
        a = a << 1 ^ 0x11B * (a >> 7)
        b >>= 1
    return product


def _rotated(byte: int, by: int) -> int:
    return (byte << by | byte >> 8 - by) & 0xFF


def _substitution() -> bytes:
    inverse = [0] * 256
    for a in range(1, 256):
        inverse[a] = next(b for b in range(1, 256) if _times(a, b) == 1)
    return bytes(i ^ _rotated(i, 1) ^ _rotated(i, 2) ^ _rotated(i, 3) ^ _rotated(i, 4) ^ 0x63 for i in inverse)


_SBOX = _substitution()


def encryption_round_keys(key: bytes) -> list[bytes]:
    """The eleven round keys of AES-128 (FIPS 197, 5.2); the first is the key."""
    words = [key[i : i + 4] for i in range(0, BLOCK_BYTES, 4)]
    constant = 1
    for number in range(4, 4 * (ROUNDS + 1)):
        word = words[-1]
        if number % 4 == 0:
            word = bytes((_SBOX[word[1]] ^ constant, _SBOX[word[2]], _SBOX[word[3]], _SBOX[word[0]]))
            constant = _times(constant, 2)
        words.append(bytes(a ^ b for a, b in zip(words[-4], word, strict=True)))
    return [b"".join(words[i : i + 4]) for i in range(0, len(words), 4)]


def _inverse_mix(column: bytes) -> bytes:
    return bytes(
        _times(column[i], 14)
        ^ _times(column[(i + 1) % 4], 11)
        ^ _times(column[(i + 2) % 4], 13)
        ^ _times(column[(i + 3) % 4], 9)
        for i in range(4)
    )


def decryption_round_keys(key: bytes) -> list[bytes]:
    """Those of the equivalent inverse cipher (FIPS 197, 5.3.5), which decrypting objects hold."""
    keys = encryption_round_keys(key)
    mixed = [b"".join(_inverse_mix(k[i : i + 4]) for i in range(0, BLOCK_BYTES, 4)) for k in keys[1:-1]]
    return [keys[-1], *reversed(mixed), keys[0]]


def _swapped(block: bytes) -> bytes:
    """The same with the octets of each 32-bit word in the other order."""
    return b"".join(block[i : i + 4][::-1] for i in range(0, len(block), 4))


def traces_of(key: bytes) -> set[bytes]:
    """What gives `key` away in memory: halves (8 octets) of it and of its round keys, in both word orders, its hex."""
    blocks = [*encryption_round_keys(key), *decryption_round_keys(key)]
    blocks += [_swapped(block) for block in blocks]
    halves = {block[at : at + 8] for block in blocks for at in (0, 8)}
    return halves | {key.hex().encode(), key.hex().upper().encode()}


def find_traces(memory: bytes, traces: Iterable[bytes]) -> list[int]:
    """Offsets in `memory` at which one of `traces` begins, in order."""
    found = set()
    for trace in traces:
        at = memory.find(trace)
        while at >= 0:
            found.add(at)
            at = memory.find(trace, at + 1)
    return sorted(found)
