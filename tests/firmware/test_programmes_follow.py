# on the pico: long
"""PAT and PMT as the world sends them: odd entries, many services, tables that move and change, the chosen service."""

import small_stream as air
from kit import raises
from programmes_rig import base_is_whole, feed, kind, named, pairs, tuned
from settop.errors import RemoteError
from settop.player.programmes import MAX_READERS, MAX_SERVICES, Programmes
from settop.services.call.opener import recognise
from settop.ts import packet as ts


def pmt_of(number, pid=None, version=0):
    """A PMT of ours with one stream, on PID 0x100 times its number where `pid` does not say otherwise."""
    pid = pid or 0x100 * number
    return air.pmt(number, ((0x1B, pid),), pcr=pid, version=version)


def streams(programmes):
    return sorted([pid for pid, one in named(programmes).items() if one & ts.PID_KIND == ts.PID_ES])


# --- entries that cannot be used ------------------------------------------------------------------------------------


def test_pat_entries_that_cannot_be_used_do_not_hide_those_that_can():
    for bad in (0, 1, 0x0F, 0x1FFF):
        for entries in (
            ((1, 0x1001), (2, bad)),
            ((2, bad), (1, 0x1001)),
            ((1, bad), (1, 0x1001)),
            ((0, 16), (1, 0x1001)),
        ):
            programmes = Programmes(recognise)
            feed(programmes, 0, air.pat(entries))
            feed(programmes, 0x1001, air.pmt())
            assert kind(programmes, air.ES_PID) == ts.PID_ES, (bad, entries)
            assert base_is_whole(programmes)


def test_a_pmt_may_lie_on_any_pid_from_0x10_on():
    for pid in (0x10, 0x11, 0x1F, 0x20, 0x1FFE):
        programmes = Programmes(recognise)
        feed(programmes, 0, air.pat(((1, pid),)))
        feed(programmes, pid, air.pmt())
        assert kind(programmes, air.ES_PID) == ts.PID_ES, pid


def test_a_programme_named_twice_is_read_from_both_pids():
    for order in ((0x1001, 0x1002), (0x1002, 0x1001)):
        programmes = Programmes(recognise)
        feed(programmes, 0, air.pat([(1, pid) for pid in order]))
        feed(programmes, 0x1002, air.pmt())
        assert kind(programmes, air.ES_PID) == ts.PID_ES


def test_one_bad_section_in_a_packet_does_not_hide_the_others():
    for broken in range(3):
        sections = [pmt_of(n) for n in (1, 2, 3)]
        sections[broken] = sections[broken][:-1] + bytes((sections[broken][-1] ^ 1,))
        programmes = Programmes(recognise)
        feed(programmes, 0, air.pat([(n, 0x1000) for n in (1, 2, 3)]))
        with raises(RemoteError):
            feed(programmes, 0x1000, b"".join(sections))
        assert streams(programmes) == [0x100 * n for n in (1, 2, 3) if n != broken + 1]


# --- many services --------------------------------------------------------------------------------------------------


def test_our_programme_is_found_among_as_many_as_a_pat_can_have():
    for count, ours in ((20, 1), (60, 30), (60, 60), (253, 253)):
        programmes = Programmes(recognise)
        feed(programmes, 0, air.pat([(n, 0x1000 + n) for n in range(1, count + 1)]))
        feed(programmes, 0x1000 + ours, air.pmt(ours))
        assert kind(programmes, air.ES_PID) == ts.PID_ES, (count, ours)
        assert programmes.left_out() is None


def test_what_a_board_has_no_room_for_is_told_once_and_the_chosen_service_is_kept():
    programmes = Programmes(recognise)

    sections = []
    for number in range(3):
        entries = [(n, 0x1000 + n % 64) for n in range(250 * number + 1, 250 * number + 251)]
        sections.append(air.pat(entries, number=number, last=2))

    def send():
        for number, section in enumerate(sections):
            feed(programmes, 0, section, 6 * number)

    send()
    send()
    assert "services in the PAT" in programmes.left_out()
    assert programmes.left_out() is None
    assert len(pairs(programmes)) == MAX_SERVICES and not programmes.has(750)
    programmes.tune(750)
    send()
    feed(programmes, 0x1000 + 750 % 64, air.pmt(750))
    assert kind(programmes, air.ES_PID) == ts.PID_ES
    assert len(pairs(programmes)) == MAX_SERVICES


