"""The internet of a world: terminals by broadband and by telephone, calls and links that drop, real servers."""

import hashlib
import http.server
import ssl
import threading

import pytest
from settop.errors import LocalError
from testbed.internet.internet import Internet
from testbed.internet.provider import NUMBER
from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.network.certificates import certificate
from testbed.network.links import Link
from testbed.network.secured import Secured

from tests.helpers.network_services import Echo
from tests.helpers.online_bench import FILM, MS, SERVER, OnlineBench

WHOLE = hashlib.sha256(FILM).hexdigest()
BOTH = {"T1": "broadband", "T2": "dial-up"}


def test_terminals_of_both_kinds_fetch_a_page_in_one_world():
    bench = OnlineBench(BOTH)
    bench.online("T1")
    bench.online("T2")
    assert bench.until("T1", "network_up").text.startswith("kind=own")
    assert bench.until("T2", "network_up").text.startswith("kind=dialup")
    bench.fetch("T1", 4000)
    bench.fetch("T2", 4000)
    by_telephone = bench.until("T2", "fetched")
    (at_home,) = bench.stations["T1"].events("fetched")
    for event in (at_home, by_telephone):
        assert (event.value("octets"), event.value("status"), event.value("sha256")) == ("65536", "200", WHOLE)
    # 65,536 octets and what goes around them, at 1 Mbit/s and at 33,600 bit/s, ten bits an octet
    assert 660 <= int(at_home.value("ms")) <= 1200
    assert 19_500 <= int(by_telephone.value("ms")) <= 22_500
    assert [served.caller for served in bench.pages.served] == ["10.64.64.2", "10.64.65.2"]
    # a line whose packets take ten times as long as its first one looks as if it had lost some
    assert bench.pages.served[0].repeats == 0 and bench.pages.served[1].repeats <= 3
    (call,) = bench.provider.calls
    assert (call.record.caller, call.record.called, call.ended_ms) == ("5550301", NUMBER, None)
    assert call.connected_ms < call.up_ms < 4000
    assert call.to_caller.octets > 65_536 > 10_000 > call.from_caller.octets > 0
    assert sum(call.to_caller.between(0, bench.world.now_ms + 100)) == call.to_caller.octets


def heard(bench):
    """Everything that was said on any line, in slices of time."""
    meters = [(modem.to_terminal.slices, modem.from_terminal.slices) for modem in bench.modems.values()]
    meters += [(call.to_caller.slices, call.from_caller.slices) for call in bench.provider.calls]
    sent = {name: {line: bytes(data) for line, data in s.sent.items()} for name, s in bench.stations.items()}
    return [bench.said(name) for name in bench.stations], meters, sent, bench.exchange.log


def lossy_life(seed=1, stepped=False):
    """Both kinds over links that lose, with a link that is cut and a call that is dropped on the way."""
    bench = OnlineBench(
        {"T1": "broadband", "T2": "dial-up", "T3": "broadband"},
        down=Link(rate_bits_s=400_000, delay_ns=15 * MS, jitter_ns=8 * MS, loss=0.03),
        seed=seed,
        stepped=stepped,
    )
    for name in bench.stations:
        bench.online(name)
        bench.fetch(name, 4000)
    bench.world.at(4500, lambda: bench.modems["T1"].drop(bench.world.now_ms))
    bench.world.at(7000, lambda: bench.modems["T1"].restore(bench.world.now_ms))
    bench.world.at(9000, lambda: bench.exchange.drop(bench.ports["T2"], bench.world.now_ms))
    bench.world.run_until(25_000)
    return heard(bench)


def test_a_run_has_the_same_octets_at_the_same_instants_twice_and_whether_time_jumps_or_steps():
    first = lossy_life()
    assert first == lossy_life()
    assert first == lossy_life(stepped=True)
    assert first != lossy_life(seed=2)
    said = [[name for _, name, _ in one] for one in first[0]]
    assert "network_retry" in said[0] and "call_failed" in said[1] and "fetched" in said[2]


