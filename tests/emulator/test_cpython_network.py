"""The network of a terminal on CPython: what its board says of the link, and that each machine has one of its own."""

import errno
import importlib
import ssl
from itertools import pairwise

import pytest
from settop.errors import LocalError
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.machines.cpython_network import LONGEST_NS, STEP_BYTES, Uplink
from testbed.network.certificates import certificate
from testbed.network.links import Link
from testbed.network.network import GATEWAY, TERMINAL, Network
from testbed.network.secured import Secured

from tests.helpers import online_bench
from tests.helpers.network_services import MS, SERVER, Files, S


class Wire:
    """A line between a provider and the firmware. `takes`: octets that it takes at once, None for any."""

    def __init__(self):
        self.coming, self.sent, self.takes = bytearray(), bytearray(), None

    def any(self):
        return len(self.coming)

    def readinto(self, view):
        count = min(len(view), len(self.coming))
        view[:count] = self.coming[:count]
        del self.coming[:count]
        return count

    def write(self, data):
        count = len(data) if self.takes is None else min(self.takes, len(data))
        self.sent += data[:count]
        return count


class Home:
    """A terminal's uplink, and its provider; both are stepped by the millisecond."""

    def __init__(self, own=True):
        self.now_ns = 0
        self.network = Network(1)
        self.network.host(SERVER, Link(rate_bits_s=8_000_000)).serve_tcp(80, Files)
        self.provider = self.network.ppp(down=Link(rate_bits_s=1_500_000))
        self.wire = Wire()
        self.uplink = Uplink(self.wire if own else None, 7, lambda: self.now_ns)
        self.cut = False

    def run(self, ms, until=lambda: False):
        for _ in range(ms):
            if until():
                return True
            self.now_ns += MS
            sent, self.wire.sent = bytes(self.wire.sent), bytearray()
            self.provider.receive(b"" if self.cut else sent, self.now_ns)
            data = self.provider.take()
            self.wire.coming += b"" if self.cut else data
            self.uplink.step()
        return until()

    def up(self, line=None):
        self.uplink.up(line)
        # Who has just ended a link hears nothing of its provider for 3 s, and asks again after 3.
        assert self.run(6500, lambda: self.uplink.state() == "up")
        return self

    def stream(self):
        """A connection to the server that stands."""
        line = self.uplink.modules[0].socket()
        line.setblocking(False)
        with pytest.raises(OSError):
            line.connect((SERVER, 80))
        assert self.run(200, lambda: line.poll_flags(4) == 4)
        return line


def test_a_link_is_down_then_up_with_a_name_server_then_down_again():
    home = Home()
    uplink = home.uplink
    assert (uplink.state(), uplink.names(), uplink.step(), uplink.due_ns()) == ("down", (), 0, None)
    home.up()
    uplink.up()  # nothing, as it is up
    assert (uplink.state(), uplink.names(), uplink.modules[0].host.address) == ("up", (GATEWAY,), TERMINAL)
    uplink.down()
    assert (uplink.state(), uplink.names(), uplink.due_ns()) == ("down", (), None)
    home.run(100)
    assert not home.provider.up and home.provider.peer.problem == "ended by the other end"
    home.up()


def test_without_a_line_there_is_none_and_with_one_that_is_brought_there_is():
    home = Home(own=False)
    home.uplink.up()
    assert home.uplink.state() == "none"
    home.up(home.wire)
    sent = len(home.wire.sent)
    home.uplink.down()  # the call may be over already: nothing is said on it
    assert (home.uplink.state(), len(home.wire.sent)) == ("none", sent)


def test_another_line_ends_the_link_on_the_first_one():
    home = Home().up()
    other = Wire()
    home.uplink.up(other)
    assert home.uplink.state() == "down"
    assert home.wire.sent, "the first peer is told"
    home.uplink.step()
    assert other.sent


def test_a_line_that_takes_little_gets_it_all_in_turns():
    home = Home()
    home.wire.takes = 7
    home.up()
    home.stream()


