"""Power cuts at every step of provisioning and replacement, on every medium, and pairs of cuts."""

import sys
from pathlib import Path

import pytest
from testbed.machines.cpython import use_shims

use_shims()
sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("firmware", "vectors")]
import test_provision_cuts as cuts  # noqa: E402

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("medium", cuts.MEDIA)
@pytest.mark.parametrize("first", [False, True], ids=["replacement", "first"])
def test_a_cut_at_every_step_leaves_one_identity_whole(medium, first, capsys):
    files, lock = ({}, None) if first else cuts.provisioned()
    before = cuts.NOTHING if first else cuts.IS_OLD
    count = cuts.check_every_cut(lambda: (dict(files), lock), before, medium, 1)
    with capsys.disabled():
        print(f"\n{count} cuts, {medium}")
    assert count > 300


@pytest.mark.parametrize("medium", cuts.MEDIA)
def test_a_second_cut_at_every_step_of_what_the_start_does_changes_nothing(medium, capsys):
    files, lock = cuts.provisioned()

    def make():
        return dict(files), lock

    total, count = cuts.steps_of(make, medium), 0
    for steps in range(0, total, 7):
        left, _ = cuts.cut_at(make, medium, steps)
        expected = cuts.state(cuts.restarted(dict(left), lock))
        board = cuts.restarted(dict(left), lock, medium)
        for again in range(board.FILES.taken):
            files_then = dict(left)
            with pytest.raises(cuts.PowerCut):
                cuts.restarted(files_then, lock, medium, again)
            assert cuts.state(cuts.restarted(files_then, lock)) == expected
            count += 1
    with capsys.disabled():
        print(f"\n{count} second cuts, {medium}")
