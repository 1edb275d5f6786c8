"""A clock whose readings note what they are compared with: so it is known until when a program would do the same again.

Firmware that is stepped without any input decides by comparing the time. While each comparison comes out as it did, the
step does what it did; and when the first one will not is arithmetic. Nobody has to keep a list of timers, so none can
be left out of it.

Readings are ints. A sum or difference with other ints is a reading too, as long as it moves with the clock or against
it; any other arithmetic is noted as changing with the next tick, which is always safe. Only what the interpreter does
inside itself is not seen: a reading as an index, or packed into octets.
"""

from collections.abc import Callable
from typing import Any


class Notes:
    """What was noted during one step. `due`: the first tick from now at which a comparison changes; None for never.

    A step that has ended leaves readings behind in the program's state; by the next one they stand still (`close`).
    """

    def __init__(self) -> None:
        self.due: int | None = None
        self.open = True

    def reading(self, ticks: int) -> "Reading":
        """The clock reads `ticks`, and one more each tick."""
        return Reading.made(ticks, 1, self)

    def changes_at(self, due: int) -> None:
        if self.due is None or due < self.due:
            self.due = due

    def close(self) -> None:
        self.open = False


class Reading(int):
    """`slope`: 1 rises with the clock, -1 falls with it."""

    slope: int
    notes: Notes

    @staticmethod
    def made(value: int, slope: int, notes: Notes) -> "Reading":
        reading = Reading(value)
        reading.slope, reading.notes = slope, notes
        return reading

    def __add__(self, other: int) -> int:
        return _sum(self, other, 1)

    def __radd__(self, other: int) -> int:
        return _sum(other, self, 1)

    def __sub__(self, other: int) -> int:
        return _sum(self, other, -1)

    def __rsub__(self, other: int) -> int:
        return _sum(other, self, -1)

    def __lt__(self, other: int) -> bool:
        return _below(self, other, 0)

    def __le__(self, other: int) -> bool:
        return _below(self, other, 1)

    def __gt__(self, other: int) -> bool:
        return not _below(self, other, 1)

    def __ge__(self, other: int) -> bool:
        return not _below(self, other, 0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int):
            return False
        # Both, without a short cut: either may be the first to change.
        below, not_above = _below(self, other, 0), _below(self, other, 1)
        return not_above and not below

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __bool__(self) -> bool:
        return self != 0

    __hash__ = int.__hash__


def _plain(name: str) -> Callable[..., Any]:
    """Another operation of int: its result moves in a way that is not followed."""
    operation = getattr(int, name)

    def noting(self: Reading, *others: Any) -> Any:
        if self.notes.open:
            self.notes.changes_at(1)
        return operation(self, *others)

    return noting


for _name in ("mul", "rmul", "floordiv", "rfloordiv", "truediv", "rtruediv", "mod", "rmod", "divmod", "rdivmod"):
    setattr(Reading, f"__{_name}__", _plain(f"__{_name}__"))
for _name in ("and", "rand", "or", "ror", "xor", "rxor", "lshift", "rlshift", "rshift", "rrshift", "pow", "rpow"):
    setattr(Reading, f"__{_name}__", _plain(f"__{_name}__"))
for _name in ("neg", "abs", "invert", "int", "index", "float", "str", "repr", "format"):
    setattr(Reading, f"__{_name}__", _plain(f"__{_name}__"))


def _value(number: int) -> int:
    return int.__int__(number)


def _moves(number: int) -> int:
    """By how much a number changes with the clock's next tick."""
    return number.slope if isinstance(number, Reading) and number.notes.open else 0


def _notes(*numbers: int) -> Notes:
    return next(n.notes for n in numbers if isinstance(n, Reading) and n.notes.open)


def _sum(first: int, second: int, sign: int) -> int:
    value = _value(first) + sign * _value(second)
    slope = _moves(first) + sign * _moves(second)
    if abs(slope) == 1:
        return Reading.made(value, slope, _notes(first, second))
    if slope:
        _notes(first, second).changes_at(1)
    return value


def _below(first: int, second: int, limit: int) -> bool:
    """Whether first - second < limit, noting when that changes."""
    missing = limit - (_value(first) - _value(second))
    slope = _moves(first) - _moves(second)
    if slope > 0 and missing > 0:
        _notes(first, second).changes_at(-(-missing // slope))
    elif slope < 0 and missing <= 0:
        _notes(first, second).changes_at(-missing // -slope + 1)
    return missing > 0
