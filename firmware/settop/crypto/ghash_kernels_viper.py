"""Viper version of settop.crypto.ghash_kernels_plain, for MicroPython only (CPython cannot import this).

The product is kept in memory, where a register of 64 bits loses what it has above its 32.
"""

import micropython


def absorb(work, data, at, size):
    """Block by block: its parts are no longer than a branch of a Cortex-M0+ reaches."""
    while size > 0:
        _mix(work, data, at, 16 if size > 16 else size)
        _multiply(work)
        at += 16
        size -= 16


@micropython.viper
def _mix(work: ptr8, data: ptr8, at: int, size: int):  # noqa: F821
    sum_at = 320
    while size:
        work[sum_at] = work[sum_at] ^ data[at]
        sum_at += 1
        at += 1
        size -= 1


@micropython.viper
def _multiply(work: ptr8):  # noqa: F821
    words = ptr32(work)  # noqa: F821
    product = ptr32(int(words) + 336)  # noqa: F821
    fallen = ptr32(int(words) + 256)  # noqa: F821
    product[0] = 0
    product[1] = 0
    product[2] = 0
    product[3] = 0
    at = 335
    half = 0
    while at > 319:
        out = product[3] & 15
        if half:
            nibble = int(work[at]) >> 4
            at -= 1
            half = 0
        else:
            nibble = int(work[at]) & 15
            half = 1
        multiple = ptr32(int(words) + (nibble << 4))  # noqa: F821
        product[3] = int(uint(product[3]) >> 4) ^ (product[2] << 28) ^ multiple[3]  # noqa: F821
        product[2] = int(uint(product[2]) >> 4) ^ (product[1] << 28) ^ multiple[2]  # noqa: F821
        product[1] = int(uint(product[1]) >> 4) ^ (product[0] << 28) ^ multiple[1]  # noqa: F821
        product[0] = int(uint(product[0]) >> 4) ^ fallen[out] ^ multiple[0]  # noqa: F821
    at = 0
    while at < 4:
        value = product[at]
        to = 320 + (at << 2)
        work[to] = value >> 24 & 0xFF
        work[to + 1] = value >> 16 & 0xFF
        work[to + 2] = value >> 8 & 0xFF
        work[to + 3] = value & 0xFF
        at += 1
