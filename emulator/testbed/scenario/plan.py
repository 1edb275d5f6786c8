"""A scenario as data, and its TOML form: what is on air, who dials and hangs up when, what must have been seen.

Times in a scenario are seconds from the start of the broadcast. `docs/scenarios.md` shows every key.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settop.errors import LocalError

ACTIONS = ("call", "hang_up", "drop_line", "command", "power_cut", "power_on")


@dataclass(frozen=True)
class LinePlan:
    """The telephone network. `trunks`: lines of the call centre."""

    bits_per_s: int = 2400
    delay_ms: int = 10
    setup_ms: int = 800
    trunks: int = 2


@dataclass(frozen=True)
class ActionPlan:
    """At `at_s` something happens to `terminal`. `argument`: the number for call (empty: the provisioned one), the text
    for command."""

    at_s: float
    terminal: str
    action: str
    argument: str = ""


@dataclass(frozen=True)
class ExpectPlan:
    """What must have been seen of a terminal; None is not checked. `clear`: every scrambled packet of the portion came
    out and equals the original. `dark`: none did. `keys`: portions of the keys, in their order of arrival."""

    terminal: str
    clear: tuple[int, ...] | None = None
    dark: tuple[int, ...] | None = None
    keys: tuple[int, ...] | None = None
    charged: int | None = None
    damaged: int | None = 0


@dataclass(frozen=True)
class Plan:
    """A whole scenario. `input` None: the project's own clip of `clip_seconds`."""

    runtime: str = "pico"
    seed: int = 1
    input: Path | None = None
    clip_seconds: int = 24
    portion_seconds: float = 2.0
    programme: int | None = None
    terminals: tuple[str, ...] = ("T1",)
    line: LinePlan = field(default_factory=LinePlan)
    actions: tuple[ActionPlan, ...] = ()
    expects: tuple[ExpectPlan, ...] = ()
    number: str = "5550199"
    tariff_portion_price: int = 5
    tariff_set_up_price: int = 20
    title: str = "A call"

    def __post_init__(self) -> None:
        for action in self.actions:
            if action.action not in ACTIONS:
                raise LocalError(f"action {action.action!r} is unknown; there are {', '.join(ACTIONS)}")
            if action.at_s < 0:
                raise LocalError(f"action {action.action} at {action.at_s} s: times count from the broadcast's start")
        for name in (*(a.terminal for a in self.actions), *(e.terminal for e in self.expects)):
            if name not in self.terminals:
                raise LocalError(f"terminal {name!r} is not in terminals = {list(self.terminals)}")
        if not 0.2 <= self.portion_seconds <= 3600:
            raise LocalError(f"portions of {self.portion_seconds} s; 0.2 to 3600 s are possible")


def load_plan(path: Path) -> Plan:
    """Read a scenario. Raises LocalError that names the key and what was expected."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"cannot read the scenario {path.name}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise LocalError(f"{path.name} is not TOML: {error}") from None
    broadcast = _take(table, "broadcast", dict, {})
    line = _take(table, "line", dict, {})
    source = _take(broadcast, "input", str, "")
    plan = Plan(
        runtime=_take(table, "runtime", str, "pico"),
        seed=_take(table, "seed", int, 1),
        title=_take(table, "title", str, path.stem),
        input=(path.parent / source) if source else None,
        clip_seconds=_take(broadcast, "clip_seconds", int, 24),
        portion_seconds=_take(broadcast, "portion_seconds", float, 2.0),
        programme=_take(broadcast, "programme", int, None),
        terminals=tuple(_take(table, "terminals", list, ["T1"])),
        line=LinePlan(
            _take(line, "bits_per_s", int, 2400),
            _take(line, "delay_ms", int, 10),
            _take(line, "setup_ms", int, 800),
            _take(line, "trunks", int, 2),
        ),
        actions=tuple(
            ActionPlan(
                _take(entry, "at_s", float, None, "event"),
                _take(entry, "terminal", str, "T1"),
                _take(entry, "action", str, None, "event"),
                _take(entry, "argument", str, ""),
            )
            for entry in _take(table, "event", list, [])
        ),
        expects=tuple(
            ExpectPlan(
                _take(entry, "terminal", str, "T1"),
                _portions(entry, "clear"),
                _portions(entry, "dark"),
                _portions(entry, "keys"),
                _take(entry, "charged", int, None),
                _take(entry, "damaged", int, 0),
            )
            for entry in _take(table, "expect", list, [])
        ),
    )
    for where, rest in (("", table), ("broadcast.", broadcast), ("line.", line)):
        known = {"broadcast", "line", "event", "expect"} if not where else set()
        for key in rest.keys() - known:
            raise LocalError(f"{path.name}: unknown key {where}{key}")
    return plan


_REQUIRED = object()


def _take(table: dict[str, Any], key: str, kind: type, default: Any, required_in: str | None = None) -> Any:
    """Remove and return table[key], checked; ints pass for floats."""
    if key not in table:
        if required_in is not None:
            raise LocalError(f"[[{required_in}]] without {key}")
        return default
    value = table[key] if kind in (dict,) else table.pop(key)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise LocalError(f"{key} = {value!r}: expected {kind.__name__}")
    return value


def _portions(entry: Mapping[str, Any], key: str) -> tuple[int, ...] | None:
    """Portions as a list of numbers and "from-to" ranges: [2, "4-7"]."""
    if key not in entry:
        return None
    out: list[int] = []
    for part in entry[key]:
        if isinstance(part, int):
            out.append(part)
            continue
        first, dash, last = str(part).partition("-")
        if not dash or not first.isdigit() or not last.isdigit():
            raise LocalError(f"{key}: {part!r} is neither a portion nor a range such as \"4-7\"")
        out.extend(range(int(first), int(last) + 1))
    return tuple(out)
