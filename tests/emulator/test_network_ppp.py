"""PPP of the bench's network: frames, agreement, and lines that fail or are slow."""

import random

import pytest
from settop.link import hdlc
from settop.wire.crc import fcs16
from testbed.network.links import Link
from testbed.network.network import GATEWAY, TERMINAL, Network
from testbed.network.ppp import automaton_states, framing, ipcp, lcp, options, phases
from testbed.network.ppp.automaton import ACK, ECHO, NAK, REJECT, REQUEST
from testbed.network.sockets import LIKE_LWIP

from tests.helpers.network_services import KIB64, MS, SERVER, Client, Files, Line, S, digest, get
from tests.helpers.ppp_talk import Talker, both_up, fetched, line_to_a_server

# --- Frames ---------------------------------------------------------------------------------------------------------


def test_frames_are_those_of_the_telephone_line_where_that_has_them():
    rng = random.Random(1)
    for length in range(1, 150):
        payload = bytes((0x80, 0x21)) + rng.randbytes(length)
        assert framing.encode(0x8021, payload[2:], accm=0) == hdlc.encode(payload)
        assert framing.Deframer().feed(hdlc.encode(payload)) == [(0x8021, payload[2:])]
        assert hdlc.Deframer().feed(framing.encode(0x8021, payload[2:], accm=0)) == [payload]
        assert framing.fcs16(payload) == fcs16(payload)


def test_the_fcs_is_the_standard_s_over_any_length():
    assert framing.fcs16(b"123456789") ^ 0xFFFF == 0x906E
    for length in range(40):
        data = random.Random(length).randbytes(length)
        assert framing.fcs16(data) == fcs16(data)


def test_a_fixed_frame_of_lcp():
    # RFC 1662: FF 03, C0 21, Configure-Request 1 with a magic number; every octet below 20 is escaped
    packet = bytes.fromhex("0101000a0506deadbeef")
    wanted = "7eff7d23c0217d217d217d207d2a7d257d26deadbeef"
    assert framing.encode(lcp.PROTOCOL, packet).hex().startswith(wanted)
    assert framing.Deframer().feed(framing.encode(lcp.PROTOCOL, packet)) == [(lcp.PROTOCOL, packet)]


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("accm", [0, 0xA0000, framing.ALL_CONTROL])
def test_every_form_of_a_frame_comes_back_in_pieces_of_any_size(short, accm):
    payload = bytes(range(256)) * 5 + b"\x7d\x7e\x7d"
    frames = framing.encode(0x21, payload, accm, short, short) + framing.encode(0xC021, b"x", accm, short, short)
    for size in (1, 2, 7, 300, len(frames)):
        deframer = framing.Deframer()
        found = [frame for at in range(0, len(frames), size) for frame in deframer.feed(frames[at : at + size])]
        assert found == [(0x21, payload), (0xC021, b"x")]
        assert (deframer.frames, deframer.damaged) == (2, 0)


def test_damage_is_counted_and_the_next_frame_arrives():
    good = framing.encode(0x21, b"a packet")
    for place in range(1, len(good) - 1):
        for other in (good[place] ^ 1, 0x7D, 0x7E):
            bad = good[:place] + bytes((other,)) + good[place + 1 :]
            found = framing.Deframer().feed(bad + good)
            assert found[-1] == (0x21, b"a packet")
            assert bad == good or len(found) == 1


def test_an_endless_frame_takes_no_memory():
    deframer = framing.Deframer()
    for _ in range(100):
        assert deframer.feed(bytes(10_000)) == []
    assert len(deframer._raw) <= 2 * framing.MAX_FRAME_BYTES
    assert deframer.feed(b"\x7e" + framing.encode(0x21, b"next")) == [(0x21, b"next")]
    assert deframer.damaged == 1


# --- Agreement ------------------------------------------------------------------------------------------------------


def test_a_terminal_gets_its_address_and_name_server_and_packets_pass_within_50_ms():
    line = line_to_a_server()
    assert both_up(line)
    assert line.now_ns <= 50 * MS
    assert (line.terminal.host.address, line.terminal.peer.names) == (TERMINAL, (GATEWAY, GATEWAY))
    assert (line.provider.peer.ours, line.provider.peer.theirs) == (GATEWAY, TERMINAL)
    assert fetched(line)


