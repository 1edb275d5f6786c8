"""CPython stand-in for MicroPython's `micropython` module: the few names that the firmware uses."""

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])


def const(value: _T) -> _T:
    """The value itself; MicroPython's compiler folds it into the bytecode."""
    return value


def native(function: _F) -> _F:
    """The function itself: CPython has no native emitter. Viper code must not be imported here at all."""
    return function


def schedule(function: Callable[[Any], Any], argument: Any) -> None:
    """Calls `function(argument)` at once; a board calls it soon, outside the interrupt."""
    function(argument)


def mem_info(*_args: object) -> None:
    """Prints nothing: CPython's heap has no such report."""
