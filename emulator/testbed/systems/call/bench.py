"""The call on the bench: a world with what a telephone call needs, from the exchange to the call centre's trunks."""

from collections.abc import Callable

from headend.broadcast.broadcaster import Broadcaster
from headend.broadcast.schedule import Schedule
from headend.callcentre.ledger import Ledger
from headend.callcentre.service import Trunk
from headend.callcentre.timing import Timing

from testbed.air import Air
from testbed.line.exchange import Exchange
from testbed.line.modem import Modem
from testbed.line.port import LinePort
from testbed.machines.base import Machine
from testbed.station import Station
from testbed.systems.call.centre import MakeTrunk, TrunkLine
from testbed.world import World


class CallBench:
    """Build it with `add_station`, `add_trunks`, `put_on_air`, `tune`; then let `world` run.

    In a round the broadcast comes first, then the exchange, then stations and trunks as they were added.
    make_trunk: makes the call centre's trunks, of the given ledger, schedule, timing and random octets.
    """

    def __init__(
        self,
        exchange: Exchange,
        ledger: Ledger,
        schedule: Schedule,
        timing: Timing,
        random: Callable[[int], bytes],
        *,
        world: World | None = None,
        make_trunk: MakeTrunk = Trunk,
    ) -> None:
        self.world = world or World()
        self.air = self.world.add(Air())
        self.exchange = self.world.add(exchange)
        self.schedule = schedule
        self.stations: dict[str, Station] = {}
        self.trunks: list[Trunk] = []
        self._ports: dict[str, LinePort] = {}
        self._make_trunk = lambda: make_trunk(ledger, schedule, timing, random)

    def add_station(self, name: str, machine: Machine, number: str) -> Station:
        """A terminal with a modem and a telephone number of its own.

        From here on the machine is the world's to close, also where it is refused with a LocalError.
        """
        port = self.exchange.subscriber(number)
        station = self.world.add(Station(name, machine, {"modem": Modem(port)}, self.world.ns_at))
        self.stations[name] = station
        self._ports[name] = port
        return station

    def add_trunks(self, number: str, count: int) -> None:
        """`count` lines of the call centre under one number."""
        for _ in range(count):
            trunk = self._make_trunk()
            trunk.start(self.world.now_ms)
            self.world.add(TrunkLine(trunk, Modem(self.exchange.subscriber(number))))
            self.trunks.append(trunk)

    def put_on_air(self, broadcaster: Broadcaster, at_ms: int) -> None:
        """The broadcast begins at `at_ms`; the call centre sells it from there."""
        self.schedule.add(broadcaster.broadcast)
        self.air.put_on(broadcaster, at_ms)

    def tune(self, name: str, broadcaster: Broadcaster | None) -> None:
        """The viewer of terminal `name` switches channel."""
        self.air.tune(self.stations[name], broadcaster)

    def drop_line(self, name: str) -> None:
        """The telephone line of terminal `name` fails, if it is in a call."""
        self.exchange.drop(self._ports[name], self.world.now_ms)
