"""What terminals made of a broadcast in portions: the comparison with the original, its checks, and its report."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from headend.ts.portions import Portion, packet_times_ns
from headend.ts.scrambler import ScrambleResult

from testbed.scenario import model
from testbed.scenario.broadcasts.analysis import Analysis, PortionResult, analyse
from testbed.scenario.broadcasts.on_air import (
    BROADCAST_FILE,
    OnAir,
    OnAirExpect,
    OnAirPlan,
    read_broadcast,
    read_portions,
)
from testbed.scenario.broadcasts.packetfile import read_packets
from testbed.scenario.broadcasts.pictures import MAX_PICTURED_PORTIONS, other_pictures, viewer_pictures
from testbed.scenario.broadcasts.tuning import concern, tunings
from testbed.scenario.run import Check, Run, TerminalRun
from testbed.scenario.system import System
from testbed.scenario.tables import Table
from testbed.station import Station


@dataclass(frozen=True)
class OnAirTerminal(TerminalRun):
    """Times in the analysis are ms of the broadcast."""

    analysis: Analysis


@dataclass(frozen=True)
class OnAirRun(Run):
    """A run whose content was broadcast."""

    terminals: tuple[OnAirTerminal, ...]
    scrambled: ScrambleResult
    broadcast: Path
    exposed: Mapping[int, int] = field(default_factory=dict)
    """Packets of the programme that were clear on air, by PID: there should be none."""

    @property
    def portions(self) -> list[Portion]:
        return self.scrambled.portions


def watched(plan: OnAirPlan, content: OnAir, station: Station, received: Path, begin_ms: int) -> Analysis:
    """What came out of a terminal, portion by portion, and when its console said that it had the key."""
    delivered = {int(event.value("portion") or -1): event.at_ms - begin_ms for event in reversed(station.events("key"))}
    tuned = tunings(station.events("tuned"), begin_ms)
    wanted = None
    if tuned:
        times_ms = packet_times_ns(content.broadcast, plan.programme).clip(min=0) // 1_000_000
        wanted = concern(read_packets(content.broadcast).rows, times_ms, tuned)
    portions = content.scrambled.portions
    return analyse(content.original, content.broadcast, received, portions, delivered, wanted)


def fully_clear(portion: PortionResult) -> bool:
    """Every packet that was scrambled on air came out, equal to the original."""
    return bool(
        portion.scrambled_packets
        and portion.clear_packets == portion.scrambled_packets
        and portion.clear_equal_original
        and not portion.damaged_packets
    )


def opened_checks(terminal: OnAirTerminal, expect: OnAirExpect) -> list[Check]:
    """The portions that were to be clear, and those that were to be dark."""
    name, portions = terminal.name, {part.index: part for part in terminal.analysis.portions}
    checks = []
    if expect.clear is not None:
        missing = [i for i in expect.clear if i not in portions or not fully_clear(portions[i])]
        seen = f"portions {missing} are not" if missing else "all are"
        checks.append(Check(f"{name}: portions {list(expect.clear)} whole, clear and equal", not missing, seen))
    if expect.dark is not None:
        bright = [i for i in expect.dark if i not in portions or portions[i].clear_packets]
        seen = f"portions {bright} are not" if bright else "all are"
        checks.append(Check(f"{name}: portions {list(expect.dark)} dark", not bright, seen))
    return checks


def damage_checks(terminal: OnAirTerminal, expect: OnAirExpect) -> list[Check]:
    if expect.damaged is None:
        return []
    damaged = terminal.analysis.damaged_packets
    return [Check(f"{terminal.name}: {expect.damaged} damaged packets", damaged == expect.damaged, str(damaged))]


def nothing_exposed(run: OnAirRun) -> Check:
    """What was clear on air was dark for nobody."""
    pids = ", ".join(f"{count} of PID 0x{pid:04x}" for pid, count in sorted(run.exposed.items()))
    return Check("no packet of the programme is clear on air", not pids, pids or "none is")


def tuning_checks(run: OnAirRun) -> list[Check]:
    """That the first terminal took up what its viewer tuned to, or what it said instead; none where he did not."""
    terminal = run.terminals[0]
    asked = [action.argument for action in run.plan.actions if action.action == "tune" and action.argument]
    if not asked:
        return []
    said = terminal.station.events("tuned")
    errors = [event.text for event in terminal.station.events("error")]
    seen = said[-1].text if said else errors[-1] if errors else "it says nothing"
    found = bool(said) and said[-1].value("seen") == "ringcast"
    return [Check(f"the terminal is tuned to {asked[-1]}", found, seen)]


OnAirPlanT = TypeVar("OnAirPlanT", bound=OnAirPlan)
OnAirRunT = TypeVar("OnAirRunT", bound=OnAirRun)


class OnAirSystem(System[OnAirPlanT, OnAirRunT]):
    """A system whose content is broadcast in portions: it adds the key path."""

    expect = OnAirExpect
    files: ClassVar[tuple[str, ...]] = (BROADCAST_FILE,)

    def read_plan(self, top: Table, folder: Path) -> dict[str, Any]:
        return read_broadcast(top.table("broadcast"), folder)

    def read_expect(self, entry: Table) -> dict[str, Any]:
        return read_portions(entry)

    def terminal_json(self, run: OnAirRunT, terminal: Any) -> dict[str, Any]:
        return {"portions": [portion.as_json() for portion in terminal.analysis.portions]}

    def checks(self, run: OnAirRunT) -> list[Check]:
        return [nothing_exposed(run)]

    def terminal_checks(self, run: OnAirRunT, terminal: Any, expect: Any) -> list[Check]:
        keys = self.key_checks(run, terminal, expect)
        return [*opened_checks(terminal, expect), *keys, *damage_checks(terminal, expect)]

    @abstractmethod
    def key_checks(self, run: OnAirRunT, terminal: Any, expect: Any) -> list[Check]:
        """What an [[expect]] asked for of the key path."""

    def report(self, run: OnAirRunT) -> model.ReportModel:
        plan, pictured = run.plan, run.portions[:MAX_PICTURED_PORTIONS]
        others = [*other_pictures(run.broadcast, pictured), *[None] * (len(run.portions) - len(pictured))]
        terminals = tuple(
            self.terminal_report(
                run,
                terminal,
                model.outcomes(terminal.analysis, viewer_pictures(terminal.received, terminal.analysis)),
            )
            for terminal in run.terminals
        )
        return model.ReportModel(
            plan.title,
            run.runtime,
            plan.seed,
            self.words,
            model.air_portions(run.portions, run.terminals[0].analysis, run.end_ms, others),
            terminals,
            (("runtime", run.runtime), *self.figures(run)),
            exposed=sum(run.exposed.values()),
        )
