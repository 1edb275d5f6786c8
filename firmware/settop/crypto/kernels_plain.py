"""SHA-512's loops in plain Python (FIPS 180-4, 6.4.2). kernels_viper.py beside must do the same.

Numbers of 64 bits lie in buffers as two words of 32, the high one first, each in the machine's own order.
"""

import struct

_MASK = 0xFFFFFFFFFFFFFFFF


def words(source, target, count):
    """`count` words of 32 bits from big-endian in `source` to the machine's order in `target`, or back."""
    for at in range(count):
        struct.pack_into("=I", target, 4 * at, struct.unpack_from(">I", source, 4 * at)[0])


def compress(work, schedule, rounds):
    """One block into the sum: `work` of 48 words begins with the 16 of the sum, the rest is scratch; `schedule`: the
    block's 32 words, which are overwritten; `rounds`: the 160 of the constants."""
    number = _numbers(work, 8)
    w = _numbers(schedule, 16)
    k = _numbers(rounds, 80)
    a, b, c, d, e, f, g, h = number
    for t in range(80):
        if t >= 16:
            x = w[(t + 1) & 15]
            y = w[(t + 14) & 15]
            small0 = _turn(x, 1) ^ _turn(x, 8) ^ x >> 7
            small1 = _turn(y, 19) ^ _turn(y, 61) ^ y >> 6
            w[t & 15] = (w[t & 15] + small0 + w[(t + 9) & 15] + small1) & _MASK
        first = h + (_turn(e, 14) ^ _turn(e, 18) ^ _turn(e, 41)) + (e & f ^ ~e & g) + k[t] + w[t & 15]
        second = (_turn(a, 28) ^ _turn(a, 34) ^ _turn(a, 39)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (first + second) & _MASK, a, b, c, (d + first) & _MASK, e, f, g
    at = 0
    for before, after in zip(number, (a, b, c, d, e, f, g, h)):
        total = (before + after) & _MASK
        struct.pack_into("=II", work, at, total >> 32, total & 0xFFFFFFFF)
        at += 8


def _numbers(buf, count):
    halves = struct.unpack_from("=%dI" % (2 * count), buf)
    return [halves[2 * i] << 32 | halves[2 * i + 1] for i in range(count)]


def _turn(x, by):
    return (x >> by | x << 64 - by) & _MASK
