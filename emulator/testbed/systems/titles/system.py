"""Titles as scenarios see them: packed by the head-end, played by terminals, heard through a decoder chip."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from testbed.machines import base
from testbed.scenario import model
from testbed.scenario.run import Check
from testbed.scenario.system import Making, System
from testbed.scenario.tables import Table
from testbed.systems.titles import judging, report
from testbed.systems.titles.plan import NETWORK, TitlesExpect, TitlesPlan, read_expect, read_plan
from testbed.systems.titles.setup import TitlesContent, TitlesRun, TitlesSession, TitlesTerminal, make_titles


class TitlesSystem(System[TitlesPlan, TitlesRun]):
    """Titles on the board's flash. Nothing is on air, and the tuner is silent."""

    plan = TitlesPlan
    expect = TitlesExpect
    actions: ClassVar[tuple[str, ...]] = ("license", "play", "pause", "resume", "seek", "stop")
    services: ClassVar[tuple[str, ...]] = ("titles",)
    files: ClassVar[tuple[str, ...]] = ("heard.wav",)
    words: ClassVar[model.Words] = report.WORDS

    def for_plan(self, plan: TitlesPlan) -> "TitlesSystem":
        """The one whose terminals have what this plan needs."""
        return ONLINE if plan.where == NETWORK else SYSTEM

    def read_plan(self, top: Table, folder: Path) -> dict[str, Any]:
        return read_plan(top, folder)

    def read_expect(self, entry: Table) -> dict[str, Any]:
        return read_expect(entry)

    def content(self, plan: TitlesPlan, making: Making) -> TitlesContent:
        return TitlesContent(length_ms=round(plan.seconds * 1000), titles=make_titles(plan, making))

    def session(self, plan: TitlesPlan) -> TitlesSession:
        return TitlesSession(plan)

    def terminal_json(self, run: TitlesRun, terminal: TitlesTerminal) -> dict[str, Any]:
        return judging.terminal_json(run, terminal)

    def run_json(self, run: TitlesRun, terminals: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {"titles": {name: judging.title_json(title) for name, title in run.titles.items()}}

    def checks(self, run: TitlesRun) -> list[Check]:
        return judging.honest(run)

    def terminal_checks(self, run: TitlesRun, terminal: TitlesTerminal, expect: TitlesExpect) -> list[Check]:
        return judging.terminal_checks(run, terminal, expect)

    def terminal_report(
        self, run: TitlesRun, terminal: TitlesTerminal, outcomes: tuple[model.Outcome, ...]
    ) -> model.Terminal:
        return report.terminal_report(run, terminal)

    def figures(self, run: TitlesRun) -> tuple[tuple[str, str], ...]:
        return report.figures(run)


class OnlineTitlesSystem(TitlesSystem):
    """Titles on a server, by broadband."""

    services: ClassVar[tuple[str, ...]] = ("network", "titles")
    network: ClassVar[bool] = True

    def wires(self, plan: TitlesPlan, terminal: str) -> tuple[str, ...]:
        return (base.NETWORK, "tuner")


SYSTEM = TitlesSystem()
ONLINE = OnlineTitlesSystem()
