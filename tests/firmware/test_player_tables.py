# on the pico: long
"""Tables while the programme runs: what changes, changes with the next packet; damaged packets; another service."""

import small_stream as air
from player_rig import Rig, content

OTHER_ECM, OTHER_ID, OTHER_RUN = 0x1FE0, 9, b"other  9"


def tables(entries, *pmts):
    """A PAT of `entries` and the PMTs ((PID, section), ...)."""
    out = air.section_packets(0, air.pat(entries))
    for pid, section in pmts:
        out += air.section_packets(pid, section)
    return out


def opened(rng, count, portion, pid, key=None):
    """(clear, on air) packets of a stream."""
    clear = [air.stream_packet(rng, i, None if i % 3 else rng.below(183), pid) for i in range(count)]
    return clear, [air.scrambled(one, key or air.key_of(portion), portion & 1) for one in clear]


def on_pid(data, pid):
    """The packets of a PID, one behind the other."""
    data = bytes(data)
    return b"".join(
        [data[at : at + 188] for at in range(0, len(data), 188) if pid == (data[at + 1] & 31) << 8 | data[at + 2]]
    )


def damaged(one):
    return bytes((one[0], one[1] | 0x80)) + one[2:]


def test_tables_and_what_they_name_may_come_in_one_piece():
    clear, sent = content(air.Rng(1), 12, 0)
    rig = Rig((0,), slots=25, ring_bytes=8192)
    head = tables(((1, air.PMT_PID),), (air.PMT_PID, air.pmt())) + [air.ecm_packet(0)]
    # All that is known when the first packet comes lies in the octets before it; the key takes a step longer.
    rig.feed(head + sent[:6])
    assert (rig.player.portion, rig.player.dark) == (0, 5)
    assert rig.flush(sent[6:]) == b"".join(clear[5:])
    assert (rig.player.lost, rig.player.refused, rig.player.packets) == (0, 0, len(head) + 12)


def test_streams_come_and_go_with_the_packet_behind_their_pmt():
    rng = air.Rng(2)
    clear, sent = content(rng, 4, 0)
    extra, extra_sent = opened(rng, 4, 0, 0x222)
    both = air.pmt(1, ((0x1B, air.ES_PID), (0x0F, 0x222)), version=1)
    for slots in (2, 8, 25):
        rig = Rig((0,), slots=slots, ring_bytes=8192).tune()
        stream = extra_sent[:1] + sent[:2] + air.section_packets(air.PMT_PID, both) + extra_sent[1:3] + sent[2:3]
        stream += air.section_packets(air.PMT_PID, air.pmt(version=2)) + extra_sent[3:] + sent[3:]
        out = rig.flush(stream)
        assert on_pid(out, 0x222) == b"".join(extra[1:3]), slots
        assert on_pid(out, air.ES_PID) == b"".join(clear), slots
        assert (rig.player.lost, rig.player.dark, rig.player.resyncs) == (0, 0, 0)


def test_packets_behind_a_change_are_counted_once():
    rng = air.Rng(8)
    _, sent = content(rng, 9, 0)
    head = tables(((1, air.PMT_PID), (2, 0x1002)), (air.PMT_PID, air.pmt()))
    stream = air.section_packets(air.PMT_PID, air.pmt(version=1), 1)
    for i in range(3):
        stream += sent[3 * i : 3 * i + 3] + air.section_packets(0, air.pat(((1, air.PMT_PID), (2, 0x1002))), i + 1)
        stream += air.section_packets(air.PMT_PID, air.pmt(version=i), i + 2) + [air.packet(0x12, i, bytes(184))]
    for slots in (3, 8, 25):
        rig = Rig((0,), slots=slots, ring_bytes=8192)
        rig.flush(head)
        rig.flush(stream)
        assert (rig.player.lost, rig.player.packets) == (0, len(head) + len(stream)), slots
        # And a gap behind one is still seen.
        rig.flush(air.section_packets(air.PMT_PID, air.pmt(version=9), 5) + sent[:1] + sent[3:4] + sent[5:6])
        assert rig.player.lost >= 1


