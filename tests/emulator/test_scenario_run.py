"""Runs of whole scenarios: slow lines, power, the end of a run, and a judgement that allows for a slow host."""

from types import SimpleNamespace

import pytest
from headend.ts.portions import Portion
from testbed.scenario.plan import ActionPlan
from testbed.scenario.runner import run_plan
from testbed.station import ConsoleEvent
from testbed.systems.call.judging import demo_checks
from testbed.systems.call.plan import CallPlan, LinePlan
from testbed.terminals import find_runtime

from tests.helpers.observed import call_plan, cheap_broadcast, key_times, whole_portions


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return cheap_broadcast(tmp_path_factory.mktemp("source") / "in.ts", 24)


def play(plan, out):
    return run_plan(plan, find_runtime("cpython"), out)


@pytest.mark.parametrize(
    ("bits_per_s", "delay_ms", "portion_s"),
    [(1200, 0, 1.0), (1200, 500, 1.5), (2400, 10, 0.8), (2400, 500, 1.25), (56_000, 500, 1.1), (1200, 500, 4.0)],
)
def test_every_line_that_a_plan_may_have_keeps_the_least_lead(bits_per_s, delay_ms, portion_s, source, tmp_path):
    line = LinePlan(bits_per_s=bits_per_s, delay_ms=delay_ms)
    run = play(call_plan(source, 0.5, 22.0, portion_seconds=portion_s, line=line), tmp_path)
    terminal = run.terminals[0]
    start_ms = {span.index: span.started_ms for span in run.portions}
    keys = key_times(terminal, run.begin_ms)
    # The first two leave as soon as the terminal asks.
    late = [(portion, at_ms) for portion, at_ms in keys[2:] if at_ms > start_ms[portion] - 490]
    assert not late
    hung_up = [span.index for span in run.portions if span.started_ms <= 22_000][-1]
    assert whole_portions(terminal) == list(range(keys[1][0], hung_up + 1))
    assert len(terminal.records) == 1
    assert not terminal.calls[0].refused


def test_run_lasts_until_the_terminal_has_hung_up_too(source, tmp_path):
    run = play(call_plan(source, 1.0, 23.5), tmp_path)
    station = run.terminals[0].station
    assert [event.name for event in station.console][-1] == "hung_up"
    assert not station.in_call


def test_run_does_not_wait_for_a_terminal_without_power(source, tmp_path):
    actions = (ActionPlan(1.0, "T1", "call"), ActionPlan(23.0, "T1", "power_cut"))
    run = play(CallPlan(runtime="cpython", input=source, actions=actions), tmp_path)
    assert not run.terminals[0].station.on


def test_power_that_comes_back_brings_back_the_terminal(source, tmp_path):
    actions = (
        ActionPlan(1.0, "T1", "call"),
        ActionPlan(8.5, "T1", "power_cut"),
        ActionPlan(9.0, "T1", "power_on"),
        ActionPlan(10.0, "T1", "call"),
        ActionPlan(20.5, "T1", "hang_up"),
    )
    run = play(CallPlan(runtime="cpython", input=source, actions=actions), tmp_path)
    boots = [event.value("boot") for event in run.terminals[0].station.events("ready")]
    assert boots == ["0", "2"]
    assert whole_portions(run.terminals[0]) == [3, 9, 10]


def judged(hang_up, *portions, exposed=None):
    """The demo's checks of portions (index, start, key at, clear), 10 packets each."""
    made = [
        SimpleNamespace(
            index=index,
            portion=Portion(index, index * 10, 10, started_ms),
            key_delivered_ms=key_ms,
            scrambled_packets=10,
            clear_packets=10 if clear else 0,
            clear_equal_original=clear or None,
            damaged_packets=0,
        )
        for index, started_ms, key_ms, clear in portions
    ]
    station = SimpleNamespace(events=lambda name: [hang_up] if name == "hanging_up" else [])
    analysis = SimpleNamespace(portions=made, damaged_packets=0)
    terminals = (SimpleNamespace(station=station, analysis=analysis),)
    run = SimpleNamespace(begin_ms=100, terminals=terminals, exposed=exposed or {})
    return [check.passed for check in demo_checks(run)]


@pytest.mark.parametrize(
    ("hung_up_ms", "last_kept", "third_clear", "passes"),
    [
        (4050, "1", False, True),  # the terminal had not seen portion 2 begin
        (4050, "1", True, False),
        (4050, "none", False, True),
        (4050, "2", True, True),
        (4050, "2", False, False),
        (3950, "2", True, False),  # portion 2 began after the hang-up, whatever the terminal says
        (3950, "1", False, True),
        (4800, "1", False, False),  # nobody is that slow
    ],
)
def test_demo_judges_the_portion_at_the_hang_up_by_what_the_terminal_had_seen(
    hung_up_ms, last_kept, third_clear, passes
):
    hang_up = ConsoleEvent(100 + hung_up_ms, "hanging_up", f"last_kept={last_kept}")
    third = (2, 4000, 2100, third_clear)
    checks = judged(hang_up, (0, 0, None, False), (1, 2000, 1500, True), third, (3, 6000, None, False))
    assert all(checks) == passes


def test_demo_fails_where_something_was_clear_on_air():
    hang_up = ConsoleEvent(3950, "hanging_up", "last_kept=1")
    portions = (0, 0, None, False), (1, 2000, 1500, True)
    assert all(judged(hang_up, *portions))
    assert judged(hang_up, *portions, exposed={0x101: 3}) == [True, True, True, False]
