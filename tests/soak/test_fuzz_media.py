"""RTSP and SDP against damaged and invented input: nothing but the declared errors, bounded, and other viewers
undisturbed."""

import random

import pytest
from headend.media.connection import MAX_BACKLOG
from headend.media.rtsp import RtspServer
from settop.errors import RemoteError
from settop.wire import rtsp, sdp
from settop.wire.rtsp_fields import parse_adaptation, parse_range, parse_rtp_info, parse_transports

from tests.helpers.clips import clip, have_ffmpeg
from tests.helpers.media import Shelf

URL = "rtsp://192.0.2.1/film"
UDP = ("Transport", "RTP/AVP;unicast;client_port=5000-5001")
TCP = ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")
FIELDS = (
    b"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1234ABCD,RTP/SAVP;client_port=3-4;server_port=5-6",
    b"npt=1:02:03.5-2:00:00;time=19970123T143720Z",
    b"url=rtsp://h/f/v;seq=45102;rtptime=12345678,url=rtsp://h/f/a;seq=1;rtptime=1",
    b'url="rtsp://h/f/v";size=48000;target-time=1500,url="a";size=1',
)
DESCRIPTION = (
    b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=a\r\nt=0 0\r\na=control:*\r\na=range:npt=0-30.5\r\n"
    b"m=video 0 RTP/AVP 33\r\na=rtpmap:33 MP2T/90000\r\na=control:track1\r\nm=audio 9 RTP/SAVP 97\r\n"
    b"a=rtpmap:97 X/8000\r\na=fmtp:97 y=1\r\n"
)
PARTS = (b"\r\n", b"\n", b"$", b"\0", b":", b";", b",", b"=", b"-", b"\xff", b"9" * 40, b"$\x00\x01\x00", b"Session: ")


def damaged(draw, data):
    """A copy with some octets changed, taken out, doubled, or parts put in."""
    data = bytearray(data)
    for _ in range(draw.randrange(1, 6)):
        at = draw.randrange(len(data) + 1)
        way = draw.randrange(5)
        if way == 0 and at < len(data):
            data[at] = draw.randrange(256)
        elif way == 1:
            del data[at : at + draw.randrange(1, 12)]
        elif way == 2:
            data[at:at] = data[at : at + draw.randrange(1, 60)]
        elif way == 3:
            data[at:at] = draw.choice(PARTS)
        else:
            del data[at:]
    return bytes(data)


def test_fields_and_descriptions_raise_what_is_declared_alone(cases):
    draw = random.Random(12)
    for case in cases(2_000):
        parse, data = (
            (parse_transports, FIELDS[0]),
            (parse_range, FIELDS[1]),
            (parse_rtp_info, FIELDS[2]),
            (parse_adaptation, FIELDS[3]),
            (sdp.parse, DESCRIPTION),
        )[case % 5]
        try:
            parse(damaged(draw, data))
        except RemoteError:
            pass


def test_a_reader_ends_by_a_message_a_refusal_or_wanting_more(cases):
    draw = random.Random(13)
    for _ in cases(2_000):
        data = damaged(draw, rtsp.pack("SETUP", URL, 3, [UDP], b"body", "text/x") + b"$\x01\x00\x04abcd")
        reader = rtsp.Reader(512, 64, 64)
        view = memoryview(data)
        turns = 0
        try:
            while len(view):
                took, what = reader.feed(view[: draw.randrange(1, 40)])
                view = view[took:]
                turns += 1
                assert turns <= 2 * len(data) + 2
                assert took or what != rtsp.MORE
        except rtsp.Refused as refused:
            assert 400 <= refused.status < 600


@pytest.mark.skipif(not have_ffmpeg(), reason="ffmpeg makes the clip; apt-get install ffmpeg")
def test_whatever_one_viewer_says_another_one_gets_all(cases, tmp_path):
    path = tmp_path / "film.ts"
    path.write_bytes(clip("h264_aac_cbr").read_bytes())
    shelf = Shelf(film=path)
    draw = random.Random(14)
    turns = cases(2_000)
    got = []
    server = RtspServer(shelf, draw.randbytes, lambda rtcp, *sent: got.append(sent), (6000, 6001))
    honest = server.connect("192.0.2.1", 0)
    honest.receive(rtsp.pack("SETUP", URL, 1, [UDP]), 0)
    (number,) = server.sessions
    honest.receive(rtsp.pack("PLAY", URL, 2, [("Session", number)]), 0)
    now_ms = 0
    requests = [
        rtsp.pack("DESCRIBE", URL, 1),
        rtsp.pack("SETUP", URL + "/stream", 2, [TCP]),
        rtsp.pack("SETUP", URL, 2, [UDP]),
        rtsp.pack("PLAY", URL, 3, [("Session", "0" * 32), ("Range", "npt=1-")]),
        rtsp.pack("TEARDOWN", URL, 4, [("Session", "0" * 32)]),
        b"$\x01\x00\x08" + bytes(8),
    ]
    line = server.connect("192.0.2.66", 0)
    for case in turns:
        if line.over:
            server.disconnected(line)
            line = server.connect("192.0.2.66", now_ms)
        mine = next(iter(line.sessions), "0" * 32).encode()
        data = b"".join(draw.choices(requests, k=draw.randrange(1, 4))).replace(b"0" * 32, mine)
        line.receive(damaged(draw, data), now_ms)
        assert line.backlog < MAX_BACKLOG + 100_000
        if draw.random() < 0.9:
            line.sent(len(line.to_send()), now_ms) if line.to_send() else None
        now_ms = 10_000 * case // len(turns)
        server.poll(now_ms)
    server.disconnected(line)
    while server.sessions[number].state == "playing":
        now_ms += 5
        server.poll(now_ms)
    media = b"".join(octets[12:] for address, octets in got if address == ("192.0.2.1", 5000))
    assert media == path.read_bytes()
    assert len(server.sessions) <= 256