def test_a_turn_brings_a_packet_at_most():
    home = Home().up()
    home.wire.coming += bytes(5000)
    assert [home.uplink.step() for _ in range(5)] == [STEP_BYTES] * 3 + [5000 - 3 * STEP_BYTES, 0]


def test_a_peer_that_leaves_three_echoes_unanswered_is_gone_and_connections_are_aborted():
    home = Home().up()
    line = home.stream()
    home.cut = True
    assert home.run(20_500, lambda: home.uplink.state() == "failed")
    assert home.now_ns > 15 * S
    with pytest.raises(OSError) as error:
        line.recv(1)
    assert error.value.errno == errno.ECONNABORTED
    with pytest.raises(OSError) as error:
        home.uplink.modules[0].socket().connect((SERVER, 80))
    assert error.value.errno == errno.EHOSTUNREACH
    home.cut = False
    home.uplink.down()
    home.up().stream()


def test_connections_and_groups_do_not_outlive_a_link_and_udp_ports_do():
    home = Home().up()
    sockets, host = home.uplink.modules[0], home.uplink.modules[0].host
    line, member = home.stream(), sockets.socket(2, 2)
    member.bind(("", 5004))
    member.setsockopt(0, 0x400, bytes((239, 1, 2, 3, 0, 0, 0, 0)))
    home.run(50)
    assert host.groups and home.network.link(TERMINAL).groups == {"239.1.2.3"}
    home.uplink.down()
    assert not host.groups and not host.tcp.connections
    assert line.poll_flags(1) & 8, "an error is always told"
    home.up()
    assert not home.network.link(TERMINAL).groups
    home.network.gateway.send_udp(9, (TERMINAL, 5004), b"hello")
    assert home.run(100, lambda: member.poll_flags(1) == 1)
    assert member.recv(9) == b"hello"
    member.close()
    line.close()


