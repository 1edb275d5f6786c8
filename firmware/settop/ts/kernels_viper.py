"""Viper versions of settop.ts.kernels_plain, for MicroPython only (CPython cannot import this).

All word accesses are aligned: the Cortex-M0+ faults on others, although an emulator may allow them. Slots are 188
octets behind 16, so word-aligned; a payload behind an adaptation field may lie anywhere and is moved octet by octet.

Viper takes four arguments at most, keeps the first three locals in registers, reaches 32 words by a constant index at
no cost, and its small integers end at 2^30. Hence the walking pointers and the unrolled lines below. Constants of more
than 16 bits would lie in the code, which MicroPython's frozen images for the Cortex-M0+ do not align: wrong values.
"""

import micropython


@micropython.viper
def sort(source: ptr8, table: ptr8, plan: ptr8, span: int) -> int:  # noqa: F821
    count = span & 0xFF
    have = 16 + (span >> 8)
    at = 16
    slot = 0
    lost = 0
    while slot < count:
        if source[at] != 0x47:
            break
        after = at + 188
        if after < have:
            if source[after] != 0x47:
                break
        high = source[at + 1]
        pid = (high & 0x1F) << 8 | source[at + 2]
        entry = table[pid]
        action = entry & 7
        if high & 0x80:
            action = 14
        elif action:
            control = source[at + 3]
            if control & 0x20:
                if source[at + 4]:
                    if source[at + 5] & 0x80:
                        entry = action
            if control & 0x10:
                if entry & 8:
                    missing = (control - (entry >> 4) - 1) & 15
                    if missing != 15:
                        lost += missing
                entry = action | 8 | (control & 15) << 4
            table[pid] = entry
            if action == 2:
                if control & 0xC0:
                    action = 14
                    if control & 0x80:
                        if control & 0x30 == 0x10:
                            action = 8 | (control >> 6 & 1)
                        elif control & 0x30 == 0x30:
                            if source[at + 4] < 183:
                                action = 10 | (control >> 6 & 1)
        plan[slot] = action
        slot += 1
        at = after
    return slot | lost << 8


@micropython.viper
def reach(plan: ptr8, span: int) -> int:  # noqa: F821
    slot = span & 0xFF
    count = span >> 8 & 0xFF
    most = span >> 16
    key = 8 | (plan[slot] & 1)
    packets = 0
    while slot < count:
        action = plan[slot]
        if action:
            if packets == most:
                break
            if action & 13 != key:
                break
            packets += 1
        slot += 1
    left = (packets + 1) >> 1
    middle = span & 0xFF
    while left:
        if plan[middle]:
            left -= 1
        middle += 1
    return slot | packets << 8 | middle << 16


@micropython.viper
def pack(source: ptr32, work: ptr32, plan: ptr8, span: int) -> int:  # noqa: F821
    slot = span & 0xFF
    end = span >> 8
    ptr8(work)[0] = slot  # noqa: F821
    ptr8(work)[1] = end  # noqa: F821
    work = ptr32(int(work) + 4)  # noqa: F821
    source = ptr32(int(source) + 16 + 188 * slot)  # noqa: F821
    first = int(work)
    while slot < end:
        action = plan[slot]
        if action:
            if action & 2:
                s = ptr8(int(source) + 5 + ptr8(source)[4])  # noqa: F821
                d = ptr8(work)  # noqa: F821
                left = (183 - ptr8(source)[4]) & 0xF0  # noqa: F821
                work = ptr32(int(work) + left)  # noqa: F821
                while left:
                    d[0] = s[0]
                    d[1] = s[1]
                    d[2] = s[2]
                    d[3] = s[3]
                    s = ptr8(int(s) + 4)  # noqa: F821
                    d = ptr8(int(d) + 4)  # noqa: F821
                    left -= 4
            else:
                source = ptr32(int(source) + 4)  # noqa: F821
                left = 2
                while left:
                    work[0] = source[0]
                    work[1] = source[1]
                    work[2] = source[2]
                    work[3] = source[3]
                    work[4] = source[4]
                    work[5] = source[5]
                    work[6] = source[6]
                    work[7] = source[7]
                    work[8] = source[8]
                    work[9] = source[9]
                    work[10] = source[10]
                    work[11] = source[11]
                    work[12] = source[12]
                    work[13] = source[13]
                    work[14] = source[14]
                    work[15] = source[15]
                    work[16] = source[16]
                    work[17] = source[17]
                    work[18] = source[18]
                    work[19] = source[19]
                    work[20] = source[20]
                    work[21] = source[21]
                    work = ptr32(int(work) + 88)  # noqa: F821
                    source = ptr32(int(source) + 88)  # noqa: F821
                    left -= 1
                source = ptr32(int(source) - 180)  # noqa: F821
        source = ptr32(int(source) + 188)  # noqa: F821
        slot += 1
    return (int(work) - first) >> 4


