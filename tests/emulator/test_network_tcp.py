"""TCP of the bench's network: what arrives, in what time, and how connections end."""

import pytest
from settop.errors import LocalError
from testbed.network.formats.segment import ACK, FIN, RST, SYN, Segment
from testbed.network.links import Link
from testbed.network.network import Network
from testbed.network.tcp import states
from testbed.network.tcp.settings import TcpSettings
from testbed.network.tcp.timing import Timing

from tests.helpers.network_services import (
    CLIENT,
    KIB64,
    MS,
    PATIENT,
    SERVER,
    Client,
    Echo,
    Files,
    S,
    Sink,
    Sinks,
    Traced,
    digest,
    fetch,
    get,
    two_hosts,
)

FAR = Link(rate_bits_s=8_000_000, delay_ns=20 * MS)


def lossy(**what):
    return Link(rate_bits_s=8_000_000, delay_ns=20 * MS, **what)


def test_a_file_of_64_kib_arrives_as_it_was_and_both_ends_forget_the_connection():
    network, server, client = two_hosts(FAR)
    got, conn = fetch(network, client)
    assert digest(got.body) == digest(KIB64)
    network.run_until(network.now_ns + 120 * S)
    assert (conn.state, conn.error, server.tcp.connections, client.tcp.connections) == (states.CLOSED, "", [], [])
    assert network.due_ns() is None  # and the network is at rest


def test_a_file_goes_up_as_well_as_down():
    network, server, client = two_hosts(FAR)
    sinks = Sinks()
    server.serve_tcp(9, sinks)
    conn = client.connect((SERVER, 9), Client(KIB64, closes=True))
    assert network.run_until(60 * S, lambda: conn.state == states.TIME_WAIT)
    assert [digest(sink.got) for sink in sinks] == [digest(KIB64)]


def test_a_part_of_a_file_comes_over_a_connection_that_stays():
    network, _, client = two_hosts(FAR)
    service = Client(get("/film", "Range: bytes=1000-1009", close=False))
    conn = client.connect((SERVER, 80), service)
    network.run_until(S, lambda: len(service.body) == 10)
    conn.send(get("/none"))
    network.run_until(2 * S, lambda: service.over)
    assert service.body[:10] == KIB64[1000:1010]
    assert b"404" in service.body[10:]


@pytest.mark.parametrize(
    "what",
    [
        {"loss": 0.05},
        {"loss": 0.05, "reorder": 0.1, "jitter_ns": 5 * MS},
        {"reorder": 0.3},
        {"double": 0.3},
        {"damage": 0.05},
        {"loss": 0.15, "damage": 0.02, "double": 0.1, "reorder": 0.1},
        {"queue_octets": 6_000},
    ],
    ids=str,
)
def test_whatever_a_link_does_64_kib_arrive_both_ways_exact(what):
    for seed in range(3):
        network, server, client = two_hosts(lossy(**what), seed, settings=PATIENT)
        sinks = Sinks()
        server.serve_tcp(9, sinks)
        client.connect((SERVER, 9), Client(KIB64, closes=True))
        got, conn = fetch(network, client, 24 * 3600)
        network.run_until(24 * 3600 * S, lambda sinks=sinks: any(sink.over for sink in sinks))
        assert (digest(got.body), conn.error) == (digest(KIB64), "")
        assert [digest(sink.got) for sink in sinks] == [digest(KIB64)]


def test_one_lost_segment_costs_about_one_round_and_no_timeout():
    plain, _, client = two_hosts(FAR)
    fetch(plain, client)
    network, server, client = two_hosts(FAR, client_link=Link(delay_ns=20 * MS, lose=frozenset((12,))))
    got, _ = fetch(network, client)
    conn = next(conn for conn in server.tcp.connections if conn.here == (SERVER, 80))
    assert digest(got.body) == digest(KIB64)
    assert (conn.sender.timeouts, conn.sender.congestion.repeats) == (0, 1)
    assert network.now_ns - plain.now_ns < 120 * MS


def test_the_last_segment_of_all_is_sent_again_when_its_time_is_over():
    # 1 is the SYN, 2 the request: nothing behind it tells that it is lost
    network = Network(1)
    server = network.host(SERVER, FAR)
    client = network.host(CLIENT, Link(delay_ns=MS, lose=frozenset((2,))), down=Link(delay_ns=MS))
    server.serve_tcp(80, Files)
    got, conn = fetch(network, client)
    assert digest(got.body) == digest(KIB64)
    assert conn.sender.timeouts == 1


