"""The viper version of settop.titles.tenth_kernels_plain, for MicroPython only (CPython cannot import this)."""

import micropython


@micropython.viper
def unshift(buffer: ptr8, stream: ptr8, place: ptr32, span: int):  # noqa: F821
    end = span >> 16
    at = (span & 0xFFFF) + place[0]
    used = place[1]
    while at < end:
        shift = stream[used] + 1
        if shift == 256:
            shift = 1
        buffer[at] = buffer[at] - shift
        used += 1
        at += 10
    place[0] = at - end
    place[1] = used
