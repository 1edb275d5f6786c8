"""Runs that several tests of a whole call look at; each is made once."""

from pathlib import Path

import pytest
from testbed.runtimes import RuntimeUnavailable
from testbed.scenario.plan import ActionPlan, LinePlan, Plan
from testbed.terminals import Runtime, find_runtime

from tests.helpers.observed import Observed, call_plan, cheap_broadcast, observe

PORTION_S = 1.0


def two_windows(source: Path, runtime: str) -> Plan:
    """T1 calls early and long, T2 late and short, T3 never. Portions of one second."""
    actions = [
        ActionPlan(0.4, "T1", "call"),
        ActionPlan(8.5, "T1", "hang_up"),
        ActionPlan(3.3, "T2", "call"),
        ActionPlan(10.4, "T2", "hang_up"),
    ]
    names: tuple[str, ...] = ("T1", "T2")
    if runtime == "cpython":
        names = (*names, "T3")
    actions += [ActionPlan(12.7, name, "command", "status") for name in names]
    return Plan(
        runtime=runtime,
        input=source,
        portion_seconds=PORTION_S,
        terminals=names,
        actions=tuple(actions),
        line=LinePlan(setup_ms=300),
    )


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """13 s of a programme with few packets."""
    return cheap_broadcast(tmp_path_factory.mktemp("source") / "in.ts", 13)


@pytest.fixture(scope="session")
def windows(source, tmp_path_factory) -> Observed:
    """Two callers with their own windows and one who never calls, on CPython."""
    return observe(two_windows(source, "cpython"), tmp_path_factory.mktemp("windows"))


@pytest.fixture(scope="session")
def long_call(tmp_path_factory) -> Observed:
    """One call over more than a hundred portions of a second, keys at most 900 ms ahead."""
    out = tmp_path_factory.mktemp("long")
    source = cheap_broadcast(out / "in.ts", 111, packets_per_s=20)
    return observe(call_plan(source, 0.5, 108.5, portion_seconds=1.0, lead_max_seconds=0.9), out)


@pytest.fixture(scope="session")
def dense_call(tmp_path_factory) -> Observed:
    """A call over a programme of 500 packets a second with adaptation fields of many lengths."""
    out = tmp_path_factory.mktemp("dense")
    source = cheap_broadcast(out / "in.ts", 14, packets_per_s=500)
    return observe(call_plan(source, 0.5, 12.2, portion_seconds=1.0), out)


@pytest.fixture(scope="session")
def pico() -> Runtime:
    try:
        return find_runtime("pico")
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def windows_on_pico(pico, source, tmp_path_factory) -> Observed:
    """Two callers with their own windows on two emulated Picos; memory is kept four times a second."""
    plan = two_windows(source, "pico")
    return observe(plan, tmp_path_factory.mktemp("pico"), pico, snapshot_ms=range(0, 60_000, 250))
