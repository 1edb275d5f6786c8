"""Heads of HTTP and RTSP: what is read, and everything that is refused."""

from kit import raises
from settop.errors import LocalError, RemoteError
from settop.wire.http import CHUNKED, RTSP, Head, check_host, number, pack_request

RESPONSE = (
    b"HTTP/1.1 206 Partial Content\r\n"
    b"Content-Range: bytes 2-5/10\r\n"
    b"Content-Length:4\r\n"
    b"X-Empty:\r\n"
    b"Server:  a name\twith blanks  \r\n"
    b"Connection: keep-alive\r\n"
    b"connection: Upgrade, , TE\r\n"
    b"\r\n"
)
REQUEST = b"GET /film?part=3 HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\n\r\n"


def read(data, **limits):
    head = Head(**limits)
    assert head.feed(data) == len(data) and head.whole
    return head


def refusal(data, **limits):
    """Why it is refused."""
    head = Head(**limits)
    with raises(RemoteError) as caught:
        head.feed(data)
        raise AssertionError("taken")
    return str(caught.value)


def response(*lines):
    return b"\r\n".join((b"HTTP/1.1 200 OK",) + lines + (b"", b""))


def test_a_response_gives_version_status_reason_and_fields():
    head = read(RESPONSE)
    assert (head.version, head.status, head.reason) == (b"HTTP/1.1", 206, b"Partial Content")
    assert head.fields() == [
        (b"content-range", b"bytes 2-5/10"),
        (b"content-length", b"4"),
        (b"x-empty", b""),
        (b"server", b"a name\twith blanks"),
        (b"connection", b"keep-alive"),
        (b"connection", b"Upgrade, , TE"),
    ]
    assert head.get(b"server") == b"a name\twith blanks" and head.get(b"x-empty") == b"" and head.get(b"etag") is None
    assert head.words(b"connection") == [b"keep-alive", b"upgrade", b"te"] and head.words(b"etag") == []
    assert head.body_length() == 4


def test_a_request_gives_method_and_target():
    head = read(REQUEST)
    assert (head.method, head.target, head.version, head.status) == (b"GET", b"/film?part=3", b"HTTP/1.1", None)
    assert head.body_length() is None
    check_host(head)


def test_rtsp_has_the_same_lines_and_another_version():
    head = read(b"RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n", versions=RTSP)
    assert (head.status, head.get(b"cseq")) == (200, b"3")
    head = read(b"PLAY rtsp://host/film RTSP/1.0\r\nCSeq: 4\r\n\r\n", versions=RTSP)
    assert (head.method, head.target) == (b"PLAY", b"rtsp://host/film")
    assert "another protocol" in refusal(REQUEST, versions=RTSP)
    assert "another protocol" in refusal(b"RTSP/1.0 200 OK\r\n\r\n")


def test_octet_by_octet_and_in_pieces_it_is_the_same_head():
    whole = read(RESPONSE).fields()
    for size in (1, 2, 3, 7, 50):
        head = Head()
        for at in range(0, len(RESPONSE), size):
            assert not head.whole
            assert head.feed(memoryview(RESPONSE)[at : at + size]) == min(size, len(RESPONSE) - at)
        assert head.whole and head.fields() == whole and head.reason == b"Partial Content"


def test_what_follows_the_head_is_left_alone():
    head = Head()
    assert head.feed(RESPONSE + b"body") == len(RESPONSE)
    assert head.feed(b"body") == 0 and head.whole


def test_one_reader_takes_message_after_message():
    head = Head()
    assert not head.begun
    for data in (RESPONSE, REQUEST, response()):
        head.feed(data)
        assert head.whole and head.begun
        head.reset()
        assert not head.whole and not head.begun and head.fields() == []


def test_a_status_line_may_lack_its_reason():
    assert read(b"HTTP/1.1 200\r\n\r\n").reason == b""
    assert read(b"HTTP/1.0 200 \r\n\r\n").reason == b""
    assert read(b"HTTP/1.1 404 nicht gef\xfcnden\r\n\r\n").reason == b"nicht gef\xfcnden"


