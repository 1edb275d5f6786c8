"""The bench's network but for TCP and PPP: datagrams, names, pings, groups, links, routes, and what is refused."""

import pytest
from settop.errors import LocalError, RemoteError
from settop.wire import dns
from testbed.network.addresses import to_octets, to_text
from testbed.network.formats import icmp, igmp, ip, names
from testbed.network.host import Host
from testbed.network.links import Link, Way
from testbed.network.name_server import UNKNOWN
from testbed.network.network import GATEWAY, TERMINAL, Network
from testbed.network.part import NetworkPart
from testbed.world import World

from tests.helpers.network_services import (
    CLIENT,
    KIB64,
    MS,
    SERVER,
    Client,
    Datagrams,
    Echo,
    Line,
    S,
    Traced,
    digest,
    get,
    two_hosts,
)

GROUP = "239.1.2.3"
FAR = Link(rate_bits_s=8_000_000, delay_ns=20 * MS)


def packet(protocol=ip.UDP, payload=b"", **other):
    fields = {"source": to_octets("192.0.2.1"), "destination": to_octets(CLIENT)}
    return ip.Packet(**{**fields, **other}, protocol=protocol, payload=payload)


# --- Formats --------------------------------------------------------------------------------------------------------


def test_the_checksum_of_the_rfc_s_example():
    assert ip.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2  # RFC 1071, 3
    assert ip.checksum(bytes(20)) == 0xFFFF
    assert ip.checksum(b"\xff\xff") == 0
    assert ip.checksum(b"\x12") == 0xFFFF - 0x1200


def test_a_header_of_others_is_read_and_made_alike():
    header = bytes.fromhex("45000073000040004011b861c0a80001c0a800c7")  # the example that textbooks have
    read = ip.unpack(header + bytes(95))
    assert (to_text(read.source), to_text(read.destination)) == ("192.168.0.1", "192.168.0.199")
    assert (read.protocol, read.ttl) == (ip.UDP, 64)
    assert ip.pack(read) == header + bytes(95)


def test_addresses_are_four_numbers():
    assert to_text(to_octets("203.0.113.7")) == "203.0.113.7"
    for wrong in ("", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.x", "1.2.3.-4", "1.2.3.4 ", "1.2.3.٤"):
        with pytest.raises(LocalError):
            to_octets(wrong)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data[:10], "datagram without a header"),
        (lambda data: b"\x65" + data[1:], "not version 4"),
        (lambda data: b"\x44" + data[1:], "lengths that lie"),
        (lambda data: data[:-1], "lengths that lie"),
        (lambda data: data[:8] + bytes((data[8] ^ 1,)) + data[9:], "header checksum"),
    ],
)
def test_a_datagram_that_is_none_is_refused_by_name(change, why):
    with pytest.raises(RemoteError, match=why):
        ip.unpack(change(ip.pack(packet(payload=b"12345678"))))


@pytest.mark.parametrize("fragment", [0x2000, 0x2001, 1, 0x1FFF])
def test_fragments_are_refused_and_counted(fragment):
    whole = ip.pack(packet(payload=b"12345678"))
    part = ip.with_checksum(whole[:6] + fragment.to_bytes(2, "big") + whole[8:10] + bytes(2) + whole[12:20], 10)
    host = Host(CLIENT)
    host.receive(part + whole[20:], 0)
    assert host.refused == {"fragment": 1}


def test_a_fixed_question_and_its_answer():
    question = names.Question(0x1234, dns.pack_name("films.example"))
    asked = "123401000001000000000000" + "0566696c6d73076578616d706c6500" + "00010001"
    assert names.unpack_question(bytes.fromhex(asked)) == question
    assert question.text == "films.example"
    answer = names.pack_answer(question, dns.NO_ERROR, (to_octets(SERVER),), 60)
    assert answer.hex() == (
        "123485800001000100000000" + "0566696c6d73076578616d706c6500" + "00010001" + "c00c000100010000003c0004cb007107"
    )
    assert dns.unpack_answer(answer, 0x1234, question.name) == (dns.NO_ERROR, [SERVER], 60)


