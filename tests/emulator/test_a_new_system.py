"""What docs/a-new-system.md says: a toy brings key path, opener, scenario and report row, and nothing else changes."""

import json
import sys
from pathlib import Path

import pytest
from testbed import terminals
from testbed.boards import profile
from testbed.boards.package import package_files
from testbed.commands.play import run
from testbed.machines.cpython import use_shims
from testbed.runtimes import RuntimeUnavailable
from testbed.systems import registry

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "tests/helpers/voucher/service.py"
SCENARIO = """
system = "voucher"
runtime = "cpython"
[broadcast]
clip_seconds = 5
portion_seconds = 1.0
[voucher]
price = 250
[[event]]
at_s = 1.4
action = "redeem"
[[expect]]
clear = ["2-4"]
dark = [0]
"""


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """The toy is where a system of the house would be."""
    monkeypatch.setitem(registry.SYSTEMS, "voucher", "tests.helpers.voucher.system")
    use_shims()
    from tests.helpers.voucher import service

    for name in ("settop.services.voucher", "settop.services.voucher.service"):
        monkeypatch.setitem(sys.modules, name, service)


def played(folder, text=SCENARIO):
    (folder / "a.toml").write_text(text)
    run([folder / "a.toml"], json_file=folder / "seen.json", out=folder / "out")
    return json.loads((folder / "seen.json").read_text()), (folder / "out/report.html").read_text()


def test_a_toy_system_is_played_judged_and_reported(tmp_path):
    seen, page = played(tmp_path)
    assert all(check["passed"] for check in seen["checks"]) and len(seen["checks"]) == 5
    (terminal,) = seen["terminals"]
    assert [bool(portion["clear_packets"]) for portion in terminal["portions"]] == [False] + 5 * [True]
    assert "Vouchers" in page and "<td>1.4 s</td><td><b>2.50</b></td>" in page


@pytest.mark.unix
def test_the_same_files_run_on_micropython(tmp_path, monkeypatch):
    try:
        terminals.find_runtime("unix")
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    folder = "lib/settop/services/voucher"
    toy = {f"{folder}/__init__.py": b"", f"{folder}/service.py": SERVICE.read_bytes()}
    package = {**package_files(), **toy}
    monkeypatch.setattr(profile, "package_files", lambda: package)
    seen, _ = played(tmp_path, SCENARIO.replace("cpython", "unix"))
    assert all(check["passed"] for check in seen["checks"])


def test_the_toy_is_small():
    files = [SERVICE, ROOT / "tests/helpers/voucher/system.py"]
    assert sum(len([line for line in path.read_text().splitlines() if line.strip()]) for path in files) < 200
