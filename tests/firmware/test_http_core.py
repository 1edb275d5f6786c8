# on the pico: long
"""HTTP as a client, without a network: what it asks, what it makes of answers, and when it gives up."""

from kit import raises
from settop.errors import LocalError
from settop.net.http_core import CUT, SILENT, UNANSWERED, HttpClient

OK = b"HTTP/1.1 200 OK\r\n"


def asked(core, method="GET", target="/", **how):
    """The octets of a request, sent."""
    core.request(method, target, 0, **how)
    return sent(core)


def sent(core):
    out = b""
    while core.to_send() is not None:
        out += bytes(core.to_send())
        core.sent(len(core.to_send()), 0)
    return out


def run(core, data, piece=0, now_ms=0):
    """(events, body) of these octets, given in pieces of so many, or in as large ones as it takes."""
    events, body = [], b""
    at = 0
    while True:
        count = core.receive(data[at : at + (piece or len(data))], now_ms)
        at += count
        while len(core.body()):
            body += bytes(core.body())
            core.taken(len(core.body()), now_ms)
        while True:
            event = core.next_event()
            if event is None:
                break
            events.append(event)
        if at == len(data) or core.state == "closed":
            return events, body
        assert count


def answer(data, piece=0, window=64, end=False, method="GET", **how):
    """(events, body, state) of an answer to a request of its own."""
    core = HttpClient("shop", window=window)
    asked(core, method, **how)
    events, body = run(core, data, piece)
    if end and core.state != "closed":
        core.ended(0)
        more, rest = run(core, b"")
        events, body = events + more, body + rest
    return events, body, core.state


def failure(data, **how):
    """The reason, and whether a new connection may do better."""
    events, _, state = answer(data, **how)
    assert state == "closed" and events[-1][0] == "failed", events
    assert len([event for event in events if event[0] == "failed"]) == 1
    return events[-1][1:]


def test_a_request_says_host_and_what_it_takes():
    assert asked(HttpClient("shop:8080"), target="/film?x") == (
        b"GET /film?x HTTP/1.1\r\nHost: shop:8080\r\nAccept-Encoding: identity\r\n\r\n"
    )
    assert asked(HttpClient("shop"), "POST", fields=(("Content-Type", "text/plain"),), body=b"a b") == (
        b"POST / HTTP/1.1\r\nHost: shop\r\nAccept-Encoding: identity\r\nContent-Length: 3\r\n"
        b"Content-Type: text/plain\r\n\r\na b"
    )
    assert asked(HttpClient("shop"), "POST").endswith(b"Content-Length: 0\r\n\r\n")
    assert b'Range: bytes=5-\r\nIf-Range: "x"\r\n' in asked(HttpClient("shop"), first=5, tag='"x"')
    assert b"Range: bytes=0-9\r\n\r\n" in asked(HttpClient("shop"), first=0, last=9)


def test_what_cannot_be_asked_is_a_local_error():
    for method, how in (
        ("PUT", {}),
        ("get", {}),
        ("GET", {"body": b"x"}),
        ("GET", {"first": -1}),
        ("GET", {"first": 5, "last": 4}),
        ("GET", {"fields": (("A", "1\r\nB: 2"),)}),
        ("GET", {"first": 1, "tag": "x\r\ny"}),
    ):
        core = HttpClient("shop")
        with raises(LocalError):
            core.request(method, "/", 0, **how)
        assert core.state == "idle" and core.to_send() is None
    core = HttpClient("shop")
    asked(core)
    with raises(LocalError):
        core.request("GET", "/", 0)


def test_a_body_of_known_length_comes_through_in_pieces_of_any_size():
    data = OK + b"Content-Length: 300\r\n\r\n" + bytes(range(100)) * 3
    for window in (16, 64, 1024):
        for piece in (1, 2, 7, 0):
            events, body, state = answer(data, piece, window)
            assert events == [("head", 200), ("done",)] and state == "idle", (window, piece)
            assert body == bytes(range(100)) * 3


