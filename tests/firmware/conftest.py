"""Lets pytest collect the suite that also runs on MicroPython: its imports, its way to skip, its runtimes."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "vectors")]

from kit import Skip  # noqa: E402
from testbed.commands.upy_suite import runtimes_of  # noqa: E402


def pytest_ignore_collect(collection_path):
    """Leaves out a module whose first lines say `# runtimes:` without cpython."""
    if collection_path.suffix == ".py" and collection_path.name.startswith("test_"):
        return "cpython" not in runtimes_of(collection_path.read_bytes()) or None
    return None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    try:
        return (yield)
    except Skip as reason:
        pytest.skip(str(reason))
