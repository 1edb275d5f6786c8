"""Power cut at every step of every store in long histories, and hours of a call, in virtual time."""

import random
import sys
from pathlib import Path

import pytest

from tests.helpers.observed import call_plan, cheap_broadcast, key_times, observe, whole_portions

sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("firmware", "vectors")]
import test_keystore_power as power  # noqa: E402

from tests.link.test_call_token_roll import pairs_of_cuts  # noqa: E402

pytestmark = pytest.mark.soak

HOURS = 2
PAIR_STRIDE = 41
PORTION_S = 10.0


@pytest.mark.parametrize("medium", power.MEDIA)
@pytest.mark.parametrize("row", power.ROWS, ids=[row[0] for row in power.ROWS])
def test_a_cut_at_every_step_on_every_medium_leaves_old_or_new(row, medium):
    """What the quick tier does on one medium a row."""
    before = power.CUTS[0]
    power.sweep(row, medium, 1)
    print(f"{row[0]}, {medium}: {power.CUTS[0] - before} cuts")


@pytest.mark.parametrize("medium", power.MEDIA)
@pytest.mark.parametrize("row", power.ROWS, ids=[row[0] for row in power.ROWS])
def test_two_cuts_at_pairs_of_steps_leave_old_or_new(row, medium):
    """What comes second, a start or the same again, begins with whatever the first cut left. Every step for the first
    cut, every PAIR_STRIDE-th, shifted each time, for the second."""
    what, make, action, look, old, new = row
    before = make()
    total = power.run(before.copy(), action, medium=medium)[1]
    cuts = 0
    for one in range(0, total, 3):
        first = before.copy()
        power.run(first, action, medium=medium, steps=one)
        length = power.run(first.copy(), action, medium=medium)[1]
        for two in range(one % PAIR_STRIDE, length, PAIR_STRIDE):
            flash = first.copy()
            cut, _, _ = power.run(flash, action, medium=medium, steps=two)
            keystore, _, wrong = power.started(flash)
            assert (cut, wrong) == (True, ""), (what, medium, one, two)
            assert look(keystore) in (old, new), (what, medium, one, two)
            cuts += 1
    print(f"{what}, {medium}: {cuts} pairs")


def test_boot_numbers_are_never_given_twice_in_a_hundred_thousand_boots_with_cuts(cases):
    rng = random.Random(14)
    flash, used = power.provisioned(), set()
    for _ in cases(1000):
        _, _, number = power.run(flash, power.nothing, medium=rng.choice(power.MEDIA), steps=rng.randrange(400))
        assert number == 0 or number not in used
        used.add(number)
    assert len(used) > 100


@pytest.mark.parametrize("medium", power.MEDIA)
@pytest.mark.parametrize("calls", [0, 1])
def test_power_cuts_in_a_roll_and_lost_lines_in_the_next_raise_no_alarm(calls, medium):
    assert pairs_of_cuts(calls, medium, taken=5) > 1_000


def test_hours_of_a_call_bring_every_key_in_time(tmp_path):
    seconds = HOURS * 3600
    source = cheap_broadcast(tmp_path / "in.ts", seconds + 5, packets_per_s=10)
    seen = observe(call_plan(source, 0.5, seconds + 0.5, portion_seconds=PORTION_S), tmp_path / "out")
    keys = [portion for portion, _ in key_times(seen.first, seen.run.begin_ms)]
    wanted = list(range(int(seconds / PORTION_S)))
    assert keys[: len(wanted)] == wanted
    assert [index for index in whole_portions(seen.first) if 0 < index < wanted[-1]] == wanted[1:-1]
