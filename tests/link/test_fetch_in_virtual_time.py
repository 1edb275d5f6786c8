"""The terminal's transfers over the bench's network, in virtual time: slow, lossy, gone and back; always the same."""

import hashlib
import ssl
from contextlib import suppress

from settop.net.fetch import Fetch
from settop.net.link import Link as TerminalLink
from settop.net.names import Names
from settop.net.sockets import Sockets
from settop.net.tls import Trust
from testbed.network.certificates import certificate
from testbed.network.links import Link
from testbed.network.network import GATEWAY, Network
from testbed.network.sockets import LIKE_LWIP
from testbed.network.sockets import Sockets as Module

from tests.helpers.network_services import KIB64, MS, SERVER, Files

FILM = "http://films.example/film"


class Board:
    """A board whose link is up as often as the test says."""

    def __init__(self) -> None:
        self.up = True

    def network_up(self) -> None:
        pass

    def network_state(self) -> str:
        return "up" if self.up else "down"

    def network_step(self) -> None:
        pass


class Bench:
    """A terminal's transfer, and a server of files behind a link."""

    def __init__(self, link: Link, seed: int = 1, trust: Trust | None = None) -> None:
        self.network = Network(seed)
        server = self.network.host(SERVER)
        server.serve_tcp(80, Files)
        server.serve_tcp(443, Sealed)
        self.network.names.set("films.example", SERVER)
        self.board = Board()
        host = self.network.host("198.51.100.9", link, settings=LIKE_LWIP)
        self.module = Module(host, up=lambda: self.board.up)
        sockets = Sockets(self.module, self.module.select)
        drawn = hashlib.shake_128(str(seed).encode())
        self.drawn = 0

        def draw(count: int) -> bytes:
            self.drawn += count
            return drawn.digest(self.drawn)[-count:]

        self.link = TerminalLink(self.board, draw)
        self.link.want(0)
        self.names = Names((GATEWAY,), draw, sockets)
        self.fetch = Fetch(self.names, draw, sockets, trust, self.link)
        self.body = bytearray()
        self.moments: list[tuple[int, int]] = []

    def sink(self, view: memoryview, at: int) -> int:
        assert at == len(self.body)
        self.body += view
        self.moments.append((self.now_ms, len(self.body)))
        return len(view)

    @property
    def now_ms(self) -> int:
        return self.network.now_ns // MS

    def get(self, url: str = FILM, until_ms: int = 300_000) -> "Bench":
        self.fetch.get(url, self.sink, self.now_ms)
        return self.run(until_ms)

    def run(self, until_ms: int) -> "Bench":
        while self.fetch.state not in ("done", "failed") and self.now_ms < until_ms:
            self.link.step(self.now_ms)
            self.fetch.step(self.now_ms)
            self.network.run_until(self.network.now_ns + MS)
        return self


SLOW = Link(rate_bits_s=1_200_000, delay_ns=10 * MS)


def test_a_file_comes_by_name():
    bench = Bench(SLOW).get()
    assert (bench.fetch.state, bench.fetch.failure, bench.body) == ("done", "", KIB64)
    assert bench.now_ms < 1500


def test_a_file_comes_over_a_line_that_loses_a_twentieth_and_twice_at_the_same_instants():
    lossy = Link(rate_bits_s=1_200_000, delay_ns=10 * MS, loss=0.05)
    first, second = Bench(lossy, 3).get(), Bench(lossy, 3).get()
    assert first.fetch.state == "done" and first.body == KIB64
    assert first.moments == second.moments
    assert Bench(lossy, 4).get().moments != first.moments


def test_a_link_that_drops_in_mid_transfer_and_comes_back_costs_one_range():
    bench = Bench(SLOW)
    bench.get(until_ms=300)
    assert bench.fetch.state == "reading"
    held = len(bench.body)
    bench.board.up = False
    bench.run(1000)
    assert (bench.fetch.state, bench.link.drops, len(bench.body)) == ("pausing", 1, held)
    bench.board.up = True
    bench.run(10_000)
    assert bench.fetch.state == "done" and bench.body == KIB64


def test_a_server_that_is_not_there_and_a_port_that_is_closed_are_told():
    bench = Bench(SLOW).get("http://203.0.113.7:81/film")
    assert (bench.fetch.failure, bench.fetch.again) == ("the server cannot be reached", True)
    bench = Bench(SLOW).get("http://203.0.113.99/film")
    assert bench.fetch.state == "failed" and bench.fetch.again
    assert bench.module.opened == 0


def test_names_that_nobody_has_and_a_name_service_that_is_silent_are_told():
    bench = Bench(SLOW).get("http://nobody.example/")
    assert bench.fetch.failure == "there is no such name, or it has no address"
    dead = Link(rate_bits_s=1_200_000, delay_ns=10 * MS, loss=1.0)
    bench = Bench(dead).get()
    assert (bench.fetch.failure, bench.fetch.again) == ("the name service does not answer", True)
    assert bench.module.opened == 0


class Sealed:
    """A server of files under TLS, by Python's ssl, on a connection of the bench's network."""

    context: ssl.SSLContext

    def opened(self, conn) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self.context.wrap_bio(self._in, self._out, server_side=True)
        self._request = b""
        self._over = False

    def received(self, conn, data: bytes) -> None:
        self._in.write(data)
        with suppress(ssl.SSLWantReadError, ssl.SSLError):
            if not self._over:
                self._tls.do_handshake()
                self._over = True
            while True:
                self._request += self._tls.read(4096)
                while b"\r\n\r\n" in self._request:
                    head, _, self._request = self._request.partition(b"\r\n\r\n")
                    self._tls.write(Files().answer(head.decode("latin-1")))
        conn.send(self._out.read())

    def closed(self, conn) -> None:
        conn.close()


def test_under_tls_a_file_comes_in_virtual_time_and_its_dates_are_those_of_the_terminal(tmp_path):
    day_s, then_s = 86400, 2_000_000_000  # some day to come: this computer's clock has nothing to say
    authority = certificate("throw-away", then_s - 9 * day_s, then_s + 9 * day_s, authority=True)
    server = certificate("films.example", then_s - day_s, then_s + day_s, ("films.example",), authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.pem_file(tmp_path))
    Sealed.context = context
    for now_s, end in (
        (then_s, ("done", "")),
        (then_s + 2 * day_s, ("failed", "the server's certificate has expired")),
    ):
        bench = Bench(SLOW, trust=Trust(authority.der, now_s))
        bench.get("https://films.example/film")
        assert (bench.fetch.state, bench.fetch.failure) == end
        assert bytes(bench.body) == (KIB64 if end[0] == "done" else b"")
