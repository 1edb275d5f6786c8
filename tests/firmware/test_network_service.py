# runtimes: cpython unix
"""The network's service by its console: links, transfers, names, groups, echoes, and words that are none."""

import hashlib
import struct

from certificates import SIGNED
from kit import raises
from net_rig import Datagrams
from network_rig import Bench, saying
from settop.errors import LocalError
from settop.services.network.dial_up import CALLS
from settop.services.network.groups import TOLD
from settop.wire.console import value

HERE = "10.0.2.2"


def hash_of(data):
    return hashlib.sha256(data).digest().hex()


def pattern(count):
    return bytes([at * 31 + 7 & 255 for at in range(count)])


# --- the link ---------------------------------------------------------------------------------------------------------


def test_the_boards_own_link_comes_up_and_goes_down():
    bench = Bench("down")
    assert bench.say("network up") == [] and bench.service.state == "coming_up"
    bench.board.network.state = "up"
    said = bench.turn()
    assert said[0].startswith("network_up kind=own ms=") and int(value(said[0], "ms")) >= 10
    assert "network=up" in bench.say("status")[0]
    assert bench.say("network up") == ["error the network is up"]
    assert bench.say("network down") == ["network_down"] and bench.board.network.said == ["up", "down"]
    assert bench.say("network down") == ["error the network is down"]


def test_a_link_that_is_lost_comes_back():
    bench = Bench().up()
    bench.board.network.state = "down"
    said = bench.turn()
    assert said[0] == "network_down" and 1000 <= int(value(said[1], "ms")) <= 1250
    bench.turn(10)
    bench.board.network.state = "up"
    said = bench.turn()
    assert said[0].startswith("network_up kind=own ms=1")


def test_a_network_that_gives_no_address_is_given_up_and_may_be_wanted_again():
    bench = Bench("down")
    bench.say("network up")
    said = bench.until("network_failed", ms=1000)
    assert [line.split("=")[0] for line in said] == ["network_retry ms"] * 7 + ["network_failed"]
    assert bench.say("fetch http://films.example/")[0].startswith("error there is no network")
    bench.board.network.state = "up"
    assert bench.say("network up")[0].startswith("network_up")


def test_a_board_without_network_says_so():
    bench = Bench("none")
    assert bench.say("network up") == ["error this board has no network of its own"]
    assert bench.say("network down") == ["error the network is down"]
    assert bench.service.status() == "network=none" and bench.service.step(5) is None


def test_words_that_are_none_are_refused_and_nothing_stops():
    bench = Bench().up()
    digits = "9" * 300
    for line in (
        "network",
        "network sideways",
        "network up now",
        "network dial",
        "network dial 1 2",
        "network dial x",
        "network dial " + "1" * 41,
        "fetch",
        "fetch http://a b",
        "fetch gopher://films.example/",
        "fetch http://" + "a" * 600,
        "fetch http://" + "a." * 200 + "example/",
        "upload http://films.example/",
        "upload http://films.example/ -1",
        "upload http://films.example/ 65537",
        "upload http://films.example/ " + digits,
        "lookup",
        "lookup " + "a" * 64 + ".example",
        "lookup " + "a." * 150 + "example",
        "lookup a..b",
        "join 224.1.1.1",
        "join 10.1.1.1 5004",
        "join 223.255.255.255 5004",
        "join 224.0.0.1 5004",
        "join 224.0.0.251 5353",
        "join 240.0.0.0 5004",
        "join 224.1.1 5004",
        "join 224.1.1.1 0",
        "join 224.1.1.1 65536",
        "join 224.1.1.256 5004",
        "leave 224.1.1.1 5004",
        "leave x y",
        "echo films.example 7 1 1",
        "echo 10.0.2.2 7 1001 1",
        "echo 10.0.2.2 7 0 1",
        "echo 10.0.2.2 7 1 1401",
        "echo 10.0.2.2 7 1 " + digits,
        "echo 10.0.2.2 70000 1 1",
    ):
        said = bench.say(line)
        assert len(said) == 1 and said[0].startswith("error "), (line, said)
    assert bench.app.services.get("network") is bench.service and bench.board.net.open() == []


