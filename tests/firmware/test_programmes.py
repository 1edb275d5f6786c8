# on the pico: long
"""The PID table: what PAT and PMTs may change and what no table can."""

import small_stream as air
from kit import raises
from programmes_rig import base_is_whole, feed, named, pairs, tuned
from settop.errors import RemoteError
from settop.player.programmes import MAX_PIDS, MAX_READERS, MAX_SERVICES, PMT_COST, Programmes
from settop.services.call.opener import recognise
from settop.ts import packet as ts


def test_pat_and_pmt_name_streams_tables_and_ecms():
    programmes = tuned((1, air.pmt(1, ((0x1B, 0x100), (0x0F, 0x101), (0x86, 0x102)), pcr=0x103)))
    assert named(programmes) == {
        0x1001: ts.PID_PMT,
        0x100: ts.PID_ES,
        0x101: ts.PID_ES,
        0x102: ts.PID_PASS,
        0x103: ts.PID_ES,
        air.ECM_PID: ts.PID_ECM,
    }
    assert programmes.ca == (air.ECM_PID, air.PROGRAMME_ID)
    assert base_is_whole(programmes)


def test_several_programmes_under_one_ca_pid_are_all_opened():
    programmes = tuned((1, air.pmt(1, ((0x1B, 0x100),), pcr=0x100)), (2, air.pmt(2, ((0x1B, 0x200),), pcr=0x200)))
    assert programmes.table[0x100] == programmes.table[0x200] == ts.PID_ES


def test_a_programme_under_another_ca_or_none_is_not_opened():
    programmes = tuned(
        (1, air.pmt(1, ((0x1B, 0x100),), b"", pcr=0x100)),
        (2, air.pmt(2, ((0x1B, 0x200),), pcr=0x200)),
        (3, air.pmt(3, ((0x1B, 0x300),), air.ca_descriptor(0x1F00, 99), pcr=0x300)),
    )
    assert [programmes.table[pid] for pid in (0x100, 0x200, 0x300)] == [ts.PID_DROP, ts.PID_ES, ts.PID_DROP]


def test_two_programmes_may_share_a_pmt_pid():
    programmes = Programmes(recognise)
    feed(programmes, 0, air.pat(((1, 0x1000), (2, 0x1000))))
    feed(programmes, 0x1000, air.pmt(1, ((0x1B, 0x100),), pcr=0x100), 0)
    feed(programmes, 0x1000, air.pmt(2, ((0x1B, 0x200),), pcr=0x200), 1)
    assert programmes.table[0x100] == programmes.table[0x200] == ts.PID_ES


def test_a_new_pmt_forgets_what_the_old_one_named():
    programmes = tuned((1, air.pmt(1, ((0x1B, 0x100),), pcr=0x100)))
    feed(programmes, 0x1001, air.pmt(1, ((0x1B, 0x111),), air.ca_descriptor(0x1F00), pcr=0x111, version=1), 1)
    assert named(programmes) == {0x1001: ts.PID_PMT, 0x111: ts.PID_ES, 0x1F00: ts.PID_ECM}


def test_a_new_pat_forgets_programmes_that_are_gone():
    programmes = tuned((1, air.pmt(1, ((0x1B, 0x100),), pcr=0x100)), (2, air.pmt(2, ((0x1B, 0x200),), pcr=0x200)))
    feed(programmes, 0, air.pat(((2, 0x1002),), version=1), 1)
    assert named(programmes) == {0x1002: ts.PID_PMT, 0x200: ts.PID_ES, air.ECM_PID: ts.PID_ECM}


def test_a_pat_in_two_sections_adds_up():
    programmes = Programmes(recognise)
    feed(programmes, 0, air.pat(((1, 0x1001),), number=0, last=1), 0)
    feed(programmes, 0, air.pat(((2, 0x1002),), number=1, last=1), 1)
    assert programmes.table[0x1001] == programmes.table[0x1002] == ts.PID_PMT


def test_tables_announced_for_later_change_nothing():
    programmes = tuned((1, air.pmt(1, ((0x1B, 0x100),), pcr=0x100)))
    before = bytes(programmes.table)
    feed(programmes, 0, air.pat(((9, 0x1009),), version=1, current=0), 1)
    feed(programmes, 0x1001, air.pmt(1, ((0x1B, 0x999),), version=1, current=0), 1)
    assert bytes(programmes.table) == before