def test_each_end_asks_once_for_each_protocol():
    line = line_to_a_server()
    both_up(line)
    line.run(10)
    for side in (1, 2):
        frames = framing.Deframer().feed(b"".join(step[side] for step in line.octets))
        for protocol in (lcp.PROTOCOL, ipcp.PROTOCOL):
            requests = [packet for kind, packet in frames if kind == protocol and packet[0] == REQUEST]
            # a terminal that does not know its address asks for it a second time
            assert len(requests) == (2 if (side, protocol) == (1, ipcp.PROTOCOL) else 1)


def test_a_lost_request_is_asked_again_after_three_seconds():
    line = line_to_a_server()
    line.cut = True
    line.start()
    line.run(1)
    line.cut = False
    assert not line.run(1.9, lambda: line.provider.up)
    assert line.run(0.5, lambda: line.provider.up)


def test_a_terminal_that_nobody_answers_says_so_after_ten_tries():
    line = line_to_a_server()
    line.cut = True
    line.start()
    line.run(31)
    assert (line.terminal.peer.phase, line.terminal.peer.problem) == (phases.DEAD, "no answer")
    line.cut = False
    assert both_up(line)
    assert line.terminal.peer.problem == ""


def test_a_provider_says_nothing_before_it_is_asked():
    talker = Talker()
    assert talker.after(100 * S) == []


def test_options_that_we_do_not_have_are_rejected_and_what_we_have_otherwise_is_said():
    talker = Talker()
    asked = options.pack([(4, b"\xc0\x25\0\0\0\1"), (13, b"\0")])
    assert (lcp.PROTOCOL, REJECT, 1, asked) in talker.say(lcp.PROTOCOL, REQUEST, 1, asked)
    small = options.pack([(lcp.MRU, b"\0\x10")])
    assert talker.say(lcp.PROTOCOL, REQUEST, 2, small) == [
        (lcp.PROTOCOL, NAK, 2, options.pack([(lcp.MRU, (1500).to_bytes(2, "big"))]))
    ]


def test_packets_go_out_as_the_terminal_wants_them():
    talker = Talker()
    wishes = options.pack([(lcp.MRU, b"\x02\x00"), (lcp.ACCM, b"\0\0\0\1"), (lcp.PFC, b""), (lcp.ACFC, b"")])
    request = next(packet for packet in talker.say(lcp.PROTOCOL, REQUEST, 1, wishes) if packet[1] == REQUEST)
    ours = talker.say(lcp.PROTOCOL, ACK, request[2], request[3])[0]
    talker.say(ipcp.PROTOCOL, ACK, ours[2], ours[3])
    talker.say(ipcp.PROTOCOL, REQUEST, 1, options.pack([(ipcp.ADDRESS, bytes((10, 64, 64, 2)))]))
    assert talker.peer.up
    assert talker.peer.send(bytes((0, 1, 2)), 0)
    frame = talker.peer.take_frames()[0]
    assert frame == framing.encode(0x21, bytes((0, 1, 2)), accm=1, short=True, shorter=True)
    assert not talker.peer.send(bytes(513), 0)  # longer than its MRU
    assert talker.peer.refused["packet too long for the other end"] == 1


def test_a_protocol_that_we_do_not_have_is_rejected_and_the_link_stays():
    talker = Talker()
    talker.open_lcp()
    (rejected,) = talker.raw(framing.encode(0x80FD, b"\1\1\0\4"))  # compression
    assert (rejected[1], rejected[3]) == (8, b"\x80\xfd\1\1\0\4")
    assert talker.peer.phase == phases.NETWORKING


def test_an_echo_is_answered_with_our_own_number():
    talker = Talker()
    talker.open_lcp()
    ((_, code, identifier, data),) = talker.say(lcp.PROTOCOL, ECHO, 77, b"\1\2\3\4and more")
    assert (code, identifier, data) == (10, 77, talker.peer._lcp.magic + b"and more")


def test_a_terminal_that_begins_anew_gets_a_new_link():
    line = line_to_a_server()
    assert both_up(line)
    line.terminal.__init__()  # it has started anew, and knows of nothing
    assert both_up(line)
    assert fetched(line)
    assert line.provider.peer.connections == 2


def test_a_terminal_that_begins_anew_is_a_member_of_nothing():
    line = line_to_a_server()
    assert both_up(line)
    line.terminal.host.join("239.1.2.3")
    line.run(0.1)
    assert line.network.link(TERMINAL).groups == {"239.1.2.3"}
    line.terminal.__init__()
    assert both_up(line)
    line.run(0.1)
    assert line.network.link(TERMINAL).groups == frozenset()


