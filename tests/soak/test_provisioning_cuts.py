"""Power cuts at every step of provisioning and replacement, on every medium, and pairs of cuts."""

import sys
from pathlib import Path

import pytest
from testbed.machines.cpython import use_shims

use_shims()
sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("firmware", "vectors")]
import power_rig as power  # noqa: E402
import test_provision_cuts as cuts  # noqa: E402

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("medium", cuts.MEDIA)
@pytest.mark.parametrize("row", [cuts.FIRST, cuts.ANEW], ids=lambda row: row[0])
def test_a_cut_at_every_step_leaves_one_identity_whole(row, medium):
    power.CUTS[0] = 0
    power.sweep(row, medium, 1)
    print(f"{power.CUTS[0]} cuts, {row[0]}, {medium}")
    assert power.CUTS[0] > 300


@pytest.mark.parametrize("medium", cuts.MEDIA)
def test_a_second_cut_at_every_step_of_what_the_start_does_changes_nothing(medium):
    total = power.run(cuts.in_service(), cuts.brought, medium=medium)[1]
    count = sum(cuts.cut_twice(medium, first, 1) for first in range(0, total, 23))
    print(f"{count} second cuts, {medium}")