def test_too_many_streams_cost_the_highest_services_and_never_the_chosen_one():
    def big(number):
        return air.pmt(number, [(0x1B, 0x100 + 0x100 * number + i) for i in range(190)])

    programmes = Programmes(recognise)
    feed(programmes, 0, air.pat([(n, 0x1000 + n) for n in range(1, 8)]))
    for n in range(7, 0, -1):
        feed(programmes, 0x1000 + n, big(n))
    assert "service 7" in programmes.left_out()
    assert [n for n in range(1, 8) if programmes.is_ours(n)] == [1, 2, 3, 4]
    programmes.tune(7)
    feed(programmes, 0x1007, big(7), 3)
    assert kind(programmes, 0x800) == ts.PID_ES and programmes.is_tuned(7)


def test_pmts_that_come_interleaved_over_many_packets_are_all_read():
    programmes = Programmes(recognise)
    numbers = range(1, MAX_READERS + 1)
    feed(programmes, 0, air.pat([(n, 0x1000 + n) for n in numbers]))
    packets = [air.section_packets(0x1000 + n, air.pmt(n, [(0x1B, 0x100 + n, bytes(250))] * 3)) for n in numbers]
    for row in range(len(packets[0])):
        for one in packets:
            programmes.feed_pmt(one[row])
    assert [n for n in numbers if kind(programmes, 0x100 + n) == ts.PID_ES] == list(numbers)
    assert not programmes._readers


# --- tables that move and change ------------------------------------------------------------------------------------


def test_a_pmt_that_moves_stays_in_force_until_it_comes_where_it_moved_to():
    programmes = tuned((1, pmt_of(1)))
    feed(programmes, 0, air.pat(((1, 0x1100),), version=1), 1)
    assert named(programmes) == {0x1100: ts.PID_PMT, 0x100: ts.PID_ES, air.ECM_PID: ts.PID_ECM}
    # The old PID means nothing any more.
    feed(programmes, 0x1001, pmt_of(1, 0x999, version=1), 1)
    assert kind(programmes, 0x999) == ts.PID_DROP
    feed(programmes, 0x1100, pmt_of(1, 0x200))
    assert named(programmes) == {0x1100: ts.PID_PMT, 0x200: ts.PID_ES, air.ECM_PID: ts.PID_ECM}
    feed(programmes, 0, air.pat(((1, 0x1001),), version=2), 2)
    feed(programmes, 0x1001, pmt_of(1), 2)
    assert named(programmes) == {0x1001: ts.PID_PMT, 0x100: ts.PID_ES, air.ECM_PID: ts.PID_ECM}


def test_a_stream_pid_may_become_a_pmt_pid_and_a_stream_again():
    programmes = tuned((1, pmt_of(1)))
    feed(programmes, 0, air.pat(((1, 0x1001), (2, 0x100)), version=1), 1)
    assert kind(programmes, 0x100) == ts.PID_PMT
    feed(programmes, 0, air.pat(((1, 0x1001),), version=2), 2)
    assert kind(programmes, 0x100) == ts.PID_ES


def test_versions_that_go_back_or_stay_with_other_content_are_followed():
    programmes = tuned((1, pmt_of(1, version=5)))
    for counter, (pid, version) in enumerate(((0x200, 4), (0x300, 4), (0x400, 31), (0x500, 0), (0x100, 5))):
        feed(programmes, 0x1001, pmt_of(1, pid, version), counter)
        assert streams(programmes) == [pid]
    for counter, (number, version) in enumerate(((2, 0), (3, 0), (4, 31), (1, 5))):
        feed(programmes, 0, air.pat(((number, 0x1001),), version=version), counter)
        assert pairs(programmes) == [(number, 0x1001)]


