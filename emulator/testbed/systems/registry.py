"""The systems that scenarios may name. One that is not named is not imported."""

from importlib import import_module
from typing import Any

from settop.errors import LocalError

from testbed.scenario.system import System

SYSTEMS = {
    "call": "testbed.systems.call.system",
    "network": "testbed.systems.network.system",
    "titles": "testbed.systems.titles.system",
}
"""Name in a scenario: the module in which its `SYSTEM` is."""


def find_system(name: str) -> System[Any, Any]:
    """LocalError where there is none of this name."""
    if name not in SYSTEMS:
        raise LocalError(f"no system {name!r}; there are {', '.join(SYSTEMS)}")
    system: System[Any, Any] = import_module(SYSTEMS[name]).SYSTEM
    return system
