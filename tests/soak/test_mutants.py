"""The fast tests notice mistakes: each of `MUTANTS` is made in a copy of the checkout, and tests must fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak import (
    mutants,
    mutants_bench_network,
    mutants_boards,
    mutants_codec,
    mutants_flow,
    mutants_licences,
    mutants_players,
    mutants_settop_net,
    mutants_shop,
    mutants_shop_rentals,
    mutants_srtp,
    mutants_stream,
    mutants_stream_keys,
    mutants_title_reader,
    mutants_title_service,
    mutants_titles,
    mutants_updates,
)
from tests.soak.mutants import Mutant

MUTANTS = (
    *mutants.MUTANTS,
    *mutants_bench_network.MUTANTS,
    *mutants_licences.MUTANTS,
    *mutants_boards.MUTANTS,
    *mutants_settop_net.MUTANTS,
    *mutants_codec.MUTANTS,
    *mutants_flow.MUTANTS,
    *mutants_shop.MUTANTS,
    *mutants_shop_rentals.MUTANTS,
    *mutants_srtp.MUTANTS,
    *mutants_stream.MUTANTS,
    *mutants_stream_keys.MUTANTS,
    *mutants_title_reader.MUTANTS,
    *mutants_title_service.MUTANTS,
    *mutants_titles.MUTANTS,
    *mutants_players.MUTANTS,
    *mutants_updates.MUTANTS,
)
ROOT = Path(__file__).parents[2]
FOLDERS = ("boards", "docs", "emulator", "firmware", "host", "scenarios", "tests")
FILES = ("CHANGELOG.md", "CONTRIBUTING.md", "README.md", "package.json", "pyproject.toml", "ringcast", "tox.ini")
ROOMS = ("firmware", "host", "emulator")
LIMIT_S = 600
FAILED, PASSED = 1, 0  # pytest's exit statuses; any other says that it did not get so far as to judge

names = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy in which files may be changed, as long as they are put back."""
    copy = tmp_path_factory.mktemp("mutants") / "checkout"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(ROOT / name, copy / name)
    return copy


def judge(checkout: Path, modules: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """The fast tests of these modules, on the code of that checkout."""
    path = os.pathsep.join(str(checkout / room) for room in ROOMS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tier", "fast", *modules],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@names
def test_mutant_has_its_place_in_the_code(mutant: Mutant):
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has changed"
    assert mutant.noticed_by
    assert all((ROOT / module).is_file() for module in mutant.noticed_by), mutant.name


@pytest.mark.soak
def test_the_copy_is_what_is_tested_and_passes(checkout: Path):
    spoken = subprocess.run(
        [sys.executable, "-c", "import settop, headend, testbed; print(*settop.__path__, *headend.__path__)"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(checkout / room) for room in ROOMS)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert all(Path(path).is_relative_to(checkout) for path in spoken), spoken
    ended = judge(checkout, tuple(sorted({module for mutant in MUTANTS for module in mutant.noticed_by})))
    assert ended.returncode == PASSED, ended.stdout + ended.stderr


@pytest.mark.soak
@names
def test_fast_tests_notice(mutant: Mutant, checkout: Path):
    file = checkout / mutant.file
    sound = file.read_text()
    assert sound.count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has changed"
    file.write_text(sound.replace(mutant.old, mutant.new))
    try:
        ended = judge(checkout, mutant.noticed_by)
    finally:
        file.write_text(sound)
    assert ended.returncode == FAILED, f"{mutant.name}: nobody noticed\n{ended.stdout}{ended.stderr}"
