"""Real servers on 127.0.0.1 behind the virtual network."""

import functools
import http.server
import socket
import threading
import time

import pytest
from settop.errors import LocalError
from testbed.network.bridge import NOTICE, Bridge
from testbed.network.links import Link
from testbed.network.network import Network

from tests.helpers.network_services import CLIENT, KIB64, MS, SERVER, Client, Datagrams, Line, digest, get


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path):
    (tmp_path / "film").write_bytes(KIB64)
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Wall:
    """A clock that a test turns; it runs on by itself, so that nobody waits for ever."""

    def __init__(self):
        self.ns = 0

    def __call__(self):
        self.ns += MS
        return self.ns


class Bench:
    def __init__(self, wall=None):
        self.network = Network(1)
        self.server = self.network.host(SERVER)
        self.client = self.network.host(CLIENT, Link(delay_ns=MS))
        self.bridge = Bridge(self.network, wall or Wall())

    def run(self, seconds, until):
        for _ in range(int(seconds * 1000)):
            if until():
                return True
            self.bridge.advance(self.network.now_ns + MS)
            time.sleep(0.0001)  # the real server is a thread of this process
        return until()


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.bridge.close()


def listening(serve):
    """A real TCP server of one caller, in a thread; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work():
        caller, _ = listener.accept()
        with listener, caller:
            serve(caller)

    threading.Thread(target=work, daemon=True).start()
    return listener.getsockname()[1]


def test_a_file_comes_from_a_real_http_server_exact(bench, web):
    bench.bridge.tcp(bench.server, 80, web)
    service = Client(get("/film"))
    bench.client.connect((SERVER, 80), service)
    assert bench.run(20, lambda: service.over)
    assert digest(service.body) == digest(KIB64)
    assert bench.run(5, lambda: not bench.bridge._real)


def test_it_comes_over_ppp_as_well(bench, web):
    bench.bridge.tcp(bench.server, 80, web)
    line = Line(bench.network)
    line.start()
    service = Client(get("/film"))
    asked = False
    for _ in range(20_000):
        line.step()
        bench.bridge.advance(line.now_ns)
        if line.terminal.peer.up and not asked:
            line.terminal.host.connect((SERVER, 80), service)
            asked = True
        if service.over:
            break
    assert digest(service.body) == digest(KIB64)


def test_octets_go_to_a_real_server_no_faster_than_it_takes_them(bench):
    got = bytearray()
    gate = threading.Event()

    def slowly(caller):
        gate.wait(10)
        while data := caller.recv(65_536):
            got.extend(data)
        caller.sendall(b"all")

    bench.bridge.tcp(bench.server, 9, listening(slowly))
    service = Client(KIB64 * 128, closes=True)
    conn = bench.client.connect((SERVER, 9), service)
    bench.run(2, lambda: False)
    assert conn.unsent > 0  # the terminal waits for the real server
    gate.set()
    assert bench.run(120, lambda: service.over)
    assert (digest(got), bytes(service.got)) == (digest(KIB64 * 128), b"all")


def test_nobody_at_the_real_port_is_a_reset(bench):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    bench.bridge.tcp(bench.server, 9, port)
    service = Client(b"anybody?")
    bench.client.connect((SERVER, 9), service)
    assert bench.run(5, lambda: service.over)
    assert service.error == "reset"


def test_a_terminal_that_resets_closes_the_real_connection(bench):
    ended = threading.Event()

    def serve(caller):
        while caller.recv(100):
            pass
        ended.set()

    bench.bridge.tcp(bench.server, 9, listening(serve))
    service = Client(b"hello")
    conn = bench.client.connect((SERVER, 9), service)
    assert bench.run(1, lambda: service.is_open and not conn.unsent)
    conn.abort()
    assert bench.run(5, ended.is_set)


def test_datagrams_go_there_and_back_to_each_that_asked(bench):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.bind(("127.0.0.1", 0))
        echo.settimeout(5)

        def serve():
            for _ in range(2):
                data, where = echo.recvfrom(2000)
                echo.sendto(b"echo " + data, where)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        bench.bridge.udp(bench.server, 7, echo.getsockname()[1])
        one, two = Datagrams(), Datagrams()
        bench.client.open_udp(one).send((SERVER, 7), b"one")
        bench.client.open_udp(two).send((SERVER, 7), b"two")
        assert bench.run(5, lambda: one.got and two.got)
        thread.join()
    assert (one.got, two.got) == ([((SERVER, 7), b"echo one")], [((SERVER, 7), b"echo two")])


def test_a_bridge_goes_by_the_wall_and_says_so():
    bench = Bench(time.monotonic_ns)
    assert bench.bridge.due_ns() is None
    bench.bridge.advance(0)
    began = time.monotonic()
    bench.bridge.advance(50 * MS)
    assert 0.04 < time.monotonic() - began < 5
    assert not bench.bridge.virtual
    assert "real time" in NOTICE


def test_ports_that_are_none_are_our_own_mistake(bench):
    for wrong in (
        lambda: bench.bridge.tcp(bench.server, 80, 0),
        lambda: bench.bridge.udp(bench.server, 0, 80),
        lambda: bench.bridge.udp(bench.server, 80, 70_000),
    ):
        with pytest.raises(LocalError):
            wrong()
