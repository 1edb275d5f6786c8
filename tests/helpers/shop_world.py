"""A world with an internet, a shop at one of its hosts, and a terminal with the service `shop` on any runtime."""

import hashlib
from dataclasses import replace

from headend.accounts.engine import transaction
from headend.provisioning import HeadendKey, NewTerminal
from headend.shop import catalogue
from headend.shop.channel import Channel
from headend.shop.channel_requests import Content
from headend.shop.delivering import Shelf
from testbed.internet.internet import Internet
from testbed.internet.pages import Pages
from testbed.machines import base
from testbed.network.links import Link
from testbed.scenario.provisioning import provision
from testbed.station import Station
from testbed.terminals import terminal_spec
from testbed.world import World

from tests.helpers.shop import MASTER, NOW, Stall

SERVICES = ("network", "titles", "shop")
WIRES = (base.NETWORK, "tuner")
HOST, ADDRESS = "shop.example", "203.0.113.30"
TERMINAL_ID, DEVICE_KEY = b"ringcast", bytes(range(0x60, 0x80))
OVER = ("shop_failed", "shop_refused", "error")


class ShopWorld:
    """runtime: testbed.terminals.Runtime. `stall`: the shop; `say(words, event)` gives what the terminal said."""

    def __init__(self, runtime, folder, rate_bits_s=1_000_000, services=SERVICES):
        self.stall = Stall(f"sqlite:///{folder / 'shop.db'}")
        self.shelf = Shelf(folder / "shelf")
        self.channel = Channel(self.stall, MASTER, {TERMINAL_ID: DEVICE_KEY}.get, self._locate, place=self._place)
        self.world = World()
        self.internet = Internet(1)
        network = self.internet.network
        self.pages = Pages(lambda: network.now_ns)
        self.pages.posts["/channel"] = lambda body: self.channel.answer(body, NOW + self.world.now_ms)
        way = Link(rate_bits_s=100_000_000)
        network.host(ADDRESS, way, way).serve_tcp(80, self.pages.caller)
        network.names.set(HOST, ADDRESS)
        spec = terminal_spec(runtime.name, 921_600, b"shop", services, WIRES)
        self.machine = runtime.machine(replace(spec, codec=True))
        own = Link(rate_bits_s=rate_bits_s, delay_ns=10_000_000)
        lines = {base.NETWORK: self.internet.broadband(own, own)}
        self.station = self.world.add(Station("T1", self.machine, lines, self.world.ns_at))
        self.world.add(self.internet)
        self.station.power_on()

    def close(self):
        self.world.close()

    def ready(self):
        """The terminal has its identity and knows its shop."""
        self._until(("ready",), 0)
        issued = NewTerminal(0, TERMINAL_ID, "5550199", DEVICE_KEY)

        def wait(event, what):
            self._until((event,), 0)

        headend = HeadendKey(b"\x21" * 32)
        provision({"T1": self.station}, headend, lambda count: bytes(range(count)), lambda: issued, wait)
        self.say(f"shop server http://{HOST}", "shop_server")
        return self

    def sell(self, source, name, price):
        """A title's number."""
        original = self.shelf.add(source, {"title": name.encode()})
        with transaction(self.stall.engine) as connection:
            values = (name, price, None, original.file, original.digest, original.texts(), NOW)
            return catalogue.add_title(connection, *values)

    def say(self, words, event, limit_ms=120_000):
        """The event, which must be the one that comes."""
        before = len(self.station.console)
        self.station.say(words)
        return self._until((event,), before, limit_ms)

    def heap(self):
        """(used, free) octets."""
        told = self.say("status", "status")
        return int(told.value("heap_used")), int(told.value("heap_free"))

    def _until(self, events, before, limit_ms=120_000):
        names = events + OVER

        def seen():
            return any(one.name in names for one in self.station.console[before:])

        found = self.world.run_until(self.world.now_ms + limit_ms, seen)
        said = [one for one in self.station.console[before:] if one.name in names]
        assert found and said[0].name in events, [(one.at_ms, one.name, one.text) for one in self.station.console]
        return said[0]

    def _place(self, unit):
        self.pages.put(unit.path, self.stall.codec_octets(unit.digest))
        return unit.path

    def _locate(self, bought, user):
        octets = self.shelf.copy_of(self.stall.engine, bought, user).read_bytes()
        path = f"/copies/{bought.title}-{user}"
        self.pages.put(path, octets)
        return Content(path, len(octets), hashlib.sha256(octets).digest())
