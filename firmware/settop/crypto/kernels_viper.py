"""Viper versions of settop.crypto.kernels_plain, for MicroPython only (CPython cannot import this).

Buffers begin at a word's boundary, or the Cortex-M0+ faults. Sums are made of 16 bits at a time, as a word has no
carry; what a register of 64 bits has above its 32 is cut off where it is stored. Constants stay below 16 bits, which
frozen code may hold (docs/architecture.md, traps).
"""

import micropython


@micropython.viper
def words(source: ptr8, target: ptr32, count: int):  # noqa: F821
    at = 0
    while count:
        target[at >> 2] = (
            int(source[at]) << 24 | int(source[at + 1]) << 16 | int(source[at + 2]) << 8 | int(source[at + 3])
        )
        at += 4
        count -= 1


def compress(work, schedule, rounds):
    """Its parts are no longer than a branch of a Cortex-M0+ reaches."""
    _begin(work)
    for t in range(80):
        if t > 15:
            _extend(work, schedule, t)
        _choose(work, schedule, rounds, t)
        _turn(work, t)
    _add(work)


@micropython.viper
def _begin(work: ptr32):  # noqa: F821
    # work: 0 the sum; 16 a to h, in turn; 32 what a round adds
    at = 0
    while at < 16:
        work[16 + at] = work[at]
        at += 1


@micropython.viper
def _extend(work: ptr32, schedule: ptr32, t: int):  # noqa: F821
    at = (t & 15) << 1
    i = ((t + 1) & 15) << 1
    h = uint(schedule[i])  # noqa: F821
    l = uint(schedule[i + 1])  # noqa: E741, F821
    work[32] = (h >> 1 | l << 31) ^ (h >> 8 | l << 24) ^ h >> 7
    work[33] = (l >> 1 | h << 31) ^ (l >> 8 | h << 24) ^ (l >> 7 | h << 25)
    i = ((t + 14) & 15) << 1
    h = uint(schedule[i])  # noqa: F821
    l = uint(schedule[i + 1])  # noqa: E741, F821
    work[34] = (h >> 19 | l << 13) ^ (h << 3 | l >> 29) ^ h >> 6
    work[35] = (l >> 19 | h << 13) ^ (l << 3 | h >> 29) ^ (l >> 6 | h << 26)
    i = ((t + 9) & 15) << 1
    low = uint(schedule[at + 1] & 0xFFFF) + (schedule[i + 1] & 0xFFFF)  # noqa: F821
    low += (work[33] & 0xFFFF) + (work[35] & 0xFFFF)
    high = (uint(schedule[at + 1]) >> 16) + (uint(schedule[i + 1]) >> 16)  # noqa: F821
    high += (uint(work[33]) >> 16) + (uint(work[35]) >> 16) + (low >> 16)  # noqa: F821
    schedule[at + 1] = high << 16 | low & 0xFFFF
    schedule[at] = schedule[at] + schedule[i] + work[32] + work[34] + int(high >> 16)


@micropython.viper
def _choose(work: ptr32, schedule: ptr32, rounds: ptr32, t: int):  # noqa: F821
    # e: its sigma and the choice, into 32 to 35
    at = (t & 15) << 1
    i = 16 + (((4 - t) & 7) << 1)
    h = uint(work[i])  # noqa: F821
    l = uint(work[i + 1])  # noqa: E741, F821
    work[32] = (h >> 14 | l << 18) ^ (h >> 18 | l << 14) ^ (l >> 9 | h << 23)
    work[33] = (l >> 14 | h << 18) ^ (l >> 18 | h << 14) ^ (h >> 9 | l << 23)
    i = 16 + (((5 - t) & 7) << 1)
    j = 16 + (((6 - t) & 7) << 1)
    work[34] = work[j] ^ (int(h) & (work[i] ^ work[j]))
    work[35] = work[j + 1] ^ (int(l) & (work[i + 1] ^ work[j + 1]))
    # h + sigma + choice + constant + schedule, into 36 and 37
    i = 16 + (((7 - t) & 7) << 1)
    j = t << 1
    low = uint(work[i + 1] & 0xFFFF) + (work[33] & 0xFFFF) + (work[35] & 0xFFFF)  # noqa: F821
    low += (rounds[j + 1] & 0xFFFF) + (schedule[at + 1] & 0xFFFF)
    high = (uint(work[i + 1]) >> 16) + (uint(work[33]) >> 16) + (uint(work[35]) >> 16)  # noqa: F821
    high += (uint(rounds[j + 1]) >> 16) + (uint(schedule[at + 1]) >> 16) + (low >> 16)  # noqa: F821
    work[37] = high << 16 | low & 0xFFFF
    work[36] = work[i] + work[32] + work[34] + rounds[j] + schedule[at] + int(high >> 16)


@micropython.viper
def _turn(work: ptr32, t: int):  # noqa: F821
    # d takes it
    i = 16 + (((7 - t) & 7) << 1)
    j = 16 + (((3 - t) & 7) << 1)
    low = uint(work[j + 1] & 0xFFFF) + (work[37] & 0xFFFF)  # noqa: F821
    high = (uint(work[j + 1]) >> 16) + (uint(work[37]) >> 16) + (low >> 16)  # noqa: F821
    work[j + 1] = high << 16 | low & 0xFFFF
    work[j] = work[j] + work[36] + int(high >> 16)
    # a: its sigma and the majority; h's place takes both and is the next a
    j = 16 + (((0 - t) & 7) << 1)
    h = uint(work[j])  # noqa: F821
    l = uint(work[j + 1])  # noqa: E741, F821
    work[32] = (h >> 28 | l << 4) ^ (l >> 2 | h << 30) ^ (l >> 7 | h << 25)
    work[33] = (l >> 28 | h << 4) ^ (h >> 2 | l << 30) ^ (h >> 7 | l << 25)
    j = 16 + (((1 - t) & 7) << 1)
    at = 16 + (((2 - t) & 7) << 1)
    work[34] = (int(h) & (work[j] | work[at])) | (work[j] & work[at])
    work[35] = (int(l) & (work[j + 1] | work[at + 1])) | (work[j + 1] & work[at + 1])
    low = uint(work[37] & 0xFFFF) + (work[33] & 0xFFFF) + (work[35] & 0xFFFF)  # noqa: F821
    high = (uint(work[37]) >> 16) + (uint(work[33]) >> 16) + (uint(work[35]) >> 16) + (low >> 16)  # noqa: F821
    work[i + 1] = high << 16 | low & 0xFFFF
    work[i] = work[36] + work[32] + work[34] + int(high >> 16)


@micropython.viper
def _add(work: ptr32):  # noqa: F821
    at = 0
    while at < 16:
        low = uint(work[at + 1] & 0xFFFF) + (work[at + 17] & 0xFFFF)  # noqa: F821
        high = (uint(work[at + 1]) >> 16) + (uint(work[at + 17]) >> 16) + (low >> 16)  # noqa: F821
        work[at + 1] = high << 16 | low & 0xFFFF
        work[at] = work[at] + work[at + 16] + int(high >> 16)
        at += 2
