"""Viper versions of settop.titles.kernels_plain, for MicroPython only (CPython cannot import this).

Buffers are whole bytearrays, which begin at a word: the Cortex-M0+ faults on other addresses.
"""

import micropython


@micropython.viper
def counters(counter: ptr8, out: ptr32, span: int):  # noqa: F821
    blocks = span & 0xFFFF
    advance = span >> 16
    words = ptr32(counter)  # noqa: F821
    while blocks:
        out[0] = words[0]
        out[1] = words[1]
        out[2] = words[2]
        out[3] = words[3]
        out = ptr32(int(out) + 16)  # noqa: F821
        blocks -= 1
        if advance:
            advance -= 1
            at = 15
            while at > 7:
                value = (counter[at] + 1) & 0xFF
                counter[at] = value
                if value:
                    break
                at -= 1


@micropython.viper
def xor(target: ptr32, source: ptr32, words: int):  # noqa: F821
    while words > 3:
        target[0] = target[0] ^ source[0]
        target[1] = target[1] ^ source[1]
        target[2] = target[2] ^ source[2]
        target[3] = target[3] ^ source[3]
        target = ptr32(int(target) + 16)  # noqa: F821
        source = ptr32(int(source) + 16)  # noqa: F821
        words -= 4
    while words:
        words -= 1
        target[words] = target[words] ^ source[words]


@micropython.viper
def unchain(buffer: ptr32, made: ptr32, chain: ptr32, span: int):  # noqa: F821
    blocks = span & 0xFF
    one = chain[0]
    two = chain[1]
    three = chain[2]
    four = chain[3]
    if not span >> 16:
        one = chain[4]
        two = chain[5]
        three = chain[6]
        four = chain[7]
    while blocks:
        hidden = buffer[0]
        buffer[0] = made[0] ^ one
        one = hidden
        hidden = buffer[1]
        buffer[1] = made[1] ^ two
        two = hidden
        hidden = buffer[2]
        buffer[2] = made[2] ^ three
        three = hidden
        hidden = buffer[3]
        buffer[3] = made[3] ^ four
        four = hidden
        buffer = ptr32(int(buffer) + 16)  # noqa: F821
        made = ptr32(int(made) + 16)  # noqa: F821
        blocks -= 1
    chain[4] = one
    chain[5] = two
    chain[6] = three
    chain[7] = four


@micropython.viper
def gather(buffer: ptr32, made: ptr32, span: int) -> int:  # noqa: F821
    blocks = span & 0xFF
    place = span >> 8 & 0xFF
    crypt = span >> 16 & 15
    period = crypt + (span >> 20 & 15)
    found = 0
    while blocks:
        if place < crypt:
            made[0] = buffer[0]
            made[1] = buffer[1]
            made[2] = buffer[2]
            made[3] = buffer[3]
            made = ptr32(int(made) + 16)  # noqa: F821
            found += 1
        buffer = ptr32(int(buffer) + 16)  # noqa: F821
        blocks -= 1
        place += 1
        if place == period:
            place = 0
    return found


@micropython.viper
def scatter(buffer: ptr32, made: ptr32, chain: ptr32, span: int):  # noqa: F821
    blocks = span & 0xFF
    place = span >> 8 & 0xFF
    crypt = span >> 16 & 15
    period = crypt + (span >> 20 & 15)
    before = chain
    if not span >> 24:
        before = ptr32(int(chain) + 16)  # noqa: F821
    one = before[0]
    two = before[1]
    three = before[2]
    four = before[3]
    while blocks:
        if place < crypt:
            hidden = buffer[0]
            buffer[0] = made[0] ^ one
            one = hidden
            hidden = buffer[1]
            buffer[1] = made[1] ^ two
            two = hidden
            hidden = buffer[2]
            buffer[2] = made[2] ^ three
            three = hidden
            hidden = buffer[3]
            buffer[3] = made[3] ^ four
            four = hidden
            made = ptr32(int(made) + 16)  # noqa: F821
        buffer = ptr32(int(buffer) + 16)  # noqa: F821
        blocks -= 1
        place += 1
        if place == period:
            place = 0
    chain[4] = one
    chain[5] = two
    chain[6] = three
    chain[7] = four
