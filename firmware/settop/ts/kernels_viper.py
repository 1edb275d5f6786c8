"""Viper versions of settop.ts.kernels_plain, for MicroPython only (CPython cannot import this).

All word accesses are aligned: the Cortex-M0+ faults on others, although an emulator may allow them. Slots are 188
octets, so word-aligned; payloads behind an odd adaptation field are moved to an aligned scratch first. Viper takes four
arguments at most, and its small integers end at 2^30.
"""

import micropython


@micropython.viper
def classify(source: ptr8, slot: int, table: ptr8) -> int:  # noqa: F821
    at = 16 + 188 * slot
    if source[at] != 0x47:
        return 15
    high = source[at + 1]
    kind = table[(high & 0x1F) << 8 | source[at + 2]]
    if high & 0x80:
        return 14
    if kind != 2:
        return kind
    control = source[at + 3]
    tsc = control >> 6
    if tsc == 0:
        return 2
    if tsc == 1:
        return 14
    if control & 0x30 == 0x10:
        return 8 | tsc & 1
    if control & 0x30 == 0x30 and source[at + 4] < 183:
        return 10 | tsc & 1
    return 14


@micropython.viper
def copy_packet(source: ptr32, out: ptr32, slot: int, to: int):  # noqa: F821
    at = 4 + 47 * slot
    to *= 47
    end = at + 47
    while at < end:
        out[to] = source[at]
        at += 1
        to += 1


@micropython.viper
def open_whole(source: ptr32, out: ptr32, slot: int, to: int):  # noqa: F821
    s = ptr32(int(source) + 16 + 188 * slot)  # noqa: F821
    d = ptr32(int(out) + 188 * to)  # noqa: F821
    d[0] = s[0] & 0x3FFFFFFF  # the top octet of this little-endian word holds TSC
    d[1] ^= source[0]
    d[2] ^= source[1]
    d[3] ^= source[2]
    d[4] ^= source[3]
    left = 10
    while left:
        s = ptr32(int(s) + 4)  # noqa: F821
        d[5] ^= s[0]
        d[6] ^= s[1]
        d[7] ^= s[2]
        d[8] ^= s[3]
        s = ptr32(int(s) + 12)  # noqa: F821
        d = ptr32(int(d) + 16)  # noqa: F821
        left -= 1
    d[5] = s[5]
    d[6] = s[6]


@micropython.viper
def gather(source: ptr8, at: int, octets: int, scratch: ptr8):  # noqa: F821
    i = 0
    while i < octets:
        scratch[i] = source[at + i]
        i += 1


@micropython.viper
def scatter(source: ptr8, out: ptr8, where: int, scratch: ptr8):  # noqa: F821
    at = 16 + 188 * (where & 0xFF)
    to = 188 * (where >> 8 & 0xFF)
    offset = where >> 16
    octets = (188 - offset) & 0xF0
    i = 0
    while i < offset:
        out[to + i] = source[at + i]
        i += 1
    out[to + 3] = source[at + 3] & 0x3F
    i = 0
    if octets:
        while i < 16:
            out[to + offset + i] = scratch[176 + i] ^ source[i]
            i += 1
    while i < octets:
        out[to + offset + i] = scratch[176 + i] ^ scratch[i - 16]
        i += 1
    i = offset + octets
    while i < 188:
        out[to + i] = source[at + i]
        i += 1
