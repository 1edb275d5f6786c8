"""The power cut in every program and erase of lock keys and counter, at every octet and then twice in a row."""

import random
import sys
from pathlib import Path

import pytest
from settop.keystore.blocks import Counter, Locks

sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("firmware", "vectors")]
import flash_model as model  # noqa: E402
import test_blocks_power as power  # noqa: E402

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("check", [power.check_store, power.check_forget, power.check_count])
def test_cuts_at_every_octet_leave_one_state_whole(check):
    made = check(stride=1, random_cuts=200)
    print(f"{made} power cuts in {check.__name__}")
    assert made > 40_000


def random_cut(flash, rng, steps):
    octets = rng.choice((8, 40, 256))
    flash.cut_at = rng.randrange(steps)
    flash.cut = rng.choice(list(model.cuts(octets, 1, rng, 10)))
    flash.weak_reads = rng.choice(("0", "1", rng))


def survives(flash, rng, steps, operation):
    """Whether `operation` came to its end; in the flash is what the power cut left, if not."""
    flash.operations = 0
    random_cut(flash, rng, steps)
    try:
        operation()
    except model.PowerCut:
        return False
    finally:
        flash.cut_at = None
    return True


def test_counts_never_repeat_in_long_lives_whose_power_goes_at_every_other_step(cases):
    """Settling at a start is cut, too, and what settles that."""
    rng = random.Random(21)
    cuts = 0
    flash, reached = model.Flash(power.COUNTS, 512), 0
    for _ in cases(500):
        box = []
        if not survives(flash, rng, 12, lambda: box.append(Counter(flash, power.COUNTS).value())):  # noqa: B023
            cuts += 1
            continue
        (value,) = box
        assert value in (reached, reached + 1), (value, reached)
        reached = value
        counter = Counter(flash, power.COUNTS)  # a start of its own, at which weak cells may read otherwise
        assert counter.value() in (reached, reached + 1)
        reached = counter.value()
        if survives(flash, rng, 8, counter.count):
            reached += 1
        else:
            cuts += 1
    print(f"{cuts} power cuts, {reached} counts")
    assert cuts > 100 and reached > 100


def test_the_newest_lock_is_never_lost_in_long_lives_whose_power_goes_at_every_other_step(cases):
    """As a keystore uses them: a new lock, all sealed anew under it, the older one forgotten."""
    rng = random.Random(22)
    cuts = 0
    flash, sealed = model.Flash(power.LOCKS), None
    for number in cases(500):
        box = []
        if not survives(flash, rng, 12, lambda: box.append(Locks(flash, power.LOCKS).load())):  # noqa: B023
            cuts += 1
            continue
        found = [bytes(lock) for lock in box[0]]
        assert sealed is None or sealed in found, number
        locks = Locks(flash, power.LOCKS)
        newest = next(iter(locks.load()), None)
        if newest is not None:
            sealed = bytes(newest)  # all is sealed under the newest that there is
        if not survives(flash, rng, 12, locks.give_up):
            cuts += 1
            continue
        new = rng.randbytes(32)
        if survives(flash, rng, 12, lambda: locks.store(new)):  # noqa: B023
            assert bytes(locks.load()[0]) == new
        else:
            cuts += 1
    print(f"{cuts} power cuts")
    assert cuts > 100
