"""MicroPython's sockets on CPython over the virtual network: what a program sees is what lwIP's sockets show it."""

import errno

import pytest
from settop.errors import LocalError
from testbed.network.links import Link
from testbed.network.network import TERMINAL, Network
from testbed.network.sockets import LIKE_LWIP, NO_SUCH_NAME, Sockets

from tests.helpers import socket_program
from tests.helpers.network_services import KIB64, MS, SERVER, Datagrams, Echo, Files, Line, Sink, Sinks, digest, get

GROUP = bytes((239, 1, 2, 3)) + bytes(4)
IN, OUT, ERR, HUP = 1, 4, 8, 16


class Bench:
    """A server and a program's sockets, on the same network."""

    def __init__(self, link=None, seed=1, settings=LIKE_LWIP):
        self.network = Network(seed)
        link = link or Link(rate_bits_s=1_200_000, delay_ns=10 * MS)
        self.server = self.network.host(SERVER)
        self.server.serve_tcp(80, Files)
        self.server.serve_udp(7, Echo())
        self.network.names.set("films.example", SERVER)
        self.host = self.network.host("198.51.100.9", link, settings=settings)
        self.up = True
        self.module = Sockets(self.host, self.network.names.find, lambda: self.up)

    def socket(self, kind=1):
        made = self.module.socket(self.module.AF_INET, kind)
        made.setblocking(False)
        return made

    def after(self, ms=100):
        self.network.run_until(self.network.now_ns + ms * MS)

    def connected(self, port=80):
        made = self.socket()
        fails(errno.EINPROGRESS, made.connect, (SERVER, port))
        self.after()
        return made


def fails(number, call, *arguments):
    with pytest.raises(OSError) as caught:
        call(*arguments)
    assert caught.value.args[0] == caught.value.errno == number


def ready(module, sock, wanted=IN | OUT):
    poll = module.select.poll()
    poll.register(sock, wanted)
    return dict(poll.ipoll(0)).get(sock, 0)


def fetched(bench, seconds=60):
    """A program that polls, as the terminal's do: one request, the answer to its end."""
    sock = bench.socket()
    where = bench.module.getaddrinfo("films.example", 80)[0][-1]
    fails(errno.EINPROGRESS, sock.connect, where)
    poll = bench.module.select.poll()
    poll.register(sock, OUT)
    request, got, buffer = get("/film"), bytearray(), bytearray(1024)
    for _ in range(seconds * 1000):
        bench.after(1)
        for found, flags in poll.ipoll(0):
            assert found is sock
            if flags & OUT and request:
                request = request[sock.send(request) :]
                poll.modify(sock, IN)
            elif flags & IN:
                count = sock.readinto(buffer)
                if count == 0:
                    sock.close()
                    return bytes(got.partition(b"\r\n\r\n")[2])
                got += buffer[: count or 0]
    return None


@pytest.mark.parametrize("loss", [0, 0.05])
def test_a_program_that_polls_fetches_a_file_of_64_kib(loss):
    bench = Bench(Link(rate_bits_s=1_200_000, delay_ns=10 * MS, loss=loss))
    assert digest(fetched(bench)) == digest(KIB64)
    bench.after(200_000)
    assert (bench.module.opened, bench.host.tcp.connections, bench.server.tcp.connections) == (0, [], [])


def test_it_fetches_it_over_ppp_too():
    network = Network(1)
    network.host(SERVER, Link(delay_ns=20 * MS)).serve_tcp(80, Files)
    network.names.set("films.example", SERVER)
    line = Line(network)
    line.terminal.__init__(tcp=LIKE_LWIP)
    bench = Bench()
    bench.module = Sockets(line.terminal.host, network.names.find, lambda: line.terminal.peer.up)
    bench.after = lambda ms=100: line.run(ms / 1000)
    sock = bench.socket()
    fails(errno.EHOSTUNREACH, sock.connect, (SERVER, 80))
    line.start()
    assert line.run(1, lambda: line.terminal.peer.up)
    assert digest(fetched(bench)) == digest(KIB64)
    assert line.terminal.host.address == TERMINAL


def test_a_program_sees_what_it_sees_on_a_board(capsys):
    network = Network(1)
    socket_program.serve(network)
    module = Sockets(network.host("198.51.100.9", Link(rate_bits_s=1_200_000), settings=LIKE_LWIP), network.names.find)
    names = {
        "socket": module,
        "select": module.select,
        "wait": lambda ms: network.run_until(network.now_ns + ms * MS),
    }
    exec(socket_program.SOURCE, names)  # noqa: S102
    names["program"]()
    assert capsys.readouterr().out.strip() == socket_program.SAID.strip()


