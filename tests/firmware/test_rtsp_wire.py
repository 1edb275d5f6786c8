"""RTSP: messages and frames as one connection brings them, the fields that we use, and everything that is refused."""

from kit import raises
from settop.errors import LocalError
from settop.wire import rtsp
from settop.wire.rtsp import FRAME, MESSAGE, Reader, Refused
from settop.wire.rtsp_fields import (
    Transport,
    pack_adaptation,
    pack_range,
    pack_rtp_info,
    parse_adaptation,
    parse_range,
    parse_rtp_info,
    parse_transports,
)

PLAY = b"PLAY rtsp://host/film RTSP/1.0\r\nCSeq: 4\r\nSession: 12345678\r\n\r\n"
DESCRIBED = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
FRAMED = b"$\x01\x00\x04abcd"


def items(data, piece, **limits):
    """What a reader finds in `data` that comes in pieces of so many octets."""
    reader = Reader(**limits)
    found = []
    for at in range(0, len(data), piece):
        rest = memoryview(data)[at : at + piece]
        while len(rest):
            took, what = reader.feed(rest)
            rest = rest[took:]
            if what == MESSAGE:
                found.append((reader.head.method or reader.head.status, bytes(reader.body)))
            elif what == FRAME:
                found.append((reader.channel, bytes(reader.frame)))
            else:
                assert not len(rest)
    assert reader.between
    return found


def refusal(call, *args):
    """(status, why) it is refused."""
    with raises(Refused) as caught:
        call(*args)
        raise AssertionError("taken")
    return caught.value.status, str(caught.value)


def read_all(data, **limits):
    return items(data, len(data), **limits)


def test_messages_and_frames_come_apart_whatever_the_pieces():
    data = PLAY + FRAMED + b"\r\n\r\n" + DESCRIBED + b"$\x00\x00\x00" + PLAY
    wanted = [(b"PLAY", b""), (1, b"abcd"), (200, b"v=0\r\n"), (0, b""), (b"PLAY", b"")]
    for piece in (1, 2, 3, 5, 7, 16, 64, len(data)):
        assert items(data, piece, frame_octets=16) == wanted


def test_a_dollar_within_a_body_is_no_frame():
    data = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 8\r\n\r\n" + FRAMED
    assert read_all(data, frame_octets=16) == [(200, FRAMED)]


def test_a_frame_in_the_middle_of_a_message_is_refused():
    cut = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n" + FRAMED + b"Session: 1\r\n\r\n"
    assert refusal(read_all, cut)[0] == 400


def test_what_is_longer_than_its_buffer_is_refused():
    assert refusal(read_all, FRAMED) == (413, "a frame of 4 octets; expected 0 at most")
    long = b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 17\r\n\r\n"
    assert refusal(lambda: read_all(long, body_octets=16))[0] == 413
    assert refusal(read_all, b"PLAY rtsp://host/" + b"a" * 1100)[0] == 400
    assert refusal(read_all, b"PLAY * RTSP/1.0\r\n" + b"a:b\r\n" * 25 + b"\r\n")[0] == 400
    assert refusal(read_all, b"\r\n" * 40)[1] == "empty lines without end"


