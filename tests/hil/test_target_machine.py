"""What any terminal does, whatever it runs on: `--target` says which machine this is."""

import time
from contextlib import closing

import pytest
from testbed.machines.base import MachineError
from testbed.terminals import TUNER_BAUDS, terminal_spec

MS = 1_000_000


class Bench:
    """A machine under its own kind of clock."""

    def __init__(self, target):
        self.machine = target.runtime.machine(terminal_spec(target.name, TUNER_BAUDS[target.name][0], b"target"))
        self._now_ns = 0 if target.virtual else time.monotonic_ns()
        self._virtual = target.virtual
        self.heard = ""

    def until(self, word, limit_s=30):
        """The console's lines up to one with `word` in it."""
        deadline_s = time.monotonic() + 10 * limit_s
        end_ns = self._now_ns + limit_s * 1000 * MS
        while word not in self.heard.rpartition("\n")[0]:
            self._now_ns += 5 * MS
            if not self._virtual:
                self._now_ns = max(self._now_ns, time.monotonic_ns())
            assert self._now_ns < end_ns and time.monotonic() < deadline_s, f"no {word!r}: {self.heard!r}"
            self.machine.advance(self._now_ns)
            self.heard += self.machine.take("console").decode()
        lines, _, self.heard = self.heard.rpartition("\n")
        return next(line for line in lines.splitlines() if word in line)

    def say(self, command):
        self.machine.send("console", command.encode() + b"\n")


@pytest.fixture
def bench(target):
    made = Bench(target)
    with closing(made.machine):
        made.machine.boot()
        yield made


def test_terminal_gets_ready_and_answers_on_its_console(bench):
    assert " ready board=" in bench.until("ready")
    bench.say("status")
    assert "call=idle" in bench.until("status")
    bench.say("no such command")
    assert "unknown command" in bench.until("error")


def test_terminal_comes_back_after_a_power_cut(bench, target):
    bench.until("ready")
    try:
        bench.machine.power_cut()
    except MachineError as error:
        target.skip(str(error))
    bench.machine.boot()
    assert " ready board=" in bench.until("ready")


def test_terminal_can_be_attached_to_again_and_again(target):
    for _ in range(2):
        bench = Bench(target)
        with closing(bench.machine):
            bench.machine.boot()
            assert " ready board=" in bench.until("ready")