def test_chunks_come_through_in_pieces_of_any_size():
    data = (
        OK + b"Transfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n" + b'0A;name="va lue"\r\n, 10 times\r\n' + b"001;x\r\n!\r\n" + b"0\r\nEtag: x\r\nA: b\r\n\r\n"
    )
    for window in (16, 64, 1024):
        for piece in (1, 2, 7, 0):
            events, body, state = answer(data, piece, window)
            assert events == [("head", 200), ("done",)] and state == "idle", (window, piece, events)
            assert body == b"hello, 10 times!"
    assert answer(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")[0] == [("head", 200), ("done",)]
    large = OK + b"Transfer-Encoding: chunked\r\n\r\n1aF\r\n" + b"x" * 0x1AF + b"\r\n0\r\n\r\n"
    assert answer(large)[1] == b"x" * 0x1AF


def test_a_body_without_length_ends_with_the_connection():
    events, body, state = answer(b"HTTP/1.0 200 OK\r\n\r\nall of it", end=True)
    assert (events, body, state) == ([("head", 200), ("done",)], b"all of it", "closed")
    events, body, state = answer(OK + b"\r\n", end=True)
    assert (events, body, state) == ([("head", 200), ("done",)], b"", "closed")


def test_a_body_without_length_that_is_cut_is_not_whole():
    core = HttpClient("shop")
    asked(core)
    run(core, b"HTTP/1.0 200 OK\r\n\r\nnot all of")
    core.ended(0, cut=True)
    assert core.next_event() == ("failed", CUT, True) and core.state == "closed"


def test_answers_without_body_are_done_behind_their_head():
    for data, method in (
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "GET"),
        (OK + b"Content-Length: 500\r\n\r\n", "HEAD"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", "HEAD"),
        (OK + b"Content-Length: 0\r\n\r\n", "POST"),
    ):
        events, body, state = answer(data, method=method)
        assert events[-1] == ("done",) and body == b"" and state == "idle"
    core = HttpClient("shop")
    asked(core, "HEAD")
    run(core, OK + b"Content-Length: 500\r\n\r\n")
    assert (core.length, core.total) == (500, 500)


def test_one_connection_answers_again_and_again():
    core = HttpClient("shop", window=64)
    for number in range(50):
        asked(core)
        if number % 2:
            data = OK + b"Content-Length: 2\r\n\r\nab"
        else:
            data = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nA: 1\r\n\r\n"
        assert run(core, data) == ([("head", 200), ("done",)], b"ab")
        assert core.state == "idle" and core.next_timer() is None


def test_a_connection_that_is_not_kept_is_closed_behind_the_answer():
    for data in (
        OK + b"Connection: Close\r\nContent-Length: 1\r\n\r\nx",
        OK + b"Connection: foo, close\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
    ):
        assert answer(data) == ([("head", 200), ("done",)], b"x", "closed")
    assert answer(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx")[2] == "idle"


def test_interim_answers_are_skipped_and_not_without_end():
    events, body, state = answer(
        b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx"
    )
    assert (events, body, state) == ([("head", 200), ("done",)], b"x", "idle")
    assert failure(b"HTTP/1.1 100 Continue\r\n\r\n" * 20)[1] is False
    assert "interim" in failure(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")[0]


def part(span, length=None, first=4, **how):
    data = b"HTTP/1.1 206 Partial\r\n"
    if span is not None:
        data += b"Content-Range: " + span + b"\r\n"
    if length is not None:
        data += b"Content-Length: %d\r\n" % length
    return dict(data=data + b"\r\nabcdef", first=first, **how)


def test_a_part_is_the_one_that_was_asked_for():
    core = HttpClient("shop")
    asked(core, first=4)
    assert (
        run(core, b"HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\nefghij")[1] == b"efghij"
    )
    assert (core.first, core.length, core.total) == (4, 6, 10)
    core = HttpClient("shop")
    asked(core, first=4, last=20)
    run(
        core,
        b"HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/*\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nefghij\r\n0\r\n\r\n",
    )
    assert (core.first, core.length, core.total, core.state) == (4, 6, None, "idle")
    events, body, state = answer(**part(b"bytes 4-9/10", end=True))
    assert (events[-1], body, state) == (("done",), b"abcdef", "closed")


def test_parts_that_lie_are_refused():
    for case in (
        part(None, 6),
        part(b"bytes 3-8/10", 6),
        part(b"bytes 5-9/10", 5),
        part(b"bytes 4-10/10", 7),
        part(b"bytes 4-9/9", 6),
        part(b"bytes 4-9/10", 5),
        part(b"bytes 9-4/10", 6),
        part(b"bytes 4-3/10", 0),
        part(b"bytes */10", 6),
        part(b"bytes 4-9", 6),
        part(b"bytes 4/10", 6),
        part(b"bytes +4-9/10", 6),
        part(b"octets 4-9/10", 6),
        part(b"bytes 4-9/10, bytes 0-1/10", 6),
        part(b"bytes 4-9/10", 6, last=8),
        part(b"bytes 4-9/10", 6, first=None),
    ):
        assert failure(**case)[1] is False
    chunked = (
        b"HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/10\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nefghi\r\n0\r\n\r\n"
    )
    assert failure(chunked, first=4) == ("a part of another length than its range", False)


def test_the_whole_may_come_instead_of_a_part():
    core = HttpClient("shop")
    asked(core, first=4)
    run(core, OK + b"Content-Length: 10\r\n\r\nabcdefghij")
    assert (core.first, core.length, core.total) == (0, 10, 10)


def test_a_range_beyond_the_end_says_how_long_the_whole_is():
    core = HttpClient("shop")
    asked(core, first=10)
    events, body = run(core, b"HTTP/1.1 416 Range\r\nContent-Range: bytes */10\r\nContent-Length: 2\r\n\r\nno")
    assert (events, body, core.total, core.length) == ([("head", 416), ("done",)], b"no", 10, 2)
    assert failure(b"HTTP/1.1 416 R\r\nContent-Range: bytes 1-2/10\r\nContent-Length: 0\r\n\r\n", first=10)[1] is False


def test_lengths_that_lie_are_refused():
    assert failure(OK + b"Content-Length: 10\r\n\r\nshort", end=True) == (CUT, True)
    assert failure(OK + b"Transfer-Encoding: chunked\r\n\r\na\r\nshort", end=True) == (CUT, True)
    assert failure(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", end=True) == (CUT, True)
    assert failure(OK + b"Content-Le", end=True) == (CUT, True)
    for chunk in (
        b"5\r\nhello!\r\n",
        b"5\r\nhello\n",
        b"5\r\nhello\r\r",
        b"\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"+5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"5\nhello\r\n",
        b"5\r\rhello\r\n",
        b";x\r\nhello\r\n",
        b"\x155\r\nhello\r\n",
        b"g\r\nhello\r\n",
        b"@\r\nhello\r\n",
        b"5;\x00\r\nhello\r\n",
        b"5;a\nb\r\nhello\r\n",
        b"00000005\r\nhello\r\n",
        b"5;" + b"x" * 300 + b"\r\nhello\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\n folded\r\n\r\n",
        b"0\r\n\n",
    ):
        assert failure(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)[1] is False, chunk


def test_octets_behind_an_answer_end_the_connection():
    core = HttpClient("shop")
    asked(core)
    events, body = run(core, OK + b"Content-Length: 2\r\n\r\nab" + OK)
    assert (events, body, core.state) == ([("head", 200), ("done",)], b"ab", "closed")
    core = HttpClient("shop")
    assert core.receive(b"H", 0) == 1
    assert core.next_event() == ("failed", "octets that nobody asked for", False) and core.state == "closed"
    core = HttpClient("shop")
    asked(core, "HEAD")
    run(core, OK + b"Content-Length: 2\r\n\r\nab")
    assert core.state == "closed"


def test_an_answer_larger_than_its_limit_is_refused_before_it_is_read():
    data = OK + b"Content-Length: 101\r\n\r\n" + b"x" * 101
    assert failure(data, limit=100) == ("an answer of more than 100 octets", False)
    assert answer(data, limit=101)[2] == "idle"
    data = OK + b"Transfer-Encoding: chunked\r\n\r\n32\r\n" + b"x" * 50 + b"\r\n33\r\n"
    assert failure(data, limit=100) == ("an answer of more than 100 octets", False)
    assert failure(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 101, limit=100)[1] is False
    assert failure(OK + b"Content-Length: 999999999999999\r\n\r\n")[1] is False


def test_a_head_without_end_is_refused():
    long = OK + b"A: 1\r\n" * 20 + b"B: " + b"x" * 1000 + b"\r\nC: " + b"x" * 1000 + b"\r\n"
    assert failure(long) == ("a head of more than 2048 octets", False)
    core = HttpClient("shop")
    asked(core)
    run(core, OK)
    for second in range(1, 10):
        core.receive(b"A", second * 1000)
        core.poll(second * 1000)
        assert core.state == "head"
    core.receive(b"A", 10000)
    core.poll(10000)
    assert core.next_event() == ("failed", "a head without end", True) and core.state == "closed"


def test_a_server_that_says_nothing_is_given_up():
    core = HttpClient("shop", reply_ms=500)
    core.request("GET", "/", 100)
    assert core.next_timer() == 600
    core.sent(len(core.to_send()), 300)
    core.poll(799)
    assert core.state == "waiting" and core.next_timer() == 800
    core.poll(800)
    assert core.next_event() == ("failed", SILENT, True) and core.state == "closed" and core.next_timer() is None


def test_a_body_that_stalls_is_given_up_and_one_that_is_not_taken_is_not():
    core = HttpClient("shop", window=8, stall_ms=500)
    asked(core)
    run(core, OK + b"Content-Length: 20\r\n\r\nab", now_ms=1000)
    assert core.next_timer() == 1500
    assert core.receive(b"cdefghijkl", 1400) == 8 and len(core.space()) == 0
    assert core.next_timer() is None
    core.poll(99999)
    assert bytes(core.body()) == b"cdefghij"
    core.taken(8, 99999)
    assert core.next_timer() == 100499
    core.poll(100499)
    assert core.next_event() == ("failed", SILENT, True)


def test_a_body_that_is_not_taken_leaves_no_space():
    core = HttpClient("shop", window=16)
    asked(core)
    head = OK + b"Content-Length: 40\r\n\r\n"
    for at in range(0, len(head), 16):
        core.receive(head[at : at + 16], 0)
    room = len(core.space())
    assert core.receive(b"0123456789abcdefghij", 0) == room and len(core.space()) == 0
    assert core.receive(b"x", 0) == 0
    view = core.body()
    core.taken(13, 0)
    assert len(core.space()) >= 13 and bytes(core.body()) == b"0123456789abcdef"[13:room]
    assert len(view) == room
    with raises(LocalError):
        core.taken(len(core.body()) + 1, 0)


def test_what_has_come_may_be_taken_after_the_end():
    core = HttpClient("shop")
    asked(core)
    core.receive(OK + b"Content-Length: 4\r\n\r\nab", 0)
    core.receive(b"cd", 0)
    core.ended(0)
    assert core.next_event() == ("head", 200) and core.next_event() is None
    core.taken(4, 0)
    assert core.next_event() == ("done",) and core.state == "closed"


def test_a_connection_that_ends_before_an_answer_may_be_tried_again():
    assert failure(b"", end=True) == (UNANSWERED, True)
    core = HttpClient("shop")
    core.ended(0)
    assert core.state == "closed" and core.next_event() is None


def test_an_answer_that_comes_before_all_is_sent_is_the_last():
    core = HttpClient("shop")
    core.request("POST", "/", 0, body=b"x" * 100)
    core.sent(10, 0)
    run(core, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    assert core.state == "closed"


def test_a_body_in_a_coding_that_was_not_asked_for_is_refused():
    coded = OK + b"Content-Encoding: %s\r\nContent-Length: 1\r\n\r\nx"
    for coding in (b"gzip", b"identity, gzip", b"br"):
        assert failure(coded % coding) == ("a body in a coding that nobody asked for", False)
    assert answer(coded % b"Identity")[1] == b"x"


def test_an_answer_that_is_a_request_is_refused():
    assert failure(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == ("a request where an answer was due", False)
    assert failure(b"SSH-2.0-x\r\n\r\n")[1] is False


def test_the_heap_stays_as_it_is_while_a_body_passes():
    try:
        from gc import collect, mem_alloc
    except ImportError:
        return
    core = HttpClient("shop", window=256)
    asked(core, limit=100000)
    core.receive(OK + b"Content-Length: 100000\r\n\r\n", 0)
    core.next_event()
    block = bytes(256)
    collect()
    before = mem_alloc()
    for _ in range(50):
        core.receive(block, 0)
        core.taken(len(core.body()), 0)
    collect()
    assert mem_alloc() - before < 300
