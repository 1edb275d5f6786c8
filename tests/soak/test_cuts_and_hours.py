"""Power cut at every step of every store in long histories, and hours of a call, in virtual time."""

import random
import sys
from itertools import product
from pathlib import Path

import pytest

from tests.helpers.observed import call_plan, cheap_broadcast, key_times, observe, whole_portions

sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("firmware", "vectors")]
import test_keystore_power as power  # noqa: E402

from tests.link.test_call_token_roll import pairs_of_cuts  # noqa: E402

pytestmark = pytest.mark.soak

HOURS = 2
PORTION_S = 10.0


@pytest.mark.parametrize("medium", power.MEDIA)
@pytest.mark.parametrize("size", [0, 1, 60, 500])
def test_two_cuts_at_every_pair_of_steps_leave_the_old_or_a_new_record(medium, size):
    """The second store begins with whatever the first cut left."""
    rng = random.Random(size)
    first, second = (bytes(rng.randbytes(size)) for _ in range(2))
    before = power._prepared((b"old",))
    keystore, fs = power._open(dict(before), medium)
    keystore.store("rec", first)
    stride = 1 + size // 16
    for one, two in product(range(0, fs.taken, stride), range(0, fs.taken, stride)):
        files = dict(before)
        allowed = {b"old", first}
        for steps, value in ((one, first), (two, second)):
            keystore, _ = power._open(files, medium, steps)
            try:
                keystore.store("rec", value)
                allowed = {value}
            except power.PowerCut:
                allowed = allowed | {value}
            found = bytes(power._open(files)[0].load("rec"))
            assert found in allowed, (medium, one, two)
            allowed = {found}


def test_boot_numbers_are_never_given_twice_in_a_hundred_thousand_boots_with_cuts(cases):
    rng = random.Random(14)
    files, used = {}, set()
    for _ in cases(1000):
        keystore, _ = power._open(files, rng.choice(power.MEDIA), rng.randrange(300))
        try:
            number = power.next_boot(keystore)
        except power.PowerCut:
            continue
        assert number not in used
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