def test_a_reader_that_does_not_read_stops_the_sender_and_goes_on_when_it_does():
    network = Network(1)
    server = network.host(SERVER, FAR)
    client = network.host(CLIENT, Link(delay_ns=MS), settings=TcpSettings(window=4_096))
    server.serve_tcp(80, Files)
    service = Client(get("/film"))
    conn = client.connect((SERVER, 80), service)
    conn.pulls = True
    network.run_until(600 * S)
    assert len(conn.receiver.unread) == 4_096
    assert network.due_ns() is not None  # the sender asks whether there is room, by and by
    got = bytearray()
    while not service.over or conn.receiver.unread:
        got += conn.recv(1_000)
        network.run_until(network.now_ns + 10 * MS)
    assert digest(got.partition(b"\r\n\r\n")[2]) == digest(KIB64)


def test_nobody_at_the_port_is_a_refusal_at_once():
    network, _, client = two_hosts(FAR)
    service = Client()
    conn = client.connect((SERVER, 81), service)
    assert network.run_until(S, lambda: service.over)
    assert (service.error, conn.state, service.is_open) == ("refused", states.CLOSED, False)


def test_no_such_host_is_silence_in_the_end():
    network, _, client = two_hosts(FAR)
    service = Client()
    client.connect(("192.0.2.99", 80), service)
    assert network.run_until(400 * S, lambda: service.over)
    assert service.error == "silent"
    assert 180 * S <= network.now_ns <= 260 * S  # RFC 9293, 3.8.3: at least three minutes


def test_a_peer_that_vanishes_in_mid_transfer_is_given_up():
    network, server, client = two_hosts(Link(rate_bits_s=400_000, delay_ns=20 * MS))
    service = Client(get("/film"))
    client.connect((SERVER, 80), service)
    network.run_until(S)
    network.link(CLIENT).drop()
    network.run_until(400 * S)
    assert server.tcp.connections == []
    assert not service.over  # the client waits, as nothing tells it


def test_a_link_that_drops_and_comes_back_costs_time_and_no_octet():
    network, _, client = two_hosts(Link(rate_bits_s=400_000, delay_ns=20 * MS))
    network.at(500 * MS, network.link(CLIENT).drop)
    network.at(5_500 * MS, network.link(CLIENT).restore)
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)
    assert network.link(CLIENT).down.cut > 0
    assert 5_500 * MS < network.now_ns < 20 * S


def test_a_half_open_peer_is_reset():
    network, server, client = two_hosts(FAR)
    service = Client()
    conn = client.connect((SERVER, 80), service)
    network.run_until(S, lambda: service.is_open)
    for other in server.tcp.connections:  # the server starts anew and knows nothing of it
        server.tcp._connections.clear()
        other.service = Sink()
    conn.send(get("/film"))
    assert network.run_until(2 * S, lambda: service.over)
    assert (service.error, conn.state) == ("reset", states.CLOSED)


def test_a_client_that_started_anew_gets_through_on_the_port_of_before():
    network, _server, client = two_hosts(FAR)
    first = Client()
    client.connect((SERVER, 80), first)
    network.run_until(S, lambda: first.is_open)
    client.tcp._connections.clear()
    client.tcp._next_port -= 1
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)


def test_an_aborted_connection_is_reset_at_the_other_end():
    network, server, client = two_hosts(FAR)
    sinks = Sinks()
    server.serve_tcp(9, sinks)
    conn = client.connect((SERVER, 9), Client(b"so much"))
    network.run_until(S)
    conn.abort()
    network.run_until(2 * S)
    assert [(bytes(sink.got), sink.error) for sink in sinks] == [(b"so much", "reset")]
    assert (server.tcp.connections, client.tcp.connections) == ([], [])


def test_who_has_said_all_may_still_be_answered():
    network, server, client = two_hosts(FAR)

    class Late(Files):
        def received(self, conn, data):
            pass

        def closed(self, conn):
            conn.send(KIB64)
            conn.close()

    server.serve_tcp(8, Late)
    service = Client(b"all", closes=True)
    client.connect((SERVER, 8), service)
    assert network.run_until(60 * S, lambda: service.over)
    assert digest(service.got) == digest(KIB64)