def test_octets_go_up_as_fast_as_the_send_buffer_empties():
    bench = Bench()
    sinks = Sinks()
    bench.server.serve_tcp(9, sinks)
    sock = bench.connected(9)
    left, taken = KIB64, []
    while left:
        try:
            taken.append(sock.send(left))
            left = left[taken[-1] :]
        except BlockingIOError as error:
            assert error.args[0] == errno.EAGAIN
            assert not ready(bench.module, sock, OUT)
            bench.after(5)
    sock.close()
    bench.after(2_000)
    assert max(taken) == 3_200
    assert [digest(sink.got) for sink in sinks] == [digest(KIB64)]


def test_a_reader_that_waits_holds_the_sender_back():
    bench = Bench()
    sock = bench.connected()
    sock.send(get("/film"))
    bench.after(60_000)
    (conn,) = bench.host.tcp.connections
    assert len(conn.receiver.unread) == 6_400
    got = bytearray()
    while data := sock.read() if ready(bench.module, sock, IN) else b"later":
        got += b"" if data == b"later" else data
        bench.after(20)
    assert digest(bytes(got).partition(b"\r\n\r\n")[2]) == digest(KIB64)
    assert sock.recv(10) == b""


def test_the_stages_of_a_connection_and_what_poll_says_of_each():
    bench = Bench()
    sock = bench.socket()
    assert ready(bench.module, sock) == OUT | HUP
    fails(errno.ENOTCONN, sock.send, b"x")
    fails(errno.EINPROGRESS, sock.connect, (SERVER, 80))
    assert ready(bench.module, sock) == 0
    fails(errno.EALREADY, sock.connect, (SERVER, 80))
    fails(errno.EAGAIN, sock.send, b"x")
    fails(errno.EAGAIN, sock.recv, 1)
    assert (sock.read(1), sock.readinto(bytearray(1)), sock.write(b"x")) == (None, None, None)
    bench.after()
    assert ready(bench.module, sock) == OUT
    fails(errno.EISCONN, sock.connect, (SERVER, 80))
    fails(errno.EAGAIN, sock.recv, 1)
    sock.send(get("/film", "Range: bytes=0-9"))
    bench.after()
    assert ready(bench.module, sock, IN) == IN
    assert sock.recv(4096).endswith(KIB64[:10])
    assert ready(bench.module, sock) == IN | OUT  # the server has closed
    assert sock.recv(1) == b""
    sock.close()
    sock.close()
    assert ready(bench.module, sock) == 32
    fails(errno.EBADF, sock.recv, 1)
    fails(errno.EBADF, sock.connect, (SERVER, 80))


def test_a_refusal_is_a_reset_that_is_told_once():
    bench = Bench()
    sock = bench.socket()
    fails(errno.EINPROGRESS, sock.connect, (SERVER, 81))
    bench.after()
    assert ready(bench.module, sock) == OUT | HUP
    fails(errno.ECONNRESET, sock.recv, 1)
    fails(errno.EBADF, sock.recv, 1)


def test_a_connection_that_is_reset_loses_what_was_not_read():
    class Rude(Sink):
        def received(self, conn, data):
            conn.send(b"something")
            self.conn = conn

    bench = Bench()
    rude = Rude()
    bench.server.serve_tcp(9, lambda: rude)
    sock = bench.connected(9)
    sock.send(b"hello")
    bench.after()
    rude.conn.abort()
    bench.after()
    fails(errno.ECONNRESET, sock.read, 100)
    fails(errno.ECONNRESET, sock.write, b"x")
    fails(errno.ECONNRESET, sock.send, b"x")
    fails(errno.EBADF, sock.send, b"x")


def test_nobody_who_answers_is_an_abort_in_the_end():
    bench = Bench()
    sock = bench.socket()
    fails(errno.EINPROGRESS, sock.connect, ("192.0.2.1", 80))
    bench.after(400_000)
    assert ready(bench.module, sock) == ERR
    fails(errno.ECONNABORTED, sock.recv, 1)


def test_a_socket_that_is_closed_with_octets_unread_resets_the_connection():
    bench = Bench()
    sock = bench.connected()
    sock.send(get("/film"))
    bench.after(1_000)
    sock.close()
    bench.after(1_000)
    assert (bench.host.tcp.connections, bench.server.tcp.connections) == ([], [])


def test_what_comes_for_a_socket_that_is_closed_already_resets_the_connection():
    bench = Bench()
    sock = bench.connected()
    sock.send(get("/film"))
    sock.close()
    bench.after(200)
    assert (bench.host.tcp.connections, bench.server.tcp.connections) == ([], [])