@micropython.viper
def unpack(source: ptr32, work: ptr32, out: ptr32, plan: ptr8):  # noqa: F821
    iv = source
    slot = ptr8(work)[0]  # noqa: F821
    end = ptr8(work)[1]  # noqa: F821
    work = ptr32(int(work) + 4)  # noqa: F821
    source = ptr32(int(source) + 16 + 188 * slot)  # noqa: F821
    while slot < end:
        action = plan[slot]
        if action & 2:
            offset = 5 + ptr8(source)[4]  # noqa: F821
            s = ptr8(source)  # noqa: F821
            d = ptr8(out)  # noqa: F821
            w = ptr8(work)  # noqa: F821
            left = offset
            while left:
                d[0] = s[0]
                s = ptr8(int(s) + 1)  # noqa: F821
                d = ptr8(int(d) + 1)  # noqa: F821
                left -= 1
            ptr8(out)[3] &= 0x3F  # noqa: F821
            left = (188 - offset) & 0xF0
            rest = 188 - offset - left
            work = ptr32(int(work) + left)  # noqa: F821
            chain = ptr8(iv)  # noqa: F821
            while left:
                i = 0
                while i < 16:
                    d[i] = w[i] ^ chain[i]
                    i += 1
                chain = s
                s = ptr8(int(s) + 16)  # noqa: F821
                d = ptr8(int(d) + 16)  # noqa: F821
                w = ptr8(int(w) + 16)  # noqa: F821
                left -= 16
            i = 0
            while i < rest:
                d[i] = s[i]
                i += 1
            source = ptr32(int(source) + 188)  # noqa: F821
            out = ptr32(int(out) + 188)  # noqa: F821
        elif action:
            out[0] = source[0]
            ptr8(out)[3] &= 0x3F  # noqa: F821
            out[1] = work[0] ^ iv[0]
            out[2] = work[1] ^ iv[1]
            out[3] = work[2] ^ iv[2]
            out[4] = work[3] ^ iv[3]
            left = 2
            while left:
                out[5] = work[4] ^ source[1]
                out[6] = work[5] ^ source[2]
                out[7] = work[6] ^ source[3]
                out[8] = work[7] ^ source[4]
                out[9] = work[8] ^ source[5]
                out[10] = work[9] ^ source[6]
                out[11] = work[10] ^ source[7]
                out[12] = work[11] ^ source[8]
                out[13] = work[12] ^ source[9]
                out[14] = work[13] ^ source[10]
                out[15] = work[14] ^ source[11]
                out[16] = work[15] ^ source[12]
                out[17] = work[16] ^ source[13]
                out[18] = work[17] ^ source[14]
                out[19] = work[18] ^ source[15]
                out[20] = work[19] ^ source[16]
                out[21] = work[20] ^ source[17]
                out[22] = work[21] ^ source[18]
                out[23] = work[22] ^ source[19]
                out[24] = work[23] ^ source[20]
                source = ptr32(int(source) + 80)  # noqa: F821
                work = ptr32(int(work) + 80)  # noqa: F821
                out = ptr32(int(out) + 80)  # noqa: F821
                left -= 1
            out[5] = source[5]
            out[6] = source[6]
            source = ptr32(int(source) + 28)  # noqa: F821
            work = ptr32(int(work) + 16)  # noqa: F821
            out = ptr32(int(out) + 28)  # noqa: F821
        else:
            source = ptr32(int(source) + 188)  # noqa: F821
        slot += 1


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
def await_octet(octets: ptr8, limit: int) -> int:  # noqa: F821
    while limit:
        if octets[0]:
            break
        limit -= 1
    return octets[0]
