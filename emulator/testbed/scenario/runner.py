"""Runs a scenario: sets terminals and head-end up, starts the content, lets viewers act, collects what was put out."""

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from headend.files import write_file
from settop.errors import LocalError

from testbed.machines.base import MachineError
from testbed.scenario.plan import ActionPlan, Plan
from testbed.scenario.run import Run
from testbed.scenario.seeded import seeded
from testbed.scenario.system import Content, Making, Progress, Seen, System, system_of
from testbed.station import Station
from testbed.terminals import Runtime, terminal_spec, tuner_baud_for

START_GRID_MS = 100
STORED_MS = 200
"""From the last word of provisioning on: a Pico goes on storing for 150 ms, and its tuner's buffer holds 130."""
SETTLE_MS = 400
"""After the content: what is still in buffers comes out. A real machine must have been quiet for so long."""
SETTLE_LIMIT_MS = 20_000
OVER_LIMIT_MS = 8_000
"""After the content: how long what is under way may take to be over, at both ends."""
UP_LIMIT_MS = 60_000
"""How long a terminal may take to start, or to answer while it is provisioned."""


def refuse_to_overwrite(source: Path | None, targets: Iterable[Path], option: str) -> None:
    """LocalError where one of `targets` is the file that is to be read; `option` chooses another target."""
    for target in targets:
        if source is not None and source.exists() and target.exists() and target.samefile(source):
            raise LocalError(f"{target} would be written over, and it is the input: choose another place with {option}")


def written_files(plan: Plan, out: Path) -> list[Path]:
    """What a run writes into `out`, the clip that it may make left out."""
    received = (_received_name(plan, name) for name in plan.terminals)
    return [out / name for name in (*system_of(plan).files, "report.html", *received)]


def run_plan(
    plan: Plan,
    runtime: Runtime,
    out: Path,
    progress: Progress = lambda what, share: None,
    tell: Callable[[str], None] = lambda line: None,
    system: System[Any, Any] | None = None,
) -> Run:
    """Run the scenario; files go to `out`, and `tell` gets a line about what was left out of an input.
    `system` plays it instead of the plan's own.

    Raises LocalError, RemoteError or MachineError with a line for the user.
    """
    system = system or system_of(plan)
    out.mkdir(parents=True, exist_ok=True)
    refuse_to_overwrite(plan.source, written_files(plan, out), "--out")
    content = system.content(plan, Making(runtime, out, progress, tell))
    baud = content.tuner_baud or tuner_baud_for(runtime.name, lambda rate: True)
    with closing(Bench(plan, runtime, baud, progress, system)) as bench:
        bench.session.prepare(content)
        begin_ms = bench.provision()
        bench.play(content, begin_ms)
        return bench.collect(content, begin_ms, out)


def _received_name(plan: Plan, terminal: str) -> str:
    return "received.ts" if len(plan.terminals) == 1 else f"received-{terminal}.ts"


class Bench:
    """The terminals of one run and the session that they are in."""

    def __init__(
        self, plan: Plan, runtime: Runtime, baud: int, progress: Progress, system: System[Any, Any] | None = None
    ) -> None:
        self._plan = plan
        self._progress = progress
        self._runtime = runtime
        self._baud = baud
        system = system or system_of(plan)
        self._services = system.services
        self._wires = system.wires
        self.session = system.session(plan)
        self.world = self.session.world
        self.stations: dict[str, Station] = {}

    def close(self) -> None:
        self.session.close()

    def provision(self) -> int:
        """Build, boot and provision every terminal; the instant at which the content may begin."""
        self._progress("provisioning", 0.0)
        for name in self._plan.terminals:
            seed = seeded(self._plan.seed, f"terminal {name}")(32)
            wires = self._wires(self._plan, name)
            spec = terminal_spec(self._runtime.name, self._baud, seed, self._services, wires)
            machine = self._runtime.machine(self.session.outfit(spec))
            self.stations[name] = self.session.add_terminal(name, machine)
        self.session.open()
        for station in self.stations.values():
            station.power_on()
        self.wait("ready", "did not start")
        for station in self.stations.values():
            if station.formats_problem is not None:
                raise MachineError(f"terminal {station.name}: {station.formats_problem}")
        self.session.provision(self.stations, self.wait)
        return ((self.world.now_ms + STORED_MS) // START_GRID_MS + 1) * START_GRID_MS

    def wait(self, event: str, complaint: str) -> None:
        """Until every terminal's console has shown `event`. MachineError, with the complaint, where one does not."""
        stations = self.stations.values()
        limit = self.world.now_ms + UP_LIMIT_MS
        if not self.world.run_until(limit, lambda: all(s.events(event) for s in stations)):
            station = next(s for s in stations if not s.events(event))
            said = [f"{e.name} {e.text}" for e in station.console] + station.chatter
            raise MachineError(f"terminal {station.name} {complaint}; it said: {'; '.join(said[-6:]) or 'nothing'}")

    def play(self, content: Content, begin_ms: int) -> None:
        """Start the content, let everything happen, and time pass until nothing more comes."""
        world, length_ms = self.world, content.length_ms
        self.session.begin(content, begin_ms)
        for action in self._plan.actions:
            world.at(begin_ms + round(action.at_s * 1000), lambda action=action: self._act(action))  # type: ignore[misc]
        world.run_until(
            begin_ms + length_ms + SETTLE_MS,
            progress=lambda now_ms: self._progress("on air", min(1.0, max(0.0, (now_ms - begin_ms) / length_ms))),
        )
        world.run_until(world.now_ms + OVER_LIMIT_MS, self.session.is_over)
        if not all(station.machine.virtual for station in self.stations.values()):
            self._let_settle()

    def _let_settle(self) -> None:
        """Wait until nothing comes out of any decoder line any more: a slow host's terminals lag behind the stream."""
        world = self.world
        end_ms = world.now_ms + SETTLE_LIMIT_MS
        before = -1
        while (now := sum(len(s.received) for s in self.stations.values())) != before and world.now_ms < end_ms:
            before = now
            world.run_until(world.now_ms + SETTLE_MS)

    def _act(self, action: ActionPlan) -> None:
        station, now_ms = self.stations[action.terminal], self.world.now_ms
        common: dict[str, Callable[[], None]] = {
            "tune": lambda: station.say(f"tune {action.argument}".strip()),
            "command": lambda: station.say(action.argument),
            "power_cut": lambda: station.power_cut(now_ms),
            "power_on": station.power_on,
        }
        common.get(action.action, lambda: self.session.act(action, station))()

    def collect(self, content: Content, begin_ms: int, out: Path) -> Run:
        """Write what the terminals put out, and have the session say what it knows."""
        self._progress("comparing", 0.0)
        received = {name: out / _received_name(self._plan, name) for name in self._plan.terminals}
        for name, path in received.items():
            write_file(path, self.stations[name].received)
        run: Run = self.session.collect(Seen(self._runtime.name, begin_ms, content, received))
        return run
