"""The cores of `stream play` in virtual time, with the streaming server's core at the other end: what is lost, what
falls silent, what ends too early, and how it is told."""

import random

import pytest
from headend.media.rtsp import RtspServer
from headend.media.session import Title
from settop.errors import RemoteError
from settop.media.rtsp_client import RtspClient
from settop.wire import rtcp
from testbed.streaming.faces import Wanted
from testbed.streaming.presentation import Presentation

from tests.helpers.flow_line import RATE_BITS_S, EvenSource, Sink

URL = "rtsp://192.0.2.1/film"
PEER, PORTS = "192.0.2.9", (5000, 5001)
DURATION_MS = 8_000
SOURCE = EvenSource(RATE_BITS_S, DURATION_MS)
OCTETS = SOURCE.packets * 188


class Bench:
    """keep: whether a datagram comes through, of (RTCP or not, how many of its kind were before it, its octets)."""

    def __init__(self, keep=lambda is_rtcp, number, octets: True, **wanted):
        self.now_ms = 0
        self.keep = keep
        self.counts = [0, 0]
        self.arriving = []
        title = Title("film", SOURCE)
        self.server = RtspServer(
            type("Shelf", (), {"find": lambda self, name: title if name == "film" else None})(),
            random.Random(3).randbytes,
            self._out,
            (6000, 6001),
        )
        self.line = self.server.connect(PEER, 0)
        self.sink = Sink()
        self.viewer = Presentation(Wanted(URL, **wanted), self.sink, random.Random(4).randbytes, self._report)
        self.viewer.begin(None if wanted.get("tcp") else PORTS, 0)
        self.reports = 0

    def _out(self, is_rtcp, address, octets):
        assert address == (PEER, PORTS[is_rtcp])
        self.counts[is_rtcp] += 1
        if self.keep(is_rtcp, self.counts[is_rtcp] - 1, octets):
            self.arriving.append((is_rtcp, octets))

    def _report(self, octets):
        self.reports += 1
        self.server.reported((PEER, PORTS[1]), octets, self.now_ms)

    def step(self):
        self.now_ms += 10
        self.server.poll(self.now_ms)
        client = self.viewer.client
        while (data := client.to_send()) is not None:
            octets = bytes(data)
            client.sent(len(octets))
            self.line.receive(octets, self.now_ms)
        said = self.line.to_send()
        if said:
            self.line.sent(len(said), self.now_ms)
            self.viewer.receive(said, self.now_ms)
        arriving, self.arriving = self.arriving, []
        for is_rtcp, octets in arriving:
            self.viewer.packet(is_rtcp, octets, self.now_ms)
        self.viewer.step(self.now_ms)

    def run(self, until_ms=60_000):
        while not self.viewer.over and self.now_ms < until_ms:
            self.step()
        return self.viewer.seen()


def is_bye(octets):
    return any(kind == rtcp.BYE for kind, _, _, _ in rtcp.unpack(octets, len(octets)))


@pytest.mark.parametrize("tcp", [False, True])
def test_a_title_is_played_at_its_own_pace_out_of_a_buffer_that_is_told_of(tcp):
    bench = Bench(tcp=tcp)
    seen = bench.run()
    assert seen.state == "ended" and seen.octets == OCTETS
    assert seen.sha256 == bench.sink.sum.hexdigest() == SOURCE.sha256()
    assert (seen.lost, seen.late, seen.underruns, seen.overruns) == (0, 0, 0, 0)
    assert DURATION_MS < bench.now_ms < DURATION_MS + 1_500
    assert 0 <= seen.least_ms < seen.most_ms
    assert tcp or bench.reports >= DURATION_MS / 1_000  # it comes at twice its rate


@pytest.mark.parametrize("which", ["in the middle", "the first", "the last"])
def test_packets_that_did_not_come_are_counted_wherever_they_were(which):
    whole = Bench().run().packets
    gone = {"in the middle": range(50, 53), "the first": range(2), "the last": range(whole - 4, whole)}[which]
    seen = Bench(lambda is_rtcp, number, octets: is_rtcp or number not in gone).run()
    assert (seen.state, seen.lost, seen.packets) == ("ended", len(gone), whole - len(gone))


def test_packets_that_come_twice_hide_none_that_is_lost():
    bench = Bench()
    bench.keep = lambda is_rtcp, number, octets: is_rtcp or bench.arriving.append((False, octets)) or number % 20 != 7
    # every packet comes, and all but one in 20 come again
    seen = bench.run()
    assert (seen.state, seen.lost) == ("ended", 0) and seen.doubled > 0.9 * seen.packets


