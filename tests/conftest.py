"""Under CI=true a test that is skipped for want of a runtime or a peer fails: CI should have brought it."""

import os

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """The firmware's own suite may skip what an interpreter cannot show, such as CPython's heap."""
    report = yield
    hidden = report.skipped and not hasattr(report, "wasxfail") and item.path.parent.name != "firmware"
    if hidden and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped under CI: {reason}"
    return report