def test_both_may_close_at_once():
    network, server, client = two_hosts(FAR)

    class Hasty(Sink):
        def opened(self, conn):
            conn.close()

    server.serve_tcp(7, Hasty)
    conn = client.connect((SERVER, 7), Client(closes=True))
    seen = set()
    while network.due_ns() is not None:
        network.advance(network.due_ns())
        seen.add(conn.state)
    assert {states.FIN_WAIT_1, states.TIME_WAIT, states.CLOSED} <= seen
    assert server.tcp.connections == []


def test_two_that_call_each_other_from_the_ports_that_they_call_meet_in_one_connection():
    network, server, client = two_hosts(FAR)
    server.tcp._next_port = client.tcp._next_port = 50_000
    one, other = Client(b"from the client"), Client(b"from the server")
    client.connect((SERVER, 50_000), one)
    server.connect((CLIENT, 50_000), other)
    network.run_until(10 * S)
    assert (bytes(one.got), bytes(other.got)) == (b"from the server", b"from the client")


def test_octets_after_the_end_are_our_own_mistake():
    network, _, client = two_hosts(FAR)
    conn = client.connect((SERVER, 80), Client())
    network.run_until(S)
    conn.close()
    with pytest.raises(LocalError, match="closed before"):
        conn.send(b"more")


def test_octets_for_a_connection_that_failed_are_lost_without_a_word():
    network, _, client = two_hosts(FAR)
    service = Client()
    service.closed = lambda conn: None
    conn = client.connect((SERVER, 81), service)
    network.run_until(S)
    conn.send(b"more")
    assert (conn.error, conn.unsent) == ("refused", 0)


def test_a_reset_that_does_not_fit_ends_nothing():
    network, _server, client = two_hosts(FAR)
    service = Client()
    conn = client.connect((SERVER, 80), service)
    network.run_until(S)
    at = conn.awaited
    for sequence in (at + 1, at + 60_000, at - 1, at + (1 << 31)):
        conn.segment(Segment(80, conn.here[1], sequence & 0xFFFFFFFF, 0, RST), network.now_ns)
    assert (conn.state, conn.error) == (states.ESTABLISHED, "")
    conn.segment(Segment(80, conn.here[1], at, 0, RST), network.now_ns)
    assert (conn.state, conn.error) == (states.CLOSED, "reset")


def test_segments_that_fit_nowhere_get_ten_answers_a_second():
    network, _server, client = two_hosts(FAR)
    conn = client.connect((SERVER, 80), Client())
    network.run_until(S)
    client.take()
    for number in range(1_000):
        conn.segment(Segment(80, conn.here[1], (conn.awaited + 100_000 + number) & 0xFFFFFFFF, 0, SYN | FIN), S)
    assert len(client.take()) == 10


def test_callers_that_never_answer_are_bounded_and_the_next_honest_one_gets_through():
    network, server, client = two_hosts(FAR)
    for port in range(1, 1_001):
        flood = Segment(port, 80, port, 0, SYN, 1000)
        server.tcp.receive(SERVER, bytes((192, 0, 2, 1)), flood, network.now_ns)
    assert len(server.tcp.connections) == 64
    assert server.refused["call that is one too many"] == 936
    network.touch(SERVER)
    network.run_until(300 * S)
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)


def test_an_acknowledgement_of_what_was_never_sent_moves_nothing():
    network, _server, client = two_hosts(FAR)
    conn = client.connect((SERVER, 80), Client())
    network.run_until(S)
    ours = conn._first + conn.sender.sent
    conn.segment(Segment(80, conn.here[1], conn.awaited, (ours + 5_000) & 0xFFFFFFFF, ACK, 100), network.now_ns)
    assert (conn.sender.acknowledged, conn.state) == (1, states.ESTABLISHED)


def test_sequence_numbers_wrap_round_in_mid_transfer(monkeypatch):
    from testbed.network.tcp.table import TcpTable

    monkeypatch.setattr(TcpTable, "_first_sequence", lambda self, key, now_ns: 0xFFFFFFFF - 20_000)
    network, _, client = two_hosts(lossy(loss=0.05))
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)


def test_segments_are_as_long_as_the_narrowest_link_takes_and_no_longer():
    network = Network(1)
    server = network.host(SERVER, FAR)
    client = network.host(CLIENT, Link(mtu_octets=576))
    server.serve_tcp(80, Files)
    traced = Traced(network)
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)
    assert max(len(data) for _, way, data in traced.packets if way.startswith(SERVER)) == 576


