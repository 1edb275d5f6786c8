"""A terminal whose flash is put back between two calls: outcome, record and report say that there was an alarm."""

from headend.callcentre.tokens import CLONE_TEXT
from testbed.machines.cpython import CpythonMachine
from testbed.scenario.plan import ActionPlan
from testbed.systems.call.judging import terminal_json
from testbed.systems.call.plan import CallPlan, LinePlan
from testbed.systems.call.report import terminal_report
from testbed.terminals import Runtime

from tests.helpers.observed import cheap_broadcast, observe

CALLS_S = ((0.5, 4.5), (8.5, 12.5))


class PutBack(CpythonMachine):
    """Its flash is copied before the first call, and put back once that is over."""

    def __init__(self, spec):
        super().__init__(spec)
        self.said = b""
        self.backup = None

    def take(self, line):
        data = super().take(line)
        self.said += data if line == "console" else b""
        return data

    def advance(self, now_ns):
        super().advance(now_ns)
        if b" dialling " not in self.said:
            self.backup = dict(self.files)
        elif b" hung_up" in self.said and self.backup is not None:
            self.files.clear()
            self.files.update(self.backup)
            self.backup = None
            self.app.services.get("call")._token_of = None  # as at power-on: the token is read anew


def test_flash_that_was_put_back_is_in_outcome_record_and_report(tmp_path):
    source = cheap_broadcast(tmp_path / "in.ts", 16)
    actions = [
        ActionPlan(at_s, "T1", action)
        for start_s, end_s in CALLS_S
        for at_s, action in ((start_s, "call"), (end_s, "hang_up"))
    ]
    plan = CallPlan(
        input=source, portion_seconds=2.0, terminals=("T1",), actions=tuple(actions), line=LinePlan(setup_ms=300)
    )
    seen = observe(plan, tmp_path / "out", Runtime("cpython", "this test's", PutBack))
    outcome = terminal_json(seen.run, seen.first)
    assert [call["alarms"] for call in outcome["calls"]] == [[], [CLONE_TEXT]]
    assert [record["alarms"] for record in outcome["records"]] == [[], [CLONE_TEXT]]
    assert all(len(call["keys_delivered"]) >= 2 for call in outcome["calls"])
    story = terminal_report(seen.run, seen.first, ()).story
    assert f"The centre raised an alarm: {CLONE_TEXT}." in [sentence.text for sentence in story.before]