def test_a_peer_that_never_agrees_is_given_up_after_40_s_and_ppp_itself_after_30():
    silent = Home()
    silent.cut = True
    silent.uplink.up()
    assert silent.run(31_000, lambda: silent.uplink.state() == "failed")

    talking = Home()
    talking.uplink.up()
    # An end of its own kind asks, naks and asks again: here its answers come back as requests without end.
    refused = talking.uplink._terminal.peer
    refused.receive = lambda octets, now_ns: None
    refused.advance = lambda now_ns: None
    talking.run(LONGEST_NS // MS)
    assert talking.uplink.state() == "down"
    assert talking.uplink.due_ns() <= talking.now_ns + MS
    talking.run(1)
    assert talking.uplink.state() == "failed"
    talking.uplink.down()
    assert talking.uplink.state() == "down"


def test_what_the_firmware_does_to_a_socket_with_effect_stirs_and_what_it_looks_at_does_not():
    home = Home().up()
    sockets = home.uplink.modules[0]

    def stirs(action):
        before = home.uplink.stirs
        try:
            action()
        except OSError:
            pass
        return home.uplink.stirs > before

    line = home.stream()
    assert not stirs(lambda: line.recv(10)) and not stirs(lambda: line.poll_flags(5)) and not stirs(home.uplink.state)
    assert stirs(lambda: line.send(b"GET /film HTTP/1.1\r\n\r\n"))
    assert home.run(200, lambda: line.poll_flags(1) == 1)
    assert stirs(lambda: line.recv(10)) and stirs(lambda: line.readinto(bytearray(10)))
    assert stirs(line.close) and not stirs(line.close)
    assert stirs(lambda: sockets.socket(2, 2)) and stirs(lambda: sockets.socket(2, 2).sendto(b"x", (SERVER, 9)))
    assert not stirs(home.uplink.names)


def test_machines_have_lines_by_their_wires_and_nothing_in_common():
    wired = [CpythonMachine(TerminalSpec(files={}, wires=("network", "tuner"), seed=bytes((i,)))) for i in (1, 2)]
    for machine in wired:
        machine.boot()
        machine.send("network", b"\x7e")
        assert machine.take("network") == b""
        with pytest.raises(LocalError, match="no line 'modem' here"):
            machine.send("modem", b"AT")
        with pytest.raises(LocalError):
            machine.take("modem")
    boards = [machine.board() for machine in wired]
    assert boards[0].WIRES == {0: "network", 1: "tuner"}
    boards[0].network_up()
    assert [board.network_state() for board in boards] == ["down", "down"]
    assert [machine.next_timer_ns() is None for machine in wired] == [False, False]
    boards[0].SOCKETS[0].socket(2, 2)
    assert [board.SOCKETS[0].opened for board in boards] == [1, 0]
    assert wired[0].take("network") == b"" and boards[0].network_step() == 0
    asked = wired[0].take("network")
    boards[1].network_up()
    boards[1].network_step()
    assert asked and asked != wired[1].take("network"), "each has a number of its own"
    telephone = CpythonMachine(TerminalSpec(files={}))
    telephone.boot()
    board = telephone.board()
    assert (board.network_state(), board.network_names()) == ("none", ())
    with pytest.raises(LocalError, match="no line 'network' here"):
        telephone.send("network", b"x")


def test_a_machine_is_due_when_its_link_is():
    machine = CpythonMachine(TerminalSpec(files={}, wires=("network", "tuner"), services=()))
    machine.boot()
    machine.advance(2 * S)
    board = machine.board()
    board.network_up()
    board.network_step()
    machine.take("network")
    machine.advance(machine._now_ns + 5 * MS)
    assert machine.next_timer_ns() <= 5 * S, "a request that is not answered is asked again after 3 s"
    machine.power_cut()
    assert machine.next_timer_ns() is None


class Sipper:
    """Firmware that takes a page by ten octets in a turn, and never says that it wants another turn at once."""

    def __init__(self, machine, authority=None):
        # It does not look at its own clock, which would have it stepped when that changes.
        self.now_ms = lambda: machine._now_ns // MS
        self.board, self.authority, self.line, self.sips = machine.board(), authority, None, []
        self.asked = False
        self.board.network_up()

    def step(self):
        self.board.network_step()
        if self.line is None and self.board.network_state() == "up":
            self.line = self.connect()
        elif self.line is not None:
            self.asked = self.asked or bool(self.line.write(b"GET /page HTTP/1.1\r\n\r\n"))
            count = self.line.readinto(memoryview(bytearray(10)))
            if count is not None:
                self.sips.append((self.now_ms(), count))
        return 10

    def connect(self):
        line = self.board.SOCKETS[0].socket()
        line.setblocking(False)
        with pytest.raises(OSError):
            line.connect((online_bench.SERVER, 443 if self.authority else 80))
        if self.authority is None:
            return line
        tls = importlib.import_module("tls")
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.authority)
        return context.wrap_socket(line, server_hostname="films.example", do_handshake_on_connect=False)


def sipped(authority=None, context=None, stepped=False):
    """What such firmware takes within a second: (ms, octets)."""
    bench = online_bench.OnlineBench({"T1": "broadband"}, stepped=stepped)
    bench.pages.put("/page", bytes(4000))
    bench.server.serve_tcp(443, lambda: Secured(context, bench.pages.caller()))
    machine = bench.machines["T1"]
    machine.app = Sipper(machine, authority)
    bench.world.run_until(1000)
    return machine.app.sips


def test_firmware_that_takes_its_time_over_a_socket_gets_it_when_it_would_be_stepped_by_the_millisecond():
    jumping = sipped()
    assert jumping == sipped(stepped=True)
    assert sum(count for _, count in jumping) > 4000


def test_what_tls_has_opened_is_taken_without_waiting_for_the_line(tmp_path):
    day_s, then_s = 86_400, 2_000_000_000
    authority = certificate("throw-away", then_s - day_s, then_s + day_s, authority=True)
    server = certificate("films.example", then_s - day_s, then_s + day_s, ("films.example",), authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.pem_file(tmp_path))
    sips = sipped(authority.der, context)
    assert sum(count for _, count in sips) > 4000
    assert [after[0] - before[0] for before, after in pairwise(sips[-300:])] == [1] * 299
