"""The wrapper script `ringcast`: sets its environment up once for each place, and runs from anywhere."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PYTHON = """#!/bin/sh
echo "$@" >> "{log}"
case "$*" in *testbed.cli*) pwd;; esac
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the wrapper, and an environment whose Python notes what it is asked to do."""
    folder = tmp_path / "check out"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("ringcast", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder / name)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(PYTHON.format(log=tmp_path / "log"))
    python.chmod(0o755)
    return folder


def call(wrapper, cwd, *arguments):
    """What it printed."""
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run([wrapper, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def asked(tmp_path):
    """What Python was asked to do since the last time."""
    log = tmp_path / "log"
    lines = log.read_text().splitlines()
    log.unlink()
    return lines


def test_it_installs_once_and_runs_from_any_folder_with_the_callers_paths(checkout, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out = call(checkout / "ringcast", elsewhere, "demo", "--out", "here")
    assert out == str(elsewhere)
    lines = asked(tmp_path)
    assert any("pip install" in line and f"{checkout}[test]" in line for line in lines), lines
    assert lines[-1].endswith("-m testbed.cli demo --out here")
    call("../check out/ringcast", elsewhere, "doctor")
    lines = asked(tmp_path)
    assert len(lines) == 1, lines
    assert lines[0].endswith("-m testbed.cli doctor")


def test_a_link_to_it_leads_to_its_checkout(checkout, tmp_path):
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "ringcast"
    link.symlink_to(checkout / "ringcast")
    call(link, tmp_path, "doctor")
    assert any(f"{checkout}[test]" in line for line in asked(tmp_path))


def test_checkout_that_was_moved_is_installed_again(checkout, tmp_path):
    call(checkout / "ringcast", tmp_path, "doctor")
    asked(tmp_path)
    moved = checkout.rename(tmp_path / "moved")
    call(moved / "ringcast", tmp_path, "doctor")
    lines = asked(tmp_path)
    assert any("pip install" in line and f"{moved}[test]" in line for line in lines), lines


def test_other_dependencies_are_installed(checkout, tmp_path):
    call(checkout / "ringcast", tmp_path, "doctor")
    asked(tmp_path)
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("# another dependency\n")
    call(checkout / "ringcast", tmp_path, "doctor")
    assert any("pip install" in line for line in asked(tmp_path))


def test_modules_of_the_callers_folder_do_not_get_in_the_way(checkout, tmp_path):
    call(checkout / "ringcast", tmp_path, "doctor")
    assert asked(tmp_path)[-1].startswith("-P ")
