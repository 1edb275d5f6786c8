"""PAT and PMT: sections in pieces, tables that break the rules, and random octets."""

import small_stream as air
from kit import raises
from settop.errors import RemoteError
from settop.services.call.opener import recognise
from settop.ts.psi import MAX_SECTION_BYTES, SectionReader, is_current, unpack_pat, unpack_pmt

LONG = air.pmt(1, [(0x1B, 0x100 + i, bytes(60)) for i in range(6)])


def pmt_of(section):
    return unpack_pmt(section, recognise)


def feed_all(packets):
    reader = SectionReader(0, 2)
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


def test_a_packet_counts_as_a_duplicate_once_and_only_with_the_same_octets():
    first, second, third = air.section_packets(0x1000, LONG)
    again = air.section_packets(0x1000, LONG, 3)
    assert feed_all([first, second, second, second, third] + again) == ([LONG], 1)
    other = bytearray(second)
    other[100] ^= 1
    assert feed_all([first, second, bytes(other), third] + again) == ([LONG], 1)
    assert feed_all([first, bytes(other), second, third] + again) == ([LONG], 1)


def test_a_duplicate_may_have_another_clock():
    section = air.pmt(1, [(0x1B, 0x100 + i) for i in range(50)])
    data = b"\x00" + section
    clocks = [bytes((0x10,)) + bytes((i,)) * 6 for i in range(3)]  # PCR_flag and a PCR
    first = air.packet(0x1000, 7, data[:176], clocks[0], start=True)
    rest = data[176:]
    rest += b"\xff" * (184 - len(rest))
    again = first[:5] + clocks[1] + first[12:]
    assert feed_all([first, again, air.packet(0x1000, 8, rest)]) == ([section], 0)


