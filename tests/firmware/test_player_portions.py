# on the pico: long
"""The player at portion changes: which key opens what, and that no wrong key ever does."""

import small_stream as air
from player_rig import Rig, content
from settop.player.portions import CLAIMS_BACK, EARLY_MS, STALE_MS

OTHER = b"another!"


def test_two_portions_change_without_a_packet_lost():
    rng = air.Rng(1)
    clear0, sent0 = content(rng, 20, 0)
    clear1, sent1 = content(rng, 20, 1)
    rig = Rig((0, 1)).tune(0, 100)
    assert rig.flush(sent0 + [air.ecm_packet(1)] + sent1) == b"".join(clear0 + clear1)
    assert rig.events == [
        ("broadcast", air.PROGRAMME_ID, air.BROADCAST),
        ("portion", 0, air.PROGRAMME_ID, air.BROADCAST),
        ("portion", 1, air.PROGRAMME_ID, air.BROADCAST),
    ]
    assert rig.keyring.held() == [1]


def test_without_a_key_a_portion_stays_dark():
    rng = air.Rng(2)
    rig = Rig((0,)).tune()
    assert rig.flush([air.ecm_packet(1)] + content(rng, 20, 1)[1]) == b""
    assert rig.player.dark == 20


def test_a_key_that_arrives_in_the_middle_opens_from_there_on():
    rng = air.Rng(3)
    clear, sent = content(rng, 20, 0)
    rig = Rig().tune()
    assert rig.flush(sent[:10]) == b""
    rig.give(0)
    assert rig.flush(sent[10:]) == b"".join(clear[10:])


def test_a_key_that_goes_in_the_middle_closes_from_there_on():
    clear, sent = content(air.Rng(4), 20, 0)
    rig = Rig((0,)).tune()
    assert rig.flush(sent[:10]) == b"".join(clear[:10])
    rig.keyring.wipe()
    assert rig.flush(sent[10:]) == b""


def test_packets_of_the_other_parity_are_not_opened_away_from_the_change():
    rng = air.Rng(5)
    rig = Rig((3, 4)).tune(3, 5000)
    assert rig.flush(content(rng, 10, 4)[1]) == b""
    assert rig.flush(content(rng, 10, 2)[1]) == b""
    assert rig.flush([air.ecm_packet(4)]) == b""
    assert rig.flush(content(rng, 10, 3)[1]) == b""  # the old parity after the change
    assert rig.player.opened == 0


def test_an_ecm_lost_at_the_change_costs_nothing():
    rng = air.Rng(6)
    clear0, sent0 = content(rng, 10, 0)
    clear1, sent1 = content(rng, 30, 1)
    rig = Rig((0, 1)).tune(0, 300)
    out = rig.flush(sent0)
    rig.wait(260)
    out += rig.flush(sent1[:10])
    out += rig.flush([air.ecm_packet(1)] + sent1[10:])
    assert out == b"".join(clear0 + clear1)


def test_the_next_key_opens_no_earlier_than_just_before_the_change():
    rng = air.Rng(7)
    clear, sent = content(rng, 10, 1)
    rig = Rig((0, 1)).tune(0, 1000)
    rig.wait(1000 - EARLY_MS - 200)
    assert rig.flush(sent[:5]) == b""
    rig.wait(200)
    assert rig.flush(sent[5:]) == b"".join(clear[5:])


def test_when_the_change_goes_by_unannounced_the_old_key_goes():
    rng = air.Rng(8)
    rig = Rig((0, 1)).tune(0, 300)
    rig.wait(300 + STALE_MS + 50)
    assert rig.events[-1] == ("lost_portion",)
    assert rig.player.portion is None
    assert rig.keyring.held() == [1]
    # Portion 2 has portion 0's parity: the wrong key would make rubbish of it.
    assert rig.flush(content(rng, 10, 2)[1]) == b""
    clear, sent = content(rng, 10, 1)
    assert rig.flush([air.ecm_packet(1)] + sent) == b"".join(clear)


