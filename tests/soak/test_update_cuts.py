"""Power cuts at every step of all that is done with updates, on every kind of medium."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path += [str(HERE.parent / "firmware"), str(HERE.parent / "vectors")]

from keystore_rig import MEDIA  # noqa: E402
from test_updates_power import CUTS, ROWS, Believed, sweep  # noqa: E402


@pytest.mark.soak
@pytest.mark.parametrize("medium", MEDIA)
def test_a_cut_at_every_step_leaves_the_old_module_or_the_new_one(medium):
    before = CUTS[0]
    with Believed():
        for row in ROWS:
            seen = sweep(row, medium, 1)
            assert row[3] == row[4] or {row[3], row[4]} <= set(seen), row[0]
    print(f"{CUTS[0] - before} power cuts, {medium}")