def small_talk(stepped):
    """Names, datagrams both ways, a group that is joined and left, and long silences between."""
    bench = OnlineBench({"T1": "broadband"}, stepped=stepped)
    bench.server.serve_udp(7, Echo())
    bench.online("T1")
    for at_ms, words in (
        (1000, "lookup films.example"),
        (2000, f"echo {SERVER} 7 5 300"),
        (4000, "join 239.1.2.3 5004"),
        (60_007, "leave 239.1.2.3 5004"),
        (61_000, f"fetch http://{SERVER}/nothing"),
    ):
        bench.say("T1", words, at_ms)
    for at_ms in (3000, 30_001, 30_401, 60_500):
        bench.world.at(at_ms, lambda at_ms=at_ms: bench.server.send_udp(9, ("239.1.2.3", 5004), b"%d" % at_ms))
    bench.world.run_until(80_000)
    return heard(bench)


def test_datagrams_groups_and_names_come_at_the_same_instants_whether_time_jumps_or_steps():
    jumping = small_talk(stepped=False)
    assert jumping == small_talk(stepped=True)
    said = {name: text for _, name, text in jumping[0][0]}
    assert said["address"] == f"name=films.example ip={SERVER}"
    assert said["echoed"].startswith("sent=5 back=5")
    assert said["left"].endswith("datagrams=2") and said["fetch_failed"].startswith("octets=0 status=404")


def test_a_page_under_tls_is_fetched_from_a_server_whose_authority_is_on_the_board(tmp_path):
    day_s, then_s = 86_400, 2_000_000_000
    authority = certificate("throw-away", then_s - 9 * day_s, then_s + 9 * day_s, authority=True)
    server = certificate("films.example", then_s - day_s, then_s + day_s, ("films.example",), authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.pem_file(tmp_path))
    bench = OnlineBench({"T1": "broadband", "T2": "broadband"})
    bench.server.serve_tcp(443, lambda: Secured(context, bench.pages.caller()))
    bench.machines["T1"].files["authority.der"] = authority.der
    for name in ("T1", "T2"):
        bench.online(name)
        bench.say(name, "fetch https://films.example/film", 1000)
    assert bench.until("T1", "fetched").value("sha256") == WHOLE
    (refusal,) = bench.stations["T2"].events("error")
    assert "authority" in refusal.text
    (served,) = bench.pages.served
    assert (served.caller, served.octets) == ("10.64.64.2", len(FILM))


def test_a_link_that_is_cut_in_mid_transfer_and_comes_back_costs_a_range():
    bench = OnlineBench({"T1": "broadband"})
    bench.online("T1")
    bench.fetch("T1", 1000)
    bench.world.at(1500, lambda: bench.modems["T1"].drop(bench.world.now_ms))
    bench.world.at(9000, lambda: bench.modems["T1"].restore(bench.world.now_ms))
    event = bench.until("T1", "fetched")
    assert (event.value("sha256"), event.value("status")) == (WHOLE, "206")
    assert [name for _, name, _ in bench.said("T1")][1:] == [
        "network_up", "network_down", "network_retry", "network_up", "fetched"
    ]  # fmt: skip
    # three echoes in a row, 5 s apart, are what a silent line is known by
    assert 15_000 <= bench.stations["T1"].events("network_down")[0].at_ms <= 20_500
    first, second = bench.pages.served
    assert (first.status, first.ended_ns, second.status) == (200, None, 206)
    assert first.octets > second.octets and first.repeats > 0


def test_a_provider_whose_lines_are_all_taken_is_busy_until_one_hangs_up():
    bench = OnlineBench({"T1": "dial-up", "T2": "dial-up"}, lines=1)
    bench.online("T1")
    bench.online("T2", 3000)
    assert bench.until("T2", "call_failed").text == "reason=busy"
    assert [record.outcome for record in bench.exchange.log] == ["under way", "busy"]
    bench.say("T1", "network down")
    bench.until("T1", "hung_up")
    bench.online("T2", bench.world.now_ms + 500)
    bench.until("T2", "network_up")
    assert [call.record.caller for call in bench.provider.calls] == ["5550300", "5550301"]
    assert bench.provider.calls[0].ended_ms is not None