# --- Datagrams, names, pings ----------------------------------------------------------------------------------------


def ask(network, host, name, kind=dns.TYPE_A):
    """[(code, addresses)] that came back."""
    asked, packed = Datagrams(), dns.pack_name(name)
    host.open_udp(asked).send((GATEWAY, 53), of_kind(dns.pack_question(7, packed), kind))
    network.run_until(network.now_ns + S)
    return [dns.unpack_answer(of_kind(data, dns.TYPE_A, packed), 7, packed)[:2] for _, data in asked.got]


def of_kind(message, kind, packed=b""):
    """The question of a message, with another type: it stands behind the name, or at the end."""
    at = 12 + len(packed) if packed else len(message) - 4
    return message[:at] + kind.to_bytes(2, "big") + message[at + 2 :]


def test_a_datagram_is_answered_where_it_came_from():
    network, server, client = two_hosts(FAR)
    server.serve_udp(7, Echo())
    kept = Datagrams()
    port = client.open_udp(kept)
    port.send((SERVER, 7), b"hello")
    network.run_until(S)
    assert kept.got == [((SERVER, 7), b"hello")]


def test_a_name_has_its_addresses_and_an_unknown_one_has_none():
    network, _, client = two_hosts(FAR)
    network.names.set("Films.example", SERVER, "192.0.2.1")
    assert ask(network, client, "films.EXAMPLE") == [(dns.NO_ERROR, [SERVER, "192.0.2.1"])]
    assert ask(network, client, "none.example") == [(dns.NAME_ERROR, [])]
    assert ask(network, client, "films.example", names.AAAA) == [(dns.NO_ERROR, [])]
    for number in range(20):
        ask(network, client, f"name{number}.example")
    assert network.names.asked == {"films.example": 2, UNKNOWN: 21}
    network.names.silent = True
    assert ask(network, client, "films.example") == []


def test_what_is_no_question_gets_an_error_or_nothing():
    network, _, client = two_hosts(FAR)
    kept = Datagrams()
    port = client.open_udp(kept)
    question = dns.pack_question(7, dns.pack_name("films.example"))
    for data in (
        b"",
        b"short",
        question[:14],
        question[:2] + b"\x81" + question[3:],
        question[:2] + b"\x28" + question[3:],
    ):
        port.send((GATEWAY, 53), data)
    network.run_until(S)
    assert [data[3] & 15 for _, data in kept.got] == [names.FORMAT_ERROR, names.NOT_IMPLEMENTED]


def test_a_ping_comes_back_after_two_ways():
    network, _, client = two_hosts(Link(delay_ns=20 * MS))
    near, far, none = client.ping(GATEWAY), client.ping(SERVER, bytes(1000)), client.ping("192.0.2.77")
    network.run_until(S)
    assert (near.took_ns, far.took_ns, none.took_ns) == (40 * MS, 80 * MS, None)
    assert far.data == bytes(1000)
    assert client.refused["ICMP 3 told us something"] == 1


def test_a_datagram_for_nobody_is_told_to_who_sent_it_and_never_about_an_error():
    network, server, client = two_hosts(FAR)
    client.open_udp(Datagrams()).send((SERVER, 9), b"?")
    network.run_until(S)
    assert server.refused == {"datagram for nobody": 1}
    assert client.refused == {"ICMP 3 told us something": 1}


def test_a_flood_for_nobody_is_answered_by_a_few_errors():
    network, _server, client = two_hosts(Link())
    port = client.open_udp(Datagrams())
    for _ in range(1000):
        port.send((SERVER, 9), b"?")
    network.run_until(100 * MS)
    assert client.refused["ICMP 3 told us something"] == 20