def test_counters_do_not_say_whether_a_table_is_new():
    for counter in (0, 7, 15):
        programmes = tuned((1, pmt_of(1)))
        feed(programmes, 0x1001, pmt_of(1, 0x200), counter)
        feed(programmes, 0, air.pat(((1, 0x1001), (2, 0x1002))), counter)
        assert kind(programmes, 0x200) == ts.PID_ES and kind(programmes, 0x1002) == ts.PID_PMT


def test_a_service_that_moves_between_the_sections_of_a_pat_is_never_lost():
    programmes = tuned((1, pmt_of(1)))
    entries = (((1, 0x1001),), ((3, 0x1003),))
    for version in (1, 2, 3, 4):
        for number in (0, 1):
            section = air.pat(entries[number ^ version & 1], version, number=number, last=1)
            feed(programmes, 0, section, 2 * version + number)
            assert kind(programmes, 0x100) == ts.PID_ES
        assert sorted(pairs(programmes)) == [(1, 0x1001), (3, 0x1003)]


def test_a_pat_that_grows_and_shrinks_between_one_section_and_two_is_followed():
    programmes = Programmes(recognise)
    for counter in range(0, 12, 3):
        feed(programmes, 0, air.pat(((1, 0x1001), (2, 0x1002))), counter)
        assert sorted(pairs(programmes)) == [(1, 0x1001), (2, 0x1002)]
        feed(programmes, 0, air.pat(((2, 0x1002),), number=1, last=1), counter + 1)
        feed(programmes, 0, air.pat(((3, 0x1003),), number=0, last=1), counter + 2)
        assert sorted(pairs(programmes)) == [(2, 0x1002), (3, 0x1003)]


# --- the chosen service ---------------------------------------------------------------------------------------------


def two_services():
    return tuned((1, pmt_of(1)), (2, pmt_of(2)))


def test_only_the_chosen_services_streams_and_pmt_are_put_out():
    programmes = two_services()
    programmes.tune(2)
    assert named(programmes) == {
        0x1001: ts.PID_OTHER_PMT,
        0x1002: ts.PID_PMT,
        0x200: ts.PID_ES,
        air.ECM_PID: ts.PID_ECM,
    }
    assert (programmes.is_tuned(1), programmes.is_tuned(2)) == (False, True)
    programmes.tune(None)
    assert streams(programmes) == [0x100, 0x200]
    assert kind(programmes, 0x1001) == ts.PID_PMT


def test_the_choice_holds_while_tables_change_and_for_a_service_that_is_not_there_yet():
    programmes = two_services()
    programmes.tune(3)
    assert programmes.ca is None and streams(programmes) == []
    feed(programmes, 0, air.pat(((1, 0x1001), (3, 0x1003)), version=1), 1)
    feed(programmes, 0x1003, air.pmt(3, ((0x1B, 0x300),), air.ca_descriptor(0x1F00, 9), pcr=0x300))
    assert programmes.ca == (0x1F00, 9) and streams(programmes) == [0x300]
    feed(programmes, 0x1001, pmt_of(1, 0x111, version=1), 1)
    assert programmes.ca == (0x1F00, 9) and streams(programmes) == [0x300]


def test_a_pmt_pid_that_the_chosen_service_shares_passes():
    programmes = Programmes(recognise)
    feed(programmes, 0, air.pat(((1, 0x1000), (2, 0x1000), (3, 0x1003))))
    programmes.tune(2)
    assert (kind(programmes, 0x1000), kind(programmes, 0x1003)) == (ts.PID_PMT, ts.PID_OTHER_PMT)


def test_services_are_told_in_order_and_once():
    programmes = Programmes(recognise)
    feed(programmes, 0, air.pat(((9, 0x1009), (2, 0x1002), (65535, 0x1003), (2, 0x1004))))
    found, number = [], 0
    while number is not None:
        number = programmes.service_behind(number)
        found.append(number)
    assert found == [2, 9, 65535, None]
