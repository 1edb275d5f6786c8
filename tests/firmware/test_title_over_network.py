# runtimes: cpython unix
"""The service `titles` over the network: what it asks a server for, and what it says of one that fails."""

from title_vectors import CBCS, CENC
from titles_rig import OVER, Bench, licence_for, samples, slow, words


def serving(title, piece=1 << 20, breaks=()):
    """A server of one title, with ranges, whose answers may break off."""
    breaks = list(breaks)

    def serve(line, request):
        first = 0
        for field in request.decode().split("\r\n"):
            if field.startswith("Range: bytes="):
                first = int(field[13:-1])
        body = title[first:]
        head = 'HTTP/1.1 %d X\r\nContent-Length: %d\r\nETag: "1"\r\n' % (206 if first else 200, len(body))
        if first:
            head += "Content-Range: bytes %d-%d/%d\r\n" % (first, len(title) - 1, len(title))
        if breaks:
            body = body[: breaks.pop(0)]
            line.reset = True
        line.incoming += head.encode() + b"\r\n" + body

    return serve


def online(title=CENC, **how):
    bench = Bench(("network", "titles"))
    bench.serve = serving(title, **how)
    bench.ask(licence_for(), "licensed")
    return bench


URL = "play http://10.0.2.2/song.mp4"


def test_a_title_streams_from_a_server_and_the_link_is_given_back():
    whole = Bench()
    whole.ask("play clear", *OVER)
    for title in (CENC, CBCS):
        bench = online(title)
        said = bench.ask(URL, *OVER)
        assert [word for word in words(said) if word.startswith("title")] == ["title_playing", "title_ended"], said
        assert samples(bench) == samples(whole)
        bench.turn(10)
        assert bench.board.network.said[-1] == "down", "nobody needs it any more"


def test_what_the_chip_has_no_room_for_stays_with_the_server():
    bench = online(CENC + 20 * CENC[CENC.index(b"moof") - 4 :])
    bench.board.chip.logs = False
    more = slow(bench)
    bench.board.console.lines.append(URL)
    said = more(100)
    assert "title_playing" in words(said)
    lines = [line for line in bench.board.net.open() if getattr(line, "incoming", b"")]
    assert lines, "it waits on its way"
    said = more(4000)
    assert "title_ended" in words(said), said


def test_a_connection_that_breaks_in_the_title_is_made_anew_and_the_rest_asked_for():
    bench = online(breaks=(1500, 1200))
    said = bench.ask(URL, *OVER, turns=6000)
    assert words(said)[-1] == "title_ended"
    whole = Bench()
    whole.ask("play clear", *OVER)
    assert samples(bench) == samples(whole)
    assert sum([b"Range: bytes=" in request for request in bench.requests]) == 2


def test_seek_asks_for_the_fragment_and_no_octet_before_it():
    bench = online()
    more = slow(bench)
    bench.board.console.lines.append(URL)
    more(30)
    bench.board.console.lines.append("seek 9")
    said = more(3000)
    assert [word for word in words(said) if word != "network_down"] == ["title_playing", "title_ended"], said
    asked = [request for request in bench.requests if b"Range" in request]
    assert len(asked) == 1 and b"Range: bytes=%d-" % second_fragment_of(CENC) in asked[0]


def second_fragment_of(title):
    first = title.index(b"moof")
    return title.index(b"moof", first + 4) - 4


def test_a_server_without_the_title_and_a_network_that_goes_are_told():
    bench = online()
    from network_rig import saying

    bench.serve = saying(b"no", 404)
    said = bench.ask(URL, *OVER)
    assert said[-1] == "title_failed the server says 404"
    bench = online()
    more = slow(bench, 8)
    bench.board.console.lines.append(URL)
    more(50)
    bench.board.console.lines.append("network down")
    assert "title_failed the network is gone" in more(50)
    more(600)
    assert bench.service.state == "idle"


def test_without_a_network_or_with_a_wrong_url_it_says_so():
    (said,) = Bench().ask(URL, *OVER)
    assert "starts no network" in said
    bench = Bench(("network", "titles"), state="none")
    (said,) = bench.ask(URL, *OVER)
    assert said.startswith("error there is no network")
    said = online().ask("play http://", *OVER)
    assert said[-1].startswith("title_failed")
