"""The tiers of tests, their times, and what CI asks for: a runtime and a peer for every test that wants one.

Tiers: `fast` runs everywhere; `long` adds the tests marked so and lets the scaled ones run longer; `soak` is what is
marked `soak` and all that is scaled, at full length.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import hypothesis
import pytest
from testbed.tiers import note_file

from tests.targets import DEFAULT, Target, add_options, find_target, is_target_skip

# How long drawing takes says how busy the computer is.
hypothesis.settings.register_profile("ringcast", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("ringcast")

TIERS = ("fast", "long", "soak")
SOAK_CASES = 100_000
LONG_FACTOR = 10


def pytest_configure(config: pytest.Config) -> None:
    """Who started the tests under nohup, or in the background, ignores signals; the commands under test would, too."""
    with suppress(ValueError):  # not the main thread
        for number, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, handler)
    if not hasattr(config, "workerinput"):  # the one who hears of every test
        config.pluginmanager.register(FileTimes(), "ringcast-file-times")
        config.pluginmanager.register(PowerCuts(), "ringcast-power-cuts")


class FileTimes:
    """What each test file took, for whoever asked (`testbed.tiers`): set-up, tests and what follows them."""

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        for name, seconds in self._seconds.items():
            note_file(name, seconds)


class PowerCuts:
    """How many power cuts the tests made together, of those that print `N power cuts` or the like."""

    _SAID = re.compile(r"\b(\d+) (?:power |second )?(?:cuts|pairs)\b")

    def __init__(self) -> None:
        self._cuts = self._tests = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        said = self._SAID.findall(report.capstdout) if report.when == "call" else []
        self._cuts += sum(map(int, said))
        self._tests += bool(said)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._cuts:
            terminalreporter.write_line(f"{self._cuts:,} power cuts in {self._tests} tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)
    parser.addoption("--tier", choices=TIERS, help="Which tests, and how many cases. Default: fast, long if CI=true.")
    parser.addoption("--long", action="store_true", help="The same as --tier long.")


def in_ci() -> bool:
    return os.environ.get("CI") == "true"


def tier_of(config: pytest.Config) -> str:
    chosen: str | None = config.getoption("--tier")
    return chosen or ("long" if in_ci() or config.getoption("--long") else "fast")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is beyond the tier, unless it is named one by one. All of it is collected all the same."""
    tier = tier_of(config)
    if tier == "soak":
        for item in items:
            if "cases" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.soak)
    if any("::" in argument for argument in config.args):
        return
    if config.getoption("--target") != DEFAULT:
        leave_out(config, items, [item for item in items if is_the_same_everywhere(item)])
    beyond = {"fast": ("long", "soak"), "long": ("soak",), "soak": ()}[tier]
    leave_out(config, items, [item for item in items if any(item.get_closest_marker(name) for name in beyond)])


def is_the_same_everywhere(item: pytest.Item) -> bool:
    """Whether a link test asks for no target, by itself or through its fixtures: the default run has shown it."""
    return item.path.parent.name == "link" and "target" not in getattr(item, "fixturenames", ())


def leave_out(config: pytest.Config, items: list[pytest.Item], which: list[pytest.Item]) -> None:
    if which:
        gone = set(which)
        items[:] = [item for item in items if item not in gone]
        config.hook.pytest_deselected(items=which)


@pytest.fixture(scope="session")
def cases(pytestconfig: pytest.Config) -> Callable[[int], range]:
    """cases(n): so many cases of a test with random ones: n, ten times as many in the long tier, 100,000 in soak."""
    tier = tier_of(pytestconfig)

    def scaled(fast: int) -> range:
        return range({"fast": fast, "long": fast * LONG_FACTOR, "soak": max(fast, SOAK_CASES)}[tier])

    return scaled


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
