"""A viewer's buffer stays between its marks over lines of all sorts: sender, line and buffer in virtual time."""

import itertools
import random
from dataclasses import replace

import pytest
from headend.media.flow import CLEAN_MS, MIN_SIZE, Flow
from headend.media.sender import RtpSender
from headend.media.source import TsSource
from headend.media.variants import random_access
from settop.media.buffer import PLAYING
from settop.wire import rtcp
from settop.wire.rtp import Packet
from testbed.network.links import NS_PER_MS, Link

from tests.helpers.clips import clip, have_ffmpeg
from tests.helpers.flow_line import (
    LINE,
    LOW_MS,
    PREROLL_MS,
    RATE_BITS_S,
    SIZE,
    EvenSource,
    FlowLine,
    Sink,
    watched,
)

BACK = Link(delay_ns=60 * NS_PER_MS, jitter_ns=20 * NS_PER_MS)
STEADY = replace(LINE, reorder=0.0, jitter_ns=0)


def line_of(minutes, link=STEADY, changes=(), size=SIZE, **more):
    source = EvenSource(RATE_BITS_S, 60_000 * minutes, name=1)
    return FlowLine(source, size, LOW_MS, PREROLL_MS, link, BACK, 7, changes, **more)


def counts(buffer):
    return buffer.overruns, buffer.underruns, buffer.late, buffer.leaps, buffer.misfits


def assert_between_the_marks(found):
    assert found.buffer.over and counts(found.buffer) == (0, 0, 0, 0, 0)
    assert min(ms for _, _, ms in found.levels) >= LOW_MS
    assert max(octets for _, octets, _ in found.levels) <= SIZE


