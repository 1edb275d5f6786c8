"""Viper versions of settop.codec.kernels_plain, for MicroPython only (CPython cannot import this).

Samples are written as half-words: the target lies at an even address, or the Cortex-M0+ faults. Constants stay below 16
bits, which frozen code for it may hold (docs/architecture.md, traps). Two samples an octet are unrolled.
"""

import micropython


@micropython.viper
def copy(source: ptr8, at: int, target: ptr8, span: int):  # noqa: F821
    end = at + (span & 0xFFFF)
    to = span >> 16
    while at < end:
        target[to] = source[at]
        at += 1
        to += 1


@micropython.viper
def decode(source: ptr8, target: ptr16, state: ptr32, span: int):  # noqa: F821
    channels = span >> 8
    groups = span & 0xFF
    octets = 0
    base = 0
    while groups:
        channel = 0
        while channel < channels:
            value = state[2 * channel] - 32768
            index = state[2 * channel + 1]
            out = base + channel
            end = octets + 4
            while octets < end:
                pair = int(source[octets])
                octets += 1
                step = state[4 + index]
                change = step >> 3
                if pair & 4:
                    change += step
                if pair & 2:
                    change += step >> 1
                if pair & 1:
                    change += step >> 2
                if pair & 8:
                    value -= change
                    if value < -32768:
                        value = -32768
                else:
                    value += change
                    if value > 32767:
                        value = 32767
                if pair & 4:
                    index += 2 * (pair & 3) + 2
                    if index > 88:
                        index = 88
                elif index:
                    index -= 1
                target[out] = value
                out += channels
                pair >>= 4
                step = state[4 + index]
                change = step >> 3
                if pair & 4:
                    change += step
                if pair & 2:
                    change += step >> 1
                if pair & 1:
                    change += step >> 2
                if pair & 8:
                    value -= change
                    if value < -32768:
                        value = -32768
                else:
                    value += change
                    if value > 32767:
                        value = 32767
                if pair & 4:
                    index += 2 * (pair & 3) + 2
                    if index > 88:
                        index = 88
                elif index:
                    index -= 1
                target[out] = value
                out += channels
            state[2 * channel] = value + 32768
            state[2 * channel + 1] = index
            channel += 1
        base += 8 * channels
        groups -= 1