def test_start_lines_that_are_none_are_refused():
    for line in (
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 20",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1 099 low",
        b"HTTP/1.1 600 high",
        b"HTTP/1.1 +20 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/1.2 200 OK",
        b"http/1.1 200 OK",
        b" HTTP/1.1 200 OK",
        b"ICY 200 OK",
        b"GET /",
        b"GET  HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET /a b HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"G(T / HTTP/1.1",
        b"GET /\xfc HTTP/1.1",
    ):
        refusal(line + b"\r\n\r\n")


def test_names_that_are_none_are_refused():
    for line in (b"no colon", b": no name", b"a name: 1", b"name : 1", b"n\xe4me: 1", b"na(me: 1", b"name\t: 1"):
        refusal(response(line))


def test_a_folded_line_is_refused():
    for blank in (b" ", b"\t"):
        assert refusal(response(b"A: 1", blank + b"2")) == "a folded line in a head"
        assert refusal(response(blank + b"A: 1")) == "a folded line in a head"


def test_a_line_end_without_cr_or_a_cr_alone_is_refused():
    assert "without CR" in refusal(b"HTTP/1.1 200 OK\n\n")
    assert "without CR" in refusal(response(b"A: 1\nContent-Length: 2"))
    assert "without CR" in refusal(b"HTTP/1.1 200 OK\r\nA: 1\r\n\n")
    assert "without LF" in refusal(response(b"A: 1\rContent-Length: 2"))
    assert "without LF" in refusal(b"HTTP/1.1 200 OK\r\n\rA: 1\r\n\r\n")


def test_control_characters_are_refused_wherever_they_stand():
    for octet in list(range(9)) + [11, 12] + list(range(14, 32)) + [127]:
        bad = bytes((octet,))
        for data in (response(b"A: " + bad), response(b"A" + bad + b": 1"), b"HTTP/1.1 200 O" + bad + b"\r\n\r\n"):
            assert refusal(data) == "a control character in a head"


def test_octets_beyond_ascii_in_a_value_are_kept_as_they_are():
    assert read(response(b"A: \x80\xff")).get(b"a") == b"\x80\xff"


def test_endless_heads_lines_and_fields_are_refused_at_their_limits():
    line = b"A: " + b"x" * 1019
    assert read(response(line), size=2048).get(b"a") == b"x" * 1019
    assert refusal(response(line + b"xxx")) == "a line of more than 1024 octets in a head"
    fields = (b"A:",) * 32
    assert len(read(response(*fields)).fields()) == 32
    assert refusal(response(*(fields + (b"B:",)))) == "more than 32 fields in a head"
    whole = response(b"A: 1")
    assert read(whole, size=len(whole)).get(b"a") == b"1"
    assert refusal(whole, size=len(whole) - 1) == "a head of more than %d octets" % (len(whole) - 1)
    head = Head()
    head.feed(b"HTTP/1.1 200 OK\r\n")
    with raises(RemoteError):
        for _ in range(1000):
            head.feed(b"A: 1\r\n")


def test_blanks_without_end_count_as_octets():
    head = Head()
    head.feed(b"HTTP/1.1 200 OK\r\nA:")
    with raises(RemoteError):
        for _ in range(100):
            head.feed(b" " * 64)


def test_a_head_that_was_refused_takes_nothing_until_it_is_reset():
    head = Head()
    with raises(RemoteError):
        head.feed(b"HTTP/1.1 200 OK\n")
    with raises(LocalError):
        head.feed(b"\r\n")
    head.reset()
    head.feed(response())
    assert head.whole


def test_lengths_that_are_none_two_or_beside_a_coding_are_refused():
    for lines in (
        (b"Content-Length: -1",),
        (b"Content-Length: +1",),
        (b"Content-Length: 1 2",),
        (b"Content-Length: 1, 1",),
        (b"Content-Length: 0x10",),
        (b"Content-Length: \xb2",),
        (b"Content-Length:",),
        (b"Content-Length: 1234567890123456",),
        (b"Content-Length: 5", b"Content-Length: 5"),
        (b"Content-Length: 5", b"content-length: 6"),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: chunked, identity",),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding:",),
    ):
        with raises(RemoteError):
            read(response(*lines)).body_length()
    assert read(response(b"Transfer-Encoding: Chunked")).body_length() == CHUNKED
    assert read(response(b"Content-Length: 0007")).body_length() == 7
    assert number(b"999999999999999") == 999999999999999
    with raises(RemoteError):  # no such thing before 1.1: who passed it on did not know what it is
        read(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").body_length()


def test_a_field_that_may_stand_once_and_stands_twice_is_refused():
    with raises(RemoteError) as caught:
        read(response(b"Location: /a", b"Location: /b")).get(b"location")
    assert str(caught.value) == "two fields location"


def test_a_request_names_its_host_once():
    for lines in ((), (b"Host: a", b"Host: a")):
        with raises(RemoteError):
            check_host(read(b"\r\n".join((b"GET / HTTP/1.1",) + lines + (b"", b""))))
    check_host(read(b"GET / HTTP/1.0\r\n\r\n"))


def test_trailers_are_checked_and_never_mixed_with_the_head():
    head = read(response(b"A: 1"))
    head.begin_trailers()
    assert not head.whole and head.feed(b"Etag: x\r\n\r\nrest") == 11 and head.whole
    assert head.get(b"etag") is None and head.fields() == [(b"a", b"1")]
    for line in (b"Content-Length: 5", b"transfer-encoding: chunked", b"Host: x", b"no colon", b" folded"):
        head = read(response())
        head.begin_trailers()
        with raises(RemoteError):
            head.feed(line + b"\r\n\r\n")
    head = read(response(b"A: 1"))
    head.begin_trailers()
    assert head.feed(b"\r\nHTTP") == 2 and head.whole
    with raises(LocalError):
        Head().begin_trailers()


def test_trailers_without_end_are_refused():
    head = read(response())
    head.begin_trailers()
    with raises(RemoteError):
        for _ in range(100):
            head.feed(b"A: 1\r\n")


def test_a_request_is_packed_as_it_is_read():
    packed = pack_request("GET", "/film?part=3", (("Host", "shop"), ("Accept", "*/*")))
    assert packed == REQUEST


def test_a_request_that_would_be_two_is_not_packed():
    for method, target, fields in (
        ("GE T", "/", ()),
        ("", "/", ()),
        ("GET", "/ HTTP/1.1\r\nX:", ()),
        ("GET", "/a b", ()),
        ("GET", "", ()),
        ("GET", "/\xfc", ()),
        ("GET", "/", (("A\r\nB", "1"),)),
        ("GET", "/", (("A", "1\r\nB: 2"),)),
        ("GET", "/", (("A", "1\x00"),)),
        ("GET", "/", (("", "1"),)),
    ):
        with raises(LocalError):
            pack_request(method, target, fields)
