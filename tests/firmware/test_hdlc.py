from kit import HEX, raises
from settop.errors import LocalError
from settop.link.hdlc import MAX_PAYLOAD_BYTES, Deframer, encode
from settop.wire.crc import FCS16_GOOD, fcs16


def noise(count, seed):
    """Repeatable bytes: a linear congruential generator."""
    out = bytearray(count)
    for i in range(count):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        out[i] = seed >> 16 & 0xFF
    return bytes(out)


def test_fcs_check_value_of_the_polynomial():
    assert fcs16(b"123456789") ^ 0xFFFF == 0x906E


def test_fcs_over_a_frame_with_its_fcs_is_the_good_value():
    fcs = fcs16(b"ringcast") ^ 0xFFFF
    assert fcs16(b"ringcast" + bytes((fcs & 0xFF, fcs >> 8))) == FCS16_GOOD


def test_fixed_frame():
    assert encode(b"123456789") == HEX("7eff03 313233343536373839 a98a 7e")


def test_flag_and_escape_inside_are_stuffed():
    frame = encode(HEX("7e 7d 20 11 5e"))
    assert frame[:10] == HEX("7eff03 7d5e 7d5d 20 11 5e")
    assert Deframer().feed(frame) == [HEX("7e7d20115e")]


def test_every_payload_length_comes_back():
    deframer = Deframer()
    for length in range(1, MAX_PAYLOAD_BYTES + 1):
        payload = noise(length, length)
        assert deframer.feed(encode(payload)) == [payload]
    assert (deframer.frames, deframer.damaged) == (MAX_PAYLOAD_BYTES, 0)


def test_too_long_a_payload_is_a_local_error():
    with raises(LocalError):
        encode(bytes(MAX_PAYLOAD_BYTES + 1))


def test_pieces_of_any_size_give_the_same_frames():
    stream = encode(b"one") + encode(b"\x7e\x7d") + encode(b"three")
    for size in (1, 2, 3, 7, len(stream)):
        deframer = Deframer()
        found = []
        for at in range(0, len(stream), size):
            found += deframer.feed(stream[at : at + size])
        assert found == [b"one", b"\x7e\x7d", b"three"]


def test_one_flag_may_end_a_frame_and_begin_the_next():
    stream = encode(b"one")[:-1] + encode(b"two")
    assert Deframer().feed(stream) == [b"one", b"two"]


def test_idle_flags_are_no_frames():
    deframer = Deframer()
    assert deframer.feed(b"\x7e" * 9 + encode(b"one") + b"\x7e" * 9) == [b"one"]
    assert deframer.damaged == 0


def test_abort_drops_the_frame_and_the_next_one_arrives():
    deframer = Deframer()
    assert deframer.feed(encode(b"one")[:-2] + b"\x7d\x7e" + encode(b"two")) == [b"two"]
    assert deframer.damaged == 1


def test_every_bit_flip_is_noticed():
    frame = encode(b"key frame")
    for at in range(1, len(frame) - 1):
        for bit in range(8):
            damaged = bytearray(frame)
            damaged[at] ^= 1 << bit
            assert b"key frame" not in Deframer().feed(damaged + b"\x7e")


def test_frame_after_any_damage_arrives():
    frame = encode(b"key frame")
    for at in range(len(frame)):
        damaged = bytearray(frame)
        damaged[at] ^= 0x01
        assert b"next" in Deframer().feed(damaged + encode(b"next"))
        assert b"next" in Deframer().feed(frame[:at] + encode(b"next"))


def test_endless_frame_takes_no_memory():
    deframer = Deframer()
    assert deframer.feed(b"\x7e") == []
    for _ in range(50):
        deframer.feed(bytes(100))
    assert len(deframer._buffer) <= MAX_PAYLOAD_BYTES + 4
    assert deframer.feed(encode(b"next")) == [b"next"]
    assert deframer.damaged == 1


def test_noise_gives_no_exception_and_no_oversize():
    deframer = Deframer()
    for seed in range(40):
        for payload in deframer.feed(noise(500, seed) + b"\x7e"):
            assert 1 <= len(payload) <= MAX_PAYLOAD_BYTES
    deframer.feed(b"\x7e")
    assert deframer.feed(encode(b"next")) == [b"next"]


def test_frame_with_another_header_is_damage():
    body = b"\xff\x13hello"
    fcs = fcs16(body) ^ 0xFFFF
    deframer = Deframer()
    assert deframer.feed(b"\x7e" + body + bytes((fcs & 0xFF, fcs >> 8)) + b"\x7e") == []
    assert deframer.damaged == 1
