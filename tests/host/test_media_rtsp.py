"""The streaming server's core in virtual time: what a viewer asks for, what goes out and when, and what is refused."""

import itertools
import random
import threading

import pytest
from headend.media import rtsp as server_module
from headend.media.connection import IDLE_MS, MAX_BACKLOG, WITHIN_MS
from headend.media.rtsp import RtspServer
from headend.media.serving import MediaServer
from headend.media.session import GOODBYE_AFTER_MS
from settop.wire import rtsp, sdp
from settop.wire.rtsp_fields import parse_range, parse_rtp_info, parse_transports

from tests.helpers.clips import have_ffmpeg
from tests.helpers.media import Shelf, film_in

pytestmark = pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")

URL = "rtsp://192.0.2.1/film"
UDP = [("Transport", "RTP/AVP;unicast;client_port=5000-5001")]
TCP = [("Transport", "RTP/AVP/TCP;unicast;interleaved=4-5")]


class Bench:
    """A server, one viewer's connection, and what went out: (ms, RTCP or not, address or channel, octets)."""

    def __init__(self, path, peer="192.0.2.9"):
        self.octets = path.read_bytes()
        self.sent = []
        self.now_ms = 0
        self.shelf = Shelf(film=path, other=path)
        draw = random.Random(5)
        self.server = RtspServer(self.shelf, draw.randbytes, self._datagram, (6000, 6001), epoch_ms=1_700_000_000_000)
        self.line = self.server.connect(peer, 0)
        self.cseq = 0
        self.reader = rtsp.Reader(body_octets=4096, frame_octets=2048)

    def _datagram(self, rtcp, address, octets):
        self.sent.append((self.now_ms, rtcp, address, octets))

    def answers(self, line=None):
        """Messages that the server said, and the frames between them into `sent`."""
        line = line or self.line
        found = []
        data = line.to_send()
        if data:
            line.sent(len(data), self.now_ms)
        view = memoryview(data)
        while len(view):
            took, what = self.reader.feed(view)
            view = view[took:]
            if what == rtsp.MESSAGE:
                head = self.reader.head
                found.append((head.status, dict(head.fields()), bytes(self.reader.body)))
            elif what == rtsp.FRAME:
                self.sent.append((self.now_ms, None, self.reader.channel, bytes(self.reader.frame)))
        return found

    def ask(self, method, url=URL, fields=(), line=None):
        self.cseq += 1
        line = line or self.line
        line.receive(rtsp.pack(method, url, self.cseq, fields), self.now_ms)
        (answer,) = self.answers(line)
        assert answer[1][b"cseq"] == b"%d" % self.cseq
        return answer

    def set_up(self, fields=UDP):
        status, found, _ = self.ask("SETUP", URL + "/stream", fields)
        assert status == 200
        number, timeout = found[b"session"].decode().split(";")
        assert timeout == "timeout=60"
        return [("Session", number)]

    def run(self, until_ms, fetching=True):
        """Time passes as the server's timer asks for it."""
        while True:
            due_ms = self.server.next_timer()
            if due_ms is None or due_ms > until_ms:
                break
            self.now_ms = max(due_ms, self.now_ms)
            self.server.poll(self.now_ms)
            if fetching:
                self.answers()
        self.now_ms = until_ms

    def payload(self):
        return b"".join(octets[12:] for _, rtcp, _, octets in self.sent if octets[1] & 0x7F == 33)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return film_in(tmp_path_factory.mktemp("titles"))


@pytest.fixture
def bench(film):
    return Bench(film)


def test_a_description_says_what_there_is(bench):
    status, fields, body = bench.ask("DESCRIBE", fields=[("Accept", "application/sdp")])
    assert status == 200 and fields[b"content-type"] == b"application/sdp"
    assert fields[b"content-base"] == URL.encode() + b"/"
    found = sdp.parse(body)
    assert found.media[0].formats == ["33"] and 5_500 < found.range_ms[1] < 6_500
    assert sdp.control_url(fields[b"content-base"].decode(), found.media[0].control) == URL + "/stream"


def test_a_title_goes_out_whole_and_in_time(bench):
    session = bench.set_up()
    status, fields, _ = bench.ask("PLAY", fields=session)
    assert status == 200 and parse_range(fields[b"range"])[0] == 0
    url, sequence, time = parse_rtp_info(fields[b"rtp-info"])[0]
    assert url == URL + "/stream"
    bench.run(10_000)
    assert bench.payload() == bench.octets
    media = [(ms, octets) for ms, rtcp, _, octets in bench.sent if not rtcp]
    assert {address for _, _, address, _ in bench.sent} == {("192.0.2.9", 5000), ("192.0.2.9", 5001)}
    source = bench.shelf.find("film").source
    for number, (ms, octets) in enumerate(media):
        assert int.from_bytes(octets[2:4], "big") == (sequence + number) & 0xFFFF
        due_ticks = source.ticks(7 * number)
        assert (int.from_bytes(octets[4:8], "big") - time) & 0xFFFFFFFF == due_ticks // 300
        assert 0 <= ms - due_ticks / 27_000 < 1  # neither early nor late
    at_ms, last = [(ms, octets) for ms, rtcp, _, octets in bench.sent if rtcp][-1]
    assert last[1] == 200 and last[-8:-4] == b"\x81\xcb\x00\x01"  # a report, and BYE
    assert 0 <= at_ms - media[-1][0] - GOODBYE_AFTER_MS <= 1  # no player's jitter buffer is emptied by it