def test_a_damaged_counter_costs_its_section_and_no_other():
    sections = [air.pat([(i + 1, 0x1000 + i) for i in range(60)], number=n) for n in range(3)]
    packets = []
    for number, section in enumerate(sections):
        packets += air.section_packets(0, section, 2 * number)
    for broken in range(6):
        sent = [bytearray(one) for one in packets]
        sent[broken][3] ^= 0x08
        done, _ = feed_all(sent)
        assert [one for n, one in enumerate(sections) if n != broken // 2] == done, broken


def test_a_packet_with_a_transport_error_is_none():
    first, second, third = air.section_packets(0x1000, LONG)
    bad = [bytes((one[0], one[1] | 0x80)) + bytes(9) + one[11:] for one in (first, second, third)]
    assert feed_all(bad) == ([], 0)
    assert feed_all([first, bad[2], second, bad[0], third]) == ([LONG], 0)


def test_sections_behind_adaptation_fields_of_every_length():
    for length in (0, 1, 7, 100, 180, 181):
        room = 183 - length
        field = b"\x00" * (length > 0) + b"\xff" * (length - 1)
        data = b"\x00" + air.pat(((1, 0x1000),))
        packets = []
        while data:
            part = data[:room]
            data = data[room:]
            part += b"\xff" * (room - len(part))
            packets.append(air.packet(0, len(packets), part, field, start=not packets))
        assert feed_all(packets) == ([air.pat(((1, 0x1000),))], 0), length


def test_packets_without_payload_between_those_of_a_section_change_nothing():
    first, second, third = air.section_packets(0x1000, LONG)
    lone = air.packet(0x1000, 0, b"", b"\x10" + bytes(182))
    assert feed_all([first, lone, second, lone, lone, third]) == ([LONG], 0)


def test_sections_of_other_tables_are_passed_over_wherever_they_lie():
    foreign = air.table(0xC0, 1, bytes(300))
    small = air.table(0xC0, 1, bytes(10))
    pat = air.pat(((1, 0x1000),))
    data = b"\x00" + small + pat + small + foreign
    packets = [air.packet(0, 0, data[:184], start=True), air.packet(0, 1, data[184:368])]
    tail = data[368:]
    behind = bytes((len(tail),)) + tail + pat
    packets.append(air.packet(0, 2, behind + b"\xff" * (184 - len(behind)), start=True))
    assert feed_all(packets) == ([pat, pat], 0)


def test_the_longest_tables_of_the_standard_are_read():
    pat = air.pat([(n, 0x20 + n) for n in range(1, 254)])
    assert len(pat) == 1024
    assert feed_all(air.section_packets(0, pat)) == ([pat], 0)
    assert len(unpack_pat(pat)) == 4 * 253
    pmt = air.pmt(1, [(0x1B, 0x100 + n) for n in range(199)])
    assert len(pmt) == 1022
    assert len(pmt_of(feed_all(air.section_packets(0x1000, pmt))[0][0]).streams) == 199


def test_a_section_longer_than_the_standard_allows_is_dropped():
    section = b"\x02\xbf\xff" + bytes(4095)
    done, dropped = feed_all(air.section_packets(0x1000, section) + air.section_packets(0x1000, LONG, 7))
    assert done == [LONG]
    assert dropped == 1


def test_a_pointer_out_of_the_packet_drops_what_was_begun():
    begun = air.section_packets(0x1000, LONG)[0]
    assert feed_all([begun, air.packet(0x1000, 1, b"\xb8" + bytes(183), start=True)]) == ([], 1)


def test_pat_gives_programmes_without_the_network_pid():
    assert unpack_pat(air.pat(((0, 0x10), (1, 0x1000), (65535, 0x1FFE)))) == b"\x00\x01\x10\x00\xff\xff\x1f\xfe"
    assert unpack_pat(air.pat(())) == b""


def test_pat_entries_that_cannot_be_used_cost_themselves_alone():
    for bad in ((2, 0x1FFF), (2, 0), (2, 1), (2, 0x0F), (0, 0x1000)):
        for at in range(3):
            entries = [(1, 0x1000), (3, 0x10)]
            entries.insert(at, bad)
            assert unpack_pat(air.pat(entries)) == b"\x00\x01\x10\x00\x00\x03\x00\x10"
    for rest in (b"\x00", b"\x00\x04\xf0"):
        assert unpack_pat(air.table(0, 1, b"\x00\x01\xf0\x00" + rest)) == b"\x00\x01\x10\x00"


def test_pmt_gives_streams_tables_and_our_ca_descriptor():
    foreign = b"\x09\x04\x0b\x00\xe1\x23"
    pmt = pmt_of(
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
    assert pmt_of(air.pmt(1, ((0x1B, 0x100, air.ca_descriptor(0x30, 5)),), b"")).ca == (0x30, 5)
    assert pmt_of(air.pmt(1, descriptors=b"")).ca is None


def test_current_next_indicator():
    assert is_current(air.pat(((1, 0x1000),)))
    assert not is_current(air.pat(((1, 0x1000),), current=0))


def changed(section, at, value):
    bad = bytearray(section[:-4])
    bad[at] = value
    return air.with_crc(bytes(bad))


def test_our_ca_descriptor_counts_whatever_rubbish_follows_it_in_its_loop():
    for rubbish in (b"\x0a", b"\x0a\x04de", b"\x09\xff", b"\x00\x00\x00", b"\xff" * 40):
        pmt = pmt_of(air.pmt(1, ((0x1B, 0x100),), air.ca_descriptor() + rubbish, pcr=0x100))
        assert (pmt.ca, pmt.streams) == ((air.ECM_PID, air.PROGRAMME_ID), {0x100}), rubbish


def test_a_stream_whose_descriptors_break_the_rules_is_a_stream_all_the_same():
    # A descriptor longer than its loop, an octet too many: the entries behind it are where the loop's length says.
    for rubbish in (b"\x0a", b"\x0a\x09x"):
        pmt = pmt_of(air.pmt(1, ((0x1B, 0x100, rubbish), (0x0F, 0x101)), pcr=0x100))
        assert pmt.streams == {0x100, 0x101}


def test_lengths_that_lead_out_of_the_section_end_with_it():
    good = air.pmt(1, ((0x1B, 0x100, b"\x0a\x02ab"), (0x0F, 0x101)), air.ca_descriptor(), pcr=0x100)
    assert pmt_of(changed(good, 27, 200)).streams == {0x100}  # the first stream's loop swallows the second's entry
    assert pmt_of(changed(good, 27, 200)).ca == (air.ECM_PID, air.PROGRAMME_ID)
    programme_loop = pmt_of(changed(good, 11, 200))
    assert (programme_loop.ca, programme_loop.streams) == ((air.ECM_PID, air.PROGRAMME_ID), {0x100})
    assert pmt_of(air.table(2, 1, b"\xe1\x00\xf0\x00\x1b\xe1\x00")).streams == {0x100}
    with raises(RemoteError):
        pmt_of(air.table(2, 1, b"\xe1\x00\xf0"))


def test_a_ca_descriptor_of_ours_on_a_pid_that_no_ecm_can_have_is_passed_over():
    for bad in (0, 1, 0x0F, 0x11, 0x1F, 0x1FFF):
        assert pmt_of(air.pmt(descriptors=air.ca_descriptor(bad))).ca is None
        both = air.ca_descriptor(bad) + air.ca_descriptor(0x50)
        assert pmt_of(air.pmt(descriptors=both)).ca == (0x50, air.PROGRAMME_ID)


def test_wrong_table_crc_or_length_is_refused():
    for unpack, section in ((unpack_pat, air.pat(((1, 0x1000),))), (pmt_of, air.pmt())):
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
        for unpack in (unpack_pat, pmt_of):
            try:
                unpack(section)
            except RemoteError:
                pass


def test_random_packets_never_raise_and_hold_a_bounded_rest():
    rng = air.Rng(32)
    reader = SectionReader(0, 2)
    for count in range(air.times(300)):
        one = bytearray(rng.octets(188))
        if count & 1:
            one[3] = 0x10 | count >> 1 & 15  # in sequence, so that sections grow
            one[1] &= 0x3F
        for section in reader.feed(one):
            assert 3 <= len(section) <= MAX_SECTION_BYTES
        assert reader._part is None or len(reader._part) <= MAX_SECTION_BYTES + 184
