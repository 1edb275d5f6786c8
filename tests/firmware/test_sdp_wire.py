"""SDP: what a description says of its media, and everything that is refused."""

from kit import raises
from settop.errors import RemoteError
from settop.wire import sdp

THEIRS = (
    b"v=0\r\no=- 1188340656180883 1 IN IP4 224.2.17.12\r\ns=Session streamed\ni=a.ts\r\nt=0 0\r\n"
    b"a=tool:LIVE555\r\na=type:broadcast\r\na=control:*\r\na=range:npt=0-30.5\r\n"
    b"m=video 0 RTP/AVP 33\r\nc=IN IP4 0.0.0.0\r\nb=AS:5000\r\na=control:track1\r\n"
    b"m=audio 49170/2 RTP/SAVP 97 0\r\na=rtpmap:97 MPEG4-GENERIC/44100/2\r\na=fmtp:97 mode=AAC-hbr;config=1210\r\n"
    b"a=fmtp:5 lost\r\na=range:clock=19961108T143720Z-\r\na=recvonly\r\n"
)


def refusal(data):
    with raises(RemoteError) as caught:
        sdp.parse(data)
        raise AssertionError("taken")
    return str(caught.value)


def test_a_description_of_another_server_is_read():
    found = sdp.parse(THEIRS)
    assert (found.name, found.control, found.range_ms) == ("Session streamed", "*", (0, 30_500))
    assert ("tool", "LIVE555") in found.others
    video, audio = found.media
    assert (video.kind, video.port, video.protocol, video.formats) == ("video", 0, "RTP/AVP", ["33"])
    assert (video.control, video.maps, video.range_ms) == ("track1", {}, None)
    assert (audio.port, audio.protocol, audio.formats) == (49170, "RTP/SAVP", ["97", "0"])
    assert audio.maps == {"97": ("mpeg4-generic", 44100)} and audio.details == {"97": "mode=AAC-hbr;config=1210"}
    assert audio.others == [("recvonly", "")] and audio.range_ms is None


def test_what_is_packed_is_read():
    mine = sdp.Description()
    mine.name, mine.control, mine.range_ms = "film", "*", (0, 12_345)
    medium = sdp.Medium("video", 0, "RTP/SAVP", ["33"])
    medium.control, medium.maps = "video", {"33": ("mp2t", 90_000)}
    medium.details, medium.others = {"33": "a=1"}, [("recvonly", "")]
    mine.media.append(medium)
    read = sdp.parse(sdp.pack(mine, "192.0.2.1"))
    assert (read.name, read.control, read.range_ms) == (mine.name, mine.control, mine.range_ms)
    for name in ("kind", "port", "protocol", "formats", "maps", "details", "control", "others"):
        assert getattr(read.media[0], name) == getattr(medium, name), name


def test_what_is_no_description_is_refused():
    for data in (
        b"",
        b"v=1\r\n",
        b"hello",
        b"v=0\r\nnothing\r\n",
        b"v=0\r\nm=video 0 RTP/AVP\r\n",
        b"v=0\r\nm=video x RTP/AVP 33\r\n",
        b"v=0\r\nm=video 70000 RTP/AVP 33\r\n",
        b"v=0\r\nm=video \xc2\xb2 RTP/AVP 33\r\n",  # a digit of Unicode, and no number
        b"v=0\r\nm=video 0 RTP/AVP 33\r\na=rtpmap:33 MP2T/\xc2\xb2\r\n",
        b"v=0\r\nm=video 0 RTP/AVP 33\r\na=rtpmap:33 MP2T\r\n",
        b"v=0\r\nm=video 0 RTP/AVP 33\r\na=rtpmap:34 MP2T/90000\r\n",
        b"v=0\r\ns=\xff\xfe\r\n",
        b"v=0\r\n" + b"a=b\r\n" * 100,
        b"v=0\r\n" + b"m=video 0 RTP/AVP 33\r\n" * 9,
        b"v=0\r\nm=video 0 RTP/AVP" + b" 33" * 17 + b"\r\n",
        b"v=0\r\ns=" + b"a" * 4096 + b"\r\n",
    ):
        assert refusal(data), data


def test_a_control_without_scheme_is_relative_to_the_presentation():
    base = "rtsp://host/film"
    assert sdp.control_url(base, None) == sdp.control_url(base, "*") == base
    assert sdp.control_url(base, "track1") == sdp.control_url(base + "/", "track1") == "rtsp://host/film/track1"
    assert sdp.control_url(base, "rtsp://other/t") == "rtsp://other/t"


def test_a_medium_says_how_often_the_buffer_is_to_be_told_of():
    line = b"v=0\r\nm=video 0 RTP/AVP 33\r\na=3GPP-Adaptation-Support:%s\r\n"
    for value, every in (
        (b"1", 1),
        (b"99", 99),
        (b"0", None),
        (b"07", None),
        (b"100", None),
        (b"", None),
        (b"1\xc2\xb2", None),
    ):
        assert sdp.report_every(sdp.parse(line % value).media[0]) == every
    assert sdp.report_every(sdp.parse(b"v=0\r\nm=video 0 RTP/AVP 33\r\n").media[0]) is None
