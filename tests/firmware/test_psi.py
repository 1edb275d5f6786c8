"""PAT and PMT: sections in pieces, tables that break the rules, and random octets."""

import small_stream as air
from kit import raises
from settop.errors import RemoteError
from settop.ts.psi import MAX_SECTION_BYTES, SectionReader, is_current, unpack_pat, unpack_pmt

LONG = air.pmt(1, [(0x1B, 0x100 + i, bytes(60)) for i in range(6)])


def feed_all(packets):
    reader = SectionReader()
    done = []
    for one in packets:
        done += reader.feed(one)
    return done, reader.dropped


def test_a_section_over_packets_cut_anywhere():
    for first in (2, 3, 4, 5, 100, 182, 183, 184):
        assert feed_all(air.section_packets(0x1000, LONG, 15, first)) == ([LONG], 0), first


def test_several_sections_in_one_packet_and_one_that_runs_on():
    sections = [air.pat(((1, 0x1000),), number=i) for i in range(3)]
    data = b"\x00" + b"".join(sections) + LONG
    packets = [air.packet(0, 0, data[:184], start=True)]
    rest = data[184:]
    packets.append(air.packet(0, 1, rest[:184]))
    tail = rest[184:]
    # The next section begins behind the end of the last: the pointer says where.
    behind = bytes((len(tail),)) + tail + sections[0]
    packets.append(air.packet(0, 2, behind + b"\xff" * (184 - len(behind)), start=True))
    assert feed_all(packets) == ([sections[0], sections[1], sections[2], LONG, sections[0]], 0)


def test_a_duplicate_packet_counts_once():
    first, second, third = air.section_packets(0x1000, LONG)
    assert feed_all([first, first, second, second, third]) == ([LONG], 0)


def test_a_lost_packet_drops_its_section_and_no_other():
    packets = air.section_packets(0x1000, LONG)
    more = air.section_packets(0x1000, LONG, 3)
    assert feed_all([packets[0], packets[2]] + more) == ([LONG], 1)


def test_a_section_longer_than_the_standard_allows_is_dropped():
    section = b"\x02\xbf\xff" + bytes(4095)
    done, dropped = feed_all(air.section_packets(0x1000, section) + air.section_packets(0x1000, LONG, 7))
    assert done == [LONG]
    assert dropped == 1


def test_a_pointer_out_of_the_packet_drops_what_was_begun():
    begun = air.section_packets(0x1000, LONG)[0]
    assert feed_all([begun, air.packet(0x1000, 1, b"\xb8" + bytes(183), start=True)]) == ([], 1)


def test_pat_gives_programmes_without_the_network_pid():
    assert unpack_pat(air.pat(((0, 0x10), (1, 0x1000), (65535, 0x1FFE)))) == {1: 0x1000, 65535: 0x1FFE}
    assert unpack_pat(air.pat(())) == {}


def test_pmt_gives_streams_tables_and_our_ca_descriptor():
    foreign = b"\x09\x04\x0b\x00\xe1\x23"
    pmt = unpack_pmt(
        air.pmt(
            3,
            ((0x1B, 0x100, b"\x0a\x01x"), (0x0F, 0x101), (0x86, 0x1F0), (0x05, 0x1F1)),
            foreign + air.ca_descriptor(0x1ABC, 0x01020304),
            pcr=0x102,
        )
    )
    assert pmt.programme == 3
    assert pmt.streams == {0x100, 0x101, 0x102}
    assert pmt.tables == {0x1F0, 0x1F1}
    assert pmt.ca == (0x1ABC, 0x01020304)


def test_pmt_takes_our_ca_descriptor_from_a_stream_too_and_none_where_there_is_none():
    assert unpack_pmt(air.pmt(1, ((0x1B, 0x100, air.ca_descriptor(0x30, 5)),), b"")).ca == (0x30, 5)
    assert unpack_pmt(air.pmt(1, descriptors=b"")).ca is None


def test_current_next_indicator():
    assert is_current(air.pat(((1, 0x1000),)))
    assert not is_current(air.pat(((1, 0x1000),), current=0))


def test_lengths_that_lead_out_are_refused():
    good = air.pmt(1, ((0x1B, 0x100, b"\x0a\x02ab"),), b"\x0a\x01x")
    for at, value in ((11, 200), (13, 200), (19, 200), (21, 200)):
        bad = bytearray(good[:-4])
        bad[at] = value
        with raises(RemoteError):
            unpack_pmt(air.with_crc(bytes(bad)))
    with raises(RemoteError):
        unpack_pmt(air.table(2, 1, b"\xe1\x00\xf0\x00\x1b\xe1\x00"))


def test_wrong_table_crc_or_length_is_refused():
    for unpack, section in ((unpack_pat, air.pat(((1, 0x1000),))), (unpack_pmt, air.pmt())):
        for at in range(len(section)):
            bad = bytearray(section)
            bad[at] ^= 1
            with raises(RemoteError):
                unpack(bytes(bad))
        for size in range(12):
            with raises(RemoteError):
                unpack(section[:size])


def test_random_sections_with_a_right_crc_raise_nothing_but_remote_error():
    rng = air.Rng(31)
    for _ in range(air.times(300)):
        table_id = 2 * rng.below(2)
        section = air.table(table_id, rng.below(65536), rng.octets(rng.below(60)))
        for unpack in (unpack_pat, unpack_pmt):
            try:
                unpack(section)
            except RemoteError:
                pass


def test_random_packets_never_raise_and_hold_a_bounded_rest():
    rng = air.Rng(32)
    reader = SectionReader()
    for count in range(air.times(300)):
        one = bytearray(rng.octets(188))
        if count & 1:
            one[3] = 0x10 | count >> 1 & 15  # in sequence, so that sections grow
            one[1] &= 0x3F
        for section in reader.feed(one):
            assert 3 <= len(section) <= MAX_SECTION_BYTES
        assert reader._part is None or len(reader._part) <= MAX_SECTION_BYTES + 184