def test_once_the_next_parity_has_come_the_old_one_stays_shut_without_an_ecm():
    rng = air.Rng(17)
    rig = Rig((0, 1)).tune(0, 300)
    clear, sent = content(rng, 5, 1)
    rig.wait(260)
    assert rig.flush(sent) == b"".join(clear)
    # Portion 1 was a short one: this is portion 2, and portion 0's key is still here.
    assert rig.keyring.held() == [0, 1]
    two = content(rng, 5, 2)[1]
    assert rig.flush(two) == b""
    rig.keyring.on_change()  # as when a key comes
    assert rig.flush(two) == b""


def test_a_tuner_that_is_never_empty_keeps_no_old_key_alive():
    rng = air.Rng(15)
    rig = Rig((0, 1)).tune(0, 300)
    # Portion 0 ends, portion 1 and its ECM are missing, portion 2 has portion 0's parity: always more to read.
    rig.tuner.data = b"".join([air.packet(0x555, 0, bytes(184))] * 100 + content(rng, 40, 2)[1])
    rig.tuner.most = 752
    rig.step_ms = 30
    before = len(rig.sink.got)
    while rig.step():
        pass
    assert len(rig.sink.got) == before
    assert ("lost_portion",) in rig.events


def test_a_firmware_that_was_busy_elsewhere_opens_what_waited():
    rng = air.Rng(16)
    clear0, sent0 = content(rng, 30, 0)
    clear1, sent1 = content(rng, 30, 1)
    rig = Rig((0, 1)).tune(0, 300)
    out = rig.feed(sent0[:5])
    rig.now_ms += 1500
    rig.tuner.most = 1000
    out += rig.flush(sent0[5:] + [air.ecm_packet(1)] + sent1)
    assert out == b"".join(clear0 + clear1)


def test_a_damaged_ecm_is_refused_and_changes_nothing():
    rng = air.Rng(9)
    clear, sent = content(rng, 10, 0)
    rig = Rig((0, 1)).tune(0, 60000)
    for at in range(28):
        bad = bytearray(air.ecm_packet(1))
        bad[air.payload_at(bad) + 1 + at] ^= 0x10
        assert rig.flush(bytes(bad)) == b""
    assert rig.player.refused == 28
    assert rig.flush(sent) == b"".join(clear)


def test_an_ecm_of_another_programme_than_the_pmt_names_is_refused():
    rig = Rig((0,)).tune()
    rig.flush(air.ecm_packet(5, programme_id=8))
    assert rig.player.portion == 0 and rig.player.refused == 1


def test_an_ecm_of_an_older_portion_shuts_until_the_running_one_is_heard_again():
    rng = air.Rng(10)
    clear, sent = content(rng, 30, 6)
    rig = Rig((6, 7)).tune(6)
    assert rig.flush(sent[:10]) == b"".join(clear[:10])
    # A piece of portion 4, of the same parity, spliced in with its ECM: dark, and no key is lost.
    assert rig.flush([air.ecm_packet(4)] + content(rng, 10, 4)[1]) == b""
    assert rig.player.portion == 6 and rig.player.refused == 1
    assert rig.flush(sent[10:20]) == b""
    assert rig.flush([air.ecm_packet(6)] + sent[20:]) == b"".join(clear[20:])


def test_one_ecm_of_a_far_portion_does_not_cost_the_keys():
    clear, sent = content(air.Rng(11), 10, 6)
    rig = Rig((6, 7)).tune(6)
    rig.flush(air.ecm_packet(0xFFFFFFFF, 0xFFFFFFFF))
    assert rig.keyring.held() == [6, 7]
    assert rig.flush([air.ecm_packet(6)] + sent) == b"".join(clear)


def test_a_portion_jump_is_believed_the_second_time():
    clear, sent = content(air.Rng(12), 10, 9)
    rig = Rig((6, 9)).tune(6)
    rig.flush(air.ecm_packet(9))
    assert rig.player.portion == 6
    rig.flush(air.ecm_packet(9))
    assert rig.flush(sent) == b"".join(clear)
    assert rig.keyring.held() == [9]
    assert rig.events[-1] == ("portion", 9, air.PROGRAMME_ID, air.BROADCAST)


