"""Viper versions of settop.link.mux_kernels_plain, for MicroPython only (CPython cannot import this).

Octets are read one by one, as a payload lies anywhere; the table's half words and the state's words are aligned.

Viper keeps the first three locals in registers and takes four arguments at most: hence the arguments that become
walking pointers and sums, and the unrolled lines.
"""

import micropython


@micropython.viper
def seal(frame: ptr8, data: ptr8, span: int, table: ptr16) -> int:  # noqa: F821
    count = span & 0xFF
    total = count + 9
    frame[2] = count + 4
    frame[3] = 0
    frame[4] = (frame[1] + 5 * (count + 4)) & 0x7F | 0x80
    data = ptr8(int(data) + (span >> 8))  # noqa: F821
    span = 0xFFFF
    span = span >> 8 ^ table[(span ^ frame[1]) & 0xFF]
    span = span >> 8 ^ table[(span ^ frame[2]) & 0xFF]
    span = span >> 8 ^ table[(span ^ frame[5]) & 0xFF]
    span = span >> 8 ^ table[(span ^ frame[6]) & 0xFF]
    frame = ptr8(int(frame) + 7)  # noqa: F821
    while count >= 4:
        frame[0] = data[0]
        span = span >> 8 ^ table[(span ^ data[0]) & 0xFF]
        frame[1] = data[1]
        span = span >> 8 ^ table[(span ^ data[1]) & 0xFF]
        frame[2] = data[2]
        span = span >> 8 ^ table[(span ^ data[2]) & 0xFF]
        frame[3] = data[3]
        span = span >> 8 ^ table[(span ^ data[3]) & 0xFF]
        frame = ptr8(int(frame) + 4)  # noqa: F821
        data = ptr8(int(data) + 4)  # noqa: F821
        count -= 4
    while count:
        frame[0] = data[0]
        span = span >> 8 ^ table[(span ^ data[0]) & 0xFF]
        frame = ptr8(int(frame) + 1)  # noqa: F821
        data = ptr8(int(data) + 1)  # noqa: F821
        count -= 1
    span ^= 0xFFFF
    frame[0] = span
    frame[1] = span >> 8
    return total


@micropython.viper
def missing(frame: ptr8) -> int:  # noqa: F821
    length = int(frame[2])
    if frame[4] != (frame[1] + 5 * length + 3 * frame[3]) & 0x7F | 0x80:
        return 0
    if length < 4:
        return 0
    if length > 244:
        return 0
    return length


@micropython.viper
def unseal(frame: ptr8, total: int, table: ptr16) -> int:  # noqa: F821
    first = int(frame)
    end = first + total
    stop = end
    hidden = int(frame[3])
    total = 0xFFFF
    total = total >> 8 ^ table[(total ^ frame[1]) & 0xFF]
    total = total >> 8 ^ table[(total ^ frame[2]) & 0xFF]
    frame = ptr8(int(frame) + 5)  # noqa: F821
    while True:
        stop = first + hidden
        if stop < int(frame):
            stop = end
        if stop > end:
            stop = end
        left = stop - int(frame)
        while left >= 4:
            total = total >> 8 ^ table[(total ^ frame[0]) & 0xFF]
            total = total >> 8 ^ table[(total ^ frame[1]) & 0xFF]
            total = total >> 8 ^ table[(total ^ frame[2]) & 0xFF]
            total = total >> 8 ^ table[(total ^ frame[3]) & 0xFF]
            frame = ptr8(int(frame) + 4)  # noqa: F821
            left -= 4
        while left:
            total = total >> 8 ^ table[(total ^ frame[0]) & 0xFF]
            frame = ptr8(int(frame) + 1)  # noqa: F821
            left -= 1
        if stop == end:
            break
        hidden = int(frame[0])
        total = total >> 8 ^ table[(total ^ 3) & 0xFF]
        frame = ptr8(int(frame) + 1)  # noqa: F821
    if hidden:
        return 0
    if total != 0xF0B8:
        return 0
    frame = ptr8(first)  # noqa: F821
    at = int(frame[3])
    while at:
        hidden = int(frame[at])
        frame[at] = 3
        at = hidden
    return 1


@micropython.viper
def copy(to: ptr8, source: ptr8, count: int, offsets: int):  # noqa: F821
    to = ptr8(int(to) + (offsets & 0xFFFF))  # noqa: F821
    source = ptr8(int(source) + (offsets >> 16))  # noqa: F821
    while count >= 8:
        to[0] = source[0]
        to[1] = source[1]
        to[2] = source[2]
        to[3] = source[3]
        to[4] = source[4]
        to[5] = source[5]
        to[6] = source[6]
        to[7] = source[7]
        to = ptr8(int(to) + 8)  # noqa: F821
        source = ptr8(int(source) + 8)  # noqa: F821
        count -= 8
    while count:
        to[0] = source[0]
        to = ptr8(int(to) + 1)  # noqa: F821
        source = ptr8(int(source) + 1)  # noqa: F821
        count -= 1


@micropython.viper
def accept(frame: ptr8, count: int, state: ptr32) -> int:  # noqa: F821
    position = state[0]
    gap = ((frame[5] << 8 | frame[6]) - position) & 0xFFFF
    if gap + count > (state[1] - position) & 0xFFFF:
        return -1
    one = 1  # a constant beyond 16 bits would be a literal word, which a frozen module on the RP2040 may misread
    state[5] = (state[5] + gap) & ((one << 30) - 1)
    state[0] = (position + gap + count) & 0xFFFF
    at = state[2] + state[3]
    if at >= state[4]:
        at -= state[4]
    state[3] += count
    return at
