# on the pico: long
"""Transfers over a network that drops, lies, leads elsewhere or says nothing: they come through, or say why not."""

from certificates import SELF_SIGNED
from fetch_rig import CONTENT, URL, Bench, Content, breaking, head, saying, words_of
from kit import raises
from settop.errors import LocalError, RemoteError
from settop.net.connection import LOST, NO_ANSWER
from settop.net.fetch import CHANGED, KEPT_MS, LINK_DOWN, UNMARKED
from settop.net.http_core import SILENT
from settop.net.tls import Trust


def test_a_file_is_fetched():
    bench = Bench(Content()).get().run()
    assert bench.fetch.state == "done" and bench.body == CONTENT
    assert (bench.fetch.status, bench.fetch.got, bench.fetch.total) == (200, len(CONTENT), len(CONTENT))
    assert bench.requests == [b"GET /film HTTP/1.1\r\nHost: 10.0.2.2\r\nAccept-Encoding: identity\r\n\r\n"]


def test_a_file_that_is_cut_again_and_again_comes_whole_by_ranges():
    for mark in ('ETag: "1"', "Last-Modified: Sat, 28 Nov 2026 12:00:00 GMT"):
        bench = Bench(Content((1000, 1, 2000), mark)).get().run()
        assert (bench.fetch.state, bench.fetch.failure) == ("done", "") and bench.body == CONTENT
        ranges = [words_of(request).get("Range") for request in bench.requests]
        assert ranges == [None, "bytes=1000-", "bytes=1001-", "bytes=3001-"]
        conditions = {words_of(request).get("If-Range") for request in bench.requests[1:]}
        assert conditions == {mark.partition(": ")[2]}
        assert len(bench.net.open()) == 1


def test_a_file_that_nothing_tells_from_another_version_is_not_gone_on_with():
    for mark in (
        None,
        'ETag: W/"1"',
        "ETag: 1",
        "Last-Modified: Sat, 28 Nov 2026 12:00:01 GMT",
        "Last-Modified: Sat, 28 Nov 2026 11:00:00",
    ):
        for ranges in (True, False):
            bench = Bench(Content((0, 1000), mark, ranges)).get().run()
            assert (bench.fetch.failure, bench.fetch.again) == (UNMARKED, True) and bench.body == CONTENT[:1000]
            assert len(bench.requests) == 2 and bench.net.open() == []


def test_a_mark_that_is_there_no_more_is_another_one():
    def serve(line, request):
        server(line, request)
        server.mark = None

    server = Content((1000,))
    assert Bench(serve).get().run().fetch.failure == CHANGED


def test_what_another_url_has_is_not_gone_on_with_whatever_it_says():
    def serve(line, request):
        if b" /film" in request and b"Range" in request:
            line.incoming += head(302, 0, "Location: /other")
        else:
            server(line, request)

    server = Content((1000,))
    bench = Bench(serve).get().run()
    assert bench.fetch.failure == CHANGED and bench.body == CONTENT[:1000]
    assert bench.requests[-1].startswith(b"GET /other ")


def test_a_server_without_ranges_is_read_again_and_what_is_known_skipped():
    bench = Bench(Content((1000, 3000), ranges=False)).get().run()
    assert bench.fetch.state == "done" and bench.body == CONTENT and len(bench.requests) == 3


def test_a_file_is_fetched_from_an_octet_on_and_its_end_counts_from_the_beginning():
    for breaks, count in (((), 1), ((1000, 500), 3)):
        for ranges in (True, False):
            bench = Bench(Content(breaks, ranges=ranges))
            bench.body += CONTENT[:1234]  # the sink is told numbers of the whole
            bench.get(start=1234).run()
            assert bench.fetch.state == "done" and bench.body == CONTENT and bench.fetch.got == len(CONTENT)
            assert words_of(bench.requests[0])["Range"] == "bytes=1234-" and "If-Range" not in words_of(
                bench.requests[0]
            )
            assert len(bench.requests) == count, (breaks, ranges)