# --- dial-up ----------------------------------------------------------------------------------------------------------


def dialled(said=b"\r\nCONNECT 2400\r\n"):
    """A board without a network of its own, whose modem says that to a number."""
    bench = Bench("none")
    bench.board.line.answers.append((b"ATD", said))
    bench.board.network.state = "down"
    bench.say("network dial 5550200")
    return bench


def test_a_number_is_dialled_and_the_call_ends_with_the_link():
    bench = dialled()
    bench.board.network.state = "up"
    said = bench.turn(20)
    assert said[:1] == ["connected rate=2400"] and said[1].startswith("network_up kind=dialup ms=")
    assert bench.service.pace == 4 and "network=up" in bench.say("status")[0]
    assert bench.say("network up") == ["error the network is in use: say network down first"]
    assert bench.say("network dial 1") == ["error the network is in use: say network down first"]
    assert "a call is under way" in bench.say("provision-key")[0]
    assert bench.say("network down")[0] == "network_down"
    assert bench.until("hung_up") == ["hung_up"] and bench.service.pace == 1
    assert bench.board.network.said == ["call", "down"] and bench.service.busy == ""


def test_calls_that_come_to_nothing_are_told_and_only_the_viewer_dials_again():
    bench = dialled(b"\r\nBUSY\r\n")
    said = bench.until("network_failed", ms=100)
    assert said.count("call_failed reason=busy") == 4 and said[-2:] == ["call_failed reason=busy", "network_failed"]
    bench.board.line.take()
    bench.service.want("share", 10**6)
    bench.turn(10)
    assert bench.board.line.take() == b"" and bench.service.state == "failed"
    bench.say("network dial 5550201")
    bench.turn(10)
    assert b"ATDT5550201" in bench.board.line.take()


def test_after_so_many_calls_in_an_hour_only_the_viewer_dials():
    bench = dialled()
    for _ in range(CALLS):
        bench.board.network.state = "up"
        bench.until("network_up", ms=100)
        bench.turn(40, ms=1000)
        bench.board.network.state = "down"
        bench.turn(1)
    said = bench.until("network_down", ms=100)
    assert "call_failed reason=too_many" in said and "error 12 calls within an hour" in str(said)
    bench.turn(1000, ms=1000)
    bench.board.line.take()
    assert bench.service.state == "down"
    bench.say("network dial 5550200")
    bench.turn(10)
    assert b"ATDT5550200" in bench.board.line.take()


def test_an_image_without_ppp_is_told_and_not_dialled_with_again():
    bench = Bench("none")
    bench.board.line.answers.append((b"ATD", b"\r\nCONNECT 2400\r\n"))
    bench.board.network.broken = True
    bench.say("network dial 5550200")
    said = bench.until("hung_up")
    assert "error this board has no IP over a call: its image has no PPP" in said and "network_retry" not in str(said)
    assert said.count("connected rate=2400") == 1 and bench.service.state == "none"


def test_a_modem_that_is_somebody_elses_stays_theirs():
    bench = Bench("none")
    bench.app.services.claim("modem", "call")
    assert bench.say("network dial 5550200") == ["error network cannot have the modem: call has it"]


# --- transfers --------------------------------------------------------------------------------------------------------


def test_a_page_is_fetched_and_its_hash_told():
    bench = Bench().up()
    body = bytes(range(256)) * 20
    bench.serve = saying(body)
    said = bench.ask("fetch http://10.0.2.2/film", "fetched", "fetch_failed")
    assert said[-1].endswith(" status=200 sha256=" + hash_of(body)) and "octets=5120 ms=" in said[-1]
    assert bench.service._transfers is not None
    bench.turn(120, ms=100)
    assert bench.service._transfers is None and bench.board.net.open() == []


