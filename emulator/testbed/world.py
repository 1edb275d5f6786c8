"""One bench: terminals, exchange, call centre and broadcasts in step, under one clock.

Virtual machines are stepped in lockstep, QUANTUM_MS at a time: the same seed gives the same bytes at the same instants.
Machines that run by themselves (the unix port, a board) make the same loop follow the wall clock.
"""

import heapq
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from headend.broadcast.broadcaster import Broadcaster
from headend.broadcast.schedule import Schedule
from headend.callcentre.ledger import Ledger
from headend.callcentre.service import Trunk
from headend.callcentre.timing import Timing
from settop.errors import LocalError

from testbed.clock import VirtualClock, WallClock
from testbed.line.exchange import Exchange
from testbed.line.modem import Modem
from testbed.machines.base import KeepsStep, Machine
from testbed.station import Station

QUANTUM_MS = 1


@dataclass
class _TrunkLine:
    trunk: Trunk
    modem: Modem


class World:
    """Build it with `add_trunks`, `add_station`, `tune`; then `run_until`. Times are ms from its start."""

    def __init__(
        self, exchange: Exchange, ledger: Ledger, schedule: Schedule, timing: Timing, random: Callable[[int], bytes]
    ) -> None:
        self.exchange = exchange
        self.schedule = schedule
        self.stations: dict[str, Station] = {}
        self.clock: VirtualClock | WallClock = VirtualClock()
        self._make_trunk = lambda: Trunk(ledger, schedule, timing, random)
        self._trunks: list[_TrunkLine] = []
        self._air: list[tuple[Broadcaster, int]] = []
        self._tuned: dict[str, Broadcaster | None] = {}
        self._serial = 0
        self._actions: list[tuple[int, int, Callable[[], None]]] = []
        self._machines = ExitStack()

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms

    def add_trunks(self, number: str, count: int) -> None:
        """`count` lines of the call centre under one number."""
        for _ in range(count):
            line = _TrunkLine(self._make_trunk(), Modem(self.exchange.subscriber(number)))
            line.trunk.start(self.now_ms)
            self._trunks.append(line)

    @property
    def trunks(self) -> list[Trunk]:
        return [line.trunk for line in self._trunks]

    def add_station(self, name: str, machine: Machine, number: str) -> Station:
        """A terminal with its telephone number. All machines of a world are virtual, or none is.

        From here on the machine is the world's to close, also where it is refused with a LocalError.
        """
        self._machines.callback(machine.close)
        if self.stations:
            if any(s.machine.virtual != machine.virtual for s in self.stations.values()):
                raise LocalError("virtual and real machines cannot share one world")
        elif not machine.virtual:
            self.clock = WallClock()
        station = self.stations[name] = Station(name, machine, self.exchange.subscriber(number))
        self._tuned[name] = None
        return station

    def put_on_air(self, broadcaster: Broadcaster, at_ms: int) -> None:
        """The broadcast begins at `at_ms`; every terminal tuned to it gets its packets from there."""
        self.schedule.add(broadcaster.broadcast)
        self._air.append((broadcaster, at_ms))

    def tune(self, name: str, broadcaster: Broadcaster | None) -> None:
        """The viewer of terminal `name` switches channel."""
        self._tuned[name] = broadcaster

    def at(self, at_ms: int, action: Callable[[], None]) -> None:
        """Do something at an instant of the run."""
        self._serial += 1
        heapq.heappush(self._actions, (at_ms, self._serial, action))

    def run_until(
        self, end_ms: int, until: Callable[[], bool] | None = None, progress: Callable[[int], None] | None = None
    ) -> bool:
        """Let time pass up to `end_ms`, or until the condition `until` holds, which is asked after every step.

        False: the condition did not hold by then. True: it does, or there is none. `progress` gets the time after
        every step. Under a wall clock a step may end some ms late, and so may this.
        """
        while self.now_ms < end_ms:
            self._step(self.now_ms + QUANTUM_MS)
            if until is not None and until():
                return True
            if progress is not None:
                progress(self.now_ms)
        return until is None

    def close(self) -> None:
        """Close every machine, also when one of them fails; then raises what it raised. May be called twice."""
        self._machines.close()

    def _step(self, at_ms: int) -> None:
        self.clock.wait_until(at_ms)
        now_ms = self.now_ms
        self._keep_step(now_ms)
        while self._actions and self._actions[0][0] <= now_ms:
            heapq.heappop(self._actions)[2]()
        for broadcaster, begin_ms in self._air:
            if now_ms >= begin_ms:
                data = broadcaster.due(now_ms - begin_ms, now_ms)
                if data:
                    for name, tuned in self._tuned.items():
                        if tuned is broadcaster:
                            self.stations[name].machine.send("tuner", data)
        self.exchange.advance(now_ms)
        for station in self.stations.values():
            station.machine.advance(self._machine_ns(now_ms))
            station.exchange_bytes(now_ms)
        for line in self._trunks:
            self._step_trunk(line, now_ms)

    def _keep_step(self, now_ms: int) -> None:
        """Emulated boards in processes of their own wait for the bench, and the bench for them.

        A host that cannot keep pace then takes longer, and nothing on the bench is out of time.
        """
        machines = [s.machine for s in self.stations.values() if isinstance(s.machine, KeepsStep)]
        kept = [machine.keep_step(now_ms * 1_000_000) for machine in machines]
        if any(kept) and isinstance(self.clock, WallClock):
            self.clock.forgive()

    def _machine_ns(self, now_ms: int) -> int:
        clock = self.clock
        return clock.ns_at(now_ms) if isinstance(clock, WallClock) else now_ms * 1_000_000

    def _step_trunk(self, line: _TrunkLine, now_ms: int) -> None:
        line.modem.poll(now_ms)
        back = line.modem.take()
        if back:
            line.trunk.receive(back, now_ms)
        line.trunk.poll(now_ms)
        out = line.trunk.take()
        if out:
            line.modem.receive(out, now_ms)
