"""The bench's network against damaged and invented input: nothing raises, nothing hangs, nothing grows, all is counted.

Half of the cases get their checksums put right, or nothing would come any further than those.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from settop.errors import RemoteError
from settop.wire import dns
from testbed.network.addresses import to_octets
from testbed.network.formats import icmp, igmp, ip, names, segment, udp
from testbed.network.links import Link
from testbed.network.network import GATEWAY, TERMINAL
from testbed.network.ppp import framing, ipcp, lcp, options, phases
from testbed.network.ppp.auth import Credentials
from testbed.network.ppp.peer import Peer, Settings
from testbed.network.ppp_link import PppTerminal

from tests.helpers.network_services import (
    CLIENT,
    KIB64,
    MS,
    PATIENT,
    SERVER,
    Client,
    Echo,
    S,
    Sinks,
    digest,
    fetch,
    get,
    two_hosts,
)

HERE, THERE = to_octets(CLIENT), to_octets(SERVER)
GROUP = to_octets("239.1.2.3")
NAME = dns.pack_name("films.example")
QUESTION = dns.pack_question(7, NAME)
ANSWER = names.pack_answer(names.Question(7, NAME), 0, (HERE, THERE), 60)


def in_ip(protocol, payload, destination=HERE, **other):
    return ip.pack(ip.Packet(THERE, destination, protocol, payload, **other))


def tcp(flags, data=b"", port=80, sequence=1, acknowledgement=1, mss=0):
    part = segment.Segment(4_000, port, sequence, acknowledgement, flags, 1_000, data, mss)
    return segment.pack(part, THERE, HERE)


PACKETS = (
    in_ip(ip.ICMP, icmp.pack(icmp.echo(1, 1, bytes(30)))),
    in_ip(ip.ICMP, icmp.pack(icmp.error(3, 4, ip.Packet(HERE, THERE, ip.TCP, tcp(16)), 576))),
    in_ip(ip.UDP, udp.pack(udp.Datagram(4_000, 7, b"hello"), THERE, HERE)),
    in_ip(ip.UDP, udp.pack(udp.Datagram(4_000, 53, QUESTION), THERE, HERE)),
    in_ip(ip.IGMP, igmp.pack(igmp.Message(igmp.QUERY, GROUP, 10)), options=ip.ROUTER_ALERT),
    in_ip(ip.IGMP, igmp.pack(igmp.Message(igmp.REPORT, GROUP)), GROUP),
    *(
        in_ip(ip.TCP, tcp(flags, data, mss=mss))
        for flags in (2, 18, 16, 24, 17, 4, 20)
        for data, mss in ((b"", 536), (b"data", 0))
    ),
)


def invented(rng, samples):
    """A sample with octets changed, cut, repeated or put in, or noise."""
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = rng.choice((0, 1, 2, 0x45, 0x7D, 0x7E, 0x7F, 0xC0, 0xFF, rng.randrange(256)))
        elif kind == 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif rng.randrange(8) == 0:
            data[:] = rng.randbytes(rng.randrange(100))
    return bytes(data)


def repaired(data):
    """The packet with the lengths and checksums that its kind has, as far as there is anything to put right."""
    if len(data) < 20:
        return data
    header = min(max(20, (data[0] & 15) * 4), len(data))
    data = bytes((0x40 | header // 4,)) + data[1:2] + len(data).to_bytes(2, "big") + data[4:6] + b"\x40\0" + data[8:]
    payload, protocol = data[header:], data[9]
    at = {ip.ICMP: 2, ip.IGMP: 2, ip.UDP: 6, ip.TCP: 16}.get(protocol)
    if at is not None and len(payload) >= at + 2:
        pseudo = b"" if at == 2 else ip.pseudo_header(data[12:16], data[16:20], protocol, len(payload))
        if protocol == ip.UDP:
            payload = payload[:4] + len(payload).to_bytes(2, "big") + payload[6:]
        payload = ip.with_checksum(payload[:at] + bytes(2) + payload[at + 2 :], at, pseudo)
    head = ip.with_checksum(data[:10] + bytes(2) + data[12:header], 10)
    return head + payload


@pytest.mark.parametrize(
    ("parse", "samples"),
    [
        (ip.unpack, PACKETS),
        (icmp.unpack, tuple(data[20:] for data in PACKETS[:2])),
        (lambda data: icmp.quote(icmp.Message(3, 4, bytes(4), data)), (PACKETS[1][28:],)),
        (lambda data: udp.unpack(data, THERE, HERE), (PACKETS[2][20:], PACKETS[3][20:])),
        (lambda data: segment.unpack(data, THERE, HERE), tuple(data[20:] for data in PACKETS[6:])),
        (igmp.unpack, (PACKETS[4][24:], PACKETS[5][20:])),
        (names.unpack_question, (QUESTION,)),
        (lambda data: dns.unpack_answer(data, 7, NAME), (ANSWER, ANSWER + ANSWER[12:])),
        (lambda data: dns.read_name(data, 0), (NAME,)),
        (options.unpack, (options.pack([(1, b"\5\xdc"), (2, bytes(4)), (5, b"ring"), (7, b"")]),)),
    ],
    ids=["IP", "ICMP", "quote", "UDP", "TCP", "IGMP", "question", "answer", "name", "options"],
)
def test_whatever_comes_gives_a_value_or_the_error_that_is_promised(parse, samples, cases):
    rng = random.Random(f"network {len(samples)} {samples[0][:4].hex()}")
    for sample in samples:
        try:
            parse(sample)
        except RemoteError as error:
            raise AssertionError(f"a valid sample is refused: {error}") from error
    for number in cases(500):
        data = invented(rng, samples)
        try:
            parse(data)
        except RemoteError:
            pass
        except Exception as error:
            raise AssertionError(f"case {number}: {data.hex()} gave {error!r}") from error


def test_a_host_takes_any_packet_and_goes_on_serving(cases):
    rng = random.Random(11)
    network, _, client = two_hosts(Link(delay_ns=MS))
    client.serve_tcp(80, Sinks())
    client.serve_udp(7, Echo())
    client.join("239.1.2.3")
    taken = 0
    for number in cases(2_000):
        data = invented(rng, PACKETS)
        client.receive(repaired(data) if rng.randrange(4) else data, network.now_ns)
        taken += not sum(client.refused.values())
        if number % 100 == 0:
            network.touch(CLIENT)
            network.run_until(network.now_ns + S)
    network.touch(CLIENT)
    network.run_until(network.now_ns + 400 * S)
    assert client.tcp.connections == []
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)
    reasons = set(client.refused)
    assert {"header checksum", "lengths that lie", "packet for somebody else", "segment for nobody"} <= reasons


def test_a_connection_takes_any_segment_and_ends_or_goes_on(cases):
    rng = random.Random(12)
    for number in cases(150)[:5_000]:  # each is thirty segments and a transfer
        network, _, client = two_hosts(Link(delay_ns=MS), number)
        service = Client(get("/film"))
        conn = client.connect((SERVER, 80), service)
        network.run_until(rng.randrange(60) * MS)
        for _ in range(30):
            near = rng.choice((0, 1, -1, 1000, 65_535, -70_000, 1 << 31))
            forged = segment.Segment(
                80,
                conn.here[1],
                (conn.awaited + near) & 0xFFFFFFFF,
                (conn._first + conn.sender.sent + rng.choice((0, 0, 1, -1, 5_000, 1 << 31))) & 0xFFFFFFFF,
                rng.randrange(64),
                rng.choice((0, 1, 536, 65_535)),
                rng.randbytes(rng.choice((0, 0, 1, 100, 1460))),
                rng.choice((0, 1, 48, 536)),
            )
            conn.segment(forged, network.now_ns)
            network.touch(CLIENT)
            network.run_until(network.now_ns + rng.randrange(3) * MS)
        held = sum(map(len, conn.receiver._early.values())) + len(conn.receiver.unread)
        assert held <= 65_535
        network.run_until(network.now_ns + 500 * S)
        assert client.tcp.connections == [], (number, conn.state)


def test_a_network_takes_any_packet_from_a_terminal(cases):
    rng = random.Random(13)
    network, _, client = two_hosts(Link(delay_ns=MS))
    for number in cases(1_000):
        data = invented(rng, PACKETS)
        data = repaired(data) if rng.randrange(4) else data
        network._up(network.link(CLIENT), data, network.now_ns)
        if number % 100 == 0:
            network.run_until(network.now_ns + S)
    network.run_until(network.now_ns + 500 * S)
    got, _ = fetch(network, client)
    assert digest(got.body) == digest(KIB64)


ASKED = options.pack([(1, b"\5\xdc"), (2, bytes(4)), (5, b"ring"), (7, b""), (8, b"")])
CONTROL = (
    *((lcp.PROTOCOL, bytes((code, 1)) + (4 + len(ASKED)).to_bytes(2, "big") + ASKED) for code in range(1, 13)),
    *((ipcp.PROTOCOL, bytes((code, 1, 0, 10, 3, 6, 10, 64, 64, 2))) for code in range(1, 8)),
    (0xC023, b"\1\1\0\12\2me\2no"),
    (0xC223, b"\2\1\0\27\20" + bytes(16) + b"me"),
    (0x0021, PACKETS[0]),
    (0x80FD, b"\1\1\0\4"),
)


def gets_a_link(peer, seed):
    """Whether a terminal that behaves is connected within half a minute."""
    terminal = PppTerminal(Settings(credentials=Credentials(b"me", b"it is me")), seed)
    terminal.peer._seed = f"another {seed}"
    terminal.start(10 * S)
    for now_ns in range(10 * S, 40 * S, 10 * MS):
        peer.receive(terminal.take(), now_ns)
        peer.advance(now_ns)
        terminal.receive(b"".join(peer.take_frames()), now_ns)
        peer.take_packets()
        if terminal.peer.up and peer.up:
            return True
        if terminal.peer.phase == phases.DEAD:  # it was told to go, as the one before was
            terminal.start(now_ns)
    return False


@pytest.mark.parametrize("demands", ["", "pap", "chap"])
def test_a_provider_takes_any_frame_and_the_next_terminal_gets_a_link(demands, cases):
    rng = random.Random(14)
    accounts = {b"me": b"it is me"}.get
    for number in cases(40)[:20_000]:  # each is sixty frames
        wishes = Settings(ours=GATEWAY, theirs=TERMINAL, passive=True, demands=demands, accounts=accounts)
        peer = Peer(wishes, number)
        peer.start(0)
        answered = 0
        for at in range(60):
            protocol, packet = rng.choice(CONTROL)
            packet = invented(rng, (packet,)) if rng.randrange(3) else packet
            if len(packet) >= 4 and rng.randrange(2):
                packet = packet[:2] + len(packet).to_bytes(2, "big") + packet[4:]
            frame = framing.encode(protocol, packet)
            peer.receive(invented(rng, (frame,)) if rng.randrange(5) == 0 else frame, at * 10 * MS)
            peer.advance(at * 10 * MS)
            answered += len(peer.take_frames())
        assert answered < 2 * (32 + 8) + 20
        assert gets_a_link(peer, number), (number, peer.phase, peer.problem)


@given(st.lists(st.binary(max_size=300), max_size=30))
@settings(max_examples=100, deadline=None, database=None, derandomize=True)
def test_octets_in_any_pieces_are_the_same_frames(pieces):
    whole, apart = framing.Deframer(), framing.Deframer()
    found = whole.feed(b"".join(pieces))
    assert [frame for piece in pieces for frame in apart.feed(piece)] == found
    assert (whole.frames, whole.damaged) == (apart.frames, apart.damaged)


@given(st.integers(0, 0xFFFF), st.binary(min_size=1, max_size=600), st.integers(0, 0xFFFFFFFF))
@settings(max_examples=200, deadline=None, database=None, derandomize=True)
def test_any_frame_comes_back(protocol, payload, accm):
    protocol = (protocol | 1) & 0xFEFF  # what protocols look like (RFC 1661, 2)
    for short in (False, True):
        assert framing.Deframer().feed(framing.encode(protocol, payload, accm, short, short)) == [(protocol, payload)]


@given(st.data())
@settings(max_examples=25, deadline=None, database=None, derandomize=True)
def test_whatever_the_link_64_kib_arrive(data):
    link = Link(
        rate_bits_s=data.draw(st.sampled_from((None, 9_600, 115_200, 8_000_000))),
        delay_ns=data.draw(st.integers(0, 300)) * MS,
        jitter_ns=data.draw(st.integers(0, 50)) * MS,
        loss=data.draw(st.floats(0, 0.1)),
        damage=data.draw(st.floats(0, 0.05)),
        double=data.draw(st.floats(0, 0.2)),
        reorder=data.draw(st.floats(0, 0.2)),
        queue_octets=data.draw(st.integers(3_000, 100_000)),
        mtu_octets=data.draw(st.integers(200, 1500)),
    )
    network, _, client = two_hosts(link, data.draw(st.integers(0, 1000)), settings=PATIENT)
    got, conn = fetch(network, client, 24 * 3600)
    assert (digest(got.body), conn.error) == (digest(KIB64), "")