def test_so_many_octets_are_uploaded():
    bench = Bench().up()
    bench.serve = saying(b"thanks", 201)
    for count in (0, 1, 255, 257, 5000):
        bench.requests.clear()
        said = bench.ask("upload http://10.0.2.2/in %d" % count, "uploaded", "upload_failed")
        assert bench.requests[0].split(b"\r\n\r\n", 1)[1] == pattern(count)
        assert said[-1].startswith("uploaded octets=%d ms=" % count)
        assert said[-1].endswith("status=201 sha256=" + hash_of(b"thanks"))


def test_one_transfer_at_a_time():
    bench = Bench().up()
    bench.say("fetch http://10.0.2.2/film")
    assert bench.say("fetch http://10.0.2.2/other") == ["error a transfer is under way: one at a time"]
    assert bench.say("upload http://10.0.2.2/other 5") == ["error a transfer is under way: one at a time"]
    assert "a transfer is under way" in bench.say("provision-key")[0]


def test_a_transfer_is_given_up_when_the_viewer_says_so_and_the_link_stays():
    bench = Bench().up()
    for line, word in (("fetch http://10.0.2.2/film", "fetch"), ("upload http://10.0.2.2/in 100", "upload")):
        bench.say(line)
        said = bench.say("fetch cancel")
        assert said == [word + "_failed octets=0 status=0 given up"] and bench.service.state == "up"
        bench.turn(2)
        assert bench.board.net.open() == []
    assert bench.say("fetch cancel") == ["error no transfer is under way"]
    bench.serve = saying(b"film")
    assert bench.ask("fetch http://10.0.2.2/film", "fetched")[-1].startswith("fetched octets=4 ")
    assert bench.say("fetch cancel") == ["error no transfer is under way"]


def test_what_a_server_does_wrong_is_told_once_and_the_next_transfer_goes():
    bench = Bench().up()
    for said, octets, status, why in (
        (b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", 0, 404, "the server says 404"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 0, 0, "two fields content-length"),
        (b"HTTP/1.1 200 X\r\n" + b"A: 1\r\n" * 500, 0, 0, "fields"),
        (b"HTTP/1.1 302 X\r\nLocation: /film\r\nContent-Length: 0\r\n\r\n", 0, 302, "redirects in a circle"),
        (b"HTTP/1.1 302 X\r\nLocation: https://10.0.2.2/\r\nContent-Length: 0\r\n\r\n", 0, 302, "without an authority"),
    ):

        def serve(line, request, said=said):
            line.incoming += said

        bench.serve = serve
        told = bench.ask("fetch http://10.0.2.2/film", "fetch_failed", "fetched")
        assert len(told) == 1 and told[0].startswith("fetch_failed octets=%d status=%d " % (octets, status)), told
        assert why in told[0], told


def test_a_transfer_ends_where_nobody_wants_the_link_any_more_or_it_is_given_up():
    bench = Bench().up()
    bench.say("fetch http://10.0.2.2/film")
    said = bench.say("network down")
    assert said == ["network_down", "fetch_failed octets=0 status=0 the network is gone"]
    bench.up()
    bench.say("fetch http://10.0.2.2/film")
    bench.board.network.state = "down"
    said = bench.until("fetch_failed", ms=1000)
    assert said[-2:] == ["network_failed", "fetch_failed octets=0 status=0 the network is gone"]
    assert bench.board.net.open() == []


def test_without_memory_a_transfer_fails_and_the_service_goes_on():
    bench = Bench().up()

    def none_left(family, kind):
        raise MemoryError

    whole, bench.board.net.socket = bench.board.net.socket, none_left
    said = bench.ask("fetch http://10.0.2.2/film", "fetch_failed")
    assert said == ["fetch_failed octets=0 status=0 there is no memory for it"]
    bench.board.net.socket = whole
    bench.serve = saying(b"film")
    bench.ask("fetch http://10.0.2.2/film", "fetched")
    assert bench.app.services.get("network") is bench.service


def test_a_name_service_that_does_not_answer_ends_a_transfer_and_a_look_up():
    bench = Bench().up()
    bench.say("fetch http://films.example/", "lookup films.example")
    said = bench.until("fetch_failed", ms=100)
    assert "lookup_failed name=films.example the name service does not answer" in said
    assert said[-1] == "fetch_failed octets=0 status=0 the name service does not answer"
    assert bench.board.net.open() == []


def test_a_names_address_is_told():
    bench = Bench().up()
    bench.say("lookup Films.Example")
    line = bench.board.net.made[-1]
    question, server = line.sent[-1]
    assert server == ("10.0.2.3", 53)
    record = b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 60, 4) + bytes((10, 0, 2, 9))
    line.incoming.append((question[:2] + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + question[12:] + record, server))
    assert bench.turn(2) == ["address name=films.example ip=10.0.2.9"]
    assert bench.say("lookup films.example") == ["address name=films.example ip=10.0.2.9"]
    assert bench.say("lookup 10.0.2.7") == ["address name=10.0.2.7 ip=10.0.2.7"]


