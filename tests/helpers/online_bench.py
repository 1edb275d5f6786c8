"""A world with an internet in it, and terminals on CPython that get there by broadband or by telephone."""

import hashlib

from testbed.internet.internet import Internet
from testbed.internet.pages import Pages
from testbed.internet.provider import NUMBER
from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.line.modem import Modem
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.network.links import Link
from testbed.station import Station
from testbed.world import World

MS = 1_000_000
SERVER = "203.0.113.7"
FILM = hashlib.shake_256(b"film").digest(65_536)
FAST = Link(rate_bits_s=1_000_000, delay_ns=10 * MS)


class EveryQuantum:
    """A part that wants to be asked always: with it a world steps."""

    def advance(self, now_ms):
        pass

    def next_timer(self):
        return 0


class OnlineBench:
    """`access`: "broadband" or "dial-up" of each terminal, by name."""

    def __init__(self, access, down=FAST, up=FAST, seed=1, lines=2, bits_per_s=33_600, stepped=False, server=None):
        self.world = World()
        if stepped:
            self.world.add(EveryQuantum())
        self.exchange = self.world.add(Exchange(ExchangeSettings(bits_per_s=bits_per_s, setup_ms=800)))
        self.internet = Internet(seed)
        network = self.internet.network
        host = network.host(SERVER, server or Link(rate_bits_s=8_000_000, delay_ns=20 * MS))
        self.pages = Pages(lambda: network.now_ns)
        self.pages.put("/film", FILM)
        self.server = host
        host.serve_tcp(80, self.pages.caller)
        network.names.set("films.example", SERVER)
        self.stations, self.modems, self.ports, self.machines = {}, {}, {}, {}
        for count, (name, way) in enumerate(access.items()):
            wires = ("network" if way == "broadband" else "modem", "tuner")
            seed_octets = f"{name} {seed}".encode()
            spec = TerminalSpec(files={}, wires=wires, seed=seed_octets, services=("network",))
            machine = self.machines[name] = CpythonMachine(spec)
            if way == "broadband":
                modem = self.modems[name] = self.internet.broadband(down, up)
                hangs = {"network": modem}
            else:
                port = self.ports[name] = self.exchange.subscriber(f"55503{count:02d}")
                hangs = {"modem": Modem(port)}
            self.stations[name] = self.world.add(Station(name, machine, hangs, self.world.ns_at))
        self.provider = self.internet.provider(self.exchange, lines)
        for line in self.provider.lines:
            self.world.add(line)
        self.world.add(self.internet)
        for station in self.stations.values():
            station.power_on()

    def say(self, name, text, at_ms=None):
        self.world.at(self.world.now_ms if at_ms is None else at_ms, lambda: self.stations[name].say(text))

    def online(self, name, at_ms=100):
        self.say(name, "network up" if name in self.modems else f"network dial {NUMBER}", at_ms)

    def fetch(self, name, at_ms, path="/film"):
        self.say(name, f"fetch http://films.example{path}", at_ms)

    def until(self, name, event, limit_ms=120_000):
        """Let time pass until the terminal has said it; the event."""
        station = self.stations[name]
        before = len(station.events(event))
        end_ms = self.world.now_ms + limit_ms
        seen = self.world.run_until(end_ms, lambda: len(station.events(event)) > before)
        assert seen, [(e.at_ms, e.name, e.text) for e in station.console]
        return station.events(event)[-1]

    def said(self, name):
        return [(e.at_ms, e.name, e.text) for e in self.stations[name].console]
