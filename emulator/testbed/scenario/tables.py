"""The tables of a scenario file: checked values out of TOML, and a line for whatever is not as it should be."""

from collections.abc import Callable
from typing import Any, TypeVar

from settop.errors import LocalError

MAX_PORTION = 1_000_000
"""Highest portion number of a range in a scenario; it only keeps a slip of the pen from filling the memory."""

_Item = TypeVar("_Item")
_KINDS = {str: "a text", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


class Table:
    """One table of the file: hands out checked values, and in the end refuses keys that nobody asked for."""

    def __init__(self, where: str, data: dict[str, Any]) -> None:
        self._where = where
        self._data = data
        self._asked: list[str] = []
        self._tables: dict[str, Table] = {}

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

    def table(self, key: str) -> "Table":
        """The table below this one; whoever asks for it again adds to what it is asked for."""
        if key not in self._tables:
            self._tables[key] = Table(f"{self._where}{key}.", self.take(key, dict, {}))
        return self._tables[key]

    def each(self, key: str, make: Callable[["Table"], _Item]) -> list[_Item]:
        """What `make` makes of every table of an array of tables; its complaints say which one they are about."""
        made = []
        for number, data in enumerate(self.take(key, list, []), 1):
            if type(data) is not dict:
                raise LocalError(f"{key} is no array of tables: write [[{key}]]")
            entry = Table("", data)
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
        """LocalError for the first key that nobody asked for, in the tables below first."""
        for table in self._tables.values():
            table.refuse_the_rest()
        for key in self._data:
            if key not in self._asked:
                raise LocalError(f"{self._where}{key} is unknown; there are {', '.join(self._asked)}")


def _is_portion(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 7 and int(text) <= MAX_PORTION


def within(name: str, value: float, low: float, high: float) -> None:
    """LocalError where a number is not within its range."""
    if not low <= value <= high:
        raise LocalError(f"{name} is {value:g}; {low:g} to {high:g} are possible")
