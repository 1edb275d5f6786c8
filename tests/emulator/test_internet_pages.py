"""The page server of the bench's internet: what is asked, answered and written down, and what is refused."""

import random
from types import SimpleNamespace

import pytest
from settop.errors import LocalError
from testbed.internet.pages import BODY_BYTES, HEAD_BYTES, Pages
from testbed.network.links import Link
from testbed.network.network import Network

from tests.helpers.network_services import CLIENT, MS, SERVER, Client, S

PAGE = bytes(range(256)) * 8


class Bench:
    def __init__(self, loss=0.0):
        self.network = Network(1)
        self.pages = Pages(lambda: self.network.now_ns)
        self.pages.put("/page", PAGE)
        self.network.host(SERVER).serve_tcp(80, self.pages.caller)
        self.client = self.network.host(CLIENT, Link(rate_bits_s=1_000_000, delay_ns=10 * MS, loss=loss))

    def say(self, *octets, until_over=True, limit_s=60):
        """A connection that says it in pieces: all that came back, and whether the server closed it."""
        service = Client(octets[0])
        conn = self.client.connect((SERVER, 80), service)
        for piece in octets[1:]:
            self.network.run_until(self.network.now_ns + S)
            conn.send(piece)
        self.network.run_until(self.network.now_ns + limit_s * S, lambda: until_over and service.over)
        self.network.run_until(self.network.now_ns + S)  # its last acknowledgement
        return bytes(service.got), service.over


def request(line="GET /page HTTP/1.1", *fields, body=b"", close=True):
    fields = (*fields, "Connection: close") if close else fields
    return "\r\n".join((line, "Host: films.example", *fields, "", "")).encode() + body


def split(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body


def test_a_page_comes_whole_and_is_written_down():
    bench = Bench()
    head, body = split(bench.say(request())[0])
    assert head[:2] == ["HTTP/1.1 200 OK", f"Content-Length: {len(PAGE)}"] and body == PAGE
    assert "Accept-Ranges: bytes" in head
    (served,) = bench.pages.served
    assert (served.caller, served.method, served.path, served.status, served.octets) == (
        CLIENT, "GET", "/page", 200, len(PAGE)
    )  # fmt: skip
    assert 0 < served.begun_ns < served.ended_ns and served.repeats == 0


def test_requests_on_one_connection_are_answered_in_their_order_however_they_are_cut():
    whole = request(close=False) + request("HEAD /page HTTP/1.1", close=False) + request("GET /other HTTP/1.1")
    for cut in (1, 30, len(request(close=False)), len(whole) - 1):
        bench = Bench()
        answer, over = bench.say(whole[:cut], whole[cut:])
        first, rest = split(answer)
        assert first[0].endswith("200 OK") and rest.startswith(PAGE) and over
        assert answer.count(b"HTTP/1.1 ") == 3 and answer.endswith(b"there is no such page\n")
        assert [(s.method, s.status, s.octets) for s in bench.pages.served] == [
            ("GET", 200, len(PAGE)), ("HEAD", 200, 0), ("GET", 404, 22)
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-9", "206", PAGE[:10]),
        ("bytes=100-", "206", PAGE[100:]),
        ("bytes=-7", "206", PAGE[-7:]),
        ("bytes=2000-9999", "206", PAGE[2000:]),
        ("bytes=2048-", "416", b""),
        ("bytes=9-3", "200", PAGE),
        ("bytes=-", "200", PAGE),
        ("bytes=a-3", "200", PAGE),
        ("lines=1-3", "200", PAGE),
        ("bytes=0-1,4-5", "200", PAGE),
    ],
)
def test_ranges(wanted, status, part):
    head, body = split(Bench().say(request("GET /page HTTP/1.1", f"Range: {wanted}"))[0])
    assert head[0].split()[1] == status and body == part
    if status == "206":
        first = PAGE.index(part) if len(part) > 20 else (0 if part == PAGE[:10] else len(PAGE) - 7)
        assert any(line.startswith("Content-Range: bytes ") and line.endswith(f"/{len(PAGE)}") for line in head), first