def test_a_call_that_drops_in_mid_transfer_is_over_at_both_ends_and_the_next_one_has_another_address():
    bench = OnlineBench({"T1": "dial-up"})
    bench.online("T1")
    bench.fetch("T1", 4000)
    bench.world.at(9000, lambda: bench.exchange.drop(bench.ports["T1"], bench.world.now_ms))
    failed = bench.until("T1", "call_failed")
    assert failed.text == "reason=no_carrier" and 9000 < failed.at_ms < 11_500
    assert 9000 < bench.provider.calls[0].ended_ms < 9500
    assert not bench.provider.link_of("10.64.65.2").up
    event = bench.until("T1", "fetched")  # dialled again by itself, and what was left fetched by a range
    assert (event.value("sha256"), event.value("status")) == (WHOLE, "206")
    assert [call.address for call in bench.provider.calls] == ["10.64.65.2", "10.64.65.3"]
    assert [record.outcome for record in bench.exchange.log] == ["line dropped", "under way"]


def test_losses_are_counted_on_the_link_and_repeats_at_the_server():
    bench = OnlineBench({"T1": "broadband"}, down=Link(rate_bits_s=1_000_000, delay_ns=10 * MS, loss=0.05))
    bench.online("T1")
    bench.fetch("T1", 5000)
    bench.until("T1", "fetched")
    (served,) = bench.pages.served
    assert 0 < bench.modems["T1"].link.way.lost <= served.repeats + 2


def test_an_idle_terminal_that_is_online_is_looked_at_seldom():
    bench = OnlineBench({"T1": "broadband"})
    bench.online("T1")
    bench.until("T1", "network_up")
    rounds = []
    bench.world.run_until(bench.world.now_ms + 60_000, progress=rounds.append)
    assert len(rounds) < 60 * 20
    assert bench.said("T1")[-1][1] == "network_up"


def test_a_terminal_without_power_is_no_member_of_the_network_and_comes_back():
    bench = OnlineBench({"T1": "broadband"})
    bench.online("T1")
    bench.until("T1", "network_up")
    bench.stations["T1"].power_cut(bench.world.now_ms)
    bench.world.run_until(bench.world.now_ms + 2000)
    bench.stations["T1"].power_on()
    bench.online("T1", bench.world.now_ms + 500)
    bench.until("T1", "network_up")
    bench.fetch("T1", bench.world.now_ms + 10)
    assert bench.until("T1", "fetched").value("sha256") == WHOLE


def test_there_are_addresses_for_so_many_and_no_more():
    internet, exchange = Internet(), Exchange(ExchangeSettings())
    for _ in range(253):
        internet.broadband()
    with pytest.raises(LocalError, match="room for 253"):
        internet.broadband()
    for lines in (0, 300):
        with pytest.raises(LocalError):
            internet.provider(exchange, lines)


class Real(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(FILM)))
        self.end_headers()
        self.wfile.write(FILM)

    def log_message(self, *_):
        pass


def test_a_real_server_is_a_host_like_any_other_and_the_run_says_so():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Real) as real:
        threading.Thread(target=real.serve_forever, daemon=True).start()
        bench = OnlineBench({"T1": "broadband"})
        assert bench.internet.notice == ""
        bench.internet.bridge().tcp(bench.server, 8080, real.server_port)
        assert "real time" in bench.internet.notice
        try:
            bench.online("T1")
            bench.until("T1", "network_up")
            bench.say("T1", "fetch http://films.example:8080/film")
            assert bench.until("T1", "fetched", 20_000).value("sha256") == WHOLE
        finally:
            bench.world.close()
            real.shutdown()