def test_a_pat_with_a_parked_service_and_many_others_costs_nothing():
    clear, sent = content(air.Rng(3), 6, 0)
    for entries in (
        [(0, 16), (1, air.PMT_PID), (2, 0x1FFF)],
        [(n, 0x800 + n) for n in range(2, 61)] + [(1, air.PMT_PID)],
    ):
        rig = Rig((0,))
        rig.flush(tables(entries, (air.PMT_PID, air.pmt())) + [air.ecm_packet(0)])
        assert on_pid(rig.flush(sent), air.ES_PID) == b"".join(clear)
        assert rig.player.refused == 0


def test_what_finds_no_room_is_an_event():
    rig = Rig()
    for number in range(3):
        entries = [(250 * number + n, 0x1000 + n) for n in range(1, 251)]
        rig.feed(air.section_packets(0, air.pat(entries, number=number, last=2), 6 * number))
    rig.wait(100)
    assert [event[0] for event in rig.events] == ["left_out"]


def test_streams_on_pids_of_service_information_are_opened():
    for pid in (0x10, 0x11, 0x1F):
        clear, sent = opened(air.Rng(pid), 5, 0, pid)
        rig = Rig((0,)).tune(pmt=air.pmt(1, ((0x1B, pid),), pcr=pid))
        assert rig.flush(sent) == b"".join(clear)


def test_a_damaged_packet_is_counted_and_means_nothing():
    rng = air.Rng(4)
    clear, sent = content(rng, 3, 0)
    rig = Rig((0,)).tune(remaining_ms=60000)
    bad = [
        sent[0],
        air.section_packets(0, air.pat(((1, 0x1100),), version=1))[0],
        air.section_packets(air.PMT_PID, air.pmt(1, ((0x1B, 0x200),), version=1))[0],
        air.ecm_packet(7, 50, 5, broadcast=b"elsewher"),
        air.section_packets(0x11, air.sdt(((1, b"Bad"),)))[0],
        air.packet(0x1FFF, 0, bytes(184)),
    ]
    out = rig.flush([damaged(one) for one in bad] * 3 + sent)
    assert out == b"".join(clear)
    player = rig.player
    assert (player.damaged, player.opened, player.refused, player.dark) == (3 * len(bad), 3, 0, 0)
    # Counters of damaged packets say nothing of what is lost: these here follow on what came before them.
    assert player.lost == 0 and player.portion == 0
    assert player.programmes.names.get(1) == ""


def test_ecms_that_move_to_another_pid_shut_the_keys_until_the_first_one_and_lose_none():
    rng = air.Rng(9)
    clear, sent = content(rng, 9, 0)
    rig = Rig((0,)).tune(remaining_ms=60000)
    moved = air.pmt(descriptors=air.ca_descriptor(OTHER_ECM), version=1)
    assert rig.flush(sent[:3]) == b"".join(clear[:3])
    out = rig.flush(air.section_packets(air.PMT_PID, moved, 1) + sent[3:6])
    assert on_pid(out, air.ES_PID) == b""
    out = rig.flush([air.ecm_packet(0, 60000, pid=OTHER_ECM)] + sent[6:])
    assert out == b"".join(clear[6:])
    assert rig.keyring.held() == [0] and [event[0] for event in rig.events] == ["broadcast", "portion"]


def test_a_programme_that_leaves_and_comes_back_opens_with_its_pmt():
    clear, sent = content(air.Rng(10), 6, 0)
    rig = Rig((0,)).tune(remaining_ms=60000)
    there, gone = air.pat(((1, air.PMT_PID),)), air.pat(((2, 0x1002),), version=1)
    for _ in range(2):
        assert on_pid(rig.flush(air.section_packets(0, gone) + sent), air.ES_PID) == b""
        # Its ECMs are the same as before: nothing that was scrambled meanwhile can have other keys.
        out = rig.flush(air.section_packets(0, there) + air.section_packets(air.PMT_PID, air.pmt()) + sent)
        assert on_pid(out, air.ES_PID) == b"".join(clear)


def test_a_choice_that_is_not_there_and_back_costs_no_key():
    clear, sent = content(air.Rng(11), 6, 0)
    rig = Rig((0,)).tune(remaining_ms=60000)
    rig.player.tune(9)
    assert rig.flush(sent) == b""
    rig.player.tune(None)
    assert rig.flush(sent) == b"".join(clear)


