"""The server's core and a viewer that tells of its buffer: what is announced, acknowledged, and sent then."""

import random

import pytest
from headend.media.rtsp import RtspServer
from headend.media.session import Title
from settop.media.buffer import MediaBuffer
from settop.media.feedback import EVERY_MS, Feedback
from settop.media.reception import Reception
from settop.media.rtsp_client import RtspClient
from settop.wire import rtcp, sdp
from settop.wire.rtp import Packet
from settop.wire.rtsp_fields import ADAPTATION, Transport, pack_adaptation

from tests.helpers.flow_line import RATE_BITS_S, EvenSource, Sink

URL = "rtsp://192.0.2.1/film"
SIZE, LOW_MS, PREROLL_MS = 65_800, 500, 1_000
DURATION_MS = 30_000


class Shelf:
    def __init__(self, *lighter):
        self.title = Title("film", EvenSource(RATE_BITS_S, DURATION_MS), lighter)

    def find(self, name):
        return self.title if name == "film" else None


class Pair:
    """A server and a viewer, both cores, on a line without delay. over_tcp: which way the media take."""

    def __init__(self, over_tcp=False, lighter=()):
        self.now_ms = 0
        self.server = RtspServer(Shelf(*lighter), random.Random(3).randbytes, self._datagram, (6000, 6001))
        self.line = self.server.connect("192.0.2.9", 0)
        self.client = RtspClient(URL, self._frame if over_tcp else None)
        self.way = Transport(channels=(0, 1)) if over_tcp else Transport(client=(5000, 5001))
        self.over_tcp = over_tcp
        self.buffer = MediaBuffer(SIZE, LOW_MS, PREROLL_MS)
        self.feedback = self.reception = None
        self.sink, self.packet = Sink(), Packet()
        self.answers = []

    def _datagram(self, is_rtcp, address, octets):
        assert address == ("192.0.2.9", 5001 if is_rtcp else 5000)
        self._frame(1 if is_rtcp else 0, octets)

    def _frame(self, channel, octets):
        if channel:
            if any(kind == rtcp.BYE for kind, _, _, _ in rtcp.unpack(octets, len(octets))):
                self.buffer.end()
            return
        packet = self.packet
        packet.read(octets, len(octets))
        if self.reception is None:
            self.reception = Reception(packet.ssrc, packet.sequence, 0)
            self.feedback = Feedback(7, b"viewer", self.reception, self.buffer)
            self.stamp = packet.timestamp
        assert self.reception.take(packet.sequence)
        assert (packet.timestamp - self.stamp) & 0xFFFFFFFF < 1 << 31  # RTP time never goes back
        self.stamp = packet.timestamp
        payload = memoryview(octets)[packet.payload_at : packet.payload_end]
        assert self.buffer.put(packet.sequence, packet.timestamp, payload, self.now_ms)

    def talk(self):
        """Everything that the two have to say now; the viewer's events."""
        while self.client.to_send() is not None or self.line.to_send():
            out = self.client.to_send()
            if out is not None:
                self.line.receive(bytes(out), self.now_ms)
                self.client.sent(len(out))
            back = self.line.to_send()
            if back:
                if back[:4] == b"RTSP":
                    self.answers.append(back)
                self.line.sent(len(back), self.now_ms)
                self.client.receive(back, self.now_ms)
        return list(iter(self.client.next_event, None))

    def begin(self, fields=()):
        self.client.describe(0)
        ((_, self.description, base),) = self.talk()
        url = sdp.control_url(base, self.description.media[0].control)
        self.client.set_up(url, [self.way], 0, fields)
        self.talk()
        self.client.play(0, 0)
        return self.talk()

    def run(self, until_ms, tells=True):
        while self.now_ms < until_ms:
            self.now_ms += 5
            self.server.poll(self.now_ms)
            self.talk()
            self.buffer.play(self.sink, self.now_ms)
            if tells and self.feedback is not None and self.feedback.due(self.now_ms):
                report = bytes(self.feedback.report(self.now_ms))
                if self.over_tcp:
                    self.client.send_frame(1, report)
                else:
                    self.server.reported(("192.0.2.9", 5001), report, self.now_ms)

    @property
    def session(self):
        return next(iter(self.server.sessions.values()))


TOLD = [(ADAPTATION, pack_adaptation(URL + "/stream", SIZE, LOW_MS))]