def test_a_limit_counts_from_the_beginning_wherever_it_is_fetched_from():
    bench = Bench(Content())
    bench.body += CONTENT[:1234]
    bench.get(start=1234, limit=2000).run()
    assert bench.fetch.state == "failed" and len(bench.body) <= 2000


def test_content_that_has_changed_is_not_mixed():
    for ranges in (True, False):
        server = Content((1000,), ranges=ranges)

        def serve(line, request, server=server):
            server(line, request)
            server.mark = 'ETag: "2"'

        bench = Bench(serve).get().run()
        assert (bench.fetch.state, bench.fetch.failure, bench.fetch.again) == ("failed", CHANGED, True)
        assert bench.body == CONTENT[:1000]


def test_a_part_of_a_content_of_another_length_is_not_mixed():
    lengths = [20, 21]

    def serve(line, request):
        total = lengths.pop(0)
        first = 10 if b"Range" in request else 0
        fields = ["Content-Range: bytes %d-%d/%d" % (first, total - 1, total)] if first else []
        fields.append('ETag: "1"')
        line.incoming += head(206 if first else 200, total - first, *fields) + bytes(10)
        line.reset = True

    bench = Bench(serve).get().run()
    assert bench.fetch.failure == CHANGED


def test_the_end_that_was_lost_with_the_connection_is_recognised():
    def serve(line, request):
        if b"Range: bytes=5-" in request:
            line.incoming += head(416, 0, "Content-Range: bytes */5")
        else:
            line.incoming += b'HTTP/1.1 200 X\r\nETag: "1"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'
            line.reset = True

    bench = Bench(serve).get()
    bench.run("pausing")
    bench.fetch.total = 5  # as another answer would have told
    bench.run()
    assert bench.fetch.state == "done" and bench.body == b"hello"


def test_a_server_that_breaks_the_rules_is_not_asked_again():
    for data in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello, it is longer",
        b"220 mail ready\r\n",
    ):
        bench = Bench(saying(data)).get().run()
        assert (bench.fetch.state, bench.fetch.again, len(bench.requests)) == ("failed", False, 1)
        assert bench.net.open() == []


def redirecting(where, status=302, length=0):
    def serve(line, request):
        target = request.split(b" ")[1].decode()
        if target in where:
            line.incoming += head(status, length, "Location: " + where[target]) + bytes(length)
        else:
            line.incoming += head(200, 5) + b"there"

    return serve


def test_redirects_are_followed_over_the_same_connection_and_to_other_servers():
    where = {"/film": "/a", "/a": "b/c?d", "/b/c?d": "http://10.0.2.9:81/e"}
    for status in (301, 302, 303, 307, 308):
        bench = Bench(redirecting(where, status, 20)).get().run()
        assert bench.fetch.state == "done" and bench.body == b"there"
        assert [line.peer for line in bench.net.made] == [("10.0.2.2", 80), ("10.0.2.9", 81)]
        assert words_of(bench.requests[-1])["Host"] == "10.0.2.9:81" and len(bench.requests) == 4


def test_the_body_of_a_redirect_that_is_long_costs_a_new_connection():
    bench = Bench(redirecting({"/film": "/a"}, length=5000)).get().run()
    assert bench.fetch.state == "done" and bench.body == b"there" and len(bench.net.made) == 2


def test_redirects_in_a_circle_are_told():
    bench = Bench(redirecting({"/film": "/a", "/a": "/film"})).get().run()
    assert (bench.fetch.failure, bench.fetch.again) == ("redirects in a circle", False) and len(bench.requests) == 2


def test_redirects_without_end_are_told():
    where = {"/film": "/0"}
    for number in range(20):
        where["/%d" % number] = "/%d" % (number + 1)
    bench = Bench(redirecting(where)).get().run()
    assert (bench.fetch.failure, bench.fetch.again) == ("more than 5 redirects", False)


def test_a_redirect_to_tls_without_an_authority_sends_nothing_in_the_clear():
    bench = Bench(redirecting({"/film": "https://10.0.2.9/a"})).get().run()
    assert (bench.fetch.failure, bench.fetch.again) == ("https without an authority that is trusted", False)
    assert [line.peer for line in bench.net.made] == [("10.0.2.2", 80)] and len(bench.requests) == 1


