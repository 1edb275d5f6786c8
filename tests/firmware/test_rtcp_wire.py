"""RTCP's compound packets: reports, names, farewells, the client's buffer; and everything that is none."""

from kit import HEX, raises
from settop.errors import LocalError, RemoteError
from settop.wire import rtcp

SENDER = HEX(
    "81c8 000c 11223344 e5c0ffee 80000000 00015f90 00000010 00005240"
    "55667788 40 fffffe 00020005 00000064 c0ffee80 00018000"
)
RECEIVER = HEX("80c9 0001 11223344")
NAME = HEX("81ca 0003 11223344 01 05 68656c6c6f 00")
BUFFER = HEX("80cc 0005 11223344 50535330 55667788 01f4 ffff 0000 0010")
FAREWELL = HEX("82cb 0004 11223344 55667788 04 646f6e65 000000")
BLOCK = (0x55667788, 64, -2, 0x20005, 100, 0xC0FFEE80, 0x18000)


def kinds(data):
    return [(kind, count) for kind, count, _, _ in rtcp.unpack(data, len(data))]


def refused(data):
    with raises(RemoteError):
        rtcp.unpack(data, len(data))


def last(data, reader, *first):
    """What the reader says of the last packet of a compound one."""
    kind, count, at, end = rtcp.unpack(data, len(data))[-1]
    return reader(data, *[{"kind": kind, "count": count}[name] for name in first], at, end)


def test_packers_give_the_documented_octets():
    assert rtcp.pack_sender(0x11223344, 0xE5C0FFEE, 0x80000000, 90000, 16, 21056, (BLOCK,)) == SENDER
    assert rtcp.pack_receiver(0x11223344) == RECEIVER
    assert rtcp.pack_description(0x11223344, b"hello") == NAME
    assert rtcp.pack_next_unit(0x11223344, 0x55667788, 500, 0xFFFF, 1030) == BUFFER
    assert rtcp.pack_goodbye((0x11223344, 0x55667788), b"done") == FAREWELL


def test_a_compound_packet_comes_apart():
    data = SENDER + RECEIVER + NAME + BUFFER + FAREWELL
    assert kinds(data) == [(200, 1), (201, 0), (202, 1), (204, 0), (203, 2)]
    found = rtcp.unpack(memoryview(data + bytes(9)), len(data))
    assert [end - at for _, _, at, end in found] == [52, 8, 16, 24, 20]


def test_each_kind_says_what_it_says():
    assert last(SENDER, rtcp.sender) == (0x11223344, 0xE5C0FFEE, 0x80000000, 90000, 16, 21056)
    assert last(SENDER, rtcp.blocks, "kind", "count") == [BLOCK]
    assert last(RECEIVER, rtcp.blocks, "kind", "count") == []
    assert last(RECEIVER, rtcp.source) == 0x11223344
    assert last(RECEIVER + NAME, rtcp.descriptions, "count") == [(0x11223344, [(rtcp.CNAME, b"hello")])]
    assert last(RECEIVER + FAREWELL, rtcp.goodbye, "count") == ([0x11223344, 0x55667788], b"done")
    assert last(RECEIVER + rtcp.pack_goodbye(()), rtcp.goodbye, "count") == ([], b"")
    data = RECEIVER + BUFFER
    assert last(data, rtcp.application) == (0x11223344, b"PSS0", 20)
    assert last(data, rtcp.next_units) == [(0x55667788, 500, 0xFFFF, 0, 1024)]


def test_what_cannot_be_said_of_a_buffer_is_said_at_the_end_of_its_range():
    for delay, told in ((None, 65535), (-5, 0), (70000, 65534)):
        data = RECEIVER + rtcp.pack_next_unit(1, 2, delay, 3, 5_000_000, 31)
        assert last(data, rtcp.next_units) == [(2, told, 3, 31, 4_194_240)]


