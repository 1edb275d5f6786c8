"""RTSP as a viewer: what is asked and what comes of it, against answers written out, and what breaks a rule."""

from kit import raises
from settop.errors import LocalError
from settop.media.rtsp_client import SILENT, RtspClient
from settop.wire import rtsp
from settop.wire.rtsp_fields import Transport

URL = "rtsp://192.0.2.1/film"
SDP = b"v=0\r\ns=film\r\na=control:*\r\na=range:npt=0-6.5\r\nm=video 0 RTP/AVP 33\r\na=control:stream\r\n"
WAYS = [Transport(client=(5000, 5001)), Transport(channels=(0, 1))]


class Other:
    """The other end: what it was asked, and answers in their order."""

    def __init__(self, frames=False):
        self.frames = []
        self.client = RtspClient(URL, self._frame if frames else None, reply_ms=1000)
        self.now_ms = 0

    def _frame(self, channel, view):
        self.frames.append((channel, bytes(view)))

    def asked(self):
        """(method, target, {field: value}) of the next request."""
        reader = rtsp.Reader()
        data = self.client.to_send()
        took, what = reader.feed(data)
        assert what == rtsp.MESSAGE and took == len(data)
        self.client.sent(took)
        return reader.head.method, reader.head.target, dict(reader.head.fields())

    def answer(self, status=200, fields=(), body=b"", kind=None, cseq=None):
        cseq = int(self.asked()[2][b"cseq"]) if cseq is None else cseq
        self.client.receive(rtsp.pack_answer(status, cseq, list(fields), body, kind), self.now_ms)
        return self.client.next_event()

    def to_ready(self):
        self.client.describe(self.now_ms)
        event = self.answer(200, [("Content-Base", URL + "/")], SDP, "application/sdp")
        assert event[0] == "described" and event[2] == URL + "/"
        self.client.set_up(URL + "/stream", WAYS, self.now_ms)
        return self.answer(
            200, [("Session", "12345678;timeout=20"), ("Transport", "RTP/AVP;unicast;client_port=5000-5001")]
        )

    def to_playing(self):
        self.to_ready()
        self.client.play(self.now_ms)
        return self.answer(
            200,
            [("Session", "12345678"), ("Range", "npt=0-6.5"), ("RTP-Info", "url=%s/stream;seq=7;rtptime=9" % URL)],
        )


def test_a_presentation_is_described_set_up_played_paused_and_ended():
    other = Other()
    client = other.client
    client.describe(0, [("Authorization", "Bearer x")])
    method, target, fields = other.asked()
    assert (method, target, fields[b"authorization"]) == (b"DESCRIBE", URL.encode(), b"Bearer x")
    event = other.answer(200, [], SDP, "application/sdp", cseq=1)
    assert event[0] == "described" and event[1].range_ms == (0, 6500) and event[2] == URL
    client.set_up(URL + "/stream", WAYS, 0)
    method, target, fields = other.asked()
    assert (method, target) == (b"SETUP", b"rtsp://192.0.2.1/film/stream")
    assert fields[b"transport"] == (b"RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=0-1")
    event = other.answer(
        200, [("Session", "ab;timeout=20"), ("Transport", WAYS[0].text() + ";server_port=6-7")], cseq=2
    )
    assert event[0] == "set_up" and event[1].server == (6, 7) and event[2] == 20
    client.play(0, 1500)
    method, _, fields = other.asked()
    assert (method, fields[b"range"], fields[b"session"]) == (b"PLAY", b"npt=1.500-", b"ab")
    assert other.answer(200, [("Range", "npt=1.48-6.5")], cseq=3) == ("playing", 1480, 6500, [])
    client.pause(0)
    assert other.answer(200, [("Range", "npt=3-")]) == ("paused", 3000)
    client.tear_down(0)
    assert other.answer() == ("ended",) and client.state == "closed" and client.next_timer() is None


def test_play_says_where_it_begins():
    other = Other()
    assert other.to_playing() == ("playing", 0, 6500, [(URL + "/stream", 7, 9)])
    other.client.play(0, 3000)
    assert other.client.state == "seeking"
    assert other.answer(457) == ("refused", "PLAY", 457) and other.client.state == "playing"