def test_pause_stops_and_play_goes_on_where_it_was(bench):
    session = bench.set_up()
    bench.ask("PLAY", fields=session)
    bench.run(1_500)
    _, fields, _ = bench.ask("PAUSE", fields=session)
    at_ms = parse_range(fields[b"range"])[0]
    assert 1_400 < at_ms < 1_600
    before = len(bench.sent)
    bench.run(20_000)
    assert len(bench.sent) == before
    _, fields, _ = bench.ask("PLAY", fields=session)
    assert parse_range(fields[b"range"])[0] == at_ms
    bench.run(40_000)
    assert bench.payload() == bench.octets
    media = [octets for _, rtcp, _, octets in bench.sent if not rtcp]
    times = [int.from_bytes(octets[4:8], "big") for octets in media]
    assert all((after - before) & 0xFFFFFFFF < 0x80000000 for before, after in itertools.pairwise(times))


def test_a_range_is_sought_and_ended(bench):
    session = bench.set_up()
    status, fields, _ = bench.ask("PLAY", fields=[*session, ("Range", "npt=2-3.5")])
    assert status == 200 and parse_range(fields[b"range"])[1] == 3_500
    bench.run(10_000)
    at = bench.octets.find(bench.payload())
    source = bench.shelf.find("film").source
    assert at == 188 * source.packet_at(2_000) and len(bench.payload()) == 188 * source.packet_at(3_500) - at
    assert bench.ask("PLAY", fields=[*session, ("Range", "npt=100-")])[0] == 457
    assert bench.ask("PLAY", fields=[*session, ("Range", "smpte=0:10:00-")])[0] == 457


def test_by_tcp_the_packets_come_between_the_answers(bench):
    session = bench.set_up(TCP)
    bench.ask("PLAY", fields=session)
    bench.run(1_000)
    assert bench.ask("GET_PARAMETER", fields=session)[0] == 200
    bench.run(10_000)
    assert bench.payload() == bench.octets
    assert {channel for _, _, channel, _ in bench.sent} == {4, 5}


def test_a_viewer_who_reads_nothing_is_waited_for_within_bounds(bench):
    session = bench.set_up(TCP)
    bench.line.receive(rtsp.pack("PLAY", URL, 9, session), 0)
    bench.run(8_000, fetching=False)
    assert MAX_BACKLOG <= bench.line.backlog < MAX_BACKLOG + 100_000
    bench.answers()
    bench.run(20_000)
    assert bench.payload() == bench.octets


def test_a_session_answers_to_its_host_alone(bench):
    session = bench.set_up()
    stranger = bench.server.connect("192.0.2.66", 0)
    for method in ("PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SETUP"):
        assert bench.ask(method, fields=session + UDP, line=stranger)[0] == 454
    again = bench.server.connect("192.0.2.9", 0)
    assert bench.ask("PLAY", fields=session, line=again)[0] == 200


def test_nothing_is_sent_to_another_host_than_the_viewer_s(bench):
    bench.set_up([("Transport", "RTP/AVP;unicast;destination=192.0.2.77;client_port=5000-5001")])
    (session,) = bench.server.sessions.values()
    assert session.peer == "192.0.2.9" and "destination" not in session.way.text()


def test_what_does_not_fit_is_refused_with_its_status(bench):
    session = bench.set_up()
    number = session[0]
    for wanted, method, url, fields in (
        (454, "PLAY", URL, ()),
        (454, "PLAY", URL, [("Session", "nobody")]),
        (404, "DESCRIBE", "rtsp://192.0.2.1/nothing", ()),
        (404, "SETUP", URL + "/other", UDP),
        (400, "DESCRIBE", "http://192.0.2.1/film", ()),
        (400, "DESCRIBE", "rtsp://[192.0.2.1/film", ()),
        (400, "DESCRIBE", "rtsp://[film]/film", ()),
        (406, "DESCRIBE", URL, [("Accept", "text/html")]),
        (400, "SETUP", URL, ()),
        (461, "SETUP", URL, [("Transport", "RTP/SAVP;unicast;client_port=1-2")]),
        (461, "SETUP", URL, [("Transport", "RTP/AVP;multicast")]),
        (400, "SETUP", URL, [*UDP, *UDP]),
        (459, "SETUP", "rtsp://192.0.2.1/other", [number, *UDP]),
        (551, "PLAY", URL, [number, ("Require", "funky-feature")]),
        (501, "RECORD", URL, [number]),
        (501, "FLY", URL, [number]),
    ):
        status, _, _ = bench.ask(method, url, fields)
        assert status == wanted, (method, url, fields)
    bench.ask("PLAY", fields=session)
    status, fields, _ = bench.ask("SETUP", fields=[number, *UDP])
    assert status == 455 and b"PLAY" in fields[b"allow"]
    assert bench.ask("TEARDOWN", fields=session)[0] == 200
    assert bench.ask("PLAY", fields=session)[0] == 454 and not bench.server.sessions


