"""`--target`: what it refuses, and which skips may pass under CI. An inner pytest, with this project's own plugin."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INNER = """
import pytest


def test_needs_more(target):
    target.need_terminals(99)


def test_needs_a_runtime(target):
    pytest.skip("no image to be had")


def test_claims_to_be_a_target_skip(target):
    pytest.skip("not on target pico: but it is another one that was chosen")


def test_runs(target):
    assert target.name
"""


@pytest.fixture
def inner(tmp_path):
    """inner(*options): the last lines of an inner run under CI."""
    (tmp_path / "test_inner.py").write_text(INNER)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib -p no:cacheprovider\n")

    def run(*options):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-c", "pytest.ini", "-rA", "-p", "tests.conftest", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CI": "true"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def test_only_what_the_chosen_target_cannot_show_may_be_skipped_under_ci(inner, tmp_path):
    url = f"serial:{tmp_path / 'usb'}"
    said = inner("--target", url, "--link", "cable")
    assert f"not on target {url}: 99 terminals need 99 boards, and there is 1" in said
    assert "1 failed" not in said
    assert "2 failed, 1 passed, 1 skipped" in said
    assert "was skipped under CI: Skipped: no image to be had" in said


def test_default_target_may_skip_nothing_under_ci(inner):
    assert "3 failed, 1 passed" in inner()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--target", "zx81"], "--target zx81: expected one of cpython, unix, pico, serial, or serial:URL"),
        (["--target", "pico:/dev/null"], "expected one of cpython"),
        (["--target", "serial:/dev/null"], "--modem-port PORT and --tuner-port PORT"),
        (["--target", "serial:/dev/null", "--board", "zx81"], "no board 'zx81'"),
    ],
)
def test_target_that_cannot_be_is_told(inner, options, told):
    said = inner(*options)
    assert told in said
    assert "1 passed" not in said
