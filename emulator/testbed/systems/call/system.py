"""The call as scenarios see it: a broadcast in portions, its keys by telephone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from headend.callcentre.service import Trunk
from settop.wire.offer import Offer

from testbed.scenario import model
from testbed.scenario.broadcasts.on_air import OnAir, prepare
from testbed.scenario.broadcasts.watching import OnAirSystem
from testbed.scenario.run import Check
from testbed.scenario.system import Making
from testbed.scenario.tables import Table
from testbed.systems.call import judging, report
from testbed.systems.call.centre import MakeTrunk
from testbed.systems.call.plan import CallAction, CallExpect, CallPlan, read_expect, read_plan
from testbed.systems.call.setup import CURRENCY, TARIFF, CallRun, CallSession, CallTerminal


class CallSystem(OnAirSystem[CallPlan, CallRun]):
    """make_trunk: makes the call centre's trunks, of the given ledger, schedule, timing and random octets."""

    plan = CallPlan
    action = CallAction
    expect = CallExpect
    actions: ClassVar[tuple[str, ...]] = ("call", "hang_up", "drop_line")
    services: ClassVar[tuple[str, ...]] = ("call",)
    words: ClassVar[model.Words] = report.WORDS

    def __init__(self, make_trunk: MakeTrunk = Trunk) -> None:
        self._make_trunk = make_trunk

    def read_plan(self, top: Table, folder: Path) -> dict[str, Any]:
        return read_plan(top, folder)

    def read_action(self, entry: Table) -> dict[str, Any]:
        return {"max_price": entry.take("max_price", int, None)}

    def read_expect(self, entry: Table) -> dict[str, Any]:
        return read_expect(entry)

    def content(self, plan: CallPlan, making: Making) -> OnAir:
        return prepare(plan, making, Offer(plan.tariff_portion_price, CURRENCY, TARIFF, plan.tariff_set_up_price))

    def session(self, plan: CallPlan) -> CallSession:
        return CallSession(plan, self._make_trunk)

    def terminal_json(self, run: CallRun, terminal: CallTerminal) -> dict[str, Any]:
        return judging.terminal_json(run, terminal)

    def run_json(self, run: CallRun, terminals: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The first terminal's call and portions also stand at the top."""
        return {"call": terminals[0]["call"], "portions": terminals[0]["portions"]}

    def key_checks(self, run: CallRun, terminal: CallTerminal, expect: CallExpect) -> list[Check]:
        return judging.key_checks(terminal, expect)

    def terminal_report(
        self, run: CallRun, terminal: CallTerminal, outcomes: tuple[model.Outcome, ...]
    ) -> model.Terminal:
        return report.terminal_report(run, terminal, outcomes)

    def figures(self, run: CallRun) -> tuple[tuple[str, str], ...]:
        return report.figures(run)


SYSTEM = CallSystem()
