"""Both CRCs: the catalogue's check values, and the tables against the bitwise definition."""

import small_stream as air
from settop.wire.crc import FCS16_GOOD, FCS16_INIT, crc32_mpeg2, fcs16

CHECK = b"123456789"


def test_check_values():
    assert crc32_mpeg2(CHECK) == 0x0376E6E7
    assert fcs16(CHECK) ^ 0xFFFF == 0x906E


def test_nothing_leaves_the_register_as_it_starts():
    assert crc32_mpeg2(b"") == 0xFFFFFFFF
    assert fcs16(b"") == FCS16_INIT


def test_crc32_equals_the_bitwise_definition():
    rng = air.Rng(51)
    for size in (1, 2, 28, 188):
        data = rng.octets(size)
        assert crc32_mpeg2(data) == air.crc32(data)
        assert crc32_mpeg2(memoryview(data)) == air.crc32(data)
        assert crc32_mpeg2(air.with_crc(data)) == 0


def test_in_pieces_as_in_one():
    data = bytes(range(100))
    assert crc32_mpeg2(data[40:], crc32_mpeg2(data[:40])) == crc32_mpeg2(data)
    assert fcs16(data[40:], fcs16(data[:40])) == fcs16(data)


def test_a_frame_with_its_fcs_leaves_the_good_value_and_any_flipped_bit_does_not():
    fcs = fcs16(CHECK) ^ 0xFFFF
    frame = bytearray(CHECK + bytes((fcs & 255, fcs >> 8)))
    assert fcs16(frame) == FCS16_GOOD
    for bit in range(8 * len(frame)):
        frame[bit >> 3] ^= 1 << (bit & 7)
        assert fcs16(frame) != FCS16_GOOD
        frame[bit >> 3] ^= 1 << (bit & 7)
