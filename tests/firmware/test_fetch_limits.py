# on the pico: long
"""Transfers end: after so many tries, connections, octets and so much time."""

from fetch_rig import CONTENT, URL, Bench, Content, head, saying, words_of
from settop.net.connection import LOST, NO_ANSWER, UNREACHABLE
from settop.net.fetch import CHANGED, CONNECTIONS, LITTLE_OCTETS, TOO_LATE, TOO_OFTEN, TRIES
from settop.net.http_core import CUT, SILENT


class Link:
    state = "down"
    pace = 1


def test_connections_that_bring_little_count_as_tries_that_bring_nothing():
    bench = Bench(Content([100] * 99)).get().run()
    assert (bench.fetch.failure, len(bench.requests)) == (LOST, TRIES)
    bench = Bench(Content([LITTLE_OCTETS] * 4 + [1] * 99)).get().run()
    assert (bench.fetch.failure, len(bench.requests)) == (LOST, 4 + TRIES - 1)


def test_there_are_so_many_connections_and_no_more():
    size = LITTLE_OCTETS * 200

    def serve(line, request):
        first = int((words_of(request).get("Range") or "bytes=0-")[6:-1])
        span = "Content-Range: bytes %d-%d/%d" % (first, size - 1, size)
        line.incoming += head(206 if first else 200, size - first, 'ETag: "1"', span) + bytes(LITTLE_OCTETS)
        line.reset = True

    bench = Bench(serve)
    bench.sink = lambda view, at: len(view)
    bench.get().run()
    assert (bench.fetch.failure, bench.fetch.again) == (TOO_OFTEN, True)
    assert len(bench.requests) == CONNECTIONS and bench.fetch.got == CONNECTIONS * LITTLE_OCTETS


def test_a_server_that_takes_an_octet_now_and_then_is_given_up():
    bench = Bench(saying(b""))
    bench.fetch.post(URL, bytes(5000), bench.sink, 0, longest_ms=3600000)
    bench.fetch.step(0)
    line = bench.net.made[0]
    line.accepted, line.room = True, 0
    while bench.fetch.state != "failed":
        line.room += 1
        bench.fetch.step(bench.now_ms)
        bench.now_ms += 5000
        assert bench.now_ms < 60000
    assert bench.fetch.failure == SILENT
    bench = Bench()
    bench.fetch.post(URL, bytes(5000), bench.sink, 0, longest_ms=3600000)
    bench.fetch.step(0)
    line = bench.net.made[0]
    line.accepted, line.room = True, 0
    while len(line.sent) < 5000:  # a slow one is no silent one
        line.room += 256
        bench.fetch.step(bench.now_ms)
        bench.now_ms += 5000
    assert bench.fetch.state == "asking"


def test_a_server_that_drips_is_given_up_at_the_end_of_the_time():
    bench = Bench(saying(head(200, len(CONTENT)))).get(longest_ms=60000)
    bench.run("reading")
    while bench.fetch.state != "failed":
        bench.net.open()[0].incoming += b"x"
        bench.fetch.step(bench.now_ms)
        bench.now_ms += 5000
        assert bench.now_ms < 100000
    assert (bench.fetch.failure, bench.fetch.again) == (TOO_LATE, True)


def test_a_length_that_is_never_reached_is_given_up_in_bounded_time():
    bench = Bench(saying(head(200, 100, 'ETag: "1"') + b"x" * 10)).get().run()
    assert bench.fetch.state == "failed" and bench.fetch.failure in (CUT, SILENT, CHANGED) and bench.net.open() == []


def test_more_than_the_limit_is_refused():
    bench = Bench(Content()).get(limit=1000).run()
    assert (bench.fetch.state, bench.fetch.failure) == ("failed", "an answer of more than 1000 octets")
    assert bench.body == b"" and not bench.fetch.again


def test_a_server_that_never_accepts_is_given_up():
    bench = Bench().get().run()
    assert (bench.fetch.failure, bench.fetch.again) == (NO_ANSWER, True) and bench.net.open() == []


def test_a_server_that_never_answers_is_given_up():
    bench = Bench(lambda line, request: None).get().run()
    assert (bench.fetch.failure, bench.fetch.again) == (SILENT, True) and len(bench.requests) == TRIES


def test_a_server_that_refuses_or_says_nothing_is_tried_in_growing_pauses():
    bench = Bench()
    bench.get()
    pauses = []
    while bench.fetch.state != "failed":
        bench.run("connecting")
        for line in bench.net.open():
            line.refused = True
        start_ms = bench.now_ms
        bench.run("pausing")
        if bench.fetch.state == "pausing":
            start_ms = bench.now_ms
            bench.run("connecting")
            pauses.append(bench.now_ms - start_ms)
    assert (bench.fetch.failure, bench.fetch.again) == (UNREACHABLE, True)
    assert pauses == [500, 1000, 2000, 4000, 8000] and len(bench.net.made) == TRIES and bench.net.open() == []


def test_a_link_that_never_comes_up_ends_in_time():
    bench = Bench(Content(), Link()).get(longest_ms=5000)
    assert bench.fetch.step(0) == 5000
    bench.fetch.step(5000)
    assert (bench.fetch.state, bench.fetch.failure) == ("failed", TOO_LATE)