def test_packets_for_somebody_else_or_from_nobody_are_refused():
    host = Host(CLIENT)
    host.receive(ip.pack(packet(destination=to_octets(SERVER))), 0)
    host.receive(ip.pack(packet(source=to_octets(GROUP))), 0)
    host.receive(ip.pack(packet(protocol=99)), 0)
    assert host.refused == {
        "packet for somebody else": 1,
        "packet from a group": 1,
        "protocol that we do not have": 1,
    }
    assert host.take() == []


def test_a_packet_lives_so_many_hops():
    network, _, client = two_hosts(FAR)
    traced = Traced(network)
    short = ip.pack(ip.Packet(to_octets(CLIENT), to_octets(SERVER), ip.UDP, bytes(8), ttl=1))
    client._out.append(short)
    network.touch(CLIENT)
    network.run_until(S)
    assert network.router.refused == {"time to live": 1}
    told = [ip.unpack(data) for _, way, data in traced.packets if way == f"{CLIENT} down"]
    assert [icmp.unpack(packet.payload).kind for packet in told] == [icmp.TIME_EXCEEDED]


def test_ports_and_addresses_that_are_taken_or_none_are_our_own_mistake():
    network, server, client = two_hosts(FAR)
    server.serve_udp(7, Echo())
    for wrong in (
        lambda: server.serve_udp(7, Echo()),
        lambda: server.serve_tcp(80, Echo),
        lambda: server.serve_tcp(0, Echo),
        lambda: client.connect((SERVER, 70_000), Echo()),
        lambda: client.connect(("nowhere", 80), Echo()),
        lambda: client.open_udp(Echo()).send((SERVER, 7), bytes(1473)),
        lambda: client.join(SERVER),
        lambda: client.ping(SERVER, bytes(1473)),
        lambda: network.host(SERVER),
        lambda: network.host(GATEWAY),
        lambda: network.host(GROUP),
        lambda: network.link("192.0.2.1"),
        lambda: network.names.set("a..b", SERVER),
        lambda: network.names.set("films.example", "nowhere"),
    ):
        with pytest.raises(LocalError):
            wrong()
    network.advance(S)
    with pytest.raises(LocalError, match="go back"):
        network.advance(S - 1)


# --- Groups ---------------------------------------------------------------------------------------------------------


def to_group(network, server, count=1):
    port = server.open_udp(Datagrams())
    for _ in range(count):
        port.send((GROUP, 5004), b"a picture")
    network.run_until(network.now_ns + 100 * MS)
    port.close()


def test_join_and_leave_are_seen_and_packets_come_only_in_between():
    network, server, client = two_hosts(Link(delay_ns=MS))
    other = network.host("192.0.2.5")
    kept, elsewhere = Datagrams(), Datagrams()
    client.serve_udp(5004, kept)
    other.serve_udp(5004, elsewhere)
    to_group(network, server)
    client.join(GROUP)
    network.run_until(network.now_ns + 10 * MS)
    assert network.link(CLIENT).groups == {GROUP}
    to_group(network, server, 3)
    client.leave(GROUP)
    network.run_until(network.now_ns + 3 * S)
    assert network.link(CLIENT).groups == frozenset()
    to_group(network, server)
    assert kept.got == [((SERVER, 49_152 + 1), b"a picture")] * 3
    assert elsewhere.got == []
    assert network.router.copies == 3
    assert network.link("192.0.2.5").down.sent == 0  # and no packet of it went there


def test_a_host_is_asked_whether_it_still_listens_and_stays_a_member():
    network, _server, client = two_hosts(Link(delay_ns=MS))
    traced = Traced(network)
    client.join(GROUP)
    network.run_until(1000 * S)
    assert network.link(CLIENT).groups == {GROUP}
    found = [ip.unpack(data) for _, way, data in traced.packets if way.startswith(CLIENT)]
    kinds = [igmp.unpack(packet.payload).kind for packet in found]
    assert kinds[:2] == [igmp.REPORT, igmp.REPORT]
    assert kinds.count(igmp.QUERY) == 7
    assert all(packet.ttl == 1 and packet.options == ip.ROUTER_ALERT for packet in found)