def test_a_datagram_socket_keeps_one_datagram_and_drops_the_next():
    bench = Bench()
    sock = bench.socket(bench.module.SOCK_DGRAM)
    assert ready(bench.module, sock) == OUT
    fails(errno.EAGAIN, sock.recvfrom, 100)
    for text in (b"one", b"two", b"three"):
        assert sock.sendto(text, (SERVER, 7)) == len(text)
    bench.after()
    assert ready(bench.module, sock) == IN | OUT
    assert sock.recvfrom(100) == (b"one", (SERVER, 7))
    fails(errno.EAGAIN, sock.recvfrom, 100)
    assert sock.dropped == 2
    sock.connect((SERVER, 7))
    sock.send(b"a longer one")
    bench.after()
    assert sock.recv(4) == b"a lo"
    fails(errno.EMSGSIZE, sock.sendto, bytes(1473), (SERVER, 7))


def test_a_program_joins_and_leaves_a_group():
    bench = Bench()
    sock = bench.socket(2)
    sock.bind(("0.0.0.0", 5004))  # noqa: S104
    port = bench.server.open_udp(Datagrams())

    def shown():
        port.send(("239.1.2.3", 5004), b"a picture")
        bench.after(3_000)
        return sock.read(100)

    level, join, leave = bench.module.IPPROTO_IP, bench.module.IP_ADD_MEMBERSHIP, bench.module.IP_DROP_MEMBERSHIP
    assert shown() is None
    sock.setsockopt(level, join, GROUP)
    bench.after()
    assert bench.network.link("198.51.100.9").groups == {"239.1.2.3"}
    assert shown() == b"a picture"
    sock.setsockopt(level, leave, GROUP)
    bench.after(5_000)
    assert shown() is None
    fails(errno.EADDRNOTAVAIL, sock.setsockopt, level, leave, GROUP)
    fails(errno.EADDRNOTAVAIL, sock.setsockopt, level, join, bytes((10, 0, 0, 1)) + bytes(4))
    with pytest.raises(ValueError):
        sock.setsockopt(level, join, GROUP[:4])
    sock.setsockopt(level, join, GROUP)
    sock.close()
    bench.after(5_000)
    assert bench.network.link("198.51.100.9").groups == frozenset()


def test_ports_are_taken_by_one():
    bench = Bench()
    bench.socket(2).bind(("0.0.0.0", 5004))  # noqa: S104
    fails(errno.EADDRINUSE, bench.socket(2).bind, ("0.0.0.0", 5004))  # noqa: S104
    fails(errno.EOPNOTSUPP, bench.socket(1).bind, ("0.0.0.0", 80))  # noqa: S104
    fails(errno.EINVAL, bench.module.socket, 2, 3)


def test_names_are_found_or_not():
    bench = Bench()
    assert bench.module.getaddrinfo("films.example", 80) == [(2, 1, 0, "", (SERVER, 80))]
    assert bench.module.getaddrinfo("192.0.2.1", 1)[0][-1] == ("192.0.2.1", 1)
    for name in ("none.example", "films.example"):
        bench.up = name != "films.example"
        with pytest.raises(OSError) as caught:
            bench.module.getaddrinfo(name, 80)
        assert caught.value.args[0] == NO_SUCH_NAME
    with pytest.raises(ValueError):
        bench.socket().connect(("films.example", 80))


def test_without_a_link_nothing_leaves():
    bench = Bench()
    bench.up = False
    fails(errno.EHOSTUNREACH, bench.socket().connect, (SERVER, 80))
    fails(errno.EHOSTUNREACH, bench.socket(2).sendto, b"x", (SERVER, 7))


def test_a_program_that_forgot_not_to_block_is_found_out():
    bench = Bench()
    blocking = bench.module.socket()
    with pytest.raises(LocalError, match="setblocking"):
        blocking.connect((SERVER, 80))
    blocking.settimeout(5)
    with pytest.raises(LocalError, match="setblocking"):
        bench.module.socket(2, 2).recvfrom(1)
    blocking.settimeout(0)
    fails(errno.EINPROGRESS, blocking.connect, (SERVER, 80))


def test_sendall_takes_all_or_says_that_it_is_too_much():
    bench = Bench()
    sock = bench.connected()
    fails(errno.EAGAIN, sock.sendall, bytes(3_201))
    sock.sendall(get("/film"))
    bench.after()
    assert sock.makefile("rwb").read(15) == b"HTTP/1.1 200 OK"


def test_two_runs_have_the_same_octets_at_the_same_instants():
    runs = []
    for seed in (1, 1, 2):
        bench = Bench(Link(rate_bits_s=1_200_000, delay_ns=10 * MS, loss=0.05), seed)
        packets = []
        bench.network.trace = lambda *packet, packets=packets: packets.append(packet)
        assert digest(fetched(bench)) == digest(KIB64)
        runs.append(packets)
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
