"""One terminal with IP on whatever the link tests run on, and servers that it can reach there.

The bench's internet by broadband or, where a test says so, by a telephone call behind which are Python's own servers:
in virtual time on cpython and the emulated Pico, in real time on serial ports. The unix port has this computer's
sockets.
"""

import contextlib
import functools
import hashlib
import http.server
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from testbed.internet.internet import Internet
from testbed.internet.pages import Pages
from testbed.internet.provider import NUMBER
from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.line.modem import Modem
from testbed.machines.base import Machine
from testbed.network.certificates import Identity, certificate
from testbed.network.links import Link
from testbed.network.secured import Secured
from testbed.runtimes import RuntimeUnavailable
from testbed.station import ConsoleEvent, Station
from testbed.terminals import find_runtime, terminal_spec
from testbed.world import World

from tests.helpers.network_services import Echo
from tests.targets import Target

MS = 1_000_000
DAY_S = 86_400
SERVER, NAME = "203.0.113.7", "films.example"
FILM = hashlib.shake_256(b"film").digest(65_536)
SHORT = FILM[:8192]
FAST = Link(rate_bits_s=1_200_000, delay_ns=10 * MS)
TELEPHONE_BITS_S = 57_600
TUNER_BAUD = 921_600


def now_s() -> int:
    return int(time.time())


@functools.cache
def authority() -> Identity:
    """One for all, or a run would not repeat: it is in the terminal's flash."""
    return certificate("throw-away", now_s() - 100 * DAY_S, now_s() + 100 * DAY_S, authority=True)


class Online:
    """A terminal that is switched on; `online` brings its network up. `film`: URL of 64 KiB, `sealed` the same by TLS;
    `echo`: (address, port) of a server that sends datagrams back.
    """

    world: World
    station: Station
    film: str
    sealed: str
    echo: tuple[str, int]

    def say(self, command: str) -> None:
        self.station.say(command)

    def until(self, event: str, limit_ms: int = 60_000) -> ConsoleEvent:
        """Let time pass until the terminal has said it once more; the event."""
        station = self.station
        before = len(station.events(event))
        end_ms = self.world.now_ms + limit_ms
        seen = self.world.run_until(end_ms, lambda: len(station.events(event)) > before)
        assert seen, (event, [(e.at_ms, e.name, e.text) for e in station.console], station.chatter)
        return station.events(event)[-1]

    def ask(self, command: str, event: str, limit_ms: int = 60_000) -> ConsoleEvent:
        self.say(command)
        return self.until(event, limit_ms)

    @property
    def said(self) -> list[tuple[int, str, str]]:
        return [(e.at_ms, e.name, e.text) for e in self.station.console]


class BenchOnline(Online):
    """On the bench's internet. `modem`: of broadband, None for a terminal that telephones."""

    def __init__(
        self, machine: Machine, telephone: bool, link: Link, signed: Identity, seed: int, stack: contextlib.ExitStack
    ) -> None:
        self.world = World()
        exchange = self.world.add(Exchange(ExchangeSettings(bits_per_s=TELEPHONE_BITS_S, setup_ms=300)))
        self.internet = Internet(seed)
        network = self.internet.network
        self.server = network.host(SERVER, Link(rate_bits_s=8_000_000, delay_ns=5 * MS))
        if telephone:
            bridge = self.internet.bridge()
            for port, context in ((80, None), (443, served_by(signed))):
                bridge.tcp(self.server, port, stack.enter_context(serving(context)))
        else:
            pages = Pages(lambda: network.now_ns)
            pages.put("/film", FILM)
            pages.put("/short", SHORT)
            self.server.serve_tcp(80, pages.caller)
            self.server.serve_tcp(443, lambda: Secured(served_by(signed), pages.caller()))
        self.server.serve_udp(7, Echo())
        network.names.set(NAME, SERVER)
        self.film, self.sealed, self.echo = f"http://{NAME}/film", f"https://{NAME}/short", (SERVER, 7)
        self.modem = None if telephone else self.internet.broadband(link, link)
        hangs: dict[str, Any] = {"network": self.modem}
        if telephone:
            hangs = {"modem": Modem(exchange.subscriber("5550300"))}
        self.station = self.world.add(Station("T1", machine, hangs, self.world.ns_at))
        for line in self.internet.provider(exchange, 1).lines:
            self.world.add(line)
        self.world.add(self.internet)

    def online(self) -> ConsoleEvent:
        self.say(f"network dial {NUMBER}" if self.modem is None else "network up")
        return self.until("network_up")


class HostOnline(Online):
    """On this computer's own network, against Python's own servers."""

    def __init__(self, machine: Machine, signed: Identity, stack: contextlib.ExitStack) -> None:
        self.world = World()
        self.station = self.world.add(Station("T1", machine, {}, self.world.ns_at))
        plain, sealed = (stack.enter_context(serving(context)) for context in (None, served_by(signed)))
        self.film, self.sealed = f"http://127.0.0.1:{plain}/film", f"https://127.0.0.1:{sealed}/short"
        self.echo = ("127.0.0.1", stack.enter_context(echoing()))

    def online(self) -> ConsoleEvent:
        self.say("network up")
        return self.until("network_up")


@contextmanager
def online(target: Target, link: Link = FAST, seed: int = 1, telephone: bool = False) -> Iterator[Any]:
    """A terminal on the target, with a fresh file system and its network up. Skips where there is no image for it."""
    signer = authority()
    wires = ("modem" if telephone or target.name == "unix" else "network", "tuner")
    try:
        runtime = find_runtime(target.spoken, network=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    spec = terminal_spec(runtime.name, TUNER_BAUD, f"online {seed}".encode(), ("network",), wires)
    spec.files["authority.der"] = signer.der
    machine = runtime.machine(spec)
    if target.name == "cpython":
        machine.files.update(spec.files)  # type: ignore[attr-defined]
    dates = now_s() - DAY_S, now_s() + DAY_S
    with contextlib.ExitStack() as stack:
        bench: BenchOnline | HostOnline
        if target.name == "unix":
            bench = HostOnline(machine, certificate("server", *dates, ("127.0.0.1",), signer), stack)
        else:
            bench = BenchOnline(machine, telephone, link, certificate("server", *dates, (NAME,), signer), seed, stack)
        stack.callback(bench.world.close)
        bench.station.power_on()
        bench.until("ready")
        bench.online()
        yield bench


def served_by(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        context.load_cert_chain(identity.pem_file(Path(folder)))
    return context


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(FILM if self.path == "/film" else SHORT)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        pass


@contextmanager
def serving(context: ssl.SSLContext | None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with _running(server.serve_forever):
        yield server.server_address[1]
        server.shutdown()
    server.server_close()


@contextmanager
def echoing() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (found := line.recvfrom(2048))[0] != b"over":
                line.sendto(*found)

        with _running(serve):
            yield line.getsockname()[1]
            line.sendto(b"over", line.getsockname())


@contextmanager
def _running(work: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(5)