def test_what_is_refused_leaves_it_as_it_was():
    other = Other()
    other.client.describe(0)
    assert other.answer(404) == ("refused", "DESCRIBE", 404) and other.client.state == "idle"
    assert other.to_ready()[0] == "set_up"
    other.client.set_up(URL + "/b", WAYS, 0)
    assert other.answer(461) == ("refused", "SETUP", 461) and other.client.state == "ready"
    other.client.play(0)
    assert other.answer(401) == ("refused", "PLAY", 401) and other.client.state == "ready"


def test_frames_come_between_the_answers():
    other = Other(frames=True)
    other.to_ready()
    other.client.play(0)
    other.asked()
    data = b"$\0\0\3abc" + rtsp.pack_answer(200, 3) + b"$\1\0\1x"
    for at in range(len(data)):
        other.client.receive(data[at : at + 1], 0)
    assert other.frames == [(0, b"abc"), (1, b"x")] and other.client.state == "playing"
    other.client.send_frame(1, b"report")
    assert bytes(other.client.to_send()) == b"$\1\0\6report"


def test_the_server_hears_that_we_are_here():
    other = Other()
    other.to_playing()
    assert other.client.next_timer() == 10_000
    other.client.heard(5_000)
    assert other.client.next_timer() == 15_000
    other.client.poll(15_000)
    method, _, fields = other.asked()
    assert (method, fields[b"session"]) == (b"GET_PARAMETER", b"12345678")
    other.client.receive(rtsp.pack_answer(200, int(fields[b"cseq"])), 15_500)
    assert other.client.next_event() is None and other.client.next_timer() == 25_000


def test_a_server_that_asks_is_told_that_there_is_nothing():
    other = Other()
    other.client.receive(rtsp.pack("OPTIONS", "*", 90), 0)
    assert bytes(other.client.to_send()).startswith(b"RTSP/1.0 501 ") and b"CSeq: 90" in bytes(other.client.to_send())


def test_what_breaks_a_rule_fails_and_is_not_tried_again():
    for breaks in (
        rtsp.pack_answer(200, 9),  # an answer to nothing
        b"RTSP/1.0 200 OK\r\n\r\n",  # without its number
        b"$\0\0\1a",  # a frame that there was not to be
        b"HTTP/1.1 200 OK\r\n\r\n",
        rtsp.pack_answer(200, 1, (), b"hello", "application/sdp"),  # no description
        rtsp.pack_answer(200, 1, (), b"a" * 4096, "application/sdp"),
    ):
        other = Other()
        other.client.describe(0)
        other.client.receive(breaks, 0)
        event = other.client.next_event()
        assert event[0] == "failed" and not event[2] and other.client.state == "closed", breaks
        other.client.receive(breaks, 0)  # and nothing more comes of it
        assert other.client.next_event() is None and other.client.to_send() is None


def test_a_set_up_without_session_or_transport_fails():
    for fields in ([("Session", "ab")], [("Transport", WAYS[0].text())], [("Session", "a b"), ("Transport", "x")]):
        other = Other()
        other.client.describe(0)
        other.answer(200, (), SDP, "application/sdp")
        other.client.set_up(URL, WAYS, 0)
        assert other.answer(200, fields)[0] == "failed"


def test_silence_and_an_end_are_failures_that_may_be_tried_again():
    other = Other()
    other.client.describe(0)
    other.client.poll(999)
    assert other.client.next_event() is None
    other.client.poll(1000)
    assert other.client.next_event() == ("failed", SILENT, True)
    other = Other()
    other.to_playing()
    other.client.ended()
    assert other.client.next_event()[0] == "failed"
    other = Other()
    other.to_ready()
    other.client.tear_down(0)
    other.client.ended()
    assert other.client.next_event() == ("ended",)


def test_what_cannot_be_asked_now_is_our_own_fault():
    client = Other().client
    for call in (client.pause, client.play, client.tear_down):
        with raises(LocalError):
            call(0)
            raise AssertionError("taken")
