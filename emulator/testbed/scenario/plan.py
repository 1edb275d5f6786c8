"""A scenario as data, and its TOML form: what is on air, who dials and hangs up when, what must have been seen.

Times in a scenario are seconds from the start of the broadcast. `docs/scenarios.md` shows every key.
"""

import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from headend.callcentre.timing import BITS_PER_OCTET, KEY_OCTETS, KEY_ROOM_MS, Timing
from settop.errors import LocalError

from testbed.terminals import RUNTIMES

ACTIONS = ("call", "hang_up", "tune", "drop_line", "command", "power_cut", "power_on")
MAX_TERMINALS = 99
MAX_PORTION = 1_000_000
"""Highest portion number of a range in a scenario; it only keeps a slip of the pen from filling the memory."""

_LEAD_LOW_S = (Timing.lead_min_ms + KEY_ROOM_MS) / 1000

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class LinePlan:
    """The telephone network. `delay_ms`: one way; `setup_ms`: last digit to first ring; `trunks`: lines of the call
    centre. LocalError for values on which no call comes about."""

    bits_per_s: int = 2400
    delay_ms: int = 10
    setup_ms: int = 800
    trunks: int = 2

    def __post_init__(self) -> None:
        # A slower line, or a longer one, makes terminal and centre give each other up before they have spoken.
        _within("line.bits_per_s", self.bits_per_s, 1200, 1_000_000)
        _within("line.delay_ms", self.delay_ms, 0, 500)
        _within("line.setup_ms", self.setup_ms, 0, 120_000)
        _within("line.trunks", self.trunks, 1, 99)

    @property
    def key_ms(self) -> int:
        """How long a key is on its way."""
        return self.delay_ms - (-KEY_OCTETS * BITS_PER_OCTET * 1000 // self.bits_per_s)


@dataclass(frozen=True)
class ActionPlan:
    """At `at_s` something happens to `terminal`. `argument`: the number for call (empty: the provisioned one), the text
    for command, number or name of the service for tune (empty: the lowest one)."""

    at_s: float
    terminal: str
    action: str
    argument: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise LocalError(f"action {self.action!r} is unknown; there are {', '.join(ACTIONS)}")
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
    """What must have been seen of a terminal; None is not checked. `clear`: every scrambled packet of the portion came
    out and equals the original. `dark`: none did. `keys`: portions of the keys, in their order of arrival. `said`:
    texts that the console showed, each within one event."""

    terminal: str
    clear: tuple[int, ...] | None = None
    dark: tuple[int, ...] | None = None
    keys: tuple[int, ...] | None = None
    charged: int | None = None
    damaged: int | None = 0
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A whole scenario. `input` None: the project's own clip of `clip_seconds`; `lead_max_seconds` None: one portion.

    Raises LocalError for what cannot be run, as does each of its parts.
    """

    runtime: str = "pico"
    seed: int = 1
    input: Path | None = None
    clip_seconds: int = 24
    portion_seconds: float = 2.0
    lead_max_seconds: float | None = None
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
        if self.runtime not in RUNTIMES:
            raise LocalError(f"no runtime {self.runtime!r}; there are {', '.join(RUNTIMES)}")
        _within("clip_seconds", self.clip_seconds, 1, 3600)
        _within("portion_seconds", self.portion_seconds, _LEAD_LOW_S, 3600)
        if self.lead_max_seconds is not None:
            _within("lead_max_seconds", self.lead_max_seconds, _LEAD_LOW_S, 3600)
        self._check_lead()
        if not 1 <= len(self.terminals) <= MAX_TERMINALS or len(set(self.terminals)) < len(self.terminals):
            raise LocalError(f"terminals: expected 1 to {MAX_TERMINALS} different names")
        for name in self.terminals:
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
                raise LocalError(f"terminal {name!r}: a name has letters, digits, - and _, for it also names a file")
        for name in (*(a.terminal for a in self.actions), *(e.terminal for e in self.expects)):
            if name not in self.terminals:
                raise LocalError(f"terminal {name!r} is unknown; terminals has {', '.join(self.terminals)}")
        self._check_power()

    @property
    def timing(self) -> Timing:
        """The call centre's, for this line."""
        lead_s = self.portion_seconds if self.lead_max_seconds is None else self.lead_max_seconds
        return Timing.for_line(self.line.bits_per_s, self.line.delay_ms, round(lead_s * 1000))

    def _check_lead(self) -> None:
        """A key leaves neither before the portion that precedes its own nor more than lead_max before its own."""
        timing = self.timing
        lead_ms = min(timing.lead_max_ms, round(self.portion_seconds * 1000))
        least_ms = timing.lead_min_ms + max(KEY_ROOM_MS, self.line.key_ms)
        if lead_ms < least_ms:
            raise LocalError(
                f"keys that leave {lead_ms} ms ahead cannot be there {timing.lead_min_ms} ms ahead on a line of "
                f"{self.line.bits_per_s} bit/s with {self.line.delay_ms} ms delay: make portion_seconds and "
                f"lead_max_seconds {least_ms / 1000:g} or more, or the line faster"
            )

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


def load_plan(path: Path) -> Plan:
    """Read a scenario. Raises LocalError that names the file, the key and what was expected."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"cannot read the scenario {path.name}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise LocalError(f"{path.name} is no TOML: {error}") from None
    try:
        return _plan(data, path)
    except LocalError as error:
        raise LocalError(f"{path.name}: {error}") from None


def _plan(data: dict[str, Any], path: Path) -> Plan:
    top = _Table("", data)
    broadcast, line, tariff = top.table("broadcast"), top.table("line"), top.table("tariff")
    source = broadcast.take("input", str, "")
    first, network = Plan(), LinePlan()
    plan = Plan(
        title=top.take("title", str, path.stem),
        runtime=top.take("runtime", str, first.runtime),
        seed=top.take("seed", int, first.seed),
        terminals=top.items("terminals", str, first.terminals),
        number=top.take("number", str, first.number),
        input=path.parent / source if source else None,
        clip_seconds=broadcast.take("clip_seconds", int, first.clip_seconds),
        portion_seconds=broadcast.take("portion_seconds", float, first.portion_seconds),
        lead_max_seconds=broadcast.take("lead_max_seconds", float, first.lead_max_seconds),
        programme=broadcast.take("programme", int, first.programme),
        line=LinePlan(
            bits_per_s=line.take("bits_per_s", int, network.bits_per_s),
            delay_ms=line.take("delay_ms", int, network.delay_ms),
            setup_ms=line.take("setup_ms", int, network.setup_ms),
            trunks=line.take("trunks", int, network.trunks),
        ),
        tariff_portion_price=tariff.take("portion_price", int, first.tariff_portion_price),
        tariff_set_up_price=tariff.take("set_up_price", int, first.tariff_set_up_price),
        actions=tuple(top.each("event", _action)),
        expects=tuple(top.each("expect", _expect)),
    )
    for table in (broadcast, line, tariff, top):
        table.refuse_the_rest()
    return plan


def _action(entry: "_Table") -> ActionPlan:
    return ActionPlan(
        at_s=entry.required("at_s", float),
        terminal=entry.take("terminal", str, "T1"),
        action=entry.required("action", str),
        argument=entry.take("argument", str, ""),
    )


def _expect(entry: "_Table") -> ExpectPlan:
    return ExpectPlan(
        terminal=entry.take("terminal", str, "T1"),
        clear=entry.portions("clear"),
        dark=entry.portions("dark"),
        keys=entry.portions("keys"),
        charged=entry.take("charged", int, None),
        damaged=entry.take("damaged", int, 0),
        said=entry.items("said", str, ()),
    )


_KINDS = {str: "a text", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


class _Table:
    """One table of the file: hands out checked values, and in the end refuses keys that nobody asked for."""

    def __init__(self, where: str, data: dict[str, Any]) -> None:
        self._where = where
        self._data = data
        self._asked: list[str] = []

    def take(self, key: str, kind: type, default: Any) -> Any:
        """The value, which is of `kind`; `default` where there is none. A whole number passes as a float."""
        self._asked.append(key)
        if key not in self._data:
            return default
        value = self._data[key]
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise LocalError(f"{self._where}{key} = {value!r}: expected {_KINDS[kind]}")
        return value

    def required(self, key: str, kind: type) -> Any:
        value = self.take(key, kind, None)
        if value is None:
            raise LocalError(f"{self._where}{key} is missing: expected {_KINDS[kind]}")
        return value

    def items(self, key: str, kind: type, default: tuple[Any, ...]) -> tuple[Any, ...]:
        """A list of values of one kind."""
        values = self.take(key, list, None)
        if values is None:
            return default
        for value in values:
            if type(value) is not kind:
                raise LocalError(f"{self._where}{key} has {value!r}: expected {_KINDS[kind]} for each")
        return tuple(values)

    def table(self, key: str) -> "_Table":
        return _Table(f"{self._where}{key}.", self.take(key, dict, {}))

    def each(self, key: str, make: Callable[["_Table"], _Item]) -> list[_Item]:
        """What `make` makes of every table of an array of tables; its complaints say which one they are about."""
        made = []
        for number, data in enumerate(self.take(key, list, []), 1):
            if type(data) is not dict:
                raise LocalError(f"{key} is no array of tables: write [[{key}]]")
            entry = _Table("", data)
            try:
                made.append(make(entry))
                entry.refuse_the_rest()
            except LocalError as error:
                raise LocalError(f"[[{key}]] number {number}: {error}") from None
        return made

    def portions(self, key: str) -> tuple[int, ...] | None:
        """Portions as a list of numbers and "from-to" ranges: [2, "4-7"]."""
        values = self.take(key, list, None)
        if values is None:
            return None
        out: list[int] = []
        for part in values:
            first, dash, last = part.partition("-") if type(part) is str else (str(part), "-", str(part))
            if type(part) not in (int, str) or not dash or not _is_portion(first) or not _is_portion(last):
                raise LocalError(f'{key}: {part!r} is neither a portion nor a range such as "4-7"')
            if int(first) > int(last):
                raise LocalError(f"{key}: the range {part!r} runs backwards")
            out.extend(range(int(first), int(last) + 1))
        return tuple(out)

    def refuse_the_rest(self) -> None:
        for key in self._data:
            if key not in self._asked:
                raise LocalError(f"{self._where}{key} is unknown; there are {', '.join(self._asked)}")


def _is_portion(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 7 and int(text) <= MAX_PORTION


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise LocalError(f"{name} is {value:g}; {low:g} to {high:g} are possible")