def test_reports_of_thirty_one_sources_come_through():
    blocks = [(number, 255, -0x800000 + number, number, 1, 2, 3) for number in range(31)]
    assert last(rtcp.pack_receiver(9, blocks), rtcp.blocks, "kind", "count") == blocks
    beyond = [(1, 0, 0x900000, 0, 0, 0, 0), (1, 0, -0x900000, 0, 0, 0, 0)]
    ends = last(rtcp.pack_receiver(9, beyond), rtcp.blocks, "kind", "count")
    assert [block[2] for block in ends] == [0x7FFFFF, -0x800000]
    with raises(LocalError):
        rtcp.pack_receiver(9, blocks + blocks[:1])


def test_names_of_every_length_end_in_a_zero_and_a_whole_word():
    for size in (1, 2, 3, 4, 5, 255):
        data = RECEIVER + rtcp.pack_description(7, b"n" * size)
        assert len(data) % 4 == 0
        assert last(data, rtcp.descriptions, "count") == [(7, [(1, b"n" * size)])]
    for name in (b"", b"n" * 256):
        with raises(LocalError):
            rtcp.pack_description(7, name)


def test_two_chunks_of_names_are_told_apart():
    data = RECEIVER + HEX("82ca 0006 00000001 01 01 61 02 01 62 0000 00000002 00000000 00000000")
    data = data[:-4]
    data = data[:10] + HEX("0005") + data[12:]
    assert last(data, rtcp.descriptions, "count") == [(1, [(1, b"a"), (2, b"b")]), (2, [])]


def test_padding_is_taken_off_the_last_packet_only():
    padded = HEX("a0c9 0002 11223344 00000004")
    assert rtcp.unpack(SENDER + padded, 64)[-1] == (201, 0, 52, 60)
    refused(padded + RECEIVER)
    for count in (0, 1, 2, 3, 12, 255):
        refused(padded[:-1] + bytes((count,)))


def test_what_is_no_compound_packet_is_refused():
    refused(b"")
    refused(NAME + RECEIVER)
    refused(BUFFER)
    whole = SENDER + NAME
    for size in range(len(whole)):
        if size != len(SENDER):
            refused(whole[:size])
    refused(b"\x41" + SENDER[1:])
    refused(RECEIVER * 33)
    assert len(kinds(RECEIVER * 32)) == 32


def test_packets_shorter_than_they_say_are_refused():
    with raises(RemoteError):
        last(HEX("80c8 0001 11223344"), rtcp.sender)
    with raises(RemoteError):
        last(b"\x82" + SENDER[1:], rtcp.blocks, "kind", "count")
    with raises(RemoteError):
        last(HEX("80c9 0000"), rtcp.source)
    for body in ("81ca 0001 11223344", "81ca 0002 11223344 01ff 6161", "82ca 0002 11223344 00000000", "81ca 0000"):
        with raises(RemoteError):
            last(RECEIVER + HEX(body), rtcp.descriptions, "count")
    for body in ("82cb 0001 11223344", "80cb 0001 ff616161"):
        with raises(RemoteError):
            last(RECEIVER + HEX(body), rtcp.goodbye, "count")
    with raises(RemoteError):
        last(RECEIVER + HEX("80cc 0001 11223344"), rtcp.application)
    for size in (0, 4, 8, 16, 32 * 12):
        with raises(RemoteError):
            last(RECEIVER + rtcp.pack_application(0, 1, b"PSS0", bytes(size)), rtcp.next_units)


def test_items_without_end_are_refused():
    items = HEX("0101 61") * 17 + bytes(5)
    with raises(RemoteError):
        last(RECEIVER + HEX("81ca 000f 00000001") + items, rtcp.descriptions, "count")


def test_what_no_packet_can_hold_is_a_local_error():
    with raises(LocalError):
        rtcp.pack_goodbye((), b"r" * 256)
    with raises(LocalError):
        rtcp.pack_goodbye((1,) * 32)
    with raises(LocalError):
        rtcp.pack_application(0, 1, b"PSS")
    with raises(LocalError):
        rtcp.pack_application(0, 1, b"PSS0", b"abc")
    with raises(LocalError):
        rtcp.pack_application(32, 1, b"PSS0")
