"""The player at its edges: step with the tuner, tables in pieces, the ring and the sink. Virtual time throughout."""

import small_stream as air
from kit import raises
from player_rig import Rig, content
from settop.errors import LocalError
from settop.player.player import FLUSH_MS, Player
from two_cores import OPENERS, InlineCore


def test_an_opened_portion_equals_the_original():
    clear, sent = content(air.Rng(1), 70, 0)
    for opener in OPENERS:
        with opener() as helper:
            rig = Rig((0,), helper=helper).tune()
            assert rig.flush(sent) == b"".join(clear), opener.name
            player = rig.player
            assert (player.opened, player.dark, player.damaged, player.resyncs, player.lost) == (70, 0, 0, 0, 0)
            assert helper is None or helper.jobs > 5


def test_a_second_core_that_stops_costs_no_packet():
    clear, sent = content(air.Rng(16), 40, 0)
    for good in (None, 0, 2):
        helper = InlineCore(good)
        rig = Rig((0,), helper=helper).tune()
        assert rig.flush(sent) == b"".join(clear)
        assert rig.player.opened == 40 and helper.ended


def test_octets_in_any_pieces_give_the_same_packets():
    clear, sent = content(air.Rng(2), 40, 0)
    for opener in OPENERS:
        for size in (1, 7, 187, 188, 189, 1000):
            count = 40 if size > 7 else air.times(40)
            data = b"".join(sent[:count])
            with opener() as helper:
                rig = Rig((0,), helper=helper).tune(remaining_ms=60000)
                for at in range(0, len(data), size):
                    rig.feed(data[at : at + size])
                rig.wait(FLUSH_MS + 10)
                assert bytes(rig.sink.got) == b"".join(clear[:count]), (opener.name, size)


