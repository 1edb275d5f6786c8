"""Viper version of settop.crypto.tdes_kernels_plain, for MicroPython only (CPython cannot import this).

Halves lie in memory between the parts, where a register of 64 bits loses what it has above its 32. Masks lie there too:
a constant of 16 bits at most may be frozen in.
"""

import micropython


def chain(work, data, at, span):
    """Its parts are no longer than a branch of a Cortex-M0+ reaches."""
    for place in range(at, at + 4 * (span & ~1), 8):
        _take(work, data, place, span & 1)
        _swap(work, 0)
        _rounds(work, 3)
        _swap(work, 1)
        _give(work, data, place, span & 1)


@micropython.viper
def _take(work: ptr32, data: ptr8, at: int, decrypts: int):  # noqa: F821
    data = ptr8(int(data) + at)  # noqa: F821
    work = ptr32(int(work) + 2456)  # noqa: F821
    work[2] = int(data[0]) << 24 | int(data[1]) << 16 | int(data[2]) << 8 | int(data[3])
    work[3] = int(data[4]) << 24 | int(data[5]) << 16 | int(data[6]) << 8 | int(data[7])
    if not decrypts:
        work[2] = work[2] ^ work[0]
        work[3] = work[3] ^ work[1]


@micropython.viper
def _give(work: ptr32, data: ptr8, at: int, decrypts: int):  # noqa: F821
    data = ptr8(int(data) + at)  # noqa: F821
    work = ptr32(int(work) + 2456)  # noqa: F821
    if decrypts:
        work[2] = work[2] ^ work[0]
        work[3] = work[3] ^ work[1]
        work[0] = int(data[0]) << 24 | int(data[1]) << 16 | int(data[2]) << 8 | int(data[3])
        work[1] = int(data[4]) << 24 | int(data[5]) << 16 | int(data[6]) << 8 | int(data[7])
    else:
        work[0] = work[2]
        work[1] = work[3]
    at = 0
    while at < 2:
        value = work[2 + at]
        data[0] = value >> 24 & 0xFF
        data[1] = value >> 16 & 0xFF
        data[2] = value >> 8 & 0xFF
        data[3] = value & 0xFF
        data = ptr8(int(data) + 4)  # noqa: F821
        at += 1


@micropython.viper
def _swap(work: ptr32, last: int):  # noqa: F821
    # The initial permutation, or the final one, as five exchanges of bits between the halves
    work = ptr32(int(work) + 2432)  # noqa: F821
    step = 0
    while step < 5:
        number = 4 - step if last else step
        turn = 4
        if number == 1:
            turn = 16
        elif number == 2:
            turn = 2
        elif number == 3:
            turn = 8
        elif number == 4:
            turn = 1
        one = 9 if number == 2 or number == 3 else 8
        other = 17 - one
        changed = (int(uint(work[one]) >> turn) ^ work[other]) & work[number]  # noqa: F821
        work[other] = work[other] ^ changed
        work[one] = work[one] ^ changed << turn
        step += 1


@micropython.viper
def _rounds(work: ptr32, bits: int):  # noqa: F821
    # So many times sixteen rounds, two at a time, after which the halves change places. The first three variables are
    # in registers.
    out = 0
    keys = ptr32(int(work) + 2048)  # noqa: F821
    mask = uint(work[613])  # noqa: F821
    left = work[616]
    right = work[617]
    count = bits << 3
    while count:
        half = uint(right) & mask  # noqa: F821
        bits = int(half >> 1 | half << 31) ^ keys[0]
        out = work[bits >> 26 & 63]
        out ^= work[128 + (bits >> 18 & 63)]
        out ^= work[256 + (bits >> 10 & 63)]
        out ^= work[384 + (bits >> 2 & 63)]
        bits = int(half << 3 | half >> 29) ^ keys[1]
        out ^= work[64 + (bits >> 26 & 63)]
        out ^= work[192 + (bits >> 18 & 63)]
        out ^= work[320 + (bits >> 10 & 63)]
        left ^= out ^ work[448 + (bits >> 2 & 63)]
        half = uint(left) & mask  # noqa: F821
        bits = int(half >> 1 | half << 31) ^ keys[2]
        out = work[bits >> 26 & 63]
        out ^= work[128 + (bits >> 18 & 63)]
        out ^= work[256 + (bits >> 10 & 63)]
        out ^= work[384 + (bits >> 2 & 63)]
        bits = int(half << 3 | half >> 29) ^ keys[3]
        out ^= work[64 + (bits >> 26 & 63)]
        out ^= work[192 + (bits >> 18 & 63)]
        out ^= work[320 + (bits >> 10 & 63)]
        right ^= out ^ work[448 + (bits >> 2 & 63)]
        keys = ptr32(int(keys) + 16)  # noqa: F821
        count -= 1
        if not count & 7:
            out = left
            left = right
            right = out
    work[616] = left
    work[617] = right
