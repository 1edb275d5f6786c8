"""A page by telephone, from the console to the server and back, in virtual time; and the calls that lead nowhere."""

import hashlib

from settop.wire.console import value

from tests.helpers.dial_up_bench import CENTRE, PROVIDER, Bench, bench_with_server
from tests.helpers.network_services import KIB64, SERVER, Files

PAGE_OCTETS = 16_384
HASH = hashlib.sha256(KIB64).hexdigest()


def dialled(**how) -> Bench:
    bench = bench_with_server(**how)
    bench.say("network dial " + PROVIDER)
    assert bench.until("network_up", "network_failed").startswith("network_up kind=dialup ms=")
    return bench


def test_a_page_comes_by_dial_up_and_twice_at_the_same_instants(monkeypatch):
    monkeypatch.setitem(Files.files, "/page", KIB64[:PAGE_OCTETS])
    at_best_ms = PAGE_OCTETS * 10_000 // 14_400
    runs = []
    for _ in range(2):
        bench = dialled()
        bench.say("fetch http://films.example/page")
        told = bench.until("fetched", "fetch_failed")
        assert told.startswith("fetched octets=16384 ")
        assert value(told, "sha256") == hashlib.sha256(KIB64[:PAGE_OCTETS]).hexdigest()
        assert at_best_ms < int(value(told, "ms")) < 1.4 * at_best_ms
        bench.say("network down")
        bench.until("hung_up")
        assert [call.outcome for call in bench.exchange.log] == ["caller hung up"]
        runs.append(bench.said)
    assert runs[0] == runs[1]


def test_a_carrier_that_is_lost_in_the_middle_is_dialled_again_and_the_transfer_goes_on_by_range(monkeypatch):
    asked = []
    answer = Files.answer
    monkeypatch.setattr(Files, "answer", lambda files, head: asked.append(head) or answer(files, head))
    bench = dialled()
    bench.say("fetch http://films.example/film")
    bench.run(20_000)
    bench.exchange.drop(bench.port, bench.now_ms)
    told = bench.until("fetched", "fetch_failed")
    assert told.startswith("fetched octets=65536 ") and value(told, "sha256") == HASH
    assert len(bench.exchange.log) == 2 == len(asked)
    assert int(asked[1].split("Range: bytes=")[1].split("-")[0]) > 16_384
    said = bench.words()
    at = said.index("call_failed")
    again = ["network_down", "network_retry", "hung_up", "dialling", "connected", "network_up", "fetched"]
    assert said[at : at + 8] == ["call_failed", *again]


def test_a_page_that_says_no_carrier_ends_no_call(monkeypatch):
    page = b"<p>\r\nNO CARRIER\r\n\r\nOK\r\n+++" * 400
    monkeypatch.setitem(Files.files, "/trap", page)
    bench = dialled()
    bench.say("fetch http://films.example/trap")
    told = bench.until("fetched", "fetch_failed")
    assert value(told, "sha256") == hashlib.sha256(page).hexdigest()
    assert len(bench.exchange.log) == 1


def test_octets_go_up_over_a_slow_line():
    bench = dialled(bits_per_s=2400)
    bench.say(f"echo {SERVER} 7 2 200")
    told = bench.until("echoed")
    assert told.startswith("echoed sent=2 back=2 octets=400 ")
    bench.say("upload http://films.example/nowhere 5000")
    told = bench.until("uploaded", "upload_failed")
    assert told.startswith("uploaded octets=5000 ") and value(told, "status") == "404"
    assert bench.modem.lost_bytes == 0


def test_the_call_centre_nobody_and_an_engaged_line_come_to_an_end_each_and_are_told():
    for number, reason in ((CENTRE, None), ("5550101", "busy"), ("5550102", "no_answer")):
        bench = bench_with_server()
        bench.say("network dial " + number)
        bench.until("network_failed")
        bench.run(10_000)
        said = [line for _, line in bench.said]
        if reason is None:
            assert said.count("error 5550100 answers, but gives no address") == 4 == said.count("hung_up")
        else:
            assert said.count("call_failed reason=" + reason) == 4
        assert len(bench.exchange.log) == 4 and all(call.ended_ms for call in bench.exchange.log)
        assert not bench.port.off_hook
        bench.say("network dial " + PROVIDER)
        bench.until("network_up")


def test_a_provider_that_falls_silent_hinders_nobody_from_hanging_up():
    bench = dialled()
    bench.say("fetch http://films.example/film")
    bench.run(10_000)
    bench.provider.ppp.receive = lambda octets, now_ns: None
    bench.run(10_000)
    bench.say("network down")
    assert bench.until("fetch_failed", "fetched").endswith(" status=200 the network is gone")
    bench.until("hung_up")
    assert not bench.port.off_hook
