"""The internet of a world (testbed.world): a network in virtual time, and how terminals get to it.

internet = Internet(seed=1)
server = internet.network.host("203.0.113.7", Link(rate_bits_s=8_000_000, delay_ns=20_000_000))
modem = internet.broadband(down=Link(rate_bits_s=1_500_000))
world.add(Station("T1", machine, {"network": modem}, world.ns_at))
provider = internet.provider(exchange, lines=2, bits_per_s=33_600)
for line in provider.lines:
    world.add(line)
world.add(internet)                       # behind them
"""

from settop.errors import LocalError

from testbed.internet.broadband import BroadbandModem
from testbed.internet.provider import NUMBER, Provider
from testbed.line.exchange import Exchange
from testbed.network.bridge import NOTICE, Bridge
from testbed.network.links import IDEAL, Link
from testbed.network.network import Network
from testbed.network.part import NetworkPart

BROADBAND = "10.64.64."
DIAL_UP = "10.64.65."
"""What addresses of terminals begin with."""
FIRST_HOST, LAST_HOST = 2, 254
SPARE_ADDRESSES = 2
"""Of a provider, beyond its lines: who calls again at once gets another address than before."""
QUEUE_OCTETS = 16 * 1024
"""What a provider keeps for a caller's line; more is lost, as in any router."""


class Internet:
    """A part of a world: add it behind stations and provider lines. seed settles every accident.

    `network` has the hosts, the name server and the links with their counters.
    """

    def __init__(self, seed: int = 0) -> None:
        self.network = Network(seed)
        self._part = NetworkPart(self.network)
        self._bridge: Bridge | None = None
        self._homes = 0

    def broadband(self, down: Link = IDEAL, up: Link = IDEAL) -> BroadbandModem:
        """A modem with an address of its own, for a station's line "network". LocalError: there are too many."""
        self._homes += 1
        return BroadbandModem(self.network.ppp(_address(BROADBAND, self._homes), up=up, down=down))

    def provider(self, exchange: Exchange, lines: int, number: str = NUMBER) -> Provider:
        """Lines of an internet provider under one number; `provider.lines` are parts of the world. LocalError: too many
        lines, or no number."""
        rate = Link(rate_bits_s=exchange.settings.bits_per_s, queue_octets=QUEUE_OCTETS)
        addresses = [_address(DIAL_UP, count + 1) for count in range(lines + SPARE_ADDRESSES)]
        return Provider(exchange, number, lines, [self.network.ppp(address, down=rate) for address in addresses])

    def bridge(self) -> Bridge:
        """For real servers on 127.0.0.1: from here on the run goes by the wall. `notice` says so."""
        if self._bridge is None:
            self._bridge = Bridge(self.network)
            self._part = NetworkPart(self._bridge)
        return self._bridge

    @property
    def notice(self) -> str:
        """What a report has to say of this run; "" for nothing."""
        return "" if self._bridge is None else NOTICE

    def advance(self, now_ms: int) -> None:
        self._part.advance(now_ms)

    def next_timer(self) -> int | None:
        return self._part.next_timer()

    def close(self) -> None:
        """Real sockets are closed. May be called twice."""
        if self._bridge is not None:
            self._bridge.close()


def _address(prefix: str, count: int) -> str:
    last = FIRST_HOST + count - 1
    if last > LAST_HOST:
        raise LocalError(f"{count} terminals at {prefix}0; there is room for {LAST_HOST - FIRST_HOST + 1}")
    return f"{prefix}{last}"
