"""The network as scenarios see it: pages on a server, and terminals that fetch them by broadband or by telephone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from testbed.machines.base import NETWORK
from testbed.scenario import model
from testbed.scenario.run import Check
from testbed.scenario.system import Making, System
from testbed.scenario.tables import Table
from testbed.systems.network import judging, report
from testbed.systems.network.plan import (
    BROADBAND,
    NetworkAction,
    NetworkExpect,
    NetworkPlan,
    read_action,
    read_expect,
    read_plan,
)
from testbed.systems.network.setup import NetworkRun, NetworkSession, NetworkTerminal, PagesContent, page_octets


class NetworkSystem(System[NetworkPlan, NetworkRun]):
    """Its content is no broadcast: nothing is on air, and the tuner is silent."""

    plan = NetworkPlan
    action = NetworkAction
    expect = NetworkExpect
    actions: ClassVar[tuple[str, ...]] = ("go_online", "go_offline", "fetch", "upload", "drop_link", "drop_line")
    services: ClassVar[tuple[str, ...]] = ("network",)
    network: ClassVar[bool] = True
    words: ClassVar[model.Words] = report.WORDS

    def read_plan(self, top: Table, folder: Path) -> dict[str, Any]:
        return read_plan(top, folder)

    def read_action(self, entry: Table) -> dict[str, Any]:
        return read_action(entry)

    def read_expect(self, entry: Table) -> dict[str, Any]:
        return read_expect(entry)

    def wires(self, plan: NetworkPlan, terminal: str) -> tuple[str, ...]:
        return (NETWORK if plan.access_of(terminal) == BROADBAND else "modem", "tuner")

    def content(self, plan: NetworkPlan, making: Making) -> PagesContent:
        pages = {page.path: page_octets(plan, page) for page in plan.pages}
        return PagesContent(length_ms=round(plan.seconds * 1000), pages=pages)

    def session(self, plan: NetworkPlan) -> NetworkSession:
        return NetworkSession(plan)

    def terminal_json(self, run: NetworkRun, terminal: NetworkTerminal) -> dict[str, Any]:
        return judging.terminal_json(run, terminal)

    def run_json(self, run: NetworkRun, terminals: Sequence[dict[str, Any]]) -> dict[str, Any]:
        pages = {
            path: {"octets": len(octets), "sha256": judging.digest_of(octets)} for path, octets in run.pages.items()
        }
        return {"pages": pages, "notice": run.notice}

    def checks(self, run: NetworkRun) -> list[Check]:
        return [judging.honest(run)]

    def terminal_checks(self, run: NetworkRun, terminal: NetworkTerminal, expect: NetworkExpect) -> list[Check]:
        return judging.terminal_checks(run, terminal, expect)

    def terminal_report(
        self, run: NetworkRun, terminal: NetworkTerminal, outcomes: tuple[model.Outcome, ...]
    ) -> model.Terminal:
        return report.terminal_report(run, terminal)

    def figures(self, run: NetworkRun) -> tuple[tuple[str, str], ...]:
        return report.figures(run)


SYSTEM = NetworkSystem()