def test_a_link_that_is_ended_by_the_terminal_can_be_had_again():
    line = line_to_a_server()
    both_up(line)
    line.terminal.peer.stop(line.now_ns)
    line.run(10)
    assert (line.terminal.peer.phase, line.provider.peer.phase) == (phases.DEAD, phases.ESTABLISHING)
    assert line.provider.peer.problem == "ended by the other end"
    assert both_up(line)


def test_a_line_that_drops_and_comes_back_carries_on_with_the_transfer():
    line = line_to_a_server(down=Link(rate_bits_s=115_200))
    both_up(line)
    service = Client(get("/film"))
    line.terminal.host.connect((SERVER, 80), service)
    line.run(2)
    line.provider.drop()
    line.terminal.peer.lose_carrier(line.now_ns)
    line.run(3)
    assert not line.provider.up
    line.provider.restore()
    assert both_up(line)
    assert line.run(60, lambda: service.over)
    assert digest(service.body) == digest(KIB64)


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_a_line_that_loses_frames_comes_up_and_carries_64_kib(loss):
    for seed in range(3):
        line = line_to_a_server(seed, down=Link(rate_bits_s=1_500_000, loss=loss))
        line.network.link(TERMINAL).up.link = Link(loss=loss)
        assert both_up(line, 60)
        assert fetched(line, 600)


def test_two_runs_have_the_same_octets_at_the_same_instants():
    runs = []
    for seed in (1, 1, 2):
        line = line_to_a_server(seed, down=Link(rate_bits_s=1_500_000, loss=0.05))
        assert both_up(line, 60)
        assert fetched(line, 600)
        runs.append(line.octets)
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_the_line_is_paced_by_its_rate():
    line = line_to_a_server(down=Link(rate_bits_s=115_200))
    both_up(line)
    assert fetched(line)
    window_ns = 100 * MS
    sizes = [(at_ns, len(octets)) for at_ns, _, octets in line.octets]
    busiest = max(sum(size for at, size in sizes if at_ns <= at < at_ns + window_ns) for at_ns, _ in sizes)
    assert 10_000 * 0.1 < busiest <= 11_520 * 0.1 + 1_520  # a frame comes out whole


@pytest.mark.parametrize("rate", [2_400, 9_600, 33_600, 115_200])
def test_a_line_that_is_slower_than_it_looked_at_first_is_not_asked_again_and_again(rate, monkeypatch):
    monkeypatch.setattr(Files, "files", {"/film": KIB64[:16_384]})
    network = Network(1)
    server = network.host(SERVER, Link(delay_ns=20 * MS))
    server.serve_tcp(80, Files)
    line = Line(network, down=Link(rate_bits_s=rate))
    line.terminal.__init__(tcp=LIKE_LWIP)
    assert both_up(line, 10)
    began_ns, service = line.now_ns, Client(get("/film"))
    line.terminal.host.connect((SERVER, 80), service)
    assert line.run(200, lambda: service.over)
    assert digest(service.body) == digest(KIB64[:16_384])
    assert server.tcp.repeats <= 3
    assert line.now_ns - began_ns < 1.4 * 16_384 * 10 * S / rate  # headers and repetitions


def test_the_automaton_is_the_rfc_s():
    # RFC 1661, 4.1: every (state, event) that has an entry there, by the number of its next state
    numbers = dict(
        zip(
            "0123456789",
            ["initial", "starting", "closed", "stopped", "closing", "stopping", "asked", "granted", "agreed", "opened"],
            strict=True,
        )
    )
    table = """
        up    2 6 - - - - - - - -
        down  - - 0 1 0 1 1 1 1 1
        open  1 1 6 3 5 5 6 7 8 9
        close 0 0 2 2 4 4 4 4 4 4
        to+   - - - - 4 5 6 6 8 -
        to-   - - - - 2 3 3 3 3 -
        rcr+  - - 2 8 4 5 8 9 8 8
        rcr-  - - 2 6 4 5 6 7 6 6
        rca   - - 2 3 4 5 7 6 9 6
        rcn   - - 2 3 4 5 6 6 8 6
        rtr   - - 2 3 4 5 6 6 6 5
        rta   - - 2 3 2 3 6 6 8 6
        ruc   - - 2 3 4 5 6 7 8 9
        rxj+  - - 2 3 4 5 6 6 8 9
        rxj-  - - 2 3 2 3 3 3 3 5
        rxr   - - 2 3 4 5 6 7 8 9
    """
    wanted = {}
    for row in table.strip().splitlines():
        event, *following = row.split()
        for number, state in enumerate(following):
            if state != "-":
                wanted[numbers[str(number)], event] = numbers[state]
    assert {key: following for key, (_, following) in automaton_states.TRANSITIONS.items()} == wanted