def test_a_member_that_vanishes_is_forgotten():
    network, _, client = two_hosts(Link(delay_ns=MS))
    client.join(GROUP)
    network.run_until(S)
    client._memberships._joined.clear()
    client._memberships._due.clear()
    network.run_until(400 * S)
    assert network.link(CLIENT).groups == frozenset()
    assert network.due_ns() is None


def test_a_second_member_on_a_link_keeps_the_group():
    network, _, client = two_hosts(Link(delay_ns=MS))
    client.join(GROUP)
    network.run_until(S)
    leave = igmp.pack(igmp.Message(igmp.LEAVE, to_octets(GROUP)))
    client._send(ip.IGMP, to_octets("224.0.0.2"), leave, 1, ip.ROUTER_ALERT)  # as somebody else there would
    network.touch(CLIENT)
    network.run_until(10 * S)
    assert network.link(CLIENT).groups == {GROUP}


def test_who_joins_twice_leaves_twice():
    network, _, client = two_hosts(Link(delay_ns=MS))
    client.join(GROUP)
    client.join(GROUP)
    client.leave(GROUP)
    network.run_until(S)
    assert network.link(CLIENT).groups == {GROUP}
    client.leave(GROUP)
    client.leave(GROUP)
    network.run_until(5 * S)
    assert network.link(CLIENT).groups == frozenset()


def test_a_link_listens_to_so_many_groups_and_no_more():
    network, _, client = two_hosts(Link(delay_ns=MS))
    for number in range(300):
        client.join(f"239.1.{number // 256}.{number % 256}")
    network.run_until(S)
    assert len(network.link(CLIENT).groups) == 256
    assert network.router.refused["more groups than a link may have"] > 0


def test_version_3_is_answered_by_a_question_of_version_2():
    network, _, client = two_hosts(Link(delay_ns=MS))
    report = ip.with_checksum(bytes.fromhex("2200000000000001") + b"\4\0\0\0" + to_octets(GROUP), 2)
    for _ in range(5):
        client._send(ip.IGMP, to_octets("224.0.0.22"), report, 1, ip.ROUTER_ALERT)
    network.touch(CLIENT)
    network.run_until(100 * MS)
    assert network.router.refused == {"IGMP of version 3": 5}
    assert network.link(CLIENT).down.sent == 1


def test_groups_of_one_link_are_not_for_others():
    network, server, _client = two_hosts(Link(delay_ns=MS))
    server.open_udp(Datagrams()).send(("224.0.0.9", 5004), b"here only")
    network.run_until(S)
    assert network.router.refused == {"group of one link": 1}


# --- Links ----------------------------------------------------------------------------------------------------------


def passages(link, count=200, size=1000, every_ns=MS, seed=1):
    way = Way(link, "a way", seed)
    return way, [way.send(bytes(size), number * every_ns) for number in range(count)]


def test_a_rate_takes_its_time_and_a_full_queue_loses_the_tail():
    way, found = passages(Link(rate_bits_s=800_000, queue_octets=5_000), every_ns=0)
    times = [copies[0].at_ns for copies in found if copies]
    assert times == [10 * MS * (number + 1) for number in range(5)]
    assert way.overflowed == 195
    assert way.waiting_octets(0) == 5_000
    assert way.waiting_octets(45 * MS) == 500


def test_losses_by_number_are_those_packets_and_no_others():
    _, found = passages(Link(lose=frozenset((1, 3, 200))))
    assert [number for number, copies in enumerate(found, 1) if not copies] == [1, 3, 200]


def test_rates_of_accidents_are_about_what_was_asked_for():
    way, found = passages(Link(loss=0.1, damage=0.2, double=0.3, reorder=0.4, delay_ns=MS), 5_000)
    assert 400 < way.lost < 600
    assert 800 < way.damaged < 1000
    assert 1250 < way.doubled < 1450
    assert 1700 < way.reordered < 1900
    assert sum(map(len, found)) == 5_000 - way.lost + way.doubled


