"""Viper versions of settop.crypto.packet_kernels_plain, for MicroPython only (CPython cannot import this).

Words where both sides begin at one, octets elsewhere: the Cortex-M0+ faults on other addresses.
"""

import micropython


@micropython.viper
def begin(block: ptr8, packet: ptr8, high: int, span: int):  # noqa: F821
    words = ptr32(block)  # noqa: F821
    words[0] = words[4]
    words[1] = words[5]
    words[2] = words[6]
    words[3] = words[7]
    to = span & 15
    at = span >> 4 & 15
    end = at + 4
    while at < end:
        block[to] = block[to] ^ packet[at]
        at += 1
        to += 1
    block[to] = block[to] ^ (high >> 24 & 0xFF)
    block[to + 1] = block[to + 1] ^ (high >> 16 & 0xFF)
    block[to + 2] = block[to + 2] ^ (high >> 8 & 0xFF)
    block[to + 3] = block[to + 3] ^ (high & 0xFF)
    block[to + 4] = block[to + 4] ^ (span >> 16 & 0xFF)
    block[to + 5] = block[to + 5] ^ (span >> 8 & 0xFF)


@micropython.viper
def counters(block: ptr8, out: ptr32, count: int):  # noqa: F821
    words = ptr32(block)  # noqa: F821
    one = words[0]
    two = words[1]
    three = words[2]
    four = words[3]
    low = int(block[15])
    while count:
        out[0] = one
        out[1] = two
        out[2] = three
        out[3] = four
        count -= 1
        if low < 255:  # only the last octet counts
            low += 1
            octets = ptr8(out)  # noqa: F821
            octets[15] = low
            four = out[3]
            octets[15] = low - 1
        elif count:
            octets = ptr8(out)  # noqa: F821
            low = 0
            at = 15
            octets[15] = 0
            while at > 12:
                at -= 1
                value = (octets[at] + 1) & 0xFF
                octets[at] = value
                if value:
                    break
            changed = out[3]
            out[3] = four
            four = changed
        out = ptr32(int(out) + 16)  # noqa: F821


@micropython.viper
def xor(target: ptr8, at: int, source: ptr8, size: int):  # noqa: F821
    target = ptr8(int(target) + at)  # noqa: F821
    if not (int(target) | int(source)) & 3:
        one = ptr32(target)  # noqa: F821
        other = ptr32(source)  # noqa: F821
        words = size >> 2
        while words > 7:
            one[0] = one[0] ^ other[0]
            one[1] = one[1] ^ other[1]
            one[2] = one[2] ^ other[2]
            one[3] = one[3] ^ other[3]
            one[4] = one[4] ^ other[4]
            one[5] = one[5] ^ other[5]
            one[6] = one[6] ^ other[6]
            one[7] = one[7] ^ other[7]
            one = ptr32(int(one) + 32)  # noqa: F821
            other = ptr32(int(other) + 32)  # noqa: F821
            words -= 8
        while words:
            words -= 1
            one[words] = one[words] ^ other[words]
        at = size & 0x7FFC
    else:
        at = 0
    while at < size:
        target[at] = target[at] ^ source[at]
        at += 1


@micropython.viper
def differs(expected: ptr8, data: ptr8, at: int, size: int) -> int:  # noqa: F821
    difference = 0
    while size:
        size -= 1
        difference |= expected[size] ^ data[at + size]
    return difference
