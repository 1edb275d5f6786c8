"""Servers and clients for hosts of testbed.network, and what tests do with them again and again."""

import hashlib
import re
from collections.abc import Iterable

from testbed.network.addresses import Endpoint
from testbed.network.host import Host
from testbed.network.links import Link
from testbed.network.network import Network
from testbed.network.ppp.peer import Settings
from testbed.network.ppp_link import PppLink, PppTerminal
from testbed.network.tcp.connection import Connection
from testbed.network.tcp.settings import TcpSettings

MS = 1_000_000
S = 1_000_000_000
SERVER, CLIENT = "203.0.113.7", "198.51.100.2"
KIB64 = bytes(range(256)) * 256


class Files:
    """Files by name over HTTP/1.1: GET, ranges of octets, connections that stay."""

    files = {"/film": KIB64}

    def opened(self, conn: Connection) -> None:
        self._request = b""

    def received(self, conn: Connection, data: bytes) -> None:
        self._request += data
        while b"\r\n\r\n" in self._request:
            head, _, self._request = self._request.partition(b"\r\n\r\n")
            conn.send(self.answer(head.decode("latin-1")))
            if re.search(r"(?im)^connection: *close", head.decode("latin-1")):
                conn.close()

    def closed(self, conn: Connection) -> None:
        conn.close()

    def answer(self, head: str) -> bytes:
        name = head.split(" ")[1]
        if name not in self.files:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        body, status, extra = self.files[name], "200 OK", ""
        if part := re.search(r"(?im)^range: *bytes=(\d+)-(\d*)", head):
            first = int(part[1])
            last = min(int(part[2] or len(body) - 1), len(body) - 1)
            status, extra = "206 Partial Content", f"Content-Range: bytes {first}-{last}/{len(body)}\r\n"
            body = body[first : last + 1]
        return f'HTTP/1.1 {status}\r\nETag: "1"\r\n{extra}Content-Length: {len(body)}\r\n\r\n'.encode() + body


class Echo:
    """Sends back what comes, by TCP or UDP."""

    def opened(self, conn: Connection) -> None:
        pass

    def closed(self, conn: Connection) -> None:
        conn.close()

    def received(self, conn_or_source: Connection | Endpoint, data: bytes) -> Iterable[bytes]:
        if isinstance(conn_or_source, Connection):
            conn_or_source.send(data)
        return (data,)


class Sink:
    """Takes everything."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.over = False
        self.error = ""

    def opened(self, conn: Connection) -> None:
        pass

    def received(self, conn: Connection, data: bytes) -> None:
        self.got += data

    def closed(self, conn: Connection) -> None:
        self.over, self.error = True, conn.error
        conn.close()


class Sinks(list[Sink]):
    """A factory of sinks that keeps them."""

    def __call__(self) -> Sink:
        self.append(Sink())
        return self[-1]


class Client(Sink):
    """Says something when the connection stands, and takes the answer. `closes`: with its FIN behind it."""

    def __init__(self, says: bytes = b"", closes: bool = False) -> None:
        super().__init__()
        self.says, self.closes = says, closes
        self.is_open = False

    def opened(self, conn: Connection) -> None:
        self.is_open = True
        conn.send(self.says)
        if self.closes:
            conn.close()

    @property
    def body(self) -> bytes:
        return bytes(self.got.partition(b"\r\n\r\n")[2])


class Datagrams:
    """Keeps what comes on a UDP port."""

    def __init__(self) -> None:
        self.got: list[tuple[Endpoint, bytes]] = []

    def received(self, source: Endpoint, data: bytes) -> Iterable[bytes]:
        self.got.append((source, data))
        return ()


def get(name: str, *lines: str, close: bool = True) -> bytes:
    """A request for a file."""
    lines = (*lines, "Connection: close") if close else lines
    return "\r\n".join((f"GET {name} HTTP/1.1", "Host: films.example", *lines, "", "")).encode()


PATIENT = TcpSettings(silent_ns=24 * 3600 * S)
"""Where much is lost, ten tries in a row may fail, which takes longer than the usual patience."""


def two_hosts(
    link: Link, seed: int = 1, client_link: Link | None = None, settings: TcpSettings | None = None
) -> tuple[Network, Host, Host]:
    """(network, server, client), each on a link like that."""
    network = Network(seed)
    server = network.host(SERVER, link, settings=settings)
    client = network.host(CLIENT, client_link or link, settings=settings)
    server.serve_tcp(80, Files)
    return network, server, client


def fetch(network: Network, client: Host, seconds: int = 600, name: str = "/film") -> tuple[Client, Connection]:
    """A file, fetched or not within that time."""
    service = Client(get(name))
    conn = client.connect((SERVER, 80), service)
    network.run_until(network.now_ns + seconds * S, lambda: service.over)
    return service, conn


def digest(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()


class Traced:
    """A network's packets, as they came out of the links: (ns, way, octets)."""

    def __init__(self, network: Network) -> None:
        self.packets: list[tuple[int, str, bytes]] = []
        network.trace = lambda now_ns, way, data: self.packets.append((now_ns, way, data))


class Line:
    """A provider and a terminal at the two ends of a serial line, in steps of a millisecond."""

    def __init__(
        self,
        network: Network,
        provider: Settings | None = None,
        terminal: Settings | None = None,
        down: Link | None = None,
    ) -> None:
        self.network = network
        self.provider: PppLink = network.ppp(settings=provider, down=down or Link(rate_bits_s=1_500_000))
        self.terminal = PppTerminal(terminal)
        self.now_ns = 0
        self.octets: list[tuple[int, bytes, bytes]] = []
        self.cut = False

    def step(self) -> None:
        self.now_ns += MS
        to_provider, to_terminal = self.terminal.take(), self.provider.take()
        if to_provider or to_terminal:
            self.octets.append((self.now_ns, to_provider, to_terminal))
        self.provider.receive(b"" if self.cut else to_provider, self.now_ns)
        self.terminal.receive(b"" if self.cut else to_terminal, self.now_ns)

    def start(self) -> None:
        self.terminal.start(self.now_ns)

    def run(self, seconds: float, until=lambda: False) -> bool:
        end_ns = self.now_ns + int(seconds * S)
        while self.now_ns < end_ns:
            if until():
                return True
            self.step()
        return until()
