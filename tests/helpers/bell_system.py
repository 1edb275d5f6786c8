"""A system for tests, with neither telephone nor broadcast: a door bell that has the terminal say its status."""

from dataclasses import dataclass

from settop.errors import LocalError
from testbed.scenario import model
from testbed.scenario.plan import ActionPlan, ExpectPlan, Plan
from testbed.scenario.run import Check, Run
from testbed.scenario.run import TerminalRun as BellTerminal
from testbed.scenario.system import Content, Session, System
from testbed.scenario.tables import within


@dataclass(frozen=True)
class BellPlan(Plan):
    open_seconds: int = 3

    def __post_init__(self):
        within("door.open_seconds", self.open_seconds, 1, 60)
        super().__post_init__()

    @property
    def system(self):
        return SYSTEM


@dataclass(frozen=True)
class BellAction(ActionPlan):
    times: int = 1

    def __post_init__(self):
        super().__post_init__()
        if self.action != "ring" and self.times != 1:
            raise LocalError(f"action {self.action} has times; only ring has them")


@dataclass(frozen=True)
class BellExpect(ExpectPlan):
    answers: int | None = None


@dataclass(frozen=True)
class BellRun(Run):
    rung: tuple[tuple[int, int], ...]
    """(ms of the content, times), as the head-end wrote it down."""


class BellSession(Session[BellRun]):
    def __init__(self, plan):
        super().__init__()
        self.plan, self.begin_ms, self.rung, self.stations = plan, 0, [], {}

    def add_terminal(self, name, machine):
        self.stations[name] = super().add_terminal(name, machine)
        return self.stations[name]

    def begin(self, content, begin_ms):
        self.begin_ms = begin_ms

    def act(self, action, station):
        for _ in range(action.times):
            station.say("status")
        self.rung.append((self.world.now_ms - self.begin_ms, action.times))

    def collect(self, seen):
        terminals = tuple(BellTerminal(name, self.stations[name], path) for name, path in seen.received.items())
        return BellRun(self.plan, seen.runtime, seen.begin_ms, seen.content.length_ms, terminals, tuple(self.rung))


def answers(terminal):
    return len(terminal.station.events("status"))


class BellSystem(System[BellPlan, BellRun]):
    plan, action, expect = BellPlan, BellAction, BellExpect
    actions = ("ring",)
    words = model.Words(("rung", "quiet"), "door", "door", "The door", "Timeline of the door", "A bell.")

    def read_plan(self, top, folder):
        return {"open_seconds": top.table("door").take("open_seconds", int, BellPlan.open_seconds)}

    def read_action(self, entry):
        return {"times": entry.take("times", int, 1)}

    def read_expect(self, entry):
        return {"answers": entry.take("answers", int, None)}

    def content(self, plan, making):
        return Content(length_ms=plan.open_seconds * 1000)

    def session(self, plan):
        return BellSession(plan)

    def terminal_json(self, run, terminal):
        return {"answers": answers(terminal)}

    def run_json(self, run, terminals):
        return {"rung": [list(pair) for pair in run.rung]}

    def terminal_checks(self, run, terminal, expect):
        seen = answers(terminal)
        return [Check(f"{terminal.name}: {expect.answers} answers", seen == expect.answers, str(seen))]

    def terminal_report(self, run, terminal, outcomes):
        rung = [at_ms for at_ms, _ in run.rung]
        rows = tuple((f"{at_ms} ms", str(times)) for at_ms, times in run.rung)
        return model.Terminal(
            terminal.name,
            outcomes,
            tuple(model.Phase("rung", at_ms, at_ms + 500) for at_ms in rung),
            model.Instant(rung[0], "rings", "somebody rings") if rung else None,
            model.Story(before=(model.Sentence(f"was rung {len(rung)} times.", named=True),)),
            (model.Records("Who rang", (model.Column("when"), model.Column("times", strong=True)), rows),),
        )

    def figures(self, run):
        return (("answers", str(answers(run.terminals[0]))),)


SYSTEM = BellSystem()
