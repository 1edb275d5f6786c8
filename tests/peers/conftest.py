"""Programs that nobody here wrote: found, or the test is skipped; under CI=true a missing one fails."""

import importlib
import os
import shutil
from types import ModuleType

import pytest

INSTALL = {
    "chat": "ppp",
    "dosbox": "dosbox",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "minicom": "minicom",
    "socat": "socat",
    "tshark": "tshark",
    "wvdial": "wvdial",
}


def _missing(what: str, remedy: str) -> None:
    message = f"{what} is not here; {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def need(program: str) -> str:
    """Path of a program. Skips the test where it is missing, fails it under CI=true."""
    found = shutil.which(program)
    if found is None:
        _missing(program, f"as root: apt-get install {INSTALL.get(program, program)}")
    assert found is not None
    return found


def need_module(name: str, package: str | None = None) -> ModuleType:
    """A Python module of a peer. Skips the test where it is missing, fails it under CI=true."""
    try:
        return importlib.import_module(name)
    except ImportError:
        _missing(f"Python module {name}", f"pip install {package or name}")
        raise


@pytest.fixture(name="need")
def need_fixture():
    """`need` for tests: `def test_x(need): ffprobe = need("ffprobe")`."""
    return need


@pytest.fixture(name="need_module")
def need_module_fixture():
    return need_module


def pytest_collection_modifyitems(items):
    """Every test of this folder is a peer's."""
    for item in items:
        if "peers" in item.path.parts:
            item.add_marker(pytest.mark.peer)
