"""The face of a system (testbed.systems): what run and report ask of it, beside what it reads in a scenario (plan)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from testbed.machines.base import WIRES, Machine, TerminalSpec
from testbed.scenario import model
from testbed.scenario.plan import ActionPlan, Plan, PlanT, Reader
from testbed.scenario.run import Check, Run, TerminalRun
from testbed.station import Station
from testbed.terminals import Runtime
from testbed.world import World

RunT = TypeVar("RunT", bound=Run)

Progress = Callable[[str, float], None]
"""Told what is being done and how much of it is done, 0 to 1."""

Wait = Callable[[str, str], None]
"""wait(event, complaint): until every terminal's console has shown the event. MachineError with the complaint."""


@dataclass(frozen=True)
class Making:
    """For whom content is made: files go to `out`; `tell` gets lines about what was left out of an input."""

    runtime: Runtime
    out: Path
    progress: Progress
    tell: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is played, for so long. `tuner_baud`: which tuner line it needs; None: any."""

    length_ms: int
    tuner_baud: int | None = None


@dataclass(frozen=True)
class Seen:
    """What a run has left behind: its content began at `begin_ms`; `received` are the terminals' outputs, by name."""

    runtime: str
    begin_ms: int
    content: Any
    received: Mapping[str, Path]


class Session(Generic[RunT]):
    """One run of a system on the bench: its world, head-end, terminals, and what happens to them.

    As it stands here it has terminals with nothing on their lines and no head-end.
    """

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()

    def prepare(self, content: Any) -> None:
        """What is going to be played, before any terminal is there."""

    def outfit(self, spec: TerminalSpec) -> TerminalSpec:
        """What its terminals are made of beside what every one is."""
        return spec

    def add_terminal(self, name: str, machine: Machine) -> Station:
        """A terminal at its place. From here on the machine is the world's to close, also where it is refused."""
        return self.world.add(Station(name, machine, {}, self.world.ns_at))

    def open(self) -> None:
        """All terminals are there: what the head-end has to add before they are switched on."""

    def provision(self, stations: Mapping[str, Station], wait: Wait) -> None:
        """Terminals are up: give them what they are to have. MachineError where one does not take it."""

    def begin(self, content: Any, begin_ms: int) -> None:
        """The content starts at `begin_ms`."""

    def act(self, action: ActionPlan, station: Station) -> None:
        """One of the system's own actions is due."""
        raise NotImplementedError(action.action)

    def is_over(self) -> bool:
        """Whether nothing is under way any more: the run goes on for some seconds until then."""
        return True

    def collect(self, seen: Seen) -> RunT:
        """Everything that is to be judged and reported."""
        raise NotImplementedError

    def close(self) -> None:
        self.world.close()


class System(Reader[PlanT], ABC, Generic[PlanT, RunT]):
    """A system on the bench. It has no state: a run's is in its `Session`.

    `files`: what a run writes into its folder beside the report and what terminals put out. `services`: what its
    terminals start (settop/services). `network`: whether they need IP, and with it an image that has it. `words`: the
    report's.
    """

    services: ClassVar[tuple[str, ...]] = ()
    network: ClassVar[bool] = False
    files: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[model.Words]

    # The run.

    @abstractmethod
    def content(self, plan: PlanT, making: Making) -> Content:
        """Make what is played. LocalError or RemoteError where it cannot be."""

    @abstractmethod
    def session(self, plan: PlanT) -> Session[RunT]:
        """A bench of its own, on which nothing has happened yet."""

    def wires(self, plan: PlanT, terminal: str) -> tuple[str, ...]:
        """What lies on the lines of this terminal's board (testbed.machines.base.TerminalSpec)."""
        return WIRES

    # What was seen.

    def terminal_json(self, run: RunT, terminal: Any) -> dict[str, Any]:
        """Members of a terminal's object in the JSON, behind its name."""
        return {}

    def run_json(self, run: RunT, terminals: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Members of the JSON, behind seed and runtime; `terminals` are the objects that follow."""
        return {}

    def checks(self, run: RunT) -> list[Check]:
        """What must hold whatever the scenario expects."""
        return []

    def terminal_checks(self, run: RunT, terminal: Any, expect: Any) -> list[Check]:
        """What an [[expect]] asked for of a terminal, but for `said`."""
        return []

    # The report.

    def report(self, run: RunT) -> model.ReportModel:
        """Everything that report and screen show."""
        plan = run.plan
        terminals = tuple(self.terminal_report(run, terminal, ()) for terminal in run.terminals)
        figures = (("runtime", run.runtime), *self.figures(run))
        return model.ReportModel(
            plan.title, run.runtime, plan.seed, self.words, (), terminals, figures, length_ms=run.end_ms
        )

    def terminal_report(self, run: RunT, terminal: Any, outcomes: tuple[model.Outcome, ...]) -> model.Terminal:
        """A terminal's phases, story and records; `outcomes` of the portions, where the system has them."""
        return model.Terminal(terminal.name, outcomes)

    def figures(self, run: RunT) -> tuple[tuple[str, str], ...]:
        """Further (label, value) pairs, behind the runtime."""
        return ()


def system_of(plan: Plan) -> System[Any, Any]:
    """The system that plays this plan."""
    system = plan.system
    assert isinstance(system, System)
    return system


def terminal_named(run: Run, name: str) -> TerminalRun:
    return next(terminal for terminal in run.terminals if terminal.name == name)
