# on the pico: long
"""Hostile and broken streams: nothing scrambled comes out, no wrong key opens anything, nothing raises, memory stays.

Every packet that comes out must be one that the broadcaster had in clear, or a table as it was sent.
"""

import gc

import small_stream as air
from player_rig import Rig, content

PORTIONS = 6
PACKETS = 12


class Broadcast:
    """Portions of PACKETS packets; `sent`: (portion, packet) in order, with tables and three ECMs a portion."""

    def __init__(self, seed):
        rng = air.Rng(seed)
        self.clear = set()
        self.sent = []
        self.tables = air.section_packets(0, air.pat(((1, air.PMT_PID),))) + air.section_packets(air.PMT_PID, air.pmt())
        for portion in range(PORTIONS):
            clear, sent = content(rng, PACKETS, portion, portion * PACKETS)
            self.clear.update(clear)
            for i in range(PACKETS):
                if i % 4 == 0:
                    self.sent.append((portion, air.ecm_packet(portion, 20 * (PACKETS - i), portion * 3 + i // 4)))
                self.sent.append((portion, sent[i]))

    def tune(self, keys):
        rig = Rig(keys)
        rig.flush(self.tables)
        rig.sink.got = bytearray()
        return rig


def play(rig, packets):
    """A packet in 15 ms, as the ECMs of Broadcast say."""
    for one in packets:
        rig.feed(one)
        rig.now_ms += 14
    rig.wait(100)
    got = bytes(rig.sink.got)
    assert len(got) % 188 == 0
    return [got[at : at + 188] for at in range(0, len(got), 188)]


def judge(broadcast, out):
    wrong = [one for one in out if one not in broadcast.clear]
    assert not wrong, "%d of %d packets came out wrong" % (len(wrong), len(out))


def test_undisturbed_everything_comes_out():
    broadcast = Broadcast(1)
    rig = broadcast.tune(range(PORTIONS))
    out = play(rig, [one for _, one in broadcast.sent])
    judge(broadcast, out)
    assert len(out) == PORTIONS * PACKETS


def test_reordered_packets_are_opened_with_their_own_key_or_not_at_all():
    for seed in range(1, 1 + air.times(8)):
        broadcast = Broadcast(seed)
        rng = air.Rng(100 + seed)
        packets = [one for _, one in broadcast.sent]
        for _ in range(30):
            at = rng.below(len(packets) - 4)
            packets.insert(at + rng.below(4), packets.pop(at))
        out = play(broadcast.tune(range(PORTIONS)), packets)
        judge(broadcast, out)
        assert len(out) > PACKETS


def test_duplicated_packets_are_opened_with_their_own_key_or_not_at_all():
    broadcast = Broadcast(2)
    rng = air.Rng(102)
    packets = []
    for _, one in broadcast.sent:
        packets += [one] * (1 + (rng.below(4) == 0))
    out = play(broadcast.tune(range(PORTIONS)), packets)
    judge(broadcast, out)
    assert len(out) >= PORTIONS * PACKETS


def test_lost_packets_and_lost_ecms_open_nothing_with_a_wrong_key():
    for seed in range(1, 1 + air.times(8)):
        broadcast = Broadcast(seed)
        rng = air.Rng(200 + seed)
        # ECMs go twice as often as others, and now and then a whole stretch is missing while time goes on.
        rig = broadcast.tune(range(PORTIONS))
        for _, one in broadcast.sent:
            lost = rng.below(6) == 0 or (one[1:3] == b"\x5f\xf0" and rng.below(2))
            rig.feed(b"" if lost else one)
            rig.now_ms += 14
        rig.wait(600)
        got = bytes(rig.sink.got)
        judge(broadcast, [got[at : at + 188] for at in range(0, len(got), 188)])


def test_without_any_ecm_after_the_first_a_portion_of_the_same_parity_stays_dark():
    broadcast = Broadcast(3)
    rig = broadcast.tune(range(PORTIONS))
    first = True
    for _, one in broadcast.sent:
        if one[1:3] != b"\x5f\xf0" or first:
            first = False
            rig.feed(one)
        # Slow enough for portion 2 to begin after the stale time.
        rig.now_ms += 40
    got = bytes(rig.sink.got)
    judge(broadcast, [got[at : at + 188] for at in range(0, len(got), 188)])
    assert got


def test_pieces_spliced_in_from_anywhere_with_their_ecm_are_opened_right_or_not_at_all():
    for seed in range(1, 1 + air.times(8)):
        broadcast = Broadcast(seed)
        rng = air.Rng(300 + seed)
        packets = []
        at = 0
        while at < len(broadcast.sent):
            packets += [one for _, one in broadcast.sent[at : at + 5]]  # every piece begins with an ECM
            at += 5
            if rng.below(3) == 0:
                back = 5 * rng.below(len(broadcast.sent) // 5)
                packets += [one for _, one in broadcast.sent[back : back + 5]]
        judge(broadcast, play(broadcast.tune(range(PORTIONS)), packets))


def test_without_keys_nothing_but_tables_comes_out_of_a_mutated_stream():
    for seed in range(1, 1 + air.times(5)):
        broadcast = Broadcast(seed)
        rng = air.Rng(400 + seed)
        data = bytearray(b"".join([one for _, one in broadcast.sent]))
        for _ in range(120):
            at = 188 * rng.below(len(data) // 188) + rng.below(6)
            data[at] ^= 1 << rng.below(8)
        rig = broadcast.tune(())
        rig.flush(bytes(data))
        got = bytes(rig.sink.got)
        for at in range(0, len(got), 188):
            pid = (got[at + 1] & 0x1F) << 8 | got[at + 2]
            assert pid < 0x20 or pid == air.PMT_PID
            assert got[at] == 0x47 and got[at + 3] & 0xC0 == 0


def test_what_comes_out_of_a_mutated_stream_was_opened_and_never_only_copied():
    for seed in range(1, 1 + air.times(5)):
        broadcast = Broadcast(seed)
        rng = air.Rng(500 + seed)
        data = bytearray(b"".join([one for _, one in broadcast.sent]))
        for _ in range(60):
            data[188 * rng.below(len(data) // 188) + rng.below(188)] ^= 1 << rng.below(8)
        sent = {bytes(one[4:]) for _, one in broadcast.sent if one[3] & 0xC0 and air.payload_at(one) < 170}
        sent |= {bytes(data[at + 4 : at + 188]) for at in range(0, len(data), 188) if data[at + 3] & 0xC0}
        rig = broadcast.tune(range(PORTIONS))
        for at in range(0, len(data), 188):
            rig.feed(bytes(data[at : at + 188]))
            rig.now_ms += 14
        got = bytes(rig.sink.got)
        assert len(got) > 188 * PACKETS
        for at in range(0, len(got), 188):
            assert got[at + 3] & 0xC0 == 0
            one = got[at : at + 188]
            pid = (one[1] & 0x1F) << 8 | one[2]
            if pid == air.ES_PID and one[3] & 0x10 and air.payload_at(one) < 170:
                assert one[4:] not in sent, "a scrambled payload came out"


def test_random_octets_in_random_pieces_never_raise():
    rig = Rig()
    rng = air.Rng(600)
    for _ in range(air.times(60)):
        rig.feed(rng.octets(1 + rng.below(400)))
        rig.feed(b"\x47" * rng.below(3))
    assert len(rig.sink.got) % 188 == 0


def test_random_packets_on_the_pids_that_matter_never_raise_and_hold_a_bounded_memory():
    rng = air.Rng(700)
    broadcast = Broadcast(5)
    rig = broadcast.tune(range(PORTIONS))
    growth = []
    for _ in range(4):
        for counter in range(air.times(150)):
            pid = (0, air.PMT_PID, air.ECM_PID, air.ES_PID, 0x11, rng.below(0x2000))[rng.below(6)]
            kind = rng.below(4)
            if kind == 0:
                section = air.pat([(rng.below(65536), rng.below(8192)) for _ in range(rng.below(6))], rng.below(32))
            elif kind == 1:
                streams = [(rng.below(256), rng.below(8192)) for _ in range(rng.below(8))]
                section = air.pmt(rng.below(3), streams, air.ca_descriptor(rng.below(8192), 7), version=rng.below(32))
            elif kind == 2:
                section = air.ecm(rng.below(8), rng.below(500), broadcast=rng.octets(8))
            else:
                section = rng.octets(3 + rng.below(170))
            for one in air.section_packets(pid, section, counter):
                rig.feed(one)
        rig.sink.got = bytearray()
        rig.events = []
        if hasattr(gc, "mem_alloc"):
            gc.collect()
            growth.append(gc.mem_alloc())
    assert rig.player.refused > 0
    if growth:
        assert growth[-1] - growth[0] < 16384, growth
