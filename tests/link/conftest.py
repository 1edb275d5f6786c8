"""Runs that several tests of a whole call look at; each is made once, on the target that `--target` names."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from testbed.runtimes import RuntimeUnavailable
from testbed.scenario.plan import ActionPlan
from testbed.systems.call.plan import CallPlan, LinePlan
from testbed.terminals import Runtime, find_runtime

from tests.helpers.observed import Observed, call_plan, cheap_broadcast, observe
from tests.targets import Target

PORTION_S = 1.0
SNAPSHOTS_MS = range(0, 60_000, 250)

Play = Callable[..., Observed]


def two_windows(source: Path, runtime: str, terminals: int) -> CallPlan:
    """T1 calls early and long, T2 late and short, T3 never, as far as there are terminals. Portions of one second."""
    names = ("T1", "T2", "T3")[:terminals]
    actions = [
        ActionPlan(0.4, "T1", "call"),
        ActionPlan(8.5, "T1", "hang_up"),
        ActionPlan(3.3, "T2", "call"),
        ActionPlan(10.4, "T2", "hang_up"),
    ]
    actions += [ActionPlan(12.7, name, "command", "status") for name in names]
    return CallPlan(
        runtime=runtime,
        input=source,
        portion_seconds=PORTION_S,
        terminals=names,
        actions=tuple(action for action in actions if action.terminal in names),
        line=LinePlan(setup_ms=300),
    )


@pytest.fixture(scope="session")
def play(target: Target) -> Play:
    """play(plan, out): the plan on the target, with taps. Skips where the target has too few terminals."""

    def play_plan(plan: CallPlan, out: Path, **options: object) -> Observed:
        target.need_terminals(len(plan.terminals))
        return observe(replace(plan, runtime=target.name), out, target.runtime, **options)  # type: ignore[arg-type]

    return play_plan


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """13 s of a programme with few packets."""
    return cheap_broadcast(tmp_path_factory.mktemp("source") / "in.ts", 13)


@pytest.fixture(scope="session")
def windows(request, source, target, play, tmp_path_factory) -> Observed:
    """Two callers with their own windows and one who never calls; fewer where there are fewer terminals.

    On the emulated Pico it is the run whose memory is kept, which has the two callers.
    """
    if target.name == "pico":
        observed: Observed = request.getfixturevalue("windows_on_pico")
        return observed
    return play(two_windows(source, target.name, target.terminals), tmp_path_factory.mktemp("windows"))


@dataclass(frozen=True)
class LongCall:
    """One call over so many portions of a second, keys at most 900 ms ahead. `keys`: so many are to be seen."""

    observed: Observed
    keys: int


@pytest.fixture(scope="session")
def long_run(target, play, tmp_path_factory) -> LongCall:
    """More than a hundred portions; 28 where a second of the broadcast takes a second of somebody's life or more."""
    seconds, keys = (108, 100) if target.name == "cpython" else (30, 24)
    out = tmp_path_factory.mktemp("long")
    source = cheap_broadcast(out / "in.ts", seconds + 3, packets_per_s=20)
    plan = call_plan(source, 0.5, seconds + 0.5, portion_seconds=1.0, lead_max_seconds=0.9)
    return LongCall(play(plan, out), keys)


@pytest.fixture(scope="session")
def long_call(long_run) -> Observed:
    return long_run.observed


@dataclass(frozen=True)
class DenseCall:
    observed: Observed
    packets_per_s: int


@pytest.fixture(scope="session")
def dense_run(target, play, tmp_path_factory) -> DenseCall:
    """A call over a programme of many packets with adaptation fields of many lengths.

    500 packets a second; 150 where an emulated Pico has to descramble them in real time.
    """
    rate = 150 if target.name == "serial" else 500
    out = tmp_path_factory.mktemp("dense")
    source = cheap_broadcast(out / "in.ts", 14, packets_per_s=rate)
    return DenseCall(play(call_plan(source, 0.5, 12.2, portion_seconds=1.0), out), rate)


@pytest.fixture(scope="session")
def dense_call(dense_run) -> Observed:
    return dense_run.observed


@pytest.fixture(scope="session")
def pico(target) -> Runtime:
    """The emulated Pico in virtual time, for what only it shows: its memory."""
    if target.name not in ("cpython", "pico"):
        target.skip("memory can be looked at on the emulated Pico in virtual time alone")
    if target.name == "pico":
        return target.runtime
    try:
        return find_runtime("pico")
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def windows_on_pico(pico, source, tmp_path_factory) -> Observed:
    """Two callers with their own windows on two emulated Picos; memory is kept four times a second."""
    plan = two_windows(source, "pico", 2)
    return observe(plan, tmp_path_factory.mktemp("pico"), pico, snapshot_ms=SNAPSHOTS_MS)