def test_another_link_has_other_name_servers_and_a_board_may_know_of_none():
    bench = Bench().up()
    bench.say("lookup films.example")
    bench.say("network down")
    bench.board.network.names = ("10.9.9.9",)
    bench.up()
    bench.say("lookup shop.example")
    assert bench.board.net.made[-1].sent[-1][1] == ("10.9.9.9", 53)
    del bench.board.network_names
    bench.say("network down", "network up")
    assert "lookup_failed name=tv.example no name service is known" in bench.say("lookup tv.example")


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_a_server_of_a_stranger_is_refused():
    bench = Bench(files={"authority.der": SIGNED}).up()
    bench.board.tls.chain = [SIGNED]
    bench.board.tls.complaint = "The certificate is not correctly signed by the trusted CA"
    bench.serve = saying(b"sealed")
    said = bench.ask("fetch https://10.0.2.2/film", "fetch_failed")
    assert said[-1] == "fetch_failed octets=0 status=0 the server's certificate is not of the authority that is trusted"


# --- datagrams --------------------------------------------------------------------------------------------------------


def groups_of(bench):
    return [line for line in bench.board.net.open() if isinstance(line, Datagrams)]


def test_a_group_is_joined_read_after_every_step_and_left():
    bench = Bench().up()
    assert bench.say("join 239.1.2.3 5004") == ["joined group=239.1.2.3 port=5004"]
    line = groups_of(bench)[0]
    assert (line.own, line.port) == ("239.1.2.3", 5004) and line.options == [(0, 35, bytes((239, 1, 2, 3, 0, 0, 0, 0)))]
    line.incoming = [(b"one", (HERE, 9)), (b"two", (HERE, 9))]
    told = ["datagram group=239.1.2.3 octets=3 sha256=" + hash_of(data) for data in (b"one", b"two")]
    assert bench.turn() == told
    assert bench.say("join 239.1.2.3 5004") == ["error that group is joined already"]
    assert bench.say("leave 239.1.2.3 5005") == ["error that group is not joined"]
    assert bench.say("leave 239.1.2.3 5004") == ["left group=239.1.2.3 port=5004 datagrams=2"]
    assert line.options[1][1:] == (36, bytes((239, 1, 2, 3, 0, 0, 0, 0))) and groups_of(bench) == []


def test_a_group_that_floods_is_told_in_one_line_a_second():
    bench = Bench().up()
    bench.say("join 239.1.2.3 5004", "join 239.1.2.4 5004")
    bench.turn(100)
    line = groups_of(bench)[0]
    said = []
    for _ in range(99):
        line.incoming = [(b"x", (HERE, 9))] * 3
        said += bench.turn()
    one = "datagram group=239.1.2.3 octets=1 sha256=" + hash_of(b"x")
    assert said == [one] * TOLD
    assert bench.turn(5) == ["datagrams group=239.1.2.3 untold=%d" % (99 * 3 - TOLD)]
    line.incoming = [(b"x", (HERE, 9))] * (TOLD + 2)
    assert bench.turn(5) == [one] * TOLD
    rest = ["datagrams group=239.1.2.3 untold=2", "left group=239.1.2.3 port=5004 datagrams=%d" % (99 * 3 + TOLD + 2)]
    assert bench.say("leave 239.1.2.3 5004") == rest
    assert bench.turn(150) == []


