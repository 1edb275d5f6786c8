"""What CI asks for: the tests marked `long`, too, and a runtime and a peer for every test that wants one."""

import os
import signal
from contextlib import suppress

import pytest

from tests.targets import Target, add_options, find_target, is_target_skip


def pytest_configure(config: pytest.Config) -> None:
    """Who started the tests under nohup, or in the background, ignores signals; the commands under test would, too."""
    with suppress(ValueError):  # not the main thread
        for number, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)
    parser.addoption("--long", action="store_true", help="Run the tests marked `long`, too; CI=true does that.")


def in_ci() -> bool:
    return os.environ.get("CI") == "true"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long ones out, unless they are asked for or named one by one."""
    if in_ci() or config.getoption("--long") or any("::" in argument for argument in config.args):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def target(request, tmp_path_factory) -> Target:
    """What `--target` chose."""
    return find_target(request.config, tmp_path_factory.mktemp("lines"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Under CI a skipped test fails; the firmware suite may skip what an interpreter cannot show, such as its heap."""
    report = yield
    hidden = report.skipped and not hasattr(report, "wasxfail") and item.path.parent.name != "firmware"
    if hidden and in_ci():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if is_target_skip(reason, item.config.getoption("--target")):
            return report
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped under CI: {reason}"
    return report