@pytest.mark.parametrize("over_tcp", [False, True], ids=["UDP", "TCP"])
def test_a_viewer_that_tells_of_its_buffer_has_it_full_from_the_first_seconds_to_the_end(over_tcp):
    pair = Pair(over_tcp)
    (playing,) = pair.begin(TOLD)
    assert playing[0] == "playing"
    assert sdp.report_every(pair.description.media[0]) == 1
    assert any(f"{ADAPTATION}: {TOLD[0][1]}".encode() in answer for answer in pair.answers)
    pair.run(5_000)
    assert pair.buffer.level > SIZE * 3 // 4 and pair.session.sender.flow.reports >= 5_000 // EVERY_MS
    for until_ms in range(6_000, 27_000, 1_000):
        pair.run(until_ms)
        assert pair.buffer.level > SIZE // 2
    pair.run(DURATION_MS + 3_000)
    assert pair.buffer.over and pair.buffer.underruns == pair.buffer.overruns == pair.buffer.missing == 0
    assert pair.sink.sum.hexdigest() == EvenSource(RATE_BITS_S, DURATION_MS).sha256()


def test_a_viewer_that_does_not_is_sent_to_by_the_titles_clock():
    pair = Pair()
    pair.begin()
    assert not any(ADAPTATION.encode() + b":" in answer for answer in pair.answers)
    pair.run(5_000)
    assert pair.session.sender.flow is None
    assert pair.session.sender.sent_octets <= RATE_BITS_S // 8 * 5 + 2 * 1316


@pytest.mark.parametrize("value", ['url="x"', 'url="x";size=20000', 'url="x";target-time=500'])
def test_a_buffer_that_cannot_be_gone_by_is_not_acknowledged(value):
    pair = Pair()
    pair.begin([(ADAPTATION, value)])
    assert not any(ADAPTATION.encode() + b":" in answer for answer in pair.answers)
    assert pair.session.sender.flow is None


def test_a_buffer_that_cannot_be_read_is_refused():
    pair = Pair()
    pair.client.describe(0)
    pair.talk()
    pair.client.set_up(URL + "/stream", [pair.way], 0, [(ADAPTATION, 'url="x";size=lots')])
    assert pair.talk() == [("refused", "SETUP", 400)] and not pair.server.sessions


def test_a_buffer_may_be_told_of_or_become_another_with_play():
    pair = Pair()
    pair.begin()
    pair.client.pause(0)
    pair.talk()
    pair.client.play(0, 0, TOLD)
    pair.talk()
    assert pair.session.sender.flow.size == SIZE
    pair.client.play(0, 0, [(ADAPTATION, pack_adaptation("stream", 999_999_999, 999_999_999))])
    pair.talk()
    assert (pair.session.sender.flow.size, pair.session.sender.flow.target_ms) == (4_194_240, 60_000)


def test_a_pause_and_another_place_keep_the_octets_whole():
    pair = Pair()
    pair.begin(TOLD)
    pair.run(8_000)
    pair.client.pause(pair.now_ms)
    pair.talk()
    pair.buffer.pause(pair.now_ms)
    pair.run(20_000)
    pair.client.play(pair.now_ms)
    ((_, _, _, info),) = pair.talk()
    pair.buffer.join(info[0][1])
    pair.buffer.resume(pair.now_ms)
    pair.run(DURATION_MS + 16_000)
    assert pair.buffer.over and pair.buffer.underruns == pair.buffer.overruns == pair.buffer.leaps == 0
    assert pair.sink.sum.hexdigest() == EvenSource(RATE_BITS_S, DURATION_MS).sha256()


def test_play_once_more_while_it_plays_loses_nothing_and_sends_nothing_twice():
    pair = Pair()
    pair.begin(TOLD)
    for until_ms in (3_333, 3_335, 7_777):
        pair.run(until_ms)
        pair.client.play(pair.now_ms)
        ((_, _, _, info),) = pair.talk()
        pair.buffer.join(info[0][1])
    pair.run(DURATION_MS + 3_000)
    assert pair.buffer.over and pair.buffer.underruns == pair.buffer.overruns == pair.buffer.leaps == 0
    assert pair.sink.sum.hexdigest() == EvenSource(RATE_BITS_S, DURATION_MS).sha256()


def test_another_viewers_reports_are_not_of_this_session():
    pair = Pair()
    pair.begin(TOLD)
    pair.run(1_000, tells=False)
    report = bytes(pair.feedback.report(1_000))
    pair.server.reported(("192.0.2.9", 5003), report, 1_000)
    pair.server.reported(("192.0.2.10", 5001), report, 1_000)
    assert pair.session.sender.flow.reports == 0
    pair.server.reported(("192.0.2.9", 5001), report, 1_000)
    assert pair.session.sender.flow.reports == 1


def test_a_title_has_its_lighter_variants_in_the_session():
    lighter = EvenSource(RATE_BITS_S // 2, DURATION_MS, name=2)
    pair = Pair(lighter=(lighter,))
    pair.begin(TOLD)
    pair.session.sender.flow.wants_lighter = lambda now_ms: now_ms > 5_000
    pair.run(DURATION_MS + 3_000)
    assert pair.sink.names == [0, 2] and pair.buffer.over and pair.buffer.underruns == 0