# --- another service --------------------------------------------------------------------------------------------------


def two(second=None):
    """PAT and PMTs of services 1 and 2, whose streams are on PIDs 0x100 and 0x200."""
    first = air.pmt(1, ((0x1B, 0x100),), pcr=0x100)
    second = second or air.pmt(2, ((0x1B, 0x200),), pcr=0x200)
    return tables(((1, 0x1001), (2, 0x1002)), (0x1001, first), (0x1002, second))


def test_another_service_under_the_same_keys_opens_at_once():
    rng = air.Rng(5)
    first, first_sent = opened(rng, 6, 0, 0x100)
    second, second_sent = opened(rng, 6, 0, 0x200)
    both = [one for pair in zip(first_sent, second_sent) for one in pair]
    rig = Rig((0,))
    rig.flush(two() + [air.ecm_packet(0, 60000)])
    rig.sink.got = bytearray()
    rig.flush(both)
    assert on_pid(rig.sink.got, 0x100) == b"".join(first) and on_pid(rig.sink.got, 0x200) == b"".join(second)
    for service, clear, silent in ((2, second, 0x100), (1, first, 0x200), (2, second, 0x100)):
        rig.player.tune(service)
        out = rig.flush(both)
        assert out == b"".join(clear)
        assert on_pid(out, silent) == b""
    rig.player.tune(None)
    assert len(rig.flush(both)) == 188 * 12
    # No key was asked for anew, no portion was lost, no packet missed.
    assert [event[0] for event in rig.events] == ["broadcast", "portion"]
    assert rig.player.lost == 0


def test_only_the_chosen_services_pmt_is_put_out():
    rig = Rig()
    rig.flush(two())
    rig.player.tune(2)
    out = rig.flush(two())
    assert len(on_pid(out, 0)) == 188 and on_pid(out, 0x1001) == b"" and len(on_pid(out, 0x1002)) == 188


def test_another_broadcasts_service_wipes_the_keys_and_its_first_ecm_is_believed():
    rng = air.Rng(6)
    rig = Rig((0,))
    foreign = air.pmt(2, ((0x1B, 0x200),), air.ca_descriptor(OTHER_ECM, OTHER_ID), pcr=0x200)
    rig.flush(two(foreign) + [air.ecm_packet(0, 60000)])
    assert rig.keyring.held() == [0]
    rig.player.tune(2)
    assert rig.keyring.held() == [] and rig.player.portion is None
    rig.keys = set()
    rig.feed(air.ecm_packet(0, 60000, 0, OTHER_ID, OTHER_RUN, OTHER_ECM))
    rig.wait(100)
    assert rig.events[-2:] == [("broadcast", OTHER_ID, OTHER_RUN), ("portion", 0, OTHER_ID, OTHER_RUN)]
    key = bytes(range(16))
    clear, sent = opened(rng, 5, 0, 0x200, key)
    rig.keyring.install(0, bytearray(key))
    assert rig.flush(sent) == b"".join(clear)
    # And back: the first programme's ECMs count again, those of the other mean nothing.
    rig.player.tune(1)
    rig.feed(air.ecm_packet(1, 60000, 1))
    rig.feed(air.ecm_packet(5, 60000, 1, OTHER_ID, OTHER_RUN, OTHER_ECM))
    rig.wait(100)
    assert rig.events[-2:] == [
        ("broadcast", air.PROGRAMME_ID, air.BROADCAST),
        ("portion", 1, air.PROGRAMME_ID, air.BROADCAST),
    ]
    assert rig.player.refused == 0


def test_a_service_that_is_not_there_is_dark_until_it_is():
    rng = air.Rng(7)
    clear, sent = opened(rng, 4, 0, 0x200)
    rig = Rig((0,))
    rig.flush(tables(((1, 0x1001),), (0x1001, air.pmt(1, ((0x1B, 0x100),), pcr=0x100))) + [air.ecm_packet(0, 60000)])
    rig.player.tune(2)
    _, first_sent = opened(rng, 4, 0, 0x100)
    assert rig.flush(first_sent) == b""
    rig.flush(two() + [air.ecm_packet(0, 60000, 1)] + [air.ecm_packet(0, 60000, 2)])
    assert rig.flush(sent) == b"".join(clear)
