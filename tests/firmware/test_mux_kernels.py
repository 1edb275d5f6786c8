"""The cable's kernels: both sets against a model, and against each other; on CPython the plain set alone."""

import sys
from array import array

from kit import HEX
from settop.link import mux, mux_kernels_plain
from settop.wire.crc import FCS16_GOOD, fcs16

KERNELS = [mux_kernels_plain]
if sys.implementation.name == "micropython":
    from settop.link import mux_kernels_viper

    KERNELS.append(mux_kernels_viper)

LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 188, 238, 239, 240)


def noise(count, seed, few=False):
    """Repeatable octets; `few` values, so that many are 03."""
    out = bytearray(count)
    for i in range(count):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        out[i] = (seed >> 16 & 7) if few else seed >> 16 & 0xFF
    return out


def sealed(kernels, data, at, count, channel=0x73, position=0x0302):
    frame = bytearray(mux.FRAME_BYTES)
    frame[0] = mux.SYNC
    frame[1] = channel
    frame[5] = position >> 8
    frame[6] = position & 0xFF
    total = kernels.seal(frame, data, at << 8 | count, mux.TABLE)
    return frame, total


def test_fixed_frame():
    for kernels in KERNELS:
        frame, total = sealed(kernels, b"..hello..", 2, 5, 0x63, 0x0102)
        assert bytes(frame[:total]) == HEX("a5 63 09 00 90 0102 68656c6c6f f0b6"), kernels.__name__


def test_sealed_frames_have_their_octets_and_a_good_fcs():
    data = noise(700, 5)
    for length in LENGTHS:
        for at in (0, 1, 2, 3, 411):
            for kernels in KERNELS:
                frame, total = sealed(kernels, data, at, length)
                assert total == length + 9
                assert bytes(frame[7 : 7 + length]) == bytes(data[at : at + length])
                assert fcs16(frame[5:total], fcs16(frame[1:3])) == FCS16_GOOD
                assert kernels.missing(frame) == length + 4
                assert not any(frame[total:])


def test_hidden_frames_have_no_03_and_come_back():
    for length in LENGTHS:
        for few in (False, True):
            data = noise(length, length + 1, few)
            plain = None
            for kernels in KERNELS:
                frame, total = sealed(kernels, data, 0, length)
                was = bytes(frame)
                mux.hide(frame, total)
                assert b"\x03" not in bytes(frame[:total])
                assert kernels.missing(frame) == length + 4
                assert kernels.unseal(frame, total, mux.TABLE) == 1
                assert frame[5:] == was[5:], (kernels.__name__, length)
                assert plain is None or plain == bytes(frame)
                plain = bytes(frame)


def test_payload_of_nothing_but_03_is_hidden_and_comes_back():
    for kernels in KERNELS:
        frame, total = sealed(kernels, b"\x03" * 240, 0, 240, position=0x0303)
        mux.hide(frame, total)
        assert b"\x03" not in bytes(frame)
        assert kernels.unseal(frame, total, mux.TABLE) == 1
        assert bytes(frame[5:247]) == b"\x03" * 242


def test_every_damaged_octet_is_found_and_the_frame_left_as_it_was():
    data = noise(40, 9, True)
    for kernels in KERNELS:
        good, total = sealed(kernels, data, 0, 40)
        mux.hide(good, total)
        for at in range(5, total):
            for flip in (1, 0x80, 0xFF):
                frame = bytearray(good)
                frame[at] ^= flip
                was = bytes(frame)
                assert kernels.unseal(frame, total, mux.TABLE) == 0, (kernels.__name__, at, flip)
                assert bytes(frame) == was


def test_chains_that_lead_back_or_out_are_refused_in_bounded_time():
    for kernels in KERNELS:
        for link in (1, 2, 3, 4, 17, 18, 200, 255):
            frame, total = sealed(kernels, b"\x09" * 10, 0, 10)  # 19 octets; index 9 holds 09: a chain to itself
            frame[3] = link
            assert kernels.unseal(frame, total, mux.TABLE) == 0
        frame, total = sealed(kernels, b"\x09" * 10, 0, 10)
        frame[3] = 9
        was = bytes(frame)
        assert kernels.unseal(frame, total, mux.TABLE) == 0
        assert bytes(frame) == was


def test_headers_are_told_from_rubbish_alike():
    rubbish = noise(5 * 400, 77)
    for i in range(400):
        head = rubbish[5 * i : 5 * i + 5]
        if i % 2:
            head[4] = mux.check_of(head[1], head[2], head[3])
        good = head[4] == mux.check_of(head[1], head[2], head[3]) and 4 <= head[2] <= 244
        for kernels in KERNELS:
            assert kernels.missing(head) == (head[2] if good else 0)


def test_copy_moves_what_is_asked_for_and_nothing_else():
    source = noise(249, 3)
    for count in LENGTHS:
        for at, start in ((7, 0), (7, 1), (9, 30), (0, 13)):
            count = min(count, 249 - at)
            expected = bytearray(b"\x55" * 300)
            expected[start : start + count] = source[at : at + count]
            for kernels in KERNELS:
                to = bytearray(b"\x55" * 300)
                kernels.copy(to, source, count, at << 16 | start)
                assert to == expected, kernels.__name__


def test_accounts_are_the_same():
    draw = noise(4000, 11)
    frame = bytearray(249)
    for i in range(0, 4000, 8):
        size = 1 + draw[i] * 8
        level = draw[i + 1] * size >> 8
        start = draw[i + 2] * size >> 8
        position = draw[i + 3] << 8 | draw[i + 4]
        granted = position + (draw[i + 5] * (size - level) >> 8) & 0xFFFF
        frame[5:7] = bytes((position + draw[i + 6] >> 8 & 0xFF, position + draw[i + 6] & 0xFF))
        results = []
        for kernels in KERNELS:
            state = array("i", [position, granted, start, level, size, 5])
            results.append((kernels.accept(frame, draw[i + 7] % 241, state), list(state)))
        assert results[0] == results[-1]
        at, state = results[0]
        assert at < size and state[3] <= size
        if at < 0:
            assert state == [position, granted, start, level, size, 5]
