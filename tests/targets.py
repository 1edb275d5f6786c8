"""What the link tests run on, and what it can and cannot show: `--target cpython|unix|pico|serial|serial:URL`.

A target that cannot show something skips the test through `Target.skip`, which says why in words. Under CI those
skips, and no others, are let pass: the target that can show it runs in another environment of tox.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from settop.errors import LocalError
from testbed.boards.profile import LINKS
from testbed.machines.base import MachineError
from testbed.runtimes import RuntimeUnavailable
from testbed.terminals import Runtime, find_runtime

DEFAULT = "cpython"
NAMES = ("cpython", "unix", "pico", "serial")
SKIP_PREFIX = "not on target "


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("target", "what the tests of tests/link and tests/hil run on")
    group.addoption(
        "--target",
        default=DEFAULT,
        metavar="NAME",
        help="cpython, unix, pico (emulated, virtual time), serial (an emulated Pico behind ptys), or serial:URL, a "
        "board whose console is at URL: any that pyserial opens. Default: cpython.",
    )
    group.addoption(
        "--board", default="pico", metavar="NAME", help="Profile of the board at serial:URL. Default: pico."
    )
    group.addoption("--modem-port", metavar="URL", help="Where the board's modem UART is, for serial:URL.")
    group.addoption("--tuner-port", metavar="URL", help="Where its tuner and output UART is, for serial:URL.")
    group.addoption("--network-port", metavar="URL", help="Where its UART to the network is, in the modem's place.")
    group.addoption("--link", default="uarts", choices=LINKS, help="Three serial lines, or all on one cable.")
    group.addoption("--line-logs", metavar="FOLDER", help="Keep a log file of each serial line there.")


@dataclass(frozen=True)
class Target:
    """name: one of NAMES. virtual: time is simulated, so instants are exact. terminals: how many there can be.

    slack_ms: what a real clock, on a host that has other things to do, adds to any instant. compute_ms: what the
    terminal itself takes to answer; CPython's takes none of the bench's time.
    """

    name: str
    spoken: str
    runtime: Runtime
    virtual: bool
    terminals: int
    slack_ms: int
    compute_ms: int

    def skip(self, reason: str) -> NoReturn:
        pytest.skip(f"{SKIP_PREFIX}{self.spoken}: {reason}")

    def need_terminals(self, count: int) -> None:
        if count > self.terminals:
            self.skip(f"{count} terminals need {count} boards, and there is {self.terminals}")


def is_target_skip(reason: str, spoken: str) -> bool:
    """Whether a test was skipped for what the chosen target cannot show; the default one can show everything."""
    return spoken != DEFAULT and reason.removeprefix("Skipped: ").startswith(f"{SKIP_PREFIX}{spoken}: ")


def find_target(config: pytest.Config, logs: Path) -> Target:
    """The chosen target; skips the test where its runtime cannot be had."""
    spoken = config.getoption("--target")
    name, _, url = spoken.partition(":")
    if name not in NAMES or (url and name != "serial"):
        raise pytest.UsageError(f"--target {spoken}: expected one of {', '.join(NAMES)}, or serial:URL")
    options = {}
    if name == "serial":
        kept = config.getoption("--line-logs")
        options = {
            "board": config.getoption("--board"),
            "modem_port": config.getoption("--modem-port"),
            "tuner_port": config.getoption("--tuner-port"),
            "network_port": config.getoption("--network-port"),
            "link": config.getoption("--link"),
            "logs": Path(kept) if kept else logs,
        }
    try:
        runtime = find_runtime(spoken, **options)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    except (LocalError, MachineError) as error:
        raise pytest.UsageError(f"--target {spoken}: {error}") from error
    virtual = name in ("cpython", "pico")
    return Target(
        name=name,
        spoken=spoken,
        runtime=runtime,
        virtual=virtual,
        # Emulated boards in real time share this host's cores; two keep pace where there are two.
        terminals={"serial": 1 if url else 2}.get(name, 8),
        slack_ms=0 if virtual else 1000,
        compute_ms=0 if name == "cpython" else 500,
    )
