"""Runs a scenario: puts the broadcast on air, lets viewers act, collects what every terminal put out."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from headend.broadcast.broadcaster import Broadcaster, OnAirPortion, check_rate, lag_ms
from headend.broadcast.schedule import Broadcast, Schedule
from headend.callcentre.service import CallLog
from headend.files import write_file
from headend.provisioning import NewTerminal, issue, provisioning_line
from headend.store.database import open_database
from headend.store.ledger import CallRecord, StoreLedger
from headend.store.master_key import MasterKey
from headend.store.subscribers import set_tariff
from headend.ts.exposure import exposed_packets
from headend.ts.portions import packet_times_ns
from headend.ts.scrambler import ScrambleResult, scramble_file
from settop.errors import LocalError
from settop.wire.offer import Offer

from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.machines.base import MachineError
from testbed.scenario.analysis import Analysis, PortionSpan, analyse
from testbed.scenario.clip import make_clip
from testbed.scenario.packetfile import read_packets
from testbed.scenario.plan import ActionPlan, Plan
from testbed.scenario.seeded import seeded
from testbed.scenario.tuning import concern, tunings
from testbed.station import Station
from testbed.terminals import TUNER_BAUDS, Runtime, terminal_spec, tuner_baud_for
from testbed.world import World

PROGRAMME_ID = 1
TARIFF, CURRENCY = "demo", "EUR"
TERMINAL_NUMBER = "55502"
START_GRID_MS = 100
SETTLE_MS = 400
"""After the last packet: what is still in buffers comes out. A real machine must have been quiet for so long."""
SETTLE_LIMIT_MS = 20_000
CALL_END_MS = 8_000
"""After the broadcast: how long calls may take to be over, at both ends."""
PROVISION_LIMIT_MS = 60_000

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is done, 0 to 1."""


@dataclass(frozen=True)
class TerminalRun:
    """What became of one terminal. Times in the analysis are ms of the broadcast."""

    name: str
    station: Station
    identity: NewTerminal
    calls: tuple[CallLog, ...]
    records: tuple[CallRecord, ...]
    analysis: Analysis
    received: Path


@dataclass(frozen=True)
class Run:
    """A finished scenario; `begin_ms` is the broadcast's start on the clock of calls and consoles."""

    plan: Plan
    runtime: str
    begin_ms: int
    end_ms: int
    scrambled: ScrambleResult
    spans: tuple[PortionSpan, ...]
    broadcast: Path
    terminals: tuple[TerminalRun, ...]
    exposed: Mapping[int, int] = field(default_factory=dict)
    """Packets of the programme that were clear on air, by PID: there should be none."""


def refuse_to_overwrite(source: Path | None, targets: Iterable[Path], option: str) -> None:
    """LocalError where one of `targets` is the file that is to be read; `option` chooses another target."""
    for target in targets:
        if source is not None and source.exists() and target.exists() and target.samefile(source):
            raise LocalError(f"{target} would be written over, and it is the input: choose another place with {option}")


def written_files(plan: Plan, out: Path) -> list[Path]:
    """What a run writes into `out`, the clip that it may make left out."""
    received = (_received_name(plan, name) for name in plan.terminals)
    return [out / name for name in ("broadcast.ts", "report.html", *received)]


