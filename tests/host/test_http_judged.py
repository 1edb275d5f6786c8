"""Heads of HTTP judged by h11, which nobody here wrote: what both take means the same, what it refuses is refused."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from settop.errors import RemoteError
from settop.net.http_core import HttpClient
from settop.wire.http import CHUNKED, Head, check_host

h11 = pytest.importorskip("h11")

REQUEST = b"GET /film?part=3 HTTP/1.1\r\nHost: shop\r\nConnection: close, x\r\nAccept: */*\r\n\r\n"
RESPONSE = b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: "x"\r\nServer:\ta b \r\n\r\n'
CODED = b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-3/8\r\n\r\n"
BREAKING = (
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b"\x00",
    b"\x0b",
    b"\x0c",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"+",
    b"0",
)
LINES = (
    b"Content-Length: 5",
    b"content-length:5",
    b"Content-Length: 4, 4",
    b"Content-Length: +4",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: Chunked ",
    b"Transfer-Encoding: gzip",
    b"Host: other",
    b" folded",
    b"Connection: Keep-Alive",
    b"X: \x80\xff",
    b"X : 1",
    b": 1",
    b"X",
)


@dataclass(frozen=True)
class Meaning:
    start: tuple[bytes | int, ...]
    fields: list[tuple[bytes, bytes]]
    length: int | None
    left: int  # octets behind the head


def ours(data: bytes) -> Meaning | None:
    """None: refused, or not yet whole."""
    head = Head()
    try:
        taken = head.feed(data)
        if not head.whole:
            return None
        if head.status is None:
            check_host(head)
        length = head.body_length()
    except RemoteError:
        return None
    start = (head.method, head.target) if head.status is None else (head.status, head.reason)
    return Meaning((head.version, *start), head.fields(), length, len(data) - taken)


def judged(data: bytes) -> Meaning | None:
    answer = data.startswith(b"HTTP/")
    connection = h11.Connection(h11.CLIENT if answer else h11.SERVER)
    if answer:
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "shop")]))
        connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request | h11.Response | h11.InformationalResponse):
        return None
    start = (event.method, event.target) if isinstance(event, h11.Request) else (event.status_code, event.reason)
    named = dict(event.headers)
    coded = b"transfer-encoding" in named
    length = CHUNKED if coded else int(named[b"content-length"]) if b"content-length" in named else None
    left = len(connection.trailing_data[0])
    return Meaning((b"HTTP/" + event.http_version, *start), [(n, v) for n, v in event.headers], length, left)


def compare(data: bytes) -> bool:
    """Whether ours took it, which then the judge must have done, with the same meaning."""
    mine = ours(data)
    if mine is None:
        return False
    theirs = judged(data)
    assert theirs is not None, f"h11 refuses {data!r}"
    spelled = [(n, v.lower() if n == b"transfer-encoding" else v) for n, v in mine.fields]
    assert (mine.start, spelled, mine.length, mine.left) == (theirs.start, theirs.fields, theirs.length, theirs.left)
    return True


@pytest.mark.parametrize("data", [REQUEST, RESPONSE, CODED])
def test_what_is_plain_is_taken_by_both(data):
    assert compare(data) and compare(data + b"body")


def changed(rng: random.Random) -> bytes:
    data = bytearray(rng.choice((REQUEST, RESPONSE, CODED)))
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data))
        kind = rng.randrange(5)
        if kind == 0:
            data[at:at] = rng.choice(BREAKING)
        elif kind == 1:
            data[at : at + rng.randrange(1, 4)] = rng.choice(BREAKING)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 6)]
        elif kind == 3:
            data[at] = rng.randrange(256)
        else:
            ends = [i + 2 for i in range(len(data) - 1) if data[i : i + 2] == b"\r\n"] or [at]
            place = rng.choice(ends)
            data[place:place] = rng.choice(LINES) + b"\r\n"
    return bytes(data)


def test_damaged_heads_that_we_take_mean_the_same_to_the_judge(cases):
    rng = random.Random("http heads")
    taken = sum(compare(changed(rng)) for _ in cases(3000))
    assert taken > 300


TOKENS = st.text("!#$%&'*+-.^_`|~09azAZ(:) \t", min_size=0, max_size=6).map(str.encode)
VALUES = st.binary(max_size=12)


@settings(max_examples=400, deadline=None)
@given(
    start=st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 404", b"GET /x HTTP/1.1", b"POST * HTTP/1.0"]),
    fields=st.lists(
        st.tuples(TOKENS | st.sampled_from([b"Content-Length", b"Transfer-Encoding", b"Host"]), VALUES), max_size=5
    ),
    end=st.sampled_from([b"\r\n", b"\n", b"\r\n\r\n"]),
)
@example(start=b"HTTP/1.1 200 OK", fields=[(b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")], end=b"\r\n")
def test_invented_heads_that_we_take_mean_the_same_to_the_judge(start, fields, end):
    compare(end.join([start, *(name + b":" + value for name, value in fields), b"", b""]))


def test_the_judge_would_fold_lines_and_take_bare_line_ends_and_we_do_not():
    """Where we are the stricter one, for good: a proxy between two readers that differ is an attack."""
    for data in (
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    ):
        assert judged(data) is not None and ours(data) is None


# --- whole answers ----------------------------------------------------------------------------------------------------

ANSWERS = (
    RESPONSE + b"abcd",
    CODED.replace(b"206", b"200") + b"4\r\nabcd\r\n0b;x=y\r\nhello world\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + RESPONSE + b"abcd",
    b"HTTP/1.0 200 OK\r\n\r\nall that comes",
    b"HTTP/1.1 204 No Content\r\n\r\n",
)
BROKEN_CHUNKS = (*BREAKING, b"0\r\n", b"\r\n0\r\n\r\n", b"f", b"-", b"0x", b";", b"5\r\nhello\r\n", b"00000000", b" ")


def our_answer(data: bytes, piece: int) -> tuple[int, bytes] | None:
    """Status and body of a whole answer; None for one that is refused or cut."""
    core = HttpClient("shop", window=32)
    core.request("GET", "/", 0)
    core.sent(len(core.to_send()), 0)
    body = b""
    at = 0
    while at < len(data) and core.state not in ("idle", "closed"):
        at += core.receive(data[at : at + piece], 0)
        while len(core.body()):
            body += bytes(core.body())
            core.taken(len(core.body()), 0)
    if core.state != "closed":
        core.ended(0)
    events = list(iter(core.next_event, None))
    return (events[0][1], body) if events and events[-1] == ("done",) else None


def judged_answer(data: bytes) -> tuple[int, bytes] | None:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "shop")]))
    connection.send(h11.EndOfMessage())
    status, body = 0, b""
    connection.receive_data(data)
    ended = False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if ended:
                    return None
                ended = True
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None


@pytest.mark.parametrize("data", ANSWERS)
def test_whole_answers_are_the_same_to_both(data):
    mine = our_answer(data, 7)
    assert mine is not None and mine == judged_answer(data)


def test_damaged_answers_that_we_take_are_the_same_to_the_judge(cases):
    rng = random.Random("http answers")
    taken = 0
    for _ in cases(2000):
        data = bytearray(rng.choice(ANSWERS))
        for _ in range(rng.randrange(1, 3)):
            at = rng.randrange(len(data) + 1)
            if rng.randrange(3):
                data[at:at] = rng.choice(BROKEN_CHUNKS)
            else:
                data[at : at + rng.randrange(1, 5)] = rng.choice((b"", bytes((rng.randrange(256),))))
        mine = our_answer(bytes(data), rng.choice((1, 5, 1000)))
        if mine is not None:
            taken += 1
            assert mine == judged_answer(bytes(data)), bytes(data)
    assert taken > 200