def test_redirects_to_what_is_no_url_are_told():
    for location in ("ftp://a/", "http://user@a/", "http://a b/", ""):
        bench = Bench(redirecting({"/film": location})).get().run()
        assert bench.fetch.state == "failed" and not bench.fetch.again
    bench = Bench(saying(head(302, 0))).get().run()
    assert bench.fetch.failure == "a redirect to nowhere"


def test_answers_of_the_server_are_told_and_the_busy_one_is_asked_again():
    answers = [503, 429, 200]

    def serve(line, request):
        line.incoming += head(answers.pop(0), 2) + b"ok"

    bench = Bench(serve).get().run()
    assert bench.fetch.state == "done" and bench.body == b"ok"
    bench = Bench(saying(head(404, 2) + b"no")).get().run()
    assert (bench.fetch.failure, bench.fetch.again, bench.fetch.status) == ("the server says 404", False, 404)
    assert bench.body == b""


def test_a_connection_is_kept_for_the_next_request_and_not_for_ever():
    bench = Bench(Content())
    for _ in range(3):
        bench.body = bytearray()
        bench.get().run()
        assert bench.body == CONTENT and len(bench.net.made) == 1
    assert bench.fetch.step(bench.now_ms) == bench.now_ms + KEPT_MS
    bench.fetch.step(bench.now_ms + KEPT_MS)
    assert bench.net.open() == []
    bench.body = bytearray()
    bench.get().run()
    assert bench.body == CONTENT and len(bench.net.made) == 2


def test_a_kept_connection_that_the_server_closed_is_replaced():
    bench = Bench(Content()).get().run()
    bench.net.made[0].ended = True
    bench.body = bytearray()
    bench.get().run()
    assert bench.body == CONTENT and len(bench.net.made) == 2
    bench.body = bytearray()
    bench.get()
    bench.fetch.step(bench.now_ms)
    assert bench.fetch.state == "asking"
    bench.net.made[1].sent = bytearray()
    bench.net.made[1].ended = True
    at_ms = bench.now_ms
    bench.run()
    assert bench.body == CONTENT and len(bench.net.made) == 3 and bench.now_ms == at_ms


def test_a_post_is_sent_once():
    bench = Bench(saying(head(500, 5) + b"sorry"))
    bench.fetch.post(URL, b"an order", bench.sink, 0, (("Content-Type", "text/plain"),))
    bench.run()
    assert (bench.fetch.state, bench.fetch.status, bytes(bench.body)) == ("done", 500, b"sorry")
    assert words_of(bench.requests[0])["Content-Length"] == "8"
    bench = Bench(breaking)
    bench.fetch.post(URL, b"an order", bench.sink, 0)
    bench.run()
    assert (bench.fetch.state, bench.fetch.failure) == ("failed", LOST) and len(bench.requests) == 1


def test_a_post_that_never_went_out_is_tried_again():
    bench = Bench(saying(head(200, 2) + b"ok"))
    bench.fetch.post(URL, b"an order", bench.sink, 0)
    bench.fetch.step(0)
    bench.net.made[0].refused = True
    bench.run()
    assert bench.fetch.state == "done" and len(bench.net.made) == 2


def test_a_sink_that_takes_little_holds_the_server_back():
    bench = Bench(Content(), window=256)
    bench.appetite = 0
    bench.get().run("reading")
    line = bench.net.made[0]
    for _ in range(1000):
        bench.fetch.step(bench.now_ms)
        bench.now_ms += 100
    assert bench.fetch.state == "reading" and len(line.incoming) >= len(CONTENT) - 256
    bench.appetite = 7
    bench.run()
    assert bench.fetch.state == "done" and bench.body == CONTENT