def run_plan(
    plan: Plan,
    runtime: Runtime,
    out: Path,
    progress: Progress = lambda what, share: None,
    original: Path | None = None,
) -> Run:
    """Run the scenario; files go to `out`. `original` is the plan's input as plain packets, where that is another file.

    Raises LocalError, RemoteError or MachineError with a line for the user.
    """
    out.mkdir(parents=True, exist_ok=True)
    refuse_to_overwrite(plan.input, written_files(plan, out), "--out")
    original = original or plan.input or out / "clip.ts"
    if plan.input is None:
        progress("making the clip", 0.0)
        try:
            make_clip(original, plan.clip_seconds, seed=plan.seed)
        except BaseException:
            original.unlink(missing_ok=True)  # half a clip is nobody's
            raise
    progress("scrambling", 0.0)
    broadcast = out / "broadcast.ts"
    secret, broadcast_id = seeded(plan.seed, "programme secret")(32), seeded(plan.seed, "broadcast id")(8)
    scrambled = scramble_file(
        original,
        broadcast,
        plan.portion_seconds,
        secret,
        broadcast_id,
        PROGRAMME_ID,
        plan.programme,
        offer=Offer(plan.tariff_portion_price, CURRENCY, TARIFF, plan.tariff_set_up_price),
    )
    times_ns = packet_times_ns(broadcast, plan.programme).clip(min=0)
    baud = tuner_baud_for(runtime.name, lambda rate: lag_ms(times_ns, rate) <= 50)
    try:
        check_rate(times_ns, baud)
    except LocalError as error:
        if baud == max(max(bauds) for bauds in TUNER_BAUDS.values()):
            raise
        raise LocalError(f"{error}, or use a runtime with a faster tuner line: --runtime unix") from None
    end_ms = int(times_ns[-1]) // 1_000_000 + 1
    portions = [OnAirPortion(p.index, p.first_packet, round(p.start_ms)) for p in scrambled.portions]
    spans = tuple(
        PortionSpan(p.index, p.parity, p.first_packet, p.packets, round(p.start_ms)) for p in scrambled.portions
    )
    air = Broadcaster(
        broadcast,
        times_ns,
        portions,
        Broadcast(PROGRAMME_ID, broadcast_id, secret),
        max(end_ms, portions[-1].start_ms + 1),
    )
    with closing(Bench(plan, runtime, baud, progress)) as bench:
        begin_ms = bench.provision()
        bench.broadcast(air, begin_ms)
        return bench.collect(original, broadcast, scrambled, spans, begin_ms, end_ms, out)


def _received_name(plan: Plan, terminal: str) -> str:
    return "received.ts" if len(plan.terminals) == 1 else f"received-{terminal}.ts"


