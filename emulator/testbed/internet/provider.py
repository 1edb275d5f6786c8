"""An internet provider on the telephone exchange: lines under one number, each a modem with PPP behind it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from settop.errors import LocalError

from testbed.internet.meter import Meter
from testbed.line.exchange import CallRecord, Exchange
from testbed.line.modem import Modem, State
from testbed.line.port import LinePort
from testbed.network.links import NS_PER_MS
from testbed.network.ppp_link import PppLink

NUMBER = "5550200"
SETUP = b"ATE0Q1S0=1S2=255S10=1\r"
"""Silent, answers the first ring, knows no escape, and gives a carrier up that is gone for 0.1 s."""


@dataclass
class ProviderCall:
    """A call as the provider saw it. `record`: the exchange's line of it. `address`: given to the caller, which has its
    network while `up_ms` is set; None for one that never agreed. Meters: octets of PPP each way.
    """

    record: CallRecord
    address: str
    connected_ms: int
    up_ms: int | None = None
    ended_ms: int | None = None
    to_caller: Meter = field(default_factory=Meter)
    from_caller: Meter = field(default_factory=Meter)


class Provider:
    """Its lines, each a part of a world, in `lines`; `calls`, oldest first. Made by `Internet.provider`.

    `links`: what callers are given, one each; who calls next gets the one that has been free for longest.
    """

    def __init__(self, exchange: Exchange, number: str, lines: int, links: list[PppLink]) -> None:
        if not 1 <= lines <= len(links):
            raise LocalError(f"a provider with {lines} lines and {len(links)} addresses: one or more, and as many")
        self.number = number
        self.links = tuple(links)
        self.calls: list[ProviderCall] = []
        self.free = deque(links)
        self.lines = [ProviderLine(self, exchange, exchange.subscriber(number)) for _ in range(lines)]

    def link_of(self, address: str) -> PppLink:
        return next(link for link in self.links if link.address == address)


class ProviderLine:
    """A part of a world (testbed.world), behind the stations and before the network."""

    def __init__(self, provider: Provider, exchange: Exchange, port: LinePort) -> None:
        self._provider = provider
        self._record: Callable[[], CallRecord | None] = lambda: exchange.record_of(port)
        self._modem = Modem(port)
        self._modem.receive(SETUP, 0)
        self._modem.take()
        self._link: PppLink | None = None
        self._call: ProviderCall | None = None

    def advance(self, now_ms: int) -> None:
        modem = self._modem
        modem.poll(now_ms)
        came = modem.take()
        if self._link is None and modem.state is State.ONLINE:
            self._begin(now_ms)
        link, call = self._link, self._call
        if link is None or call is None:
            return
        if came or link.waiting:
            call.from_caller.count(len(came), now_ms)
            link.receive(came, now_ms * NS_PER_MS)
        if link.up and call.up_ms is None:
            call.up_ms = now_ms
        if modem.state is not State.ONLINE:
            self._end(link, call, now_ms)
            return
        out = link.take()
        if out:
            call.to_caller.count(len(out), now_ms)
            modem.receive(out, now_ms)

    def next_timer(self) -> int | None:
        if self._modem.waiting or (self._link is not None and self._link.waiting):
            return 0
        return self._modem.next_timer()

    def _begin(self, now_ms: int) -> None:
        record = self._record()
        if record is None:
            return
        self._link = link = self._provider.free.popleft()
        link.receive(b"", now_ms * NS_PER_MS)
        link.restore()
        self._call = ProviderCall(record, link.address, now_ms)
        self._provider.calls.append(self._call)

    def _end(self, link: PppLink, call: ProviderCall, now_ms: int) -> None:
        call.ended_ms = now_ms
        link.receive(b"", now_ms * NS_PER_MS)
        link.drop()
        self._provider.free.append(link)
        self._link = self._call = None
