"""The power of a portable player goes at every octet of every write of a transfer, a removal and a leaving."""

import sys
from pathlib import Path

import pytest
from testbed.machines.cpython import use_shims

HERE = Path(__file__).parent
sys.path += [str(HERE.parent / "firmware"), str(HERE.parent / "vectors")]
use_shims()
import test_dock_cuts  # noqa: E402


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in vars(test_dock_cuts) if name.startswith("test_")])
def test_wherever_it_is_cut(name, monkeypatch):
    monkeypatch.setattr(test_dock_cuts, "CUTS", 1 << 30)
    getattr(test_dock_cuts, name)()
