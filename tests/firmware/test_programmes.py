"""The PID table: what PAT and PMTs may change and what no table can."""

import small_stream as air
from kit import raises
from settop.errors import RemoteError
from settop.player.programmes import MAX_PROGRAMMES, MAX_STREAMS, Programmes
from settop.ts import packet as ts


def feed(programmes, pid, section, counter=0):
    for one in air.section_packets(pid, section, counter):
        if pid:
            programmes.feed_pmt(one)
        else:
            programmes.feed_pat(one)


def named(programmes):
    """{PID: kind} of all that tables have named."""
    return {pid: kind for pid, kind in enumerate(programmes.table) if pid >= 0x20 and kind}


def base_is_whole(programmes):
    table = programmes.table
    return bytes(table[:0x20]) == bytes(ts.new_pid_table()[:0x20]) and table[ts.NULL_PID] == ts.PID_DROP


def tuned(*pmts):
    """One PAT for the PMTs ((number, section), ...) on PIDs 0x1000 + number, and the PMTs."""
    programmes = Programmes()
    feed(programmes, 0, air.pat([(number, 0x1000 + number) for number, _ in pmts]))
    for number, section in pmts:
        feed(programmes, 0x1000 + number, section)
    return programmes


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
    programmes = Programmes()
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
    programmes = Programmes()
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
    programmes = Programmes()
    for pid, section in ((0, air.pat(((1, 0x1001),))), (0x1001, air.pmt())):
        bad = bytearray(section)
        bad[9] ^= 0x10
        with raises(RemoteError):
            feed(programmes, pid, bytes(bad), 0)
        feed(programmes, pid, section, 1)
    assert programmes.table[air.ES_PID] == ts.PID_ES


def test_no_pmt_can_take_the_pat_the_ecms_or_service_information():
    programmes = tuned((1, air.pmt(1, ((0x1B, 0x100),), pcr=0x100)))
    grab = [(0x1B, pid) for pid in (0, 1, 0x10, 0x11, 0x1F, 0x1001, air.ECM_PID, 0x1FFF)]
    feed(programmes, 0x1001, air.pmt(1, grab, version=1), 1)
    assert base_is_whole(programmes)
    assert programmes.table[0x1001] == ts.PID_PMT
    assert programmes.table[air.ECM_PID] == ts.PID_ECM


def test_ecm_and_pmt_pids_that_are_no_such_thing_are_refused():
    for bad in (0, 1, 0x11, 0x1F, 0x1FFF):
        programmes = tuned((1, air.pmt()))
        before = bytes(programmes.table)
        with raises(RemoteError):
            feed(programmes, 0x1001, air.pmt(1, descriptors=air.ca_descriptor(bad), version=1), 1)
        with raises(RemoteError):
            feed(programmes, 0, air.pat(((1, bad),), version=1), 1)
        assert bytes(programmes.table) == before


def test_a_pmt_that_the_pat_does_not_announce_is_left_alone():
    programmes = tuned((1, air.pmt()))
    before = bytes(programmes.table)
    feed(programmes, 0x1001, air.pmt(2, ((0x1B, 0x200),), pcr=0x200), 1)
    assert bytes(programmes.table) == before


def test_a_pat_of_endless_sections_is_refused():
    programmes = Programmes()
    for number in range(MAX_PROGRAMMES):
        feed(programmes, 0, air.pat((), number=number, last=255), number)
    with raises(RemoteError):
        feed(programmes, 0, air.pat((), number=99, last=255), MAX_PROGRAMMES)


def test_hostile_tables_cannot_take_more_than_their_limits():
    rng = air.Rng(71)
    programmes = Programmes()
    for counter in range(air.times(150)):
        sections = [
            (
                0,
                air.pat(
                    [(rng.below(65536), 0x20 + rng.below(0x1FDE)) for _ in range(rng.below(12))],
                    rng.below(3),
                    number=rng.below(256),
                    last=1,
                ),
            ),
        ]
        for number, pid in list(programmes._pmt_pids.items())[:2]:
            streams = [(0x1B, rng.below(8192)) for _ in range(rng.below(60))]
            sections.append((pid, air.pmt(number, streams, air.ca_descriptor(rng.below(8192)), version=rng.below(32))))
        for pid, section in sections:
            try:
                feed(programmes, pid, section, counter)
            except RemoteError:
                pass
        assert len(programmes._pmt_pids) <= MAX_PROGRAMMES
        assert len(programmes._pmts) <= MAX_PROGRAMMES
        assert len(programmes._readers) <= MAX_PROGRAMMES
        assert len(programmes._pat_crc) <= MAX_PROGRAMMES
        for _, pmt in programmes._pmts.values():
            assert len(pmt.streams) + len(pmt.tables) <= MAX_STREAMS
        assert base_is_whole(programmes)
        # Nothing is left behind in the table by what has gone.
        known = set(programmes._pmt_pids.values())
        for _, pmt in programmes._pmts.values():
            known |= pmt.streams | pmt.tables
        if programmes.ca:
            known.add(programmes.ca[0])
        assert set(named(programmes)) <= known