def test_a_coding_or_two_lengths_are_refused():
    head = b"PLAY * RTSP/1.0\r\nCSeq: 1\r\n"
    assert refusal(read_all, head + b"Transfer-Encoding: chunked\r\n\r\n")[0] == 400
    assert refusal(read_all, head + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n")[0] == 400
    assert refusal(read_all, head + b"Content-Length: -1\r\n\r\n")[0] == 400
    assert refusal(read_all, b"PLAY * HTTP/1.1\r\nCSeq: 1\r\n\r\n")[0] == 400


def test_the_number_of_a_message_is_there_once_and_is_a_number():
    def numbered(line):
        reader = Reader()
        reader.feed(b"PLAY * RTSP/1.0\r\n" + line + b"\r\n")
        return rtsp.cseq_of(reader.head)

    assert numbered(b"CSeq: 17\r\n") == 17
    for line in (b"", b"CSeq: \r\n", b"CSeq: 1a\r\n", b"CSeq: 1\r\nCSeq: 2\r\n", b"CSeq: 1234567890\r\n"):
        assert refusal(numbered, line)[0] == 400


def test_what_is_packed_is_read():
    request = rtsp.pack("SETUP", "rtsp://host/film", 3, [("Transport", "RTP/AVP")], b"body", "text/parameters")
    answer = rtsp.pack_answer(454, 3, [("Session", "abc")])
    reader = Reader()
    assert reader.feed(request) == (len(request), MESSAGE)
    assert (reader.head.method, reader.head.target) == (b"SETUP", b"rtsp://host/film")
    assert bytes(reader.body) == b"body" and rtsp.cseq_of(reader.head) == 3
    assert reader.feed(answer) == (len(answer), MESSAGE)
    assert (reader.head.status, reader.head.reason) == (454, b"Session Not Found")
    assert rtsp.pack_frame_head(1, 0x1234) == b"$\x01\x12\x34"
    assert rtsp.reason(299) == "OK" and rtsp.reason(599) == "Error"
    with raises(LocalError):
        rtsp.pack_answer(200, 1, [("Session", "a\r\nb")])
    with raises(LocalError):
        rtsp.pack_frame_head(256, 1)


def test_a_session_has_a_name_and_a_timeout():
    def session(line):
        reader = Reader()
        reader.feed(b"PLAY * RTSP/1.0\r\n" + line + b"\r\n")
        return rtsp.session_of(reader.head)

    assert session(b"") is None
    assert session(b"Session: 47112344\r\n") == ("47112344", 60)
    assert session(b"Session: ab-$_.+ ; timeout=30\r\n") == ("ab-$_.+", 30)
    for line in (b"Session: \r\n", b"Session: a b\r\n", b"Session: " + b"a" * 65 + b"\r\n"):
        assert refusal(session, line)[0] == 454
    assert refusal(session, b"Session: a;timeout=x\r\n")[0] == 400


def test_transports_are_read_in_their_order_and_those_of_others_left_out():
    ways = parse_transports(
        b'RTP/AVP;unicast;client_port=4588-4589;mode="PLAY",X/Y;a=b , rtp/savp/tcp;unicast;interleaved=2,'
        b"RTP/AVP/UDP;ssrc=1F"
    )
    assert [way.text() for way in ways] == [
        "RTP/AVP;unicast;client_port=4588-4589",
        "RTP/SAVP/TCP;unicast;interleaved=2-3",
        "RTP/AVP;multicast;ssrc=0000001F",
    ]
    assert ways[1].tcp and ways[1].secure and ways[1].channels == (2, 3)
    way = Transport(client=(5000, 5001), server=(6000, 6001), ssrc=0xABCDEF01)
    assert parse_transports(way.text().encode())[0].text() == way.text()


def test_transports_that_cannot_be_are_refused():
    assert refusal(parse_transports, b"X/Y;unicast")[0] == 461
    for value in (
        b"RTP/AVP;client_port=70000",
        b"RTP/AVP;client_port=1-1",
        b"RTP/AVP;client_port=",
        b"RTP/AVP;client_port=1-",
        b"RTP/AVP;interleaved=0-1",
        b"RTP/AVP/TCP;interleaved=255",
        b"RTP/AVP;ssrc=123456789",
        b"RTP/AVP;ssrc=xyz",
        b"RTP/AVP;ssrc=-1",
        b"RTP/AVP;ssrc=1_2",
        b",".join([b"RTP/AVP"] * 9),
    ):
        assert refusal(parse_transports, value)[0] == 400, value


def test_ranges_are_of_normal_play_time():
    for value, wanted in (
        (b"npt=0-", (0, None)),
        (b"npt=now-", (None, None)),
        (b"npt=12.5-30.25", (12_500, 30_250)),
        (b"npt = 1:02:03.5 - 2:00:00", (3_723_500, 7_200_000)),
        (b"npt=-10", (0, 10_000)),
        (b"npt=3.0019-;time=19970123T143720Z", (3_001, None)),
    ):
        assert parse_range(value) == wanted, value
    assert pack_range(12_005) == "npt=12.005-" and pack_range(0, 1_500) == "npt=0.000-1.500"
    for value in (b"smpte=0-", b"npt=", b"npt=-", b"npt=5", b"npt=5-4", b"npt=a-", b"npt=1:2-", b"npt=0:60:00-"):
        assert refusal(parse_range, value)[0] == 457, value


def test_rtp_info_says_where_play_begins():
    text = pack_rtp_info("rtsp://h/f/video", 45102, 12345678)
    assert parse_rtp_info(text.encode()) == [("rtsp://h/f/video", 45102, 12345678)]
    assert parse_rtp_info(b"url=a;seq=1, url=b;rtptime=5000000000") == [("a", 1, None), ("b", None, 705032704)]
    assert refusal(parse_rtp_info, b"url=a;seq=x")[0] == 400
    assert refusal(parse_rtp_info, b"url=\xff")[0] == 400
    assert refusal(parse_rtp_info, b",".join([b"url=a"] * 9))[0] == 400


def test_a_buffer_is_told_as_the_standard_has_it():
    text = 'url="rtsp://host/film/stream";size=48000;target-time=1500'
    assert pack_adaptation("rtsp://host/film/stream", 48000, 1500) == text
    assert parse_adaptation(text.encode()) == [("rtsp://host/film/stream", 48000, 1500)]
    others = b'url="a" ; Target-Time=7, url=b;size=999999999;more=1'
    assert parse_adaptation(others) == [("a", None, 7), ("b", 999999999, None)]
    for value in (b"", b"size=1", b'url="";size=1', b'url="a";size=x', b'url="a";target-time=1234567890', b"url=\xff"):
        with raises(Refused):
            parse_adaptation(value)
    with raises(Refused):
        parse_adaptation(b",".join([b'url="a"'] * 9))