def test_a_range_of_another_version_brings_the_whole():
    bench = Bench()
    (tag,) = [line[6:] for line in split(bench.say(request())[0])[0] if line.startswith("ETag: ")]
    fields = ("Range: bytes=5-", f"If-Range: {tag}")
    assert split(bench.say(request("GET /page HTTP/1.1", *fields))[0])[1] == PAGE[5:]
    bench.pages.put("/page", PAGE[::-1])
    assert split(bench.say(request("GET /page HTTP/1.1", *fields))[0])[1] == PAGE[::-1]


def test_what_is_posted_comes_back():
    body = bytes(range(256)) * 20
    head, back = split(Bench().say(request("POST /any HTTP/1.1", f"Content-Length: {len(body)}", body=body))[0])
    assert head[0].endswith("200 OK") and back == body


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"rubbish\r\n\r\n", "400"),
        (b"GET /page HTTP/9.9\r\n\r\n", "400"),
        (b"GET  /page HTTP/1.1\r\n\r\n", "400"),
        (b"BREW /page HTTP/1.1\r\n\r\n", "405"),
        (b"POST /page HTTP/1.1\r\n\r\n", "411"),
        (b"POST /page HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"),
        (b"POST /page HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n", "400"),
        (f"POST /page HTTP/1.1\r\nContent-Length: {BODY_BYTES + 1}\r\n\r\n".encode(), "413"),
        (b"GET /" + b"x" * (HEAD_BYTES + 10), "431"),
        (b"GET /page HTTP/1.1\r\n" + b"A: b\r\n" * HEAD_BYTES, "431"),
        (b"\xff\xfe\0\r\n\r\n", "400"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_the_connection_closed(octets, status):
    answer, over = Bench().say(octets)
    assert split(answer)[0][0].split()[1] == status and over


def test_what_comes_behind_the_last_request_is_not_kept():
    bench = Bench()
    service = bench.pages.caller()
    ear = Ear()
    service.opened(ear)
    service.received(ear, b"rubbish\r\n\r\n")
    for _ in range(100):
        service.received(ear, bytes(1000))
    assert len(service._came) < 100 and ear.is_closed


def test_half_a_request_is_answered_by_nothing_and_the_server_closes_when_the_caller_does():
    bench = Bench()
    answer, over = bench.say(b"GET /page HT", limit_s=5)
    assert (answer, over, bench.pages.served) == (b"", False, [])


def test_segments_that_are_sent_again_are_counted_with_the_request_that_they_were_for():
    bench = Bench(loss=0.1)
    bench.pages.put("/page", PAGE * 16)
    bench.say(request(close=False), request(), limit_s=300)
    first, second = bench.pages.served
    assert first.repeats + second.repeats == sum(
        {id(s.connection): s.connection.sender.repeats for s in (first, second)}.values()
    )
    assert first.repeats > 0


class Ear:
    """A connection that takes what is said to it. LocalError for octets behind `close`, as the real one has it."""

    there = (CLIENT, 50_000)

    def __init__(self):
        self.sender, self.on_acknowledged, self.unsent = SimpleNamespace(repeats=0), None, 0
        self.said, self.is_closed = b"", False

    def send(self, data):
        if self.is_closed:
            raise LocalError("octets for a connection that was closed before")
        self.said += data

    def close(self):
        self.is_closed = True


WORDS = [
    b"GET", b"HEAD", b"POST", b" ", b"/page", b"HTTP/1.1", b"\r\n", b"\r\n\r\n", b"\n", b"Content-Length: ",
    b"Range: bytes=", b"5", b"-", b"0-3", b"If-Range: ", b"Connection: close", b"\xff\0", b"x" * 300, b"99999999999999",
]  # fmt: skip


def test_whatever_is_said_is_answered_or_waited_for_and_never_raises(cases):
    for number in cases(400):
        rng = random.Random(number)
        pages, ear = Pages(lambda: 0), Ear()
        pages.put("/page", PAGE)
        service = pages.caller()
        service.opened(ear)
        for _ in range(rng.randrange(1, 40)):
            piece = rng.choice(WORDS) if rng.random() < 0.9 else rng.randbytes(rng.randrange(20))
            service.received(ear, piece)
        service.closed(ear)
        assert ear.is_closed and ear.said.count(b"HTTP/1.1 ") >= len(pages.served)
