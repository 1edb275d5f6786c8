"""A terminal on CPython that reaches a small internet by telephone, in virtual time: application, service, dialler,
exchange, two modems, PPP and servers."""

from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.line.modem import Modem, State
from testbed.line.robots import BusyLine, EchoLine, SilentLine
from testbed.machines.base import Machine as AnyMachine
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.network.links import Link
from testbed.network.network import Network
from testbed.network.ppp.peer import Settings
from testbed.network.ppp.phases import DEAD
from testbed.network.ppp_link import PppTerminal
from testbed.network.sockets import LIKE_LWIP, Sockets

from tests.helpers.network_services import MS, SERVER, Echo, Files

PROVIDER = "5550200"
CENTRE = "5550100"


class DialledNetwork:
    """The network's functions of a board whose image has PPP and whose WIRES name no line of its own."""

    def __init__(self, machine: "Machine", network: Network) -> None:
        self.machine = machine
        self.ppp = PppTerminal(Settings(asks_names=True), seed=1, tcp=LIKE_LWIP)
        self.module = Sockets(self.ppp.host, network.names.find, lambda: self.ppp.peer.up)
        self.line = None
        self.out = b""
        self.silent = False
        self.ends = 0

    def up(self, line=None) -> None:
        if line is None:
            return
        self.line, self.out = line, b""
        self.ppp.start(self.machine.now_ns)

    def down(self) -> None:
        if self.line is not None:
            self.ends += 1
            self.ppp.peer.lose_carrier(self.machine.now_ns)
            self.ppp.take()
            self.line, self.out = None, b""

    def state(self) -> str:
        if self.line is None:
            return "none"
        if self.ppp.peer.up:
            return "up"
        return "failed" if self.ppp.peer.phase == DEAD else "down"

    def step(self) -> int:
        if self.line is None:
            return 0
        view = memoryview(bytearray(1536))
        count = self.line.readinto(view[: min(len(view), self.line.any())])
        self.ppp.receive(bytes(view[:count]), self.machine.now_ns)
        self.out += self.ppp.take()
        if self.out:
            self.out = self.out[self.line.write(self.out) :]
        return count

    def names(self) -> tuple[str, ...]:
        return self.ppp.peer.names if self.ppp.peer.up else ()


class Machine(CpythonMachine):
    """A terminal on CPython with that network."""

    def __init__(self, network: Network) -> None:
        super().__init__(TerminalSpec(files={}, services=("network",)))
        self.net = DialledNetwork(self, network)

    @property
    def now_ns(self) -> int:
        return self._now_ns

    def board(self):
        board = super().board()
        net = self.net
        board.SOCKETS = (net.module, net.module.select, None)
        board.network_up, board.network_down, board.network_state = net.up, net.down, net.state
        board.network_step, board.network_names = net.step, net.names
        return board

    def _step(self, app) -> None:
        for line in self._lines.values():
            line.advance(self._now_ns)
        self._due_ns = self._now_ns + max(1, self._run(app)) * MS


class Provider:
    """A modem that answers, and PPP behind it while there is a call."""

    def __init__(self, exchange: Exchange, network: Network) -> None:
        self.modem = Modem(exchange.subscriber(PROVIDER))
        self.modem.receive(b"ATE0Q1S0=1\r", 0)
        self.modem.take()
        self.ppp = network.ppp()
        self.ppp.drop()
        self.on = False
        self.held = b""

    def advance(self, now_ms: int) -> None:
        self.modem.poll(now_ms)
        came = self.modem.take()
        if self.on != (self.modem.state is State.ONLINE):
            self.on = not self.on
            self.held = b""
            if self.on:
                self.ppp.restore()
            else:
                self.ppp.drop()
        self.ppp.receive(came if self.on else b"", now_ms * MS)
        self.held += self.ppp.take()
        room = self.modem.room(now_ms)
        if self.on and self.held and room:
            self.modem.receive(self.held[:room], now_ms)
            self.held = self.held[room:]


class Bench:
    """`say` types a console line, `until` lets time pass until the console has said one of these events. machine: an
    emulated board's in place of CPython's, which is asked every millisecond."""

    def __init__(self, seed: int = 1, bits_per_s: int = 14_400, machine: AnyMachine | None = None) -> None:
        self.network = Network(seed)
        self.exchange = Exchange(ExchangeSettings(bits_per_s=bits_per_s))
        self.exchange.connect_port(EchoLine(CENTRE, self.exchange))
        self.exchange.connect_port(BusyLine("5550101", self.exchange))
        self.exchange.connect_port(SilentLine("5550102", self.exchange))
        self.port = self.exchange.subscriber("5550199")
        self.modem = Modem(self.port)
        self.provider = Provider(self.exchange, self.network)
        self.machine: AnyMachine = machine or Machine(self.network)
        self.machine.boot()
        self.now_ms = 0
        self.said: list[tuple[int, str]] = []
        self._part = ""

    def say(self, line: str) -> None:
        self.machine.send("console", line.encode() + b"\n")

    def step(self, end_ms: int = 1 << 62) -> None:
        """To the next instant at which anybody wants something, or to that end."""
        machine_ns = self.machine.next_timer_ns() if isinstance(self.machine, Machine) else self.now_ms * MS
        network_ns = self.network.due_ns()
        due = [self.exchange.next_timer(), self.modem.next_timer(), self.provider.modem.next_timer()]
        due += [-(-at_ns // MS) for at_ns in (network_ns, machine_ns) if at_ns is not None]
        self.now_ms = min(end_ms, max(self.now_ms + 1, min(at_ms for at_ms in due if at_ms is not None)))
        self.machine.advance(self.now_ms * MS)
        self.exchange.advance(self.now_ms)
        self.modem.receive(self.machine.take("modem"), self.now_ms)
        self.machine.send("modem", self.modem.take())
        self.provider.advance(self.now_ms)
        *lines, self._part = (self._part + self.machine.take("console").decode()).split("\r\n")
        self.said += [(self.now_ms, line.split(" ", 2)[2]) for line in lines if line.startswith("@ ")]

    def run(self, for_ms: int) -> None:
        end_ms = self.now_ms + for_ms
        while self.now_ms < end_ms:
            self.step(end_ms)

    def until(self, *events: str, limit_ms: int = 600_000) -> str:
        """The line that says the first of these, from now on."""
        seen, end_ms = len(self.said), self.now_ms + limit_ms
        while self.now_ms < end_ms:
            self.step()
            for _, line in self.said[seen:]:
                if line.split(" ")[0] in events:
                    return line
            seen = len(self.said)
        raise AssertionError(f"none of {events} within {limit_ms} ms: {self.said}")

    def words(self) -> list[str]:
        """The events' names so far, but for `ready` and faults of the start."""
        return [line.split(" ")[0] for _, line in self.said]


def bench_with_server(**how) -> Bench:
    """A Bench whose internet has films.example: files by HTTP, and an echo of datagrams on port 7."""
    bench = Bench(**how)
    server = bench.network.host(SERVER, Link(rate_bits_s=8_000_000, delay_ns=20 * MS))
    server.serve_tcp(80, Files)
    server.serve_udp(7, Echo())
    bench.network.names.set("films.example", SERVER)
    return bench