def test_a_group_is_joined_again_on_a_link_that_came_back_and_left_with_it():
    bench = Bench().up()
    bench.say("join 239.1.2.3 5004")
    bench.board.network.state = "down"
    bench.turn()
    assert groups_of(bench) == []
    bench.board.network.state = "up"
    bench.turn()
    assert len(groups_of(bench)) == 1 and len(groups_of(bench)[0].options) == 1
    assert "left group=239.1.2.3 port=5004 datagrams=0" in bench.say("network down") and groups_of(bench) == []


def test_groups_have_a_limit_and_need_a_link_and_a_socket():
    bench = Bench("down")
    assert bench.say("join 239.1.2.3 5004") == ["error the network is not up"]
    bench.board.network.state = "up"
    bench.up()
    bench.board.net.refuses = 12
    assert bench.say("join 239.1.2.3 5004")[0].startswith("error the group cannot be joined") and not groups_of(bench)
    bench.board.net.refuses = 0
    for port in range(1, 5):
        bench.say("join 239.1.2.3 %d" % port)
    assert bench.say("join 239.1.2.3 5") == ["error 4 groups are joined; leave one"] and len(groups_of(bench)) == 4


def test_datagrams_are_echoed_or_not():
    bench = Bench().up()
    bench.say("echo 10.0.2.2 7 3 100")
    line = groups_of(bench)[0]
    said = []
    for number in range(3):
        while len(line.sent) == number:
            said += bench.turn()
        data, where = line.sent[number]
        assert len(data) == 100 and where == (HERE, 7) and data != (line.sent[number - 1][0] if number else b"")
        if number != 1:
            line.incoming += [(b"not it", where), (data, where)]
    said += bench.until("echoed") if not said else []
    assert said[-1].startswith("echoed sent=3 back=2 octets=200 ms=2") and groups_of(bench) == []
    bench.say("echo 10.0.2.2 7 5 1")
    assert bench.say("echo 10.0.2.2 7 5 1") == ["error an echo is under way: one at a time"]
    assert bench.say("network down")[-1] == "network_down" or bench.service._echo is None


# --- other services ---------------------------------------------------------------------------------------------------


def test_the_link_is_up_as_long_as_anybody_needs_it():
    bench = Bench()
    service = bench.service
    service.want("share", 100)
    service.want("share", 100)
    service.want("shop", 100)
    bench.turn()
    assert service.state == "up"
    service.leave("share", 200)
    service.leave("nobody", 200)
    assert service.state == "up"
    service.leave("shop", 300)
    assert service.state == "down"
    service.want("shop", 400)
    assert bench.turn()[-1].startswith("network_up") and service.pace == 1


def test_a_fetch_of_ones_own_comes_with_names_and_link():
    bench = Bench().up()
    bench.serve = saying(b"title")
    fetch = bench.service.fetcher()
    got = []
    fetch.get("http://10.0.2.2/title", lambda view, at: got.append(bytes(view)) or len(view), 0)
    now_ms = 0
    while fetch.state not in ("done", "failed"):
        fetch.step(now_ms)
        bench._serve()
        now_ms += 10
    assert (fetch.state, b"".join(got)) == ("done", b"title")
    with raises(LocalError):
        fetch.get("https://10.0.2.2/title", len, 0)


def test_nothing_of_it_is_loaded_before_somebody_wants_it():
    import sys

    names = ["settop.net.fetch", "settop.net.tls", "settop.net.names", "settop.services.network.dial_up"]
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    try:
        Bench()
        assert [name for name in names if name in sys.modules] == []
    finally:
        sys.modules.update(kept)
