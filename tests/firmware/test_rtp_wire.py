"""RTP's data packets: the header's fields where RFC 3550 has them, and everything that is no packet."""

from kit import HEX, raises
from settop.errors import LocalError, RemoteError
from settop.wire.rtp import MPEG_TS, Packet, header_bytes, later, pad, write_header

# RFC 3550, 5.1: version 2, marker, type 33, sequence 0x1234, time 0xdecafbad, SSRC 0xcafebabe
PLAIN = HEX("80a1 1234 decafbad cafebabe 47 000102")
# with padding, an extension of kind 0xbede with two words, and three contributing sources
FULL = HEX("b321 fffe 00000001 80000001  00000001 fffffffe 00000003  bede 0002 0102030405060708  aabbcc 00000004")


def read(data):
    packet = Packet()
    packet.read(data, len(data))
    return packet


def refused(data):
    with raises(RemoteError):
        read(data)


def test_a_plain_header_says_what_it_says():
    packet = read(PLAIN)
    assert (packet.marker, packet.payload_type, packet.sequence) == (True, MPEG_TS, 0x1234)
    assert (packet.timestamp, packet.ssrc, packet.csrcs) == (0xDECAFBAD, 0xCAFEBABE, 0)
    assert PLAIN[packet.payload_at : packet.payload_end] == HEX("47 000102")
    assert packet.extension_at == packet.extension_end


def test_sources_extension_and_padding_are_found():
    packet = read(FULL)
    assert (packet.marker, packet.payload_type, packet.sequence) == (False, 33, 0xFFFE)
    assert [packet.csrc(FULL, number) for number in range(packet.csrcs)] == [1, 0xFFFFFFFE, 3]
    assert packet.extension_kind == 0xBEDE
    assert FULL[packet.extension_at : packet.extension_end] == HEX("0102030405060708")
    assert FULL[packet.payload_at : packet.payload_end] == HEX("aabbcc")


def test_one_object_serves_packet_after_packet_in_a_larger_buffer():
    buffer = bytearray(100)
    view = memoryview(buffer)
    packet = Packet()
    for data in (FULL, PLAIN, FULL):
        buffer[: len(data)] = data
        packet.read(view, len(data))
        assert packet.csrcs == (3 if data is FULL else 0)
        assert bytes(view[packet.payload_at : packet.payload_end]) == (HEX("aabbcc") if data is FULL else PLAIN[12:])
    assert packet.extension_at != packet.extension_end


def test_what_is_written_is_read_again():
    buffer = bytearray(64)
    assert write_header(buffer, MPEG_TS, 0x1234, 0xDECAFBAD, 0xCAFEBABE, True) == 12
    assert buffer[:12] == PLAIN[:12]
    size = write_header(buffer, 33, 0xFFFE, 1, 0x80000001, False, (1, 0xFFFFFFFE, 3), (0xBEDE, FULL[28:36]))
    buffer[size : size + 3] = FULL[36:39]
    size = pad(buffer, size + 3, 4)
    assert buffer[:size] == FULL
    assert header_bytes(buffer, size) == 36


def test_a_header_that_does_not_fit_or_cannot_be_is_a_local_error():
    room = bytearray(200)
    for arguments in (
        (bytearray(11), 33, 0, 0, 0),
        (bytearray(15), 33, 0, 0, 0, False, (1,)),
        (room, 128, 0, 0, 0),
        (room, 33, 65536, 0, 0),
        (room, 33, 0, 0, 0, False, (1,) * 16),
        (room, 33, 0, 0, 0, False, (), (1, b"abc")),
    ):
        with raises(LocalError):
            write_header(*arguments)
    for padding in (0, 256, 101):
        with raises(LocalError):
            pad(room, 100, padding)


def test_packets_that_are_cut_short_are_refused():
    for size in range(36):
        refused(FULL[:size])
    for size in range(12):
        refused(PLAIN[:size])


def test_other_versions_and_wrong_padding_are_refused():
    for first in (0x00, 0x40, 0xC0):
        refused(bytes((first,)) + PLAIN[1:])
    refused(FULL[:-1] + b"\x00")
    refused(FULL[:-1] + b"\x08")
    whole = FULL[:-1] + b"\x07"  # all that is behind the header
    packet = read(whole)
    assert packet.payload_at == packet.payload_end == 36
    refused(HEX("a021 1234 00000001 00000001"))  # padding, and no octet that could say how much


def test_sequence_numbers_are_compared_the_shorter_way_round():
    assert later(5, 3) == 2 and later(3, 5) == -2
    assert later(0, 65535) == 1 and later(65535, 0) == -1
    assert later(32767, 0) == 32767 and later(32768, 0) == -32768