def test_lost_octets_cost_the_packet_that_they_are_missing_from():
    clear, sent = content(air.Rng(3), 6, 0)
    # Every octet of the header, and a sample of the rest.
    for cut in list(range(6)) + list(range(6, 187, 181 // air.times(18))) + [187]:
        for lost in (1, 3):
            rig = Rig((0,)).tune()
            data = b"".join(sent)
            at = 2 * 188 + cut
            out = rig.flush(data[:at] + data[at + lost :])
            damaged = {2, (at + lost - 1) // 188}
            if cut == 0:
                damaged.add(1)  # nothing says that it ended where it should
            assert out == b"".join(one for i, one in enumerate(clear) if i not in damaged), (cut, lost)
            assert rig.player.resyncs > 0


def test_garbage_before_the_first_packet_is_passed_over():
    clear, sent = content(air.Rng(4), 4, 0)
    rng = air.Rng(5)
    for size in (1, 100, 188, 500, 7000):
        garbage = bytes([octet ^ 1 if octet == 0x47 else octet for octet in rng.octets(size)])
        rig = Rig((0,)).tune()
        assert rig.flush(garbage + b"".join(sent)) == b"".join(clear), size
        assert rig.player.resyncs > 0


def test_sync_octets_in_the_garbage_do_not_hold_the_player():
    clear, sent = content(air.Rng(6), 4, 0)
    rig = Rig((0,)).tune()
    out = rig.flush(b"\x47" * 100 + b"".join(sent))
    assert out[-188 * 3 :] == b"".join(clear[1:])


def test_the_last_packet_comes_out_after_the_flush_time():
    clear, sent = content(air.Rng(7), 2, 0)
    rig = Rig((0,)).tune()
    assert rig.feed(sent) == clear[0]
    assert rig.wait(FLUSH_MS - 20) == b""
    assert rig.wait(30) == clear[1]


def test_a_truncated_last_packet_is_never_put_out():
    clear, sent = content(air.Rng(8), 2, 0)
    for size in (1, 4, 100, 187):
        rig = Rig((0,)).tune()
        assert rig.feed(sent[0] + sent[1][:size]) + rig.wait(1000) == clear[0]


def test_packets_with_transport_error_or_reserved_control_are_damaged():
    clear, sent = content(air.Rng(9), 3, 0)
    for at, value in ((1, sent[1][1] | 0x80), (3, sent[1][3] & 0x3F | 0x40)):
        bad = bytearray(sent[1])
        bad[at] = value
        rig = Rig((0,)).tune()
        assert rig.flush([sent[0], bytes(bad), sent[2]]) == clear[0] + clear[2]
        assert rig.player.damaged == 1


def test_impossible_adaptation_fields_are_damaged():
    rig = Rig((0,)).tune()
    for control, length in ((0xB0, 183), (0xB0, 255), (0xA0, 183), (0x80, 0)):
        one = b"\x47\x01\x00" + bytes((control, length)) + bytes(183)
        assert rig.flush(one) == b""
    assert rig.player.damaged == 4


def test_a_clear_payload_in_a_scrambled_stream_is_refused_and_a_lone_pcr_passes_with_the_key():
    rig = Rig((0,)).tune()
    rng = air.Rng(10)
    lone = air.stream_packet(rng, 0, 183)
    assert rig.flush([air.stream_packet(rng, 0), lone, air.stream_packet(rng, 0, 20)]) == lone
    assert rig.player.refused == 2
    assert Rig().tune().flush(lone) == b""


def test_a_table_packet_that_claims_to_be_scrambled_is_not_put_out():
    rig = Rig((0,)).tune()
    for pid in (0, 0x11, air.PMT_PID):
        one = bytearray(air.packet(pid, 0, bytes(184)))
        one[3] |= 0x80
        assert rig.flush(bytes(one)) == b""
    assert rig.player.damaged == 3


def test_tables_pass_and_ecms_and_unknown_pids_do_not():
    rig = Rig()
    tables = air.section_packets(0, air.pat(((1, air.PMT_PID),))) + [air.packet(0x11, 0, bytes(184))]
    assert rig.flush(tables) == b"".join(tables)
    table = air.section_packets(air.PMT_PID, air.pmt())
    assert rig.flush(table) == b"".join(table)
    assert rig.flush([air.ecm_packet(0), air.packet(0x555, 0, bytes(184)), air.packet(0x1FFF, 0, bytes(184))]) == b""


def test_a_pmt_over_two_packets_and_two_batches():
    pmt = air.pmt(1, ((0x1B, air.ES_PID), (0x0F, 0x101, bytes(150)), (0x06, 0x102, bytes(100))))
    clear, sent = content(air.Rng(11), 3, 0)
    rig = Rig((0,))
    rig.flush(air.section_packets(0, air.pat(((1, air.PMT_PID),))))
    pieces = air.section_packets(air.PMT_PID, pmt)
    assert len(pieces) == 2
    rig.flush(pieces[0])
    rig.flush(air.packet(0x555, 0, bytes(184)))
    rig.flush(pieces[1])
    rig.flush(air.ecm_packet(0))
    assert rig.flush(sent) == b"".join(clear)


def test_pat_pmt_ecm_and_content_may_come_in_one_batch():
    rig = Rig((0,))
    clear, sent = content(air.Rng(12), 20, 0)
    tables = air.section_packets(0, air.pat(((1, air.PMT_PID),))) + air.section_packets(air.PMT_PID, air.pmt())
    rig.flush(tables + [air.ecm_packet(0)] + sent)
    # Repeated, as on air: now they are known.
    assert rig.flush(tables + [air.ecm_packet(0)]) == b"".join(tables)
    assert rig.flush(sent) == b"".join(clear)


def test_a_sink_that_takes_part_gets_all_in_order():
    clear, sent = content(air.Rng(13), 60, 0)
    for takes in (1, 100, 188, 300):
        rig = Rig((0,)).tune()
        rig.sink.takes = takes
        for at in range(0, 60, 10):
            rig.feed(sent[at : at + 10])
            rig.wait(200)
        rig.sink.takes = None
        rig.wait(FLUSH_MS + 20)
        assert bytes(rig.sink.got) == b"".join(clear)
        assert rig.player.overflow == 0


def test_a_stuck_sink_loses_whole_packets_and_counts_them():
    rng = air.Rng(14)
    rig = Rig((0,)).tune()
    clear, sent = content(rng, 100, 0)
    rig.sink.takes = 0
    rig.flush(sent)
    assert rig.player.overflow == 100 - 2048 // 188
    rig.sink.takes = None
    rig.wait(20)
    got = bytes(rig.sink.got)
    assert len(got) == 188 * (100 - rig.player.overflow)
    assert got == b"".join(clear[: len(got) // 188])


def test_a_half_taken_packet_is_finished_before_anything_else():
    clear, sent = content(air.Rng(15), 90, 0)
    rig = Rig((0,)).tune()
    rig.sink.takes = 100
    rig.feed(sent[:10])
    rig.sink.takes = 0
    rig.feed(sent[10:])
    rig.sink.takes = None
    rig.wait(FLUSH_MS + 20)
    got = bytes(rig.sink.got)
    assert rig.player.overflow > 0 and len(got) % 188 == 0
    packets = [got[at : at + 188] for at in range(0, len(got), 188)]
    assert all(one in clear for one in packets)


def test_without_a_key_too_a_half_taken_packet_is_finished():
    """Tables alone go out, and the ring is made only now."""
    tables = [air.packet(0x11, i, bytes([i]) * 184) for i in range(20)]
    rig = Rig().tune()
    rig.sink.takes = 100
    rig.feed(tables[:6])
    rig.sink.takes = 0
    rig.feed(tables[6:])
    rig.sink.takes = None
    rig.wait(FLUSH_MS + 20)
    got = bytes(rig.sink.got)
    assert len(got) == 188 * (20 - rig.player.overflow) and len(got) > 2048 - 188
    assert [tables.index(got[at : at + 188]) for at in range(0, 1880, 188)] == list(range(10))


def test_packets_that_never_came_are_counted():
    clear, sent = content(air.Rng(17), 40, 0)
    rig = Rig((0,)).tune()
    assert rig.flush(sent[:10] + sent[13:20]) == b"".join(clear[:10] + clear[13:20])
    assert (rig.player.lost, rig.player.resyncs, rig.player.damaged) == (3, 0, 0)
    data = b"".join(sent[20:])
    rig.flush(data[:1000] + data[1500:])
    assert rig.player.lost == 3 + 3 and rig.player.resyncs > 0  # octets 1000 to 1499 lie in packets 5, 6 and 7


def test_a_ring_that_could_tear_a_packet_is_refused():
    for slots, ring_bytes in ((32, 6015), (1, 8192), (33, 8192)):
        with raises(LocalError):
            Player(None, None, slots, ring_bytes)