def test_thirty_minutes_over_an_uneven_line_that_loses_nothing_are_played_octet_by_octet():
    found = watched(30, 0, 1)
    assert_between_the_marks(found)
    assert found.buffer.missing == 0 and found.buffer.reordered > 400
    assert found.sink.sum.hexdigest() == EvenSource(RATE_BITS_S, 1_800_000).sha256()
    middle = sorted(octets for _, octets, _ in found.levels)[len(found.levels) // 2]
    assert middle > SIZE * 2 // 3  # as full as can be


def test_thirty_minutes_with_loss_both_ways_stay_between_the_marks():
    found = watched(30, 0.05, 2)
    assert_between_the_marks(found)
    assert found.buffer.missing == found.to.lost > 500 and found.back.lost > 50


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3, 9))
def test_more_lines_that_carry_the_title_keep_the_buffer_between_its_marks(seed):
    found = watched(30, (0.0, 0.01, 0.02, 0.03, 0.04, 0.05)[seed - 3], seed)
    assert_between_the_marks(found)
    assert found.buffer.missing == found.to.lost


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 9))])
def test_any_line_at_all_never_overruns_the_buffer(seed):
    draw = random.Random(f"any line {seed}")
    for _ in range(8):
        link = Link(
            rate_bits_s=draw.randrange(RATE_BITS_S // 4, 8 * RATE_BITS_S),
            delay_ns=draw.randrange(400) * NS_PER_MS,
            jitter_ns=draw.randrange(300) * NS_PER_MS,
            loss=draw.choice((0, 0.01, 0.1, 0.3)),
            double=draw.choice((0, 0.05)),
            reorder=draw.choice((0, 0.1)),
            queue_octets=draw.choice((3_000, 20_000, 64_000)),
        )
        size = draw.randrange(MIN_SIZE, 2 * SIZE)
        gone = [(20_000, replace(link, loss=1.0)), (20_000 + draw.randrange(15_000), link)]
        found = line_of(1, link, gone, size)
        found.run(70_000)
        assert found.buffer.overruns == 0, (link, size)
        assert found.sender.sent_packets > 50, (link, size)


def test_it_goes_on_when_the_line_was_gone_for_longer_than_the_buffer_lasts():
    found = line_of(2, changes=[(30_000, replace(STEADY, loss=1.0)), (40_000, STEADY)])
    found.run(140_000)
    assert found.buffer.over and found.buffer.underruns == 1 and found.buffer.overruns == 0
    assert found.to.lost < 400  # it does not go on for ten seconds to nobody


def test_a_viewer_that_tells_nothing_is_sent_to_by_the_titles_clock():
    found = line_of(1, adapts=False)
    found.run(70_000)
    assert found.lead <= 2 * 1316 and found.buffer.over and counts(found.buffer) == (0, 0, 0, 0, 0)
    found = line_of(1)
    found.tell = lambda report: None  # it announced a buffer and says nothing
    found.run(70_000)
    assert found.lead <= SIZE and found.buffer.over and counts(found.buffer) == (0, 0, 0, 0, 0)


def test_a_line_that_loses_brings_a_lighter_variant_and_a_clean_one_the_first_again():
    lighter = [EvenSource(RATE_BITS_S // 2, 360_000, name=2), EvenSource(RATE_BITS_S // 4, 360_000, name=3)]
    changes = [(60_000, replace(STEADY, loss=0.08)), (120_000, STEADY)]
    found = line_of(6, changes=changes, lighter=lighter)
    found.run(60_000)
    before = found.sender.sent_octets
    found.run(90_000)
    assert found.sink.names[:2] == [1, 2] and found.sender.flow.speed < 1
    at_ms = found.now_ms
    before = found.sender.sent_octets
    found.run(110_000)
    assert (found.sender.sent_octets - before) * 8000 / (found.now_ms - at_ms) < 0.7 * RATE_BITS_S
    found.run(370_000)
    assert found.sink.names == [1, 2, 3, 2, 1]
    assert found.buffer.over and counts(found.buffer) == (0, 0, 0, 0, 0)


def test_a_line_that_carries_a_lighter_variant_alone_has_no_underrun_and_tries_again_more_and_more_rarely():
    lighter = [EvenSource(RATE_BITS_S // 2, 480_000, name=2)]
    changes = [(60_000, replace(STEADY, rate_bits_s=200_000)), (360_000, STEADY)]
    found = line_of(8, changes=changes, lighter=lighter)
    tries = []
    changed = found.sender.flow.changed
    found.sender.flow.changed = lambda lighter, now_ms: (tries.append((now_ms, lighter)), changed(lighter, now_ms))
    found.run(490_000)
    assert found.buffer.over and counts(found.buffer) == (0, 0, 0, 0, 0)
    up = [ms for ms, is_lighter in tries if not is_lighter]
    assert up[1] - up[0] > 2 * CLEAN_MS and up[2] - up[1] > up[1] - up[0]
    assert not tries[-1][1]  # in the end the first one goes


def test_without_a_lighter_variant_it_slows_as_far_as_the_buffer_allows():
    found = line_of(3, replace(STEADY, loss=0.05))
    found.run(100_000)
    slow = found.sender.flow.speed
    assert slow <= 0.85
    found.run(190_000)
    assert_between_the_marks(found)


def test_variants_follow_each_other_at_a_random_access_point_with_sequence_and_time_that_go_on():
    source, light = EvenSource(RATE_BITS_S, 60_000, name=1), EvenSource(RATE_BITS_S // 2, 60_000, 1_500, name=2)
    sender = RtpSender(source, 0x51, 65_500, 0xFFFFF000, 0, lighter=(light,))
    sender.flow = Flow(0x51, SIZE, LOW_MS, 0)
    sender.flow.wants_lighter = lambda now_ms: now_ms > 10_000
    sender.flow.ready = lambda octets, media_ms, now_ms: media_ms <= now_ms
    sender.play(0)
    packets, packet = [], Packet()
    for now_ms in range(0, 61_000, 5):
        for octets in sender.due(now_ms):
            packet.read(octets, len(octets))
            packets.append((packet.sequence, packet.timestamp, octets[12:]))
    assert sender.ended
    for before, after in itertools.pairwise(packets):
        assert after[0] == (before[0] + 1) & 0xFFFF
        assert 0 <= (after[1] - before[1]) & 0xFFFFFFFF <= 2 * 90 * 83  # at most two packets of the lighter one
    names = [payload[16] for _, _, payload in packets]
    turn = names.index(2)
    assert set(names[:turn]) == {1} and set(names[turn:]) == {2}
    assert packets[turn][2][5] == 0xD0  # a decoder may begin here, and counters are others
    assert sum(payload[at + 5] & 0x80 for _, _, payload in packets for at in range(0, len(payload), 188)) == 0x80
    first = int.from_bytes(packets[turn][2][12:16], "big")
    passed_ms = ((packets[turn][1] - packets[0][1]) & 0xFFFFFFFF) / 90
    assert abs(light.ticks(first) / 27_000 - passed_ms) < 1


def test_a_random_access_point_is_found_ahead_or_not_at_all():
    source = EvenSource(RATE_BITS_S, 60_000, 2_000)
    assert next(random_access(source, 0)) == (0, None)
    times = [source.ticks(packet) / 27_000 for packet, _ in random_access(source, 2_100)]
    assert [round(ms, -2) for ms in times] == [4_000, 6_000, 8_000, 10_000, 12_000]
    assert not list(random_access(EvenSource(RATE_BITS_S, 60_000, 30_000), 100))
    assert not list(random_access(source, 59_950))


@pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")
def test_a_random_access_point_of_another_multiplexer_is_the_beginning_of_a_key_frame():
    source = TsSource(clip("h264_aac_cbr"))
    found = list(random_access(source, 0))
    for packet, _ in found:
        octets = source.read(packet, 1)
        start = 5 + octets[4]
        assert octets[1] & 0x40 and octets[start : start + 3] == b"\0\0\1" and octets[start + 3] == 0xE0  # video
    times = [when for _, when in found]
    assert len(found) == 6 and {after - before for before, after in itertools.pairwise(times)} == {90_000}


def test_a_pause_keeps_the_buffer_and_another_place_empties_it():
    found = line_of(2)
    found.run(20_000)
    found.sender.pause(found.now_ms)
    found.buffer.pause(found.now_ms)
    sent, level = found.sender.sent_packets, found.buffer.level
    found.run(50_000)
    assert found.sender.sent_packets == sent and found.buffer.level >= level > 0
    found.sender.play(found.now_ms)
    found.buffer.join(found.sender.sequence)
    found.buffer.resume(found.now_ms)
    found.run(70_000)
    assert counts(found.buffer) == (0, 0, 0, 0, 0) and found.buffer.state == PLAYING
    found.sender.play(found.now_ms, 90_000)
    found.sink = Sink()
    found.buffer.restart(found.sender.sequence)
    found.run(110_000)
    assert found.buffer.over and found.buffer.overruns == found.buffer.underruns == 0
    source = EvenSource(RATE_BITS_S, 120_000, name=1)
    assert found.sink.sum.hexdigest() == source.sha256(source.packet_at(90_000))


# --- viewers that do not say how it is --------------------------------------------------------------------------------


def telling(**changed):
    """Reports with other values in place of the viewer's own."""

    def tell(report):
        found = {kind: (count, at, end) for kind, count, at, end in rtcp.unpack(report, len(report))}
        count, at, end = found[rtcp.RR]
        block = list(rtcp.blocks(report, rtcp.RR, count, at, end)[0])
        _, delay, sequence, _, free = rtcp.next_units(report, *found[rtcp.APP][1:])[0]
        values = {"highest": block[3], "delay": delay, "sequence": sequence, "free": free}
        values.update({name: value(values) for name, value in changed.items()})
        block[3] = values["highest"]
        out = rtcp.pack_receiver(0x99, (tuple(block),)) + rtcp.pack_description(0x99, b"viewer")
        return out + rtcp.pack_next_unit(0x99, 0x51, values["delay"], values["sequence"] & 0xFFFF, values["free"])

    return tell


@pytest.mark.parametrize(
    "changed",
    [
        {"free": lambda values: 4_000_000},
        {"free": lambda values: 4_000_000, "sequence": lambda values: values["highest"] + 1},
        {"free": lambda values: SIZE, "highest": lambda values: values["highest"] + 40},
        {"free": lambda values: SIZE, "sequence": lambda values: values["highest"] + 1, "delay": lambda values: 60_000},
        {"sequence": lambda values: values["sequence"] + 30_000},
        {"free": lambda values: SIZE, "sequence": lambda values: 65_001},
    ],
    ids=["room", "room, played", "not sent", "played", "far", "nothing played"],
)
def test_a_viewer_that_lies_never_has_more_ahead_of_a_clock_than_its_buffer_holds(changed):
    fast = replace(STEADY, rate_bits_s=None)
    found = line_of(2, fast)
    found.tell = telling(**changed)
    found.run(100_000)
    assert found.lead <= SIZE + SIZE // 8  # a clock may be a fast one
    assert len(found.sender.flow._sent) <= 3 * SIZE // 1316 + 1


def test_a_viewer_with_no_room_is_sent_nothing_and_one_that_falls_silent_what_its_buffer_holds():
    found = line_of(2)
    found.run(20_000)
    found.tell = telling(free=lambda values: 0)
    found.run(21_000)
    sent = found.sender.sent_packets
    found.run(60_000)
    assert found.sender.sent_packets <= sent + 1
    found = line_of(2)
    found.run(20_000)
    found.tell = lambda report: None
    sent = found.sender.sent_octets
    found.run(60_000)
    assert found.sender.sent_octets - sent <= SIZE


def test_a_flood_of_reports_and_reports_of_others_change_nothing():
    flow = Flow(0x51, SIZE, LOW_MS, 0)
    for number in range(20):
        flow.sent(number, 1316, 40 * number, number)
    report = rtcp.pack_receiver(0x99, ((0x51, 0, 0, 10, 0, 0, 0),)) + rtcp.pack_next_unit(0x99, 0x51, 5, 3, 60_000)
    flow.report(report, 100)
    assert flow.reports == 1 and flow.in_flight == 9 * 1316
    for at_ms in range(100, 149):
        flow.report(report, at_ms)
    assert (flow.reports, flow.refused) == (1, 49)
    other = rtcp.pack_receiver(0x99, ((0x52, 0, 0, 15, 0, 0, 0),)) + rtcp.pack_next_unit(0x99, 0x52, 5, 3, 60_000)
    flow.report(other, 300)
    older = rtcp.pack_receiver(0x99, ((0x51, 0, 0, 9, 0, 0, 0),)) + rtcp.pack_next_unit(0x99, 0x51, 5, 3, 60_000)
    flow.report(older, 400)
    flow.report(b"nonsense", 500)
    assert (flow.reports, flow.refused, flow.in_flight) == (1, 51, 9 * 1316)


def test_whatever_a_report_says_the_sender_goes_on_within_the_buffer(cases):
    draw = random.Random("reports")
    flow = Flow(0x51, SIZE, LOW_MS, 0)
    now_ms = sequence = media_ms = 0
    for _ in cases(2_000):
        now_ms += draw.randrange(200)
        while flow.ready(1316, media_ms, now_ms):
            flow.sent(sequence & 0xFFFF, 1316, media_ms, now_ms)
            sequence += 1
            media_ms += 41
        lately = sequence - draw.choice((0, 1, 2, 5, 20, 100, 40_000, -3))
        block = (0x51, 0, draw.randrange(-5, 100), lately & 0xFFFF, 0, 0, 0)
        following = (lately + draw.choice((1, 0, -1, -20, 9))) & 0xFFFF
        report = bytearray(rtcp.pack_receiver(1, (block,)))
        report += rtcp.pack_next_unit(1, 0x51, draw.choice((None, 0, 500)), following, draw.randrange(2 * SIZE))
        if draw.randrange(4) == 0:
            report[draw.randrange(len(report))] = draw.randrange(256)
        flow.report(bytes(report), now_ms)
        assert 1316 * sequence - RATE_BITS_S * now_ms // 8000 <= SIZE + SIZE // 8
        assert len(flow._sent) <= 3 * SIZE // 1316 + 1