def test_a_goodbye_that_overtakes_packets_does_not_cost_them():
    bench, held = Bench(), []
    bench.keep = lambda is_rtcp, number, octets: is_rtcp or number < 150 or held.append(octets)
    while not bench.viewer.over and bench.now_ms < 60_000:
        bench.step()
        if bench.viewer._bye_ms is not None and bench.now_ms >= bench.viewer._bye_ms + 100:
            bench.arriving += [(False, octets) for octets in held]
            held.clear()
    seen = bench.viewer.seen()
    assert (seen.state, seen.lost, seen.octets) == ("ended", 0, OCTETS)


def test_a_goodbye_that_was_lost_costs_two_seconds_and_not_the_title():
    seen = Bench(lambda is_rtcp, number, octets: not (is_rtcp and is_bye(octets))).run()
    assert (seen.state, seen.lost) == ("ended", 0)


def test_where_nothing_comes_it_gives_up_after_five_seconds_and_says_what_may_help():
    bench = Bench(lambda is_rtcp, number, octets: False)
    with pytest.raises(RemoteError, match="received in 5 s; where UDP does not come through, --tcp"):
        bench.run()
    assert 5_000 <= bench.now_ms <= 5_100 and bench.viewer.seen().state == "failed"


def test_where_nothing_more_comes_it_says_how_far_the_title_was():
    with pytest.raises(RemoteError, match=r"nothing came for 5 s, \d\.\d s into the title"):
        Bench(lambda is_rtcp, number, octets: number < 100 and not (is_rtcp and is_bye(octets))).run()


def test_who_has_lost_the_end_of_a_title_is_told_so():
    with pytest.raises(RemoteError, match=r"the last 95 packets are lost, at \d\.\d of 8\.0 s"):
        Bench(lambda is_rtcp, number, octets: is_rtcp or number < 100).run()


def test_a_server_that_ends_a_title_too_early_has_not_played_it_to_its_end():
    bench = Bench()
    while bench.counts[0] < 100:
        bench.step()
    (session,) = bench.server.sessions.values()
    bench._out(True, (PEER, PORTS[1]), session.sender.report(bench.now_ms, bye=True))
    with pytest.raises(RemoteError, match=r"the server ended it, at \d\.\d of 8\.0 s"):
        bench.run()


def test_a_connection_that_ends_behind_the_goodbye_does_not_keep_the_rest_from_being_played():
    bench = Bench(buffer_ms=3_000)
    while bench.viewer._bye_ms is None:
        bench.step()
    assert not bench.viewer.over
    bench.viewer.cut(bench.now_ms)
    bench.server.disconnected(bench.line)
    assert bench.run().state == "ended"


def test_what_is_no_packet_and_another_source_s_is_passed_over():
    bench = Bench()
    while bench.counts[0] < 50:
        bench.step()
    good = [octets for is_rtcp, octets in bench.arriving if not is_rtcp] or [bytes([0x80, 33]) + bytes(1_326)]
    other = good[0][:8] + bytes(4) + good[0][12:]
    bench.arriving += [(False, b"x"), (False, other), (True, b"y"), (True, bytes(40)), (False, b"")]
    bench.arriving.append((True, bytes(rtcp.pack_receiver(1) + rtcp.pack_goodbye((1,)))))
    seen = bench.run()
    assert (seen.state, seen.lost) == ("ended", 0) and seen.octets == OCTETS


def test_a_sink_that_takes_nothing_for_a_while_holds_the_title_back():
    bench = Bench(buffer_ms=500)
    write = bench.sink.write
    bench.sink.write = lambda view: 0 if 2_000 < bench.now_ms < 12_000 else write(view)
    seen = bench.run()
    assert (seen.state, seen.lost, seen.overruns) == ("ended", 0, 0) and bench.now_ms >= 12_000


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "no such title"), (401, "wants a token"), (453, "as many viewers"), (461, "try --tcp"), (500, "500")],
)
def test_a_refusal_is_said_in_words(monkeypatch, status, said):
    bench = Bench()
    monkeypatch.setattr(RtspClient, "next_event", lambda client: ("refused", "SETUP", status))
    with pytest.raises(RemoteError, match=said):
        bench.step()
