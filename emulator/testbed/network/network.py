"""A small internet in virtual time: hosts around one router, each on a link of its own; a name server; PPP lines.

    network = Network(seed=1)
    server = network.host("203.0.113.7", Link(rate_bits_s=8_000_000, delay_ns=20_000_000, loss=0.05))
    server.serve_tcp(80, Files)               # a class whose objects have opened, received, closed
    network.names.set("films.example", "203.0.113.7")
    line = network.ppp()                      # the provider's end of a serial line
    network.advance(now_ns); network.due_ns()

Time is ns since the start of the run and comes from whoever steps the network, who may come late: what was due in
between is done in its order, each at its own instant. The same seed and the same calls give the same octets at the same
ns.
"""

from collections.abc import Callable

from settop.errors import LocalError

from testbed.network.addresses import is_group, to_octets
from testbed.network.events import Events
from testbed.network.formats import igmp
from testbed.network.host import Host
from testbed.network.links import IDEAL, Link, Way
from testbed.network.name_server import PORT, NameServer
from testbed.network.ppp.peer import Settings
from testbed.network.ppp_link import PppLink
from testbed.network.router import Attachment, Node, Router
from testbed.network.tcp.settings import TcpSettings

GATEWAY = "10.64.64.1"
TERMINAL = "10.64.64.2"


