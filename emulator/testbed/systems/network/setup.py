"""The network on the bench: an internet, a server of pages, terminals with broadband or a telephone, and who acts."""

from collections.abc import Mapping
from dataclasses import dataclass

from settop.errors import LocalError

from testbed.internet.broadband import BroadbandModem
from testbed.internet.internet import Internet
from testbed.internet.meter import SLICE_MS
from testbed.internet.pages import Pages, Served
from testbed.internet.provider import Provider, ProviderCall
from testbed.line.exchange import CallRecord, Exchange, ExchangeSettings
from testbed.line.modem import Modem
from testbed.line.port import LinePort
from testbed.machines.base import NETWORK, Machine
from testbed.network.links import Way
from testbed.scenario.plan import ActionPlan
from testbed.scenario.run import Run, TerminalRun
from testbed.scenario.seeded import seeded
from testbed.scenario.system import Content, Seen, Session
from testbed.station import Station
from testbed.systems.network import told
from testbed.systems.network.plan import (
    BROADBAND,
    DIAL_UP,
    MOST_OCTETS,
    SERVER_NAME,
    NetworkAction,
    NetworkPlan,
    PagePlan,
    command,
)

SERVER = "203.0.113.10"
TERMINAL_NUMBER = "55503"


@dataclass(frozen=True, kw_only=True)
class PagesContent(Content):
    """`pages`: the octets of each, by path."""

    pages: Mapping[str, bytes]


@dataclass(frozen=True)
class NetworkTerminal(TerminalRun):
    """One terminal. `ways`: those of its links, the one to it first; `calls`: those that stood; `attempts`: the
    exchange's lines of all; `served`: what the server gave it. `down`, `up`: octets of each slice of time."""

    access: str
    transfers: tuple[told.Transfer, ...]
    served: tuple[Served, ...]
    ways: tuple[Way, ...]
    calls: tuple[ProviderCall, ...]
    attempts: tuple[CallRecord, ...]
    down: tuple[int, ...]
    up: tuple[int, ...]


@dataclass(frozen=True)
class NetworkRun(Run):
    """A finished scenario. `pages`: what the server has. `notice`: what is to be said of the whole run, or ""."""

    plan: NetworkPlan
    terminals: tuple[NetworkTerminal, ...]
    pages: Mapping[str, bytes]
    notice: str = ""


def page_octets(plan: NetworkPlan, page: PagePlan) -> bytes:
    """LocalError: the file cannot be read, or is too large."""
    if page.file is None:
        return seeded(plan.seed, f"page {page.path}")(page.octets)
    try:
        data = page.file.read_bytes()
    except OSError as error:
        raise LocalError(f"page {page.path}: cannot read {page.file.name}: {error.strerror}") from None
    if len(data) > MOST_OCTETS:
        raise LocalError(f"page {page.path}: {page.file.name} has {len(data)} octets; {MOST_OCTETS} are possible")
    return data


class NetworkSession(Session[NetworkRun]):
    """`internet`, `provider` and `exchange` are the bench's; `pages` the server's."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__()
        self._plan = plan
        line = plan.telephone
        settings = ExchangeSettings(bits_per_s=line.bits_per_s, delay_ms=line.delay_ms, setup_ms=line.setup_ms)
        self.exchange = self.world.add(Exchange(settings))
        self.internet = Internet(plan.seed)
        network = self.internet.network
        self.pages = Pages(lambda: network.now_ns)
        self.server = network.host(SERVER, plan.server.up, plan.server.down)
        self.server.serve_tcp(80, self.pages.caller)
        network.names.set(SERVER_NAME, SERVER)
        self.provider: Provider | None = None
        self.stations: dict[str, Station] = {}
        self.modems: dict[str, BroadbandModem] = {}
        self.ports: dict[str, LinePort] = {}

    def add_terminal(self, name: str, machine: Machine) -> Station:
        if self._plan.access_of(name) == BROADBAND:
            modem = self.modems[name] = self.internet.broadband(self._plan.broadband.down, self._plan.broadband.up)
            station = Station(name, machine, {NETWORK: modem}, self.world.ns_at)
        else:
            port = self.ports[name] = self.exchange.subscriber(f"{TERMINAL_NUMBER}{len(self.stations):02d}")
            station = Station(name, machine, {"modem": Modem(port)}, self.world.ns_at)
        self.stations[name] = station
        return self.world.add(station)

    def open(self) -> None:
        if DIAL_UP in self._plan.access:
            self.provider = self.internet.provider(self.exchange, self._plan.telephone.lines)
            for line in self.provider.lines:
                self.world.add(line)
        self.world.add(self.internet)

    def begin(self, content: PagesContent, begin_ms: int) -> None:
        for path, octets in content.pages.items():
            self.pages.put(path, octets)

    def act(self, action: ActionPlan, station: Station) -> None:
        now_ms = self.world.now_ms
        if action.action == "drop_line":
            self.exchange.drop(self.ports[action.terminal], now_ms)
        elif action.action == "drop_link":
            modem = self.modems[action.terminal]
            modem.drop(now_ms)
            seconds = action.seconds if isinstance(action, NetworkAction) else None
            if seconds is not None:
                back_ms = now_ms + round(seconds * 1000)
                self.world.at(back_ms, lambda: modem.restore(back_ms))
        else:
            station.say(command(self._plan, action))

    def collect(self, seen: Seen) -> NetworkRun:
        content: PagesContent = seen.content
        terminals = tuple(self._terminal(name, seen, content) for name in self.stations)
        run = (self._plan, seen.runtime, seen.begin_ms, content.length_ms, terminals)
        return NetworkRun(*run, content.pages, self.internet.notice)

    def _terminal(self, name: str, seen: Seen, content: PagesContent) -> NetworkTerminal:
        station, access = self.stations[name], self._plan.access_of(name)
        from_ms, to_ms = seen.begin_ms, seen.begin_ms + content.length_ms
        modem, port = self.modems.get(name), self.ports.get(name)
        attempts = tuple(r for r in self.exchange.log if port is not None and r.caller == port.number)
        given = self.provider.calls if self.provider is not None else []
        calls = tuple(call for call in given if any(call.record is record for record in attempts))
        links = [modem.link] if modem is not None else []
        if self.provider is not None:
            links += [self.provider.link_of(address) for address in dict.fromkeys(call.address for call in calls)]
        network = self.internet.network
        ways = tuple(way for link in links for way in (link.way, network.link(link.address).up))
        meters = [(modem.to_terminal, modem.from_terminal)] if modem else [(c.to_caller, c.from_caller) for c in calls]
        slices = -(-to_ms // SLICE_MS) - from_ms // SLICE_MS
        down, up = (
            tuple(map(sum, zip(*(pair[end].between(from_ms, to_ms) for pair in meters), strict=True))) or (0,) * slices
            for end in (0, 1)
        )
        return NetworkTerminal(
            name,
            station,
            seen.received[name],
            access,
            told.transfers(name, self._plan.actions, station.console, seen.begin_ms),
            tuple(served for served in self.pages.served if _is_for(served, modem, calls)),
            ways,
            calls,
            attempts,
            down,
            up,
        )


def _is_for(served: Served, modem: BroadbandModem | None, calls: tuple[ProviderCall, ...]) -> bool:
    """Whether the server gave this to the terminal with that modem, or those calls."""
    if modem is not None:
        return served.caller == modem.link.address
    at_ms = served.begun_ns / 1_000_000
    return any(
        call.address == served.caller
        and call.connected_ms <= at_ms
        and (call.ended_ms is None or at_ms <= call.ended_ms)
        for call in calls
    )
