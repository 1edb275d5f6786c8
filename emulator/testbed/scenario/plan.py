"""A scenario as data, and its TOML form: who is there, what happens when, what must have been seen.

Times in a scenario are seconds from the start of its content. What only one system has (its tables, actions and
expectations) it adds in `testbed.systems`. `docs/scenarios.md` shows every key.
"""

import math
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from settop.errors import LocalError

from testbed.scenario.tables import Table
from testbed.terminals import RUNTIMES

COMMON_ACTIONS = ("tune", "command", "power_cut", "power_on")
"""What can be done to a terminal of any system."""
DEFAULT_SYSTEM = "call"
MAX_TERMINALS = 99


@dataclass(frozen=True)
class ActionPlan:
    """At `at_s` something happens to `terminal`. `argument`: the text for command, number or name of the service for
    tune (empty: the lowest one); for a system's own actions what it says.
    """

    at_s: float
    terminal: str
    action: str
    argument: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.at_s < math.inf:
            raise LocalError(
                f"action {self.action} at {self.at_s:g} s; times count from the broadcast's start: 0 or more"
            )
        if self.action == "command" and not self.argument:
            raise LocalError("action command without argument: give the console line to type")
        if any(ord(char) < 32 for char in self.argument):
            raise LocalError(f"action {self.action}: the argument has a control character; give one line of text")


@dataclass(frozen=True)
class ExpectPlan:
    """What must have been seen of a terminal. `said`: texts that the console showed, each within one event."""

    terminal: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan(ABC):
    """What the scenarios of all systems have; each system has a plan of its own below this one.

    Raises LocalError for what cannot be run, as does each of its parts.
    """

    runtime: str = "pico"
    seed: int = 1
    terminals: tuple[str, ...] = ("T1",)
    actions: tuple[ActionPlan, ...] = ()
    expects: tuple[ExpectPlan, ...] = ()
    title: str = "A scenario"

    def __post_init__(self) -> None:
        if self.runtime not in RUNTIMES:
            raise LocalError(f"no runtime {self.runtime!r}; there are {', '.join(RUNTIMES)}")
        if not 1 <= len(self.terminals) <= MAX_TERMINALS or len(set(self.terminals)) < len(self.terminals):
            raise LocalError(f"terminals: expected 1 to {MAX_TERMINALS} different names")
        for name in self.terminals:
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
                raise LocalError(f"terminal {name!r}: a name has letters, digits, - and _, for it also names a file")
        for action in self.actions:
            refuse_unknown_action(action.action, self.system)
        for name in (*(a.terminal for a in self.actions), *(e.terminal for e in self.expects)):
            if name not in self.terminals:
                raise LocalError(f"terminal {name!r} is unknown; terminals has {', '.join(self.terminals)}")
        self._check_power()

    @property
    @abstractmethod
    def system(self) -> "Reader[Any]":
        """The system that plays this (testbed.scenario.system)."""

    @property
    def source(self) -> Path | None:
        """The file that is read, and must not be written over; None where there is none."""
        return None

    def _check_power(self) -> None:
        off: set[str] = set()
        for action in sorted(self.actions, key=lambda action: action.at_s):
            if action.action == "power_cut":
                off.add(action.terminal)
            elif action.action == "power_on":
                if action.terminal not in off:
                    raise LocalError(
                        f"terminal {action.terminal}: power_on at {action.at_s:g} s, but it is on; "
                        "put a power_cut before"
                    )
                off.remove(action.terminal)


PlanT = TypeVar("PlanT", bound=Plan)


class Reader(Generic[PlanT]):
    """What a system makes of a scenario's tables: `plan`, `action` and `expect`, whose own keys `read_...` return.

    `actions`: what it can do to a terminal beside the common ones. LocalError where a value is not as it should be.
    """

    plan: type[PlanT]
    action: type[ActionPlan] = ActionPlan
    expect: type[ExpectPlan] = ExpectPlan
    actions: ClassVar[tuple[str, ...]] = ()

    def read_plan(self, top: Table, folder: Path) -> dict[str, Any]:
        """Its own keys of the scenario, which lies in `folder`, as arguments of `plan`."""
        return {}

    def read_action(self, entry: Table) -> dict[str, Any]:
        """Its own keys of an [[event]], as arguments of `action`."""
        return {}

    def read_expect(self, entry: Table) -> dict[str, Any]:
        """Its own keys of an [[expect]], as arguments of `expect`."""
        return {}


def refuse_unknown_action(name: str, system: Reader[Any]) -> None:
    """LocalError for an action that terminals of this system do not know."""
    known = (*system.actions, *COMMON_ACTIONS)
    if name not in known:
        raise LocalError(f"action {name!r} is unknown; there are {', '.join(known)}")


def load_plan(path: Path, find_system: Callable[[str], Reader[Any]]) -> Plan:
    """Read a scenario; `find_system` knows the systems by name (testbed.systems.registry).

    Raises LocalError that names the file, the key and what was expected.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"cannot read the scenario {path.name}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise LocalError(f"{path.name} is no TOML: {error}") from None
    try:
        system = find_system(Table("", data).take("system", str, DEFAULT_SYSTEM))
        return _plan(data, path, system)
    except LocalError as error:
        raise LocalError(f"{path.name}: {error}") from None


def _plan(data: dict[str, Any], path: Path, system: Reader[Any]) -> Plan:
    top = Table("", data)
    own = system.read_plan(top, path.parent)
    top.take("system", str, DEFAULT_SYSTEM)
    plan: Plan = system.plan(
        **own,
        title=top.take("title", str, path.stem),
        runtime=top.take("runtime", str, Plan.runtime),
        seed=top.take("seed", int, Plan.seed),
        terminals=top.items("terminals", str, Plan.terminals),
        actions=tuple(top.each("event", lambda entry: _action(entry, system))),
        expects=tuple(top.each("expect", lambda entry: _expect(entry, system))),
    )
    top.refuse_the_rest()
    return plan


def _action(entry: Table, system: Reader[Any]) -> ActionPlan:
    common = {
        "at_s": entry.required("at_s", float),
        "terminal": entry.take("terminal", str, "T1"),
        "action": entry.required("action", str),
        "argument": entry.take("argument", str, ""),
    }
    refuse_unknown_action(common["action"], system)
    return system.action(**common, **system.read_action(entry))


def _expect(entry: Table, system: Reader[Any]) -> ExpectPlan:
    terminal = entry.take("terminal", str, "T1")
    own = system.read_expect(entry)
    return system.expect(terminal=terminal, said=entry.items("said", str, ()), **own)