def test_a_damaged_table_does_not_hide_the_good_one_with_the_same_crc():
    programmes = Programmes(recognise)
    for pid, section in ((0, air.pat(((1, 0x1001),))), (0x1001, air.pmt())):
        bad = bytearray(section)
        bad[9] ^= 0x10
        with raises(RemoteError):
            feed(programmes, pid, bytes(bad), 0)
        feed(programmes, pid, section, 1)
    assert programmes.table[air.ES_PID] == ts.PID_ES


def test_no_pmt_can_take_the_pat_the_ecms_or_a_pid_below_0x10():
    programmes = tuned((1, air.pmt(1, ((0x1B, 0x100),), pcr=0x100)))
    grab = [(0x1B, pid) for pid in (0, 1, 0x0F, 0x1001, air.ECM_PID, 0x1FFF)]
    feed(programmes, 0x1001, air.pmt(1, grab, version=1), 1)
    assert base_is_whole(programmes)
    assert programmes.table[0x1001] == ts.PID_PMT
    assert programmes.table[air.ECM_PID] == ts.PID_ECM


def test_streams_from_0x10_on_are_opened_as_long_as_a_pmt_names_them():
    low = (0x10, 0x11, 0x1F)
    programmes = tuned((1, air.pmt(1, [(0x1B, pid) for pid in low], pcr=0x10)))
    assert [programmes.table[pid] for pid in low] == [ts.PID_ES] * 3
    feed(programmes, 0x1001, air.pmt(1, ((0x1B, 0x100),), pcr=0x100, version=1), 1)
    assert bytes(programmes.table[:0x20]) == bytes(ts.new_pid_table()[:0x20])


def test_clocks_and_sections_below_0x20_pass_as_service_information():
    programmes = tuned((1, air.pmt(1, ((0x1B, 0x100), (0x05, 0x11), (0x86, 0x1F)), pcr=0x12)))
    assert bytes(programmes.table[:0x20]) == bytes(ts.new_pid_table()[:0x20])


def test_a_pmt_that_the_pat_does_not_announce_is_left_alone():
    programmes = tuned((1, air.pmt()))
    before = bytes(programmes.table)
    feed(programmes, 0x1001, air.pmt(2, ((0x1B, 0x200),), pcr=0x200), 1)
    assert bytes(programmes.table) == before


def test_hostile_tables_cannot_take_more_than_their_limits():
    rng = air.Rng(71)
    programmes = Programmes(recognise)
    for counter in range(air.times(150)):
        entries = [(rng.below(65536), rng.below(0x2000)) for _ in range(rng.below(12))]
        sections = [(0, air.pat(entries, rng.below(3), number=rng.below(256), last=rng.below(256)))]
        for number, pid in pairs(programmes)[-2:]:
            streams = [(0x1B, rng.below(8192)) for _ in range(rng.below(60))]
            sections.append((pid, air.pmt(number, streams, air.ca_descriptor(rng.below(8192)), version=rng.below(32))))
        if rng.below(8) == 0:
            programmes.tune(rng.below(65536) or None)
        for pid, section in sections:
            try:
                feed(programmes, pid, section, counter)
            except RemoteError:
                pass
        assert len(pairs(programmes)) <= MAX_SERVICES
        assert len(programmes._readers) <= MAX_READERS
        assert len(programmes._pat_marks) <= 5 * 256
        assert len(programmes._marks) == 5 * len(pairs(programmes))
        used = 0
        for streams, tables, _, _ in programmes._pmts.values():
            used += PMT_COST + (len(streams) + len(tables)) // 2
        assert used <= MAX_PIDS
        assert base_is_whole(programmes)
        # Nothing is left behind in the table by what has gone.
        known = {pid for _, pid in pairs(programmes)}
        for streams, tables, ca, _ in programmes._pmts.values():
            for pids in (streams, tables):
                known |= {pids[at] << 8 | pids[at + 1] for at in range(0, len(pids), 2)}
            known.add(ca[0])
        assert set(named(programmes)) <= known


def test_pats_of_endless_sections_and_services_stay_within_their_limits():
    programmes = Programmes(recognise)
    for number in range(0, 256, 256 // air.times(64)):
        feed(programmes, 0, air.pat([(number * 16 + n, 0x1000) for n in range(16)], number=number, last=255), number)
        assert len(pairs(programmes)) <= MAX_SERVICES