class Bench:
    """The world of one run, and what is known of its subscribers. It holds nothing to close before `provision`."""

    def __init__(self, plan: Plan, runtime: Runtime, baud: int, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._runtime = runtime
        self._baud = baud
        self._engine = open_database()
        self._master = MasterKey(seeded(plan.seed, "master key")(32))
        set_tariff(self._engine, TARIFF, plan.tariff_portion_price, plan.tariff_set_up_price, CURRENCY)
        self._ledger = StoreLedger(self._engine, self._master)
        line = plan.line
        exchange = Exchange(
            ExchangeSettings(bits_per_s=line.bits_per_s, delay_ms=line.delay_ms, setup_ms=line.setup_ms)
        )
        self.world = World(exchange, self._ledger, Schedule(), plan.timing, seeded(plan.seed, "call centre"))
        self._identities: dict[str, NewTerminal] = {}

    def close(self) -> None:
        self.world.close()
        self._engine.dispose()

    def provision(self) -> int:
        """Build, boot and provision every terminal, over its console; the instant at which the broadcast begins."""
        self._progress("provisioning", 0.0)
        stations = self.world.stations
        for number, name in enumerate(self._plan.terminals):
            seed = seeded(self._plan.seed, f"terminal {name}")(32)
            machine = self._runtime.machine(terminal_spec(self._runtime.name, self._baud, seed))
            self.world.add_station(name, machine, f"{TERMINAL_NUMBER}{number:02d}")
        self.world.add_trunks(self._plan.number, self._plan.line.trunks)
        for station in stations.values():
            station.power_on()
        self._wait("ready", "did not start")
        for station in stations.values():
            if station.formats_problem is not None:
                raise MachineError(f"terminal {station.name}: {station.formats_problem}")
            station.say("provision")
        self._wait("provision-key", "did not answer to `provision`")
        random = seeded(self._plan.seed, "provisioning")
        for name, station in stations.items():
            terminal = issue(self._engine, self._master, self._plan.number, TARIFF, random=random)
            self._identities[name] = terminal
            public = bytes.fromhex(station.events("provision-key")[0].text)
            station.say(provisioning_line(public, terminal, random))
        self._wait("provisioned", "did not accept its identity")
        return (self.world.now_ms // START_GRID_MS + 1) * START_GRID_MS

    def _wait(self, event: str, complaint: str) -> None:
        stations = self.world.stations.values()
        limit = self.world.now_ms + PROVISION_LIMIT_MS
        if not self.world.run_until(limit, lambda: all(s.events(event) for s in stations)):
            station = next(s for s in stations if not s.events(event))
            said = [f"{e.name} {e.text}" for e in station.console] + station.chatter
            raise MachineError(f"terminal {station.name} {complaint}; it said: {'; '.join(said[-6:]) or 'nothing'}")

    def broadcast(self, air: Broadcaster, begin_ms: int) -> None:
        world = self.world
        for name in self._plan.terminals:
            world.tune(name, air)
        world.put_on_air(air, begin_ms)
        for action in self._plan.actions:
            world.at(begin_ms + round(action.at_s * 1000), lambda action=action: self._act(action))  # type: ignore[misc]
        length = air.end_ms
        world.run_until(
            begin_ms + length + SETTLE_MS,
            progress=lambda now_ms: self._progress("on air", min(1.0, max(0.0, (now_ms - begin_ms) / length))),
        )
        world.run_until(world.now_ms + CALL_END_MS, self._calls_over)
        if not all(station.machine.virtual for station in world.stations.values()):
            self._let_settle()

    def _calls_over(self) -> bool:
        logs = (log for trunk in self.world.trunks for log in trunk.calls)
        return all(log.ended_ms is not None for log in logs) and not any(
            station.in_call for station in self.world.stations.values()
        )

    def _let_settle(self) -> None:
        """Wait until nothing comes out of any decoder line any more: a slow host's terminals lag behind the stream."""
        world = self.world
        end_ms = world.now_ms + SETTLE_LIMIT_MS
        before = -1
        while (now := sum(len(s.received) for s in world.stations.values())) != before and world.now_ms < end_ms:
            before = now
            world.run_until(world.now_ms + SETTLE_MS)

    def _act(self, action: ActionPlan) -> None:
        station, now_ms = self.world.stations[action.terminal], self.world.now_ms
        {
            "call": lambda: station.say(action.call_command),
            "hang_up": lambda: station.say("hangup"),
            "tune": lambda: station.say(f"tune {action.argument}".strip()),
            "command": lambda: station.say(action.argument),
            "drop_line": lambda: self.world.exchange.drop(station.port, now_ms),
            "power_cut": lambda: station.power_cut(now_ms),
            "power_on": station.power_on,
        }[action.action]()

    def collect(
        self,
        original: Path,
        broadcast: Path,
        scrambled: ScrambleResult,
        spans: tuple[PortionSpan, ...],
        begin_ms: int,
        end_ms: int,
        out: Path,
    ) -> Run:
        self._progress("comparing", 0.0)
        terminals = []
        for name, station in self.world.stations.items():
            received = out / _received_name(self._plan, name)
            write_file(received, station.received)
            delivered = {
                int(event.value("portion") or -1): event.at_ms - begin_ms for event in reversed(station.events("key"))
            }
            tuned = tunings(station.events("tuned"), begin_ms)
            wanted_packets = None
            if tuned:
                times_ms = packet_times_ns(broadcast, self._plan.programme).clip(min=0) // 1_000_000
                wanted_packets = concern(read_packets(broadcast).rows, times_ms, tuned)
            analysis = analyse(original, broadcast, received, spans, delivered, wanted_packets)
            identity = self._identities[name]
            wanted = identity.terminal_id.hex()
            calls = tuple(
                log
                for trunk in self.world.trunks
                for log in trunk.calls
                if any(e.kind == "authenticated" and e.text == wanted for e in log.events)
            )
            records = tuple(self._ledger.call_record(c) for c in self._ledger.calls_of(identity.subscriber_id))
            terminals.append(
                TerminalRun(
                    name,
                    station,
                    identity,
                    tuple(sorted(calls, key=lambda log: log.connected_ms)),
                    records,
                    analysis,
                    received,
                )
            )
        return Run(
            self._plan,
            self._runtime.name,
            begin_ms,
            end_ms,
            scrambled,
            spans,
            broadcast,
            tuple(terminals),
            exposed_packets(broadcast),
        )