def test_a_narrow_way_that_nobody_told_of_is_found_by_what_the_router_says():
    network = Network(1)
    server = network.host(SERVER, FAR)
    client = network.host(CLIENT, Link(delay_ns=MS), down=Link(delay_ns=MS, mtu_octets=576))
    client.tcp.settings = TcpSettings()  # it asks for 1,460, not knowing of the way back
    server.serve_tcp(80, Files)
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)
    assert network.router.refused["too long for the link"] > 0


def test_two_runs_have_the_same_octets_at_the_same_instants():
    runs = []
    for seed in (5, 5, 6):
        network, server, client = two_hosts(lossy(loss=0.1, reorder=0.1, jitter_ns=MS), seed)
        server.serve_tcp(7, Echo)
        traced = Traced(network)
        client.connect((SERVER, 7), Client(KIB64))
        got, _ = fetch(network, client)
        assert digest(got.body) == digest(KIB64)
        runs.append(traced.packets)
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_stepping_by_the_millisecond_gives_what_jumping_gives():
    runs = []
    for jumps in (True, False):
        network, _, client = two_hosts(lossy(loss=0.1), 5)
        traced = Traced(network)
        service = Client(get("/film"))
        client.connect((SERVER, 80), service)
        network.advance(0)
        if jumps:
            network.run_until(20 * S)
        else:
            for at_ms in range(20_001):
                network.advance(at_ms * MS)
        assert digest(service.body) == digest(KIB64)
        runs.append(traced.packets)
    assert runs[0] == runs[1]


def test_the_states_are_those_of_the_rfc():
    rows = {(state, event): following for (state, event), (_, following) in states.TRANSITIONS.items()}
    figure_5 = """
        CLOSED open SYN-SENT
        CLOSED syn SYN-RECEIVED
        SYN-SENT syn SYN-RECEIVED
        SYN-SENT syn ack ESTABLISHED
        SYN-SENT close CLOSED
        SYN-RECEIVED syn acked ESTABLISHED
        SYN-RECEIVED close FIN-WAIT-1
        ESTABLISHED close FIN-WAIT-1
        ESTABLISHED fin CLOSE-WAIT
        FIN-WAIT-1 fin acked FIN-WAIT-2
        FIN-WAIT-1 fin CLOSING
        FIN-WAIT-2 fin TIME-WAIT
        CLOSE-WAIT close LAST-ACK
        CLOSING fin acked TIME-WAIT
        LAST-ACK fin acked CLOSED
        TIME-WAIT timeout CLOSED
    """
    for line in figure_5.strip().splitlines():
        state, *event, following = line.split()
        assert rows.pop((state, " ".join(event))) == following
    ends = {(event, following) for (_, event), following in rows.items()}
    assert ends == {
        ("abort", "CLOSED"),
        ("reset", "CLOSED"),
        ("silence", "CLOSED"),
        ("timeout", "CLOSED"),  # of FIN-WAIT-2, where the other end never closes
        ("fin", "TIME-WAIT"),  # repeated in TIME-WAIT
    }


def test_the_timeout_is_the_rfc_s_and_what_was_sent_twice_is_not_timed():
    timing = Timing()
    assert timing.timeout_ns == 1_000 * MS  # RFC 6298, 2.1
    timing.sent(1_000, 0)
    timing.acknowledged(1_000, 100 * MS)
    assert timing.timeout_ns == (100 + 4 * 50) * MS  # 2.2
    timing.sent(2_000, 200 * MS)
    timing.acknowledged(2_000, 340 * MS)
    assert timing.timeout_ns == (105 + 4 * 47.5) * MS  # 2.3
    timing.back_off()
    timing.sent(3_000, 400 * MS)
    timing.sent(4_000, 400 * MS)
    timing.sent_again(3_000)
    timing.acknowledged(3_000, 401 * MS)
    assert timing.timeout_ns == 590 * MS  # Karn: it stays
    timing.acknowledged(4_000, 500 * MS)
    assert timing.timeout_ns < 400 * MS


def test_who_takes_an_octet_at_a_time_gets_no_packet_for_each():
    network = Network(1)
    network.host(SERVER, FAR).serve_tcp(80, Files)
    client = network.host(CLIENT, Link(delay_ns=MS), settings=TcpSettings(mss=1))
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)
    assert network.link(CLIENT).down.sent < 65_536 / 40


@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_call_that_is_taken_back_at_once_is_never_made(end):
    network, _, client = two_hosts(FAR)
    service = Client()
    getattr(client.connect((SERVER, 80), service), end)()
    network.run_until(S)
    assert (network.link(CLIENT).up.sent, client.tcp.connections, service.over) == (0, [], False)