def test_requests_in_one_piece_are_answered_in_their_order(bench):
    line = bench.line
    line.receive(b"".join(rtsp.pack("OPTIONS", "*", number) for number in range(1, 50)), 0)
    assert [int(fields[b"cseq"]) for _, fields, _ in bench.answers()] == list(range(1, 50))


def test_requests_without_end_wait_until_their_answers_are_fetched(bench):
    line = bench.line
    many = b"".join(rtsp.pack("OPTIONS", "*", number) for number in range(1, 9_000))
    line.receive(many, 0)
    assert line.backlog < MAX_BACKLOG + 1_000 and not line.wants
    count = 0
    while line.to_send():
        count += len(bench.answers())
    assert count == 8_999 and line.wants


@pytest.mark.parametrize(
    "octets",
    [
        b"PLAY * RTSP/1.0\r\nCSeq: 1\r\n" + b"a: b\r\n" * 100,
        b"GET / HTTP/1.1\r\n\r\n",
        b"PLAY " + b"a" * 5_000,
        b"PLAY * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999\r\n\r\n",
        b"$\x00\xff\xff",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_what_is_no_rtsp_is_answered_once_and_closed(bench, octets):
    bench.line.receive(octets, 0)
    answers = bench.answers()
    assert len(answers) == 1 and answers[0][0] in (400, 413) and bench.line.over


def test_a_message_without_its_number_is_refused_and_the_next_one_answered(bench):
    bench.line.receive(b"OPTIONS * RTSP/1.0\r\n\r\n" + rtsp.pack("OPTIONS", "*", 7), 0)
    assert [status for status, _, _ in bench.answers()] == [400, 200]


def test_who_says_nothing_any_more_is_ended(bench):
    session = bench.set_up()
    assert bench.line.stale_ms() is not None or bench.server.sessions
    bench.ask("PLAY", fields=[*session, ("Range", "npt=0-1")])
    bench.run(59_000)
    bench.server.reported(("192.0.2.9", 5001), b"", 59_000)
    bench.run(118_000)
    assert bench.server.sessions
    bench.run(119_000)
    assert not bench.server.sessions


def test_half_a_request_is_not_waited_for(bench):
    bench.line.receive(b"OPTIONS * RT", 5_000)
    assert bench.line.stale_ms() == 5_000 + WITHIN_MS
    bench.line.receive(b"SP/1.0\r\nCSeq: 1\r\n\r\n", 6_000)
    assert bench.line.stale_ms() == 6_000 + IDLE_MS


def test_a_file_that_becomes_another_one_ends_its_title_and_no_other(film, tmp_path):
    path = tmp_path / "film.ts"
    path.write_bytes(film.read_bytes())
    bench = Bench(path)
    session = bench.set_up()
    bench.ask("PLAY", fields=session)
    bench.run(500)
    path.write_bytes(film.read_bytes()[:-188])
    bench.run(10_000)
    assert bench.octets.startswith(bench.payload()) and len(bench.payload()) < len(bench.octets)
    assert bench.sent[-1][3][-8:-4] == b"\x81\xcb\x00\x01"  # BYE
    assert bench.ask("GET_PARAMETER", fields=session)[0] == 200


def test_transports_are_taken_in_the_viewer_s_order(bench):
    ways = ", ".join(("RTP/SAVP;unicast;client_port=1-2", TCP[0][1], UDP[0][1]))
    _, fields, _ = bench.ask("SETUP", fields=[("Transport", ways)])
    assert parse_transports(fields[b"transport"])[0].channels == (4, 5)


def test_there_are_no_more_sessions_than_there_may_be(bench, monkeypatch):
    monkeypatch.setattr(server_module, "MAX_SESSIONS", 3)
    for _ in range(3):
        bench.set_up()
    assert bench.ask("SETUP", fields=UDP)[0] == 453


def test_a_server_that_has_ended_may_be_stopped_again():
    server = MediaServer(Shelf(), rtsp_port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    server.stop()
    thread.join()
    server.stop()