def test_under_tls_a_body_without_length_is_not_believed_to_be_whole():
    def serve(line, request):
        line.incoming += b"HTTP/1.0 200 OK\r\n\r\nhello"
        line.ended = True

    bench = Bench(serve, trust=Trust(SELF_SIGNED, 1780000000)).get("https://10.0.2.2/film").run()
    assert (bench.fetch.state, bench.fetch.again) == ("failed", True)
    bench = Bench(serve).get("http://10.0.2.2/film").run()
    assert bench.fetch.state == "done" and bench.body == b"hello"


def test_under_tls_a_file_that_is_cut_comes_whole_by_ranges():
    bench = Bench(Content((1000, 3000)), trust=Trust(SELF_SIGNED, 1780000000)).get("https://10.0.2.2/film").run()
    assert bench.fetch.state == "done" and bench.body == CONTENT
    assert [line.peer for line in bench.net.made] == [("10.0.2.2", 443)] * 3


class Link:
    state = "down"
    pace = 1


def test_nothing_is_tried_while_the_link_is_down():
    link = Link()
    bench = Bench(Content((1000,)), link)
    bench.get()
    for _ in range(100):
        bench.fetch.step(bench.now_ms)
        bench.now_ms += 1000
    assert (bench.fetch.state, bench.fetch.failure) == ("pausing", LINK_DOWN) and bench.net.made == []
    link.state = "up"
    bench.run("reading")
    link.state = "backing_off"
    bench.fetch.step(bench.now_ms)
    assert bench.fetch.state == "pausing" and bench.net.open() == []
    link.state = "up"
    bench.run()
    assert bench.fetch.state == "done" and bench.body == CONTENT


def test_over_a_slow_line_the_other_end_has_so_many_times_as_long():
    for pace in (1, 4):
        link = Link()
        link.state, link.pace = "up", pace
        bench = Bench(link=link).get()
        bench.run("connecting")
        bench.run("pausing")
        assert (bench.now_ms, bench.fetch.failure) == (10000 * pace, NO_ANSWER)
        bench = Bench(saying(b""), link).get()
        bench.run("pausing")
        assert (bench.now_ms, bench.fetch.failure) == (15000 * pace, SILENT)


def test_an_address_at_which_nobody_is_who_he_should_be_is_asked_for_anew():
    for wrong in (True, False):
        bench = Bench(Content(), trust=Trust(SELF_SIGNED, 1780000000))
        bench.names._cache.append(("shop", ["10.0.2.9"], 10**9))
        if wrong:
            bench.sockets.tls().complaint = "not correctly signed"
        bench.get("https://shop/film").run()
        assert bench.fetch.state == ("failed" if wrong else "done")
        assert bench.names.look_up("shop", bench.now_ms).done != wrong
    bench = Bench()
    bench.names._cache.append(("shop", ["10.0.2.9"], 10**9))
    bench.get("http://shop/film").run("connecting")
    bench.net.open()[0].refused = True
    bench.run("pausing")
    assert not bench.names.look_up("shop", bench.now_ms).done


def test_a_name_service_that_does_not_answer_is_told():
    bench = Bench(Content()).get("http://shop/film").run()
    assert bench.fetch.failure == "the name service does not answer" and bench.fetch.again
    assert bench.net.open() == []


def test_what_cannot_be_fetched_is_told_at_once():
    bench = Bench()
    with raises(RemoteError):
        bench.get("ftp://a/")
    with raises(LocalError):
        bench.get("https://10.0.2.2/")
    bench.get()
    with raises(LocalError):
        bench.get()
    bench.fetch.step(0)
    bench.fetch.give_up()
    assert (bench.fetch.state, bench.fetch.failure) == ("failed", "given up") and bench.net.open() == []
    bench.fetch.give_up()


def test_the_heap_stays_as_it_is_while_a_file_passes_and_breaks():
    try:
        from gc import collect, mem_alloc
    except ImportError:
        return
    bench = Bench(Content((1000, 1000, 1000)), window=256)
    bench.sink = lambda view, at: len(view)
    bench.fetch.get(URL, bench.sink, 0)
    bench.run("reading")
    collect()
    before = mem_alloc()
    bench.run()
    bench.requests.clear()
    collect()
    assert bench.fetch.state == "done" and mem_alloc() - before < 2000
