"""Viper versions of settop.crypto.packet_kernels_plain, for MicroPython only (CPython cannot import this).

Words where both sides begin at one, octets elsewhere: the Cortex-M0+ faults on other addresses. A function's first
three variables are in registers: what its loop uses most.
"""

import micropython


@micropython.viper
def start(work: ptr32, packet: ptr8, high: int, span: int):  # noqa: F821
    octets = ptr8(work)  # noqa: F821
    work[0] = work[4]
    work[1] = work[5]
    work[2] = work[6]
    work[3] = work[7]
    if span & 2:
        octets[15] = 1
    octets = ptr8(int(octets) + 4 - (span & 2))  # noqa: F821
    if span & 1:
        packet = ptr8(int(packet) - 4)  # noqa: F821
    octets[0] = octets[0] ^ packet[8]
    octets[1] = octets[1] ^ packet[9]
    octets[2] = octets[2] ^ packet[10]
    octets[3] = octets[3] ^ packet[11]
    octets[4] = octets[4] ^ (high >> 24 & 0xFF)
    octets[5] = octets[5] ^ (high >> 16 & 0xFF)
    octets[6] = octets[6] ^ (high >> 8 & 0xFF)
    octets[7] = octets[7] ^ (high & 0xFF)
    octets[8] = octets[8] ^ (span >> 17 & 0xFF)
    octets[9] = octets[9] ^ (span >> 9 & 0xFF)
    count = span >> 2 & 127
    one = work[0]
    two = work[1]
    three = work[2]
    high = work[3]
    step = 1  # of the last octet: a constant of 16 bits at most may be frozen in
    step = step << 24
    while count:
        work = ptr32(int(work) + 16)  # noqa: F821
        work[4] = one
        work[5] = two
        work[6] = three
        work[7] = high
        high += step
        count -= 1


@micropython.viper
def go_on(work: ptr32, first: int, count: int):  # noqa: F821
    one = work[0]
    two = work[1]
    three = work[2]
    four = work[3]
    while count:
        work = ptr32(int(work) + 16)  # noqa: F821
        work[4] = one
        work[5] = two
        work[6] = three
        work[7] = four
        octets = ptr8(work)  # noqa: F821
        octets[30] = first >> 8 & 0xFF
        octets[31] = first & 0xFF
        first += 1
        count -= 1


@micropython.viper
def usual(expected: ptr8, packet: ptr8, size: int) -> int:  # noqa: F821
    if size < 12:
        return 65536
    wrong = int(packet[0]) & 31
    wrong |= packet[8] ^ expected[0]
    wrong |= packet[9] ^ expected[1]
    wrong |= packet[10] ^ expected[2]
    wrong |= packet[11] ^ expected[3]
    wrong |= packet[2] ^ expected[4]
    wrong |= packet[3] ^ expected[5]
    wrong |= expected[6] ^ 1
    if wrong:
        return 65536
    return int(expected[4]) << 8 | int(expected[5])


@micropython.viper
def follow(expected: ptr8, seen: ptr8, last: int):  # noqa: F821
    sequence = int(expected[4]) << 8 | int(expected[5])
    seen[sequence & last] = 1
    sequence += 1
    expected[4] = sequence >> 8 & 0xFF
    expected[5] = sequence & 0xFF
    if sequence > 0xFFFF:
        expected[6] = 0


@micropython.viper
def xor(target: ptr32, source: ptr32, size: int, at: int):  # noqa: F821
    target = ptr32(int(target) + at)  # noqa: F821
    if not (int(target) | int(source)) & 3:
        while size > 31:
            target[0] = target[0] ^ source[0]
            target[1] = target[1] ^ source[1]
            target[2] = target[2] ^ source[2]
            target[3] = target[3] ^ source[3]
            target[4] = target[4] ^ source[4]
            target[5] = target[5] ^ source[5]
            target[6] = target[6] ^ source[6]
            target[7] = target[7] ^ source[7]
            target = ptr32(int(target) + 32)  # noqa: F821
            source = ptr32(int(source) + 32)  # noqa: F821
            size -= 32
        while size > 3:
            target[0] = target[0] ^ source[0]
            target = ptr32(int(target) + 4)  # noqa: F821
            source = ptr32(int(source) + 4)  # noqa: F821
            size -= 4
    changed = ptr8(target)  # noqa: F821
    by = ptr8(source)  # noqa: F821
    while size:
        size -= 1
        changed[size] = changed[size] ^ by[size]


@micropython.viper
def differs(expected: ptr8, data: ptr8, at: int, size: int) -> int:  # noqa: F821
    difference = 0
    data = ptr8(int(data) + at)  # noqa: F821
    while size:
        size -= 1
        difference |= expected[size] ^ data[size]
    return difference
