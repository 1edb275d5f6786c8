"""Power cuts at every step of what the terminal keeps of titles, on every kind of medium, and of a download."""

import sys
from pathlib import Path

import pytest
from testbed.machines.cpython import use_shims

HERE = Path(__file__).parent
sys.path += [str(HERE.parent / "firmware"), str(HERE.parent / "vectors")]
use_shims()
import test_shop_download  # noqa: E402
from keystore_rig import MEDIA  # noqa: E402
from power_rig import CUTS, sweep  # noqa: E402
from test_title_cuts import ROWS  # noqa: E402

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_cut_at_every_step_leaves_old_or_new(row, medium):
    before = CUTS[0]
    sweep(row, medium, 1)
    print(f"{CUTS[0] - before} power cuts, {row[0]}, {medium}")


def test_a_cut_at_every_step_of_a_download_by_the_whole_service(monkeypatch):
    monkeypatch.setattr(test_shop_download, "SERVICE_STRIDE", 1)
    test_shop_download.test_the_whole_service_goes_on_behind_a_power_cut()
