"""A board that dies in the middle of a test: that test fails soon and says why, and the next one does not notice.

An inner pytest, with this project's own fixtures, runs two tests on emulated boards; the first one's board is killed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INNER = """
import os, signal, threading, time

import pytest
from settop.version import FORMATS
from testbed.boards import load_board
from testbed.machines.base import TerminalSpec
from testbed.hil.machine import SerialMachine

READY = "@ 1 ready formats=%d" % FORMATS
FILES = {"main.py": "import time\\nwhile True:\\n    print('" + READY + "')\\n    time.sleep(1)\\n"}


@pytest.fixture
def machine(emulated):
    machine = SerialMachine(emulated(FILES), TerminalSpec(files={}))
    yield machine
    machine.close()


def run_for(machine, seconds):
    said, end_s = b"", time.monotonic() + seconds
    while time.monotonic() < end_s:
        machine.advance(time.monotonic_ns() + 5_000_000)
        said += machine.take("console")
    return said


def kill(machine):
    print("KILLED", time.time())
    os.kill(machine.adapter.process.pid, signal.SIGKILL)


def test_first(machine):
    machine.boot()
    threading.Timer(0.5, kill, [machine]).start()
    try:
        run_for(machine, 60)
    finally:
        print("NOTICED", time.time())


def test_second(machine):
    machine.boot()
    assert b"ready" in run_for(machine, 2)
"""


@pytest.fixture(scope="module")
def inner(request, tmp_path_factory):
    """What the inner pytest printed."""
    folder = tmp_path_factory.mktemp("inner")
    (folder / "test_inner.py").write_text(INNER)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider\n")
    plugins = ("-p", "tests.conftest", "-p", "tests.hil.conftest")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pytest.ini", "-rA", *plugins],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if "SKIPPED" in done.stdout:
        pytest.skip("the inner run had no Pico image")
    return done.stdout + done.stderr


def test_killed_board_fails_its_own_test_with_the_reason(inner):
    assert "FAILED test_inner.py::test_first" in inner
    assert re.search(r"E +testbed\.hil\.connection\.ConnectionFailed: .*killed by SIGKILL", inner)


def test_killed_board_is_noticed_within_five_seconds(inner):
    killed, noticed = (float(re.search(rf"{word} ([\d.]+)", inner)[1]) for word in ("KILLED", "NOTICED"))
    print("noticed after", noticed - killed, "s")
    assert 0 <= noticed - killed < 5


def test_next_test_after_a_killed_board_passes(inner):
    assert "PASSED test_inner.py::test_second" in inner
    assert "1 failed, 1 passed" in inner