class Network:
    """seed settles every accident. address: the gateway's, which is the near end of PPP lines and the name server's.

    `gateway` is a host like the others, without a link; `names` its name server. `router.refused` and `forwarded` count
    what went through. `trace`, if set, gets the ns, the way ("203.0.113.7 down") and the
    octets of each packet that a link delivers.
    """

    def __init__(self, seed: int = 0, address: str = GATEWAY) -> None:
        self.seed = seed
        self.now_ns = 0
        self.gateway = Host(address, seed, touched=self._gateway_touched)
        self.names = NameServer()
        self.gateway.serve_udp(PORT, self.names)
        self.router = Router(self.gateway, self._down)
        self.trace: Callable[[int, str, bytes], None] | None = None
        self._events = Events()
        self._touched: dict[str, None] = {}
        self._names: dict[str, Attachment] = {}
        self._gateway_armed_ns: int | None = None

    def host(
        self, address: str, link: Link = IDEAL, down: Link | None = None, settings: TcpSettings | None = None
    ) -> Host:
        """A host at the end of a link; `down`: the way to it, if another. LocalError: the address is taken."""
        down = down or link
        made = Host(address, self.seed, min(link.mtu_octets, down.mtu_octets), settings, lambda: self._touch(address))
        self.attach(address, made, link, down)
        return made

    def ppp(
        self, address: str = TERMINAL, settings: Settings | None = None, up: Link = IDEAL, down: Link = IDEAL
    ) -> PppLink:
        """The provider's end of a serial line; `address` is given to whoever is at the other end. It waits to be asked.

        settings: to demand a proof, say; addresses and name server come from here. down: the rate is the line's, ten
        bits an octet. LocalError: the address is taken.
        """
        line = PppLink(self, address, settings or Settings(), Way(down, f"ppp {address}", self.seed))
        self.attach(address, line.node, up, Link(mtu_octets=down.mtu_octets))
        return line

    def link(self, address: str) -> Attachment:
        """The link that leads to an address. LocalError: there is none."""
        if address not in self._names:
            raise LocalError(f"no link leads to {address}")
        return self._names[address]

    # --- Time -------------------------------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> None:
        """Do all that is due by `now_ns`, and what was asked for since the last time. LocalError: time went back."""
        if now_ns < self.now_ns:
            raise LocalError(f"the network was at {self.now_ns} ns and cannot go back to {now_ns}")
        while True:
            while (event := self._events.pop_until(now_ns)) is not None:
                self.now_ns, action = event
                action(self.now_ns)
            self.now_ns = now_ns
            if not self._touched:
                return
            touched, self._touched = list(self._touched), {}
            for address in touched:
                self._wake(address, now_ns)

    def due_ns(self) -> int | None:
        """When `advance` has something to do; None for never."""
        return self.now_ns if self._touched else self._events.next_ns()

    def run_until(self, end_ns: int, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass, alone: up to `end_ns`, or until the condition holds. False: it did not hold by then."""
        while True:
            if until is not None and until():
                return True
            due_ns = self.due_ns()
            if due_ns is None or due_ns > end_ns:
                self.advance(end_ns)
                return until is None or until()
            self.advance(due_ns)

    def at(self, at_ns: int, action: Callable[[], None]) -> None:
        """Do something at an instant: take a link down, say."""
        self._events.at(at_ns, lambda now_ns: action())

    def touch(self, address: str) -> None:
        """Something was done at this address from outside."""
        self._touch(address)

    def attach(self, address: str, node: Node, up: Link, down: Link) -> None:
        """Something else than a host at the end of a link. LocalError: the address is taken."""
        octets = to_octets(address)
        if octets in self.router.attachments or octets == self.gateway.octets or is_group(octets):
            raise LocalError(f"address {address} is taken, or no host's")
        ways = Way(up, f"{address} up", self.seed), Way(down, f"{address} down", self.seed)
        link = Attachment(node, *ways, self._say)
        self.router.attachments[octets] = self._names[address] = link

    # --- inside -----------------------------------------------------------------------------------------------------

    def _touch(self, address: str) -> None:
        self._touched[address] = None

    def _gateway_touched(self) -> None:
        self._touch(self.gateway.address)

    def _say(self, link: Attachment, destination: bytes, message: igmp.Message) -> None:
        self.router.say(link, destination, message, self.now_ns)

    def _wake(self, address: str, now_ns: int) -> None:
        link = self._names.get(address)
        if link is None:
            self.gateway.advance(now_ns)
            self._settle_gateway(now_ns)
            return
        link.node.advance(now_ns)
        link.listeners.advance(now_ns)
        self._settle(link, now_ns)

    def _settle(self, link: Attachment, now_ns: int) -> None:
        """A node, or the router's knowledge of its link, may have changed: move its packets, look when it is due."""
        for data in link.node.take():
            self._up(link, data, now_ns)
        times = [at for at in (link.node.due_ns(), link.listeners.due_ns()) if at is not None]
        due_ns = min(times, default=None)
        if due_ns is not None and (link.armed_ns is None or due_ns < link.armed_ns):
            link.armed_ns = max(due_ns, now_ns)
            self._events.at(link.armed_ns, lambda at_ns: self._due(link, at_ns))

    def _due(self, link: Attachment, now_ns: int) -> None:
        if link.armed_ns != now_ns:
            return  # it was armed for an earlier instant since
        link.armed_ns = None
        link.node.advance(now_ns)
        link.listeners.advance(now_ns)
        self._settle(link, now_ns)

    def _settle_gateway(self, now_ns: int) -> None:
        for data in self.gateway.take():
            self.router.receive(data, None, now_ns)
        due_ns = self.gateway.due_ns()
        if due_ns is not None and (self._gateway_armed_ns is None or due_ns < self._gateway_armed_ns):
            self._gateway_armed_ns = max(due_ns, now_ns)
            self._events.at(self._gateway_armed_ns, self._gateway_due)

    def _gateway_due(self, now_ns: int) -> None:
        if self._gateway_armed_ns == now_ns:
            self._gateway_armed_ns = None
            self.gateway.advance(now_ns)
            self._settle_gateway(now_ns)

    def _up(self, link: Attachment, data: bytes, now_ns: int) -> None:
        """A packet of a node sets out for the router."""
        if len(data) > link.up.link.mtu_octets:
            self.router.refused["too long for the link"] += 1
            return
        fallen = link.up.fallen
        for passage in link.up.send(data, now_ns):
            self._events.at(passage.at_ns, self._arriving(link.up, fallen, passage.data, link, None))

    def _down(self, link: Attachment, data: bytes, now_ns: int) -> None:
        """A packet of the router sets out for a node."""
        fallen = link.down.fallen
        for passage in link.down.send(data, now_ns):
            self._events.at(passage.at_ns, self._arriving(link.down, fallen, passage.data, None, link))

    def _arriving(
        self, way: Way, fallen: int, data: bytes, source: Attachment | None, target: Attachment | None
    ) -> Callable[[int], None]:
        def arrive(now_ns: int) -> None:
            if way.fallen != fallen:
                way.cut += 1
                return
            if self.trace is not None:
                self.trace(now_ns, way.name, data)
            if target is not None:
                target.node.receive(data, now_ns)
                self._settle(target, now_ns)
                return
            self.router.receive(data, source, now_ns)
            self._settle_gateway(now_ns)
            if source is not None:
                source.listeners.advance(now_ns)
                self._settle(source, now_ns)

        return arrive
