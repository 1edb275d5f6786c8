"""What a run showed: the JSON of `demo` and `run`, the checks of a scenario, and the report's model.

Nothing here depends on a path, a host or the wall clock: two runs of one seed in virtual time give the same bytes.
"""

import json
from collections.abc import Sequence

from testbed.scenario import model
from testbed.scenario.run import Check, Run, TerminalRun
from testbed.scenario.system import system_of, terminal_named


def run_json(run: Run, checks: Sequence[Check]) -> str:
    """The JSON text; what only its system knows is said by that."""
    system = system_of(run.plan)
    terminals = [{"name": terminal.name, **system.terminal_json(run, terminal)} for terminal in run.terminals]
    document = {
        "seed": run.plan.seed,
        "runtime": run.runtime,
        **system.run_json(run, terminals),
        "terminals": terminals,
        "checks": [{"what": check.what, "passed": check.passed, "seen": check.seen} for check in checks],
    }
    return json.dumps(document, indent=1) + "\n"


def check_expectations(run: Run) -> list[Check]:
    """What the scenario's [[expect]] tables asked for, each with what was seen."""
    system = system_of(run.plan)
    checks: list[Check] = system.checks(run)
    for expect in run.plan.expects:
        terminal = terminal_named(run, expect.terminal)
        checks += system.terminal_checks(run, terminal, expect)
        checks += _said(terminal, expect.said)
    return checks


def _said(terminal: TerminalRun, texts: Sequence[str]) -> list[Check]:
    said = [f"{event.name} {event.text}" for event in terminal.station.console]
    counts = [(text, sum(text in line for line in said)) for text in texts]
    return [Check(f"{terminal.name}: the console says {text!r}", count > 0, f"{count} times") for text, count in counts]


def report_model(run: Run) -> model.ReportModel:
    """Everything that the HTML report and the screen show."""
    return system_of(run.plan).report(run)