def test_jitter_keeps_the_order_and_reordering_does_not():
    _, jittered = passages(Link(jitter_ns=20 * MS))
    times = [copies[0].at_ns for copies in jittered]
    assert times == sorted(times)
    _, reordered = passages(Link(reorder=0.2))
    times = [copies[0].at_ns for copies in reordered]
    assert times != sorted(times)


def test_one_way_s_accidents_do_not_hang_on_another_s_traffic():
    _, alone = passages(Link(loss=0.5))
    assert passages(Link(loss=0.5))[1] == alone
    assert passages(Link(loss=0.5), seed=2)[1] != alone
    longer = passages(Link(loss=0.5), size=10)[1]
    assert [len(copies) for copies in longer] == [len(copies) for copies in alone]


def test_what_is_on_a_link_when_it_goes_is_gone():
    network, server, client = two_hosts(Link(delay_ns=20 * MS))
    kept = Datagrams()
    server.serve_udp(9, kept)
    port = client.open_udp(Datagrams())
    port.send((SERVER, 9), b"on its way")
    network.run_until(5 * MS)
    network.link(CLIENT).drop()
    port.send((SERVER, 9), b"while it is down")
    network.run_until(10 * MS)
    network.link(CLIENT).restore()
    port.send((SERVER, 9), b"after it")
    network.run_until(S)
    assert [data for _, data in kept.got] == [b"after it"]
    assert network.link(CLIENT).up.cut == 2


@pytest.mark.parametrize(
    "wrong",
    [{"rate_bits_s": 0}, {"delay_ns": -1}, {"loss": 1.1}, {"damage": -0.1}, {"mtu_octets": 60}, {"queue_octets": -1}],
    ids=str,
)
def test_a_link_out_of_range_is_our_own_mistake(wrong):
    with pytest.raises(LocalError):
        Link(**wrong)


def test_a_terminal_that_is_not_connected_loses_its_packets_and_they_are_counted():
    network = Network(1)
    server = network.host(SERVER)
    line = network.ppp()
    server.open_udp(Datagrams()).send((TERMINAL, 9), b"?")
    network.run_until(S)
    assert line.peer.refused == {"packet before the link": 1}


def test_a_line_that_nobody_reads_holds_so_much_and_no_more():
    network = Network(1)
    port = network.host(SERVER).open_udp(Datagrams())
    line = Line(network)
    line.start()
    line.run(1, lambda: line.terminal.peer.up)
    for _ in range(1_000):
        port.send((TERMINAL, 5004), bytes(1_400))
        network.run_until(network.now_ns + 10 * MS)
    assert 200_000 < len(line.provider.take()) <= 256 * 1024
    assert line.provider.way.overflowed > 700


def test_a_terminal_speaks_in_its_own_name_alone():
    network = Network(1)
    kept = Datagrams()
    network.host(SERVER).serve_udp(9, kept)
    line = Line(network)
    line.start()
    line.run(1, lambda: line.terminal.peer.up)
    port = line.terminal.host.open_udp(Datagrams())
    port.send((SERVER, 9), b"mine")
    line.terminal.host.address = CLIENT
    line.terminal.peer._numbers.ours = to_octets(CLIENT)
    port.send((SERVER, 9), b"another's")
    line.run(1)
    assert [data for _, data in kept.got] == [b"mine"]
    assert line.provider.peer.refused["packet from another address"] == 1


# --- In the bench's world ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [0, 0.1])
def test_a_world_that_jumps_has_the_packets_of_one_that_steps(loss):
    runs = []
    for jumps in (True, False):
        network, _, client = two_hosts(Link(rate_bits_s=1_000_000, delay_ns=MS, loss=loss))
        traced = Traced(network)
        world = World(jumps)
        world.add(NetworkPart(network))
        service = Client(get("/film"))
        world.at(50, lambda client=client, service=service: client.connect((SERVER, 80), service))
        assert world.run_until(100_000, lambda service=service: service.over)
        assert digest(service.body) == digest(KIB64)
        runs.append((traced.packets, world.now_ms))
        world.close()
    assert runs[0] == runs[1]
