"""`ringcast test`: which environments it runs, how it ends, and the table of what each of them took."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from testbed import tiers

from tests.helpers.commands import ringcast

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tox(monkeypatch):
    """What tox was asked for, as (environment, folder); `ends` says how each is to end, `took` what its files took."""

    class Tox:
        calls = []
        ends = {}
        took = {}

    def run(command, cwd=None, env=None, check=False):
        name = command[-1]
        Tox.calls.append((name, Path(cwd or ".").resolve()))
        for file, seconds in Tox.took.get(name, ()):
            with open(env[tiers.TIMES], "a") as out:
                out.write(json.dumps([file, seconds]) + "\n")
        if isinstance(Tox.ends.get(name), BaseException):
            raise Tox.ends[name]
        return subprocess.CompletedProcess(command, Tox.ends.get(name, 0))

    Tox.calls, Tox.ends, Tox.took = [], {}, {}
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.delenv("CI", raising=False)
    return Tox


def rows(ended):
    """The table's lines, as lists of cells."""
    return [[cell.strip() for cell in line.strip("│┃").split("│")] for line in ended.out.splitlines() if "│" in line]


def test_tests_run_from_any_folder(tox, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    tox.ends["lint"] = 3
    ended = ringcast("test", "lint", "types")
    assert ended.status == 3
    assert [name for name, _ in tox.calls] == ["lint", "types"]  # one that fails keeps none from running
    assert all((folder / "tox.ini").is_file() for _, folder in tox.calls)


def test_fast_tests_run_by_default_ci_adds_targets_and_nobody_adds_soak(tox, monkeypatch):
    assert ringcast("test").status == 0
    assert [name for name, _ in tox.calls] == list(tiers.FAST)
    tox.calls.clear()
    monkeypatch.setenv("CI", "true")
    assert ringcast("test").status == 0
    assert [name for name, _ in tox.calls] == [*tiers.FAST, "targets"]


def test_the_table_has_each_environments_result_and_the_five_slowest_files(tox):
    tox.ends["hil"] = 1
    tox.took["cpython"] = [(f"tests/t{n}.py", float(n)) for n in range(7)]
    tox.took["hil"] = [("tests/hil/slow.py", 5.4)]
    ended = ringcast("test", "cpython", "hil")
    assert ended.status == 1
    table = rows(ended)
    assert [row[:2] for row in table[:3]] == [["cpython", "ok"], ["hil", "FAILED"], ["together", "FAILED"]]
    assert table[3:] == [
        ["tests/t6.py", "cpython", "6"],
        ["tests/hil/slow.py", "hil", "5"],
        ["tests/t5.py", "cpython", "5"],
        ["tests/t4.py", "cpython", "4"],
        ["tests/t3.py", "cpython", "3"],
    ]


def test_it_says_what_it_is_at(tox):
    assert ringcast("test", "lint", "soak").err.splitlines() == ["ringcast: lint (1 of 2)", "ringcast: soak (2 of 2)"]


def test_one_that_is_interrupted_still_shows_what_was_done(tox, capsys):
    tox.ends["types"] = KeyboardInterrupt()
    done = []
    with pytest.raises(KeyboardInterrupt):
        tiers.run_environments(("lint", "types", "cpython"), ROOT, done, lambda line: None)
    assert [(outcome.environment, outcome.result) for outcome in done] == [("lint", "ok"), ("types", "stopped")]


def test_an_unknown_environment_is_refused_with_those_that_are(tox):
    ended = ringcast("test", "lint", "cpthon")
    assert ended.status == 2
    assert ended.complaint.startswith("ringcast: no test environment 'cpthon'; there are lint, types, ")
    assert not tox.calls


def test_tox_has_every_environment_and_soak_is_in_the_help():
    listed = subprocess.run(
        [sys.executable, "-m", "tox", "list", "--no-desc"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(tiers.ALL) <= set(listed.stdout.split())
    assert "soak" in ringcast("test", "--help").out


SAMPLE = """
import pytest

def test_fast():
    pass

@pytest.mark.long
def test_long():
    pass

@pytest.mark.soak
def test_soak():
    pass

def test_scaled(cases):
    print("cases", len(cases(20)))
"""


@pytest.mark.parametrize(
    ("arguments", "ran", "cases"),
    [
        ((), {"test_fast", "test_scaled"}, 20),
        (("--long",), {"test_fast", "test_long", "test_scaled"}, 200),
        (("--tier", "soak", "-m", "soak"), {"test_soak", "test_scaled"}, 100_000),
    ],
)
def test_each_tier_runs_its_tests_and_so_many_cases(tmp_path, arguments, ran, cases):
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    times = tmp_path / "times"
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-c",
                ROOT / "pyproject.toml",
                "--rootdir",
                tmp_path,
                "-p",
                "tests.conftest",
            ),
            *("-p", "no:cacheprovider", "-rP", "-v", *arguments, tmp_path / "test_sample.py"),
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "CI"} | {tiers.TIMES: str(times)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split("::")[1].split()[0] for line in done.stdout.splitlines() if " PASSED" in line} == ran
    assert f"cases {cases}" in done.stdout
    [(file, _)] = map(json.loads, times.read_text().splitlines())
    assert file.endswith("test_sample.py")


def test_on_another_target_only_the_link_tests_that_ask_for_one_run():
    def collected(*options):
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *options, "tests/link/test_a_portions.py"]
        done = subprocess.run(
            [*command, "tests/link/test_call_in_memory.py"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return {line.split("::")[0] for line in done.stdout.splitlines() if "::" in line}

    assert collected() == {"tests/link/test_a_portions.py", "tests/link/test_call_in_memory.py"}
    assert collected("--target", "unix") == {"tests/link/test_a_portions.py"}
