"""A call on the bench: call centre, subscribers and tariff, terminals provisioned, and in the end its records."""

from collections.abc import Mapping
from dataclasses import dataclass

from headend.accounts.engine import open_database
from headend.accounts.master_key import MasterKey
from headend.broadcast.schedule import Schedule
from headend.callcentre.service import CallLog, Trunk
from headend.callcentre.store_ledger import CallRecord, StoreLedger
from headend.callcentre.subscribers import set_tariff
from headend.provisioning import HeadendKey, NewTerminal, issue
from headend.ts.exposure import exposed_packets

from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.machines.base import Machine
from testbed.scenario.broadcasts.on_air import OnAir
from testbed.scenario.broadcasts.watching import OnAirRun, OnAirTerminal, watched
from testbed.scenario.plan import ActionPlan
from testbed.scenario.provisioning import provision
from testbed.scenario.seeded import seeded
from testbed.scenario.system import Seen, Session, Wait
from testbed.station import Station
from testbed.systems.call.bench import CallBench
from testbed.systems.call.centre import MakeTrunk
from testbed.systems.call.plan import CallPlan, call_command

TARIFF, CURRENCY = "demo", "EUR"
TERMINAL_NUMBER = "55502"


@dataclass(frozen=True)
class CallTerminal(OnAirTerminal):
    """One terminal: who it is at the head-end, its calls and what was written down of them."""

    identity: NewTerminal
    calls: tuple[CallLog, ...]
    records: tuple[CallRecord, ...]


@dataclass(frozen=True)
class CallRun(OnAirRun):
    """A finished scenario of the call; `begin_ms` is the broadcast's start on the clock of calls and consoles."""

    terminals: tuple[CallTerminal, ...]


class CallSession(Session[CallRun]):
    """The telephone network, the call centre on it and what is known of its subscribers."""

    def __init__(self, plan: CallPlan, make_trunk: MakeTrunk = Trunk) -> None:
        self._plan = plan
        self._engine = open_database()
        self._master = MasterKey(seeded(plan.seed, "master key")(32))
        self.headend = HeadendKey(seeded(plan.seed, "head-end key")(32))
        set_tariff(self._engine, TARIFF, plan.tariff_portion_price, plan.tariff_set_up_price, CURRENCY)
        self.ledger = StoreLedger(self._engine, self._master)
        line = plan.line
        exchange = Exchange(
            ExchangeSettings(bits_per_s=line.bits_per_s, delay_ms=line.delay_ms, setup_ms=line.setup_ms)
        )
        random = seeded(plan.seed, "call centre")
        self.call = CallBench(exchange, self.ledger, Schedule(), plan.timing, random, make_trunk=make_trunk)
        self.identities: dict[str, NewTerminal] = {}
        super().__init__(self.call.world)

    def close(self) -> None:
        super().close()
        self._engine.dispose()

    def add_terminal(self, name: str, machine: Machine) -> Station:
        return self.call.add_station(name, machine, f"{TERMINAL_NUMBER}{len(self.call.stations):02d}")

    def open(self) -> None:
        self.call.add_trunks(self._plan.number, self._plan.line.trunks)

    def provision(self, stations: Mapping[str, Station], wait: Wait) -> None:
        random = seeded(self._plan.seed, "provisioning")

        def issued() -> NewTerminal:
            return issue(self._engine, self._master, self._plan.number, TARIFF, random=random)

        self.identities.update(provision(stations, self.headend, random, issued, wait, self.call.world))

    def begin(self, content: OnAir, begin_ms: int) -> None:
        for name in self.call.stations:
            self.call.tune(name, content.broadcaster)
        self.call.put_on_air(content.broadcaster, begin_ms)

    def act(self, action: ActionPlan, station: Station) -> None:
        if action.action == "call":
            station.say(call_command(action))
        elif action.action == "hang_up":
            station.say("hangup")
        else:
            self.call.drop_line(action.terminal)

    def is_over(self) -> bool:
        """No call is under way, at either end."""
        logs = (log for trunk in self.call.trunks for log in trunk.calls)
        return all(log.ended_ms is not None for log in logs) and not any(
            station.in_call for station in self.call.stations.values()
        )

    def collect(self, seen: Seen) -> CallRun:
        content: OnAir = seen.content
        terminals = []
        for name, station in self.call.stations.items():
            identity, received = self.identities[name], seen.received[name]
            wanted = identity.terminal_id.hex()
            calls = [
                log
                for trunk in self.call.trunks
                for log in trunk.calls
                if any(e.kind == "authenticated" and e.text == wanted for e in log.events)
            ]
            terminals.append(
                CallTerminal(
                    name,
                    station,
                    received,
                    watched(self._plan, content, station, received, seen.begin_ms),
                    identity,
                    tuple(sorted(calls, key=lambda log: log.connected_ms)),
                    tuple(self.ledger.call_record(c) for c in self.ledger.calls_of(identity.subscriber_id)),
                )
            )
        return CallRun(
            self._plan,
            seen.runtime,
            seen.begin_ms,
            content.length_ms,
            tuple(terminals),
            content.scrambled,
            content.broadcast,
            exposed_packets(content.broadcast),
        )