def test_two_ecms_that_disagree_are_no_confirmation():
    rig = Rig((6,)).tune(6)
    for portion in (9, 12, 9, 12):
        rig.flush(air.ecm_packet(portion))
    assert rig.player.portion == 6


def test_an_old_portion_is_believed_only_when_nothing_else_is_heard():
    rig = Rig((6,)).tune(6)
    for _ in range(CLAIMS_BACK - 1):
        rig.flush(air.ecm_packet(3))
    assert rig.player.portion == 6
    rig.flush(air.ecm_packet(3))
    assert rig.player.portion == 3


def test_another_broadcast_wipes_the_keyring():
    rng = air.Rng(13)
    rig = Rig().tune(6)
    rig.give(6)
    rig.give(7)
    one = air.ecm_packet(6, broadcast=OTHER)
    assert rig.flush([one] + content(rng, 5, 6)[1]) == b""  # one alone shuts, and costs no key
    assert rig.keyring.held() == [6, 7]
    rig.flush(one)
    assert rig.keyring.held() == []
    assert rig.events[-2:] == [("broadcast", air.PROGRAMME_ID, OTHER), ("portion", 6, air.PROGRAMME_ID, OTHER)]
    assert rig.flush(content(rng, 5, 6)[1]) == b""


def test_streams_under_another_ca_wait_for_its_ecm():
    rng = air.Rng(14)
    rig = Rig((0,)).tune()
    rig.flush(air.section_packets(air.PMT_PID, air.pmt(descriptors=air.ca_descriptor(0x1F00, 9), version=1), 1))
    rig.sink.got = bytearray()
    assert rig.flush(content(rng, 10, 0)[1]) == b""
    assert rig.flush(air.ecm_packet(0)) == b""  # the old ECM PID means nothing any more
    assert rig.player.portion == 0
    for _ in range(2):
        rig.flush(air.ecm_packet(4, programme_id=9, broadcast=OTHER, pid=0x1F00))
    assert rig.opener.programme_id == 9 and rig.player.portion == 4


def test_events_that_nobody_takes_are_bounded():
    rig = Rig().tune(0, 100)
    rig.player.next_event = lambda: None
    for first in range(1, 200, 20):  # a board's heap has no room for all of them in one piece
        rig.feed([air.ecm_packet(portion, 100) for portion in range(first, min(first + 20, 200))])
    rig.flush()
    assert rig.player.portion == 199
    assert len(rig.player._events) <= 64


def test_forged_ecm_cannot_end_the_running_portion_early():
    rng = air.Rng(3)
    clear, sent = content(rng, 40, 0)
    alien = content(rng, 1, 3)[1]  # odd, and under another key than that of portion 1
    rig = Rig((0, 1)).tune(0, 10_000)
    assert rig.flush([air.ecm_packet(0, 0)] + alien) == b""
    assert rig.flush([air.ecm_packet(0, 10_000)] + sent) == b"".join(clear)


def test_forged_ecm_cannot_keep_a_key_beyond_its_portion():
    rig = Rig((0,)).tune(0, 10_000)
    rig.flush(air.ecm_packet(0, 0xFFFFFFFF))
    rig.flush(air.ecm_packet(0, 3_000_000))
    rig.wait(11_000)
    assert rig.keyring.held() == []
    assert rig.player.refused == 2


def test_one_ecm_of_the_next_portion_too_soon_costs_no_key():
    rng = air.Rng(4)
    clear, sent = content(rng, 40, 0)
    rig = Rig((0, 1)).tune(0, 10_000)
    rig.flush(air.ecm_packet(1, 10_000))
    assert rig.flush([air.ecm_packet(0, 10_000)] + sent) == b"".join(clear)
    assert rig.player.portion == 0


def test_ecm_without_a_possible_portion_is_refused():
    rig = Rig((0,)).tune(0, 10_000)
    rig.flush(air.ecm_packet(0xFFFFFFFF, 10_000))
    assert (rig.player.portion, rig.player.refused) == (0, 1)
