"""What is said of a title in the file beside it: NAME.toml for NAME.ts.

    free = false                  what it costs nothing to get a token for
    clear = false                 sent without keys to whoever asks, without a token; only what is free
    suites = ["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "TDES_EDE3_HMAC_SHA1_80"]    the favourite first
    lighter = "NAME"              a variant of it for who has little room on his line

    [[limits]]                    for how long tokens are sold, and for how many units
    name = "two days"
    hours = 48
    price = 250

Every key may be missing: a title without the file, or with an empty one, is sent under the suites that are written
here, and only for a token.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from settop.errors import LocalError
from settop.wire.stream import AES_CM_SHA1_80, AES_GCM_128, MAX_SUITES, SUITES, TDES_SHA1_80

T = TypeVar("T")

DEFAULT_SUITES = (AES_GCM_128, AES_CM_SHA1_80, TDES_SHA1_80)
HOURS_LIMIT = 10 * 366 * 24
PRICE_LIMIT = 1_000_000_000
LIMITS_LIMIT = 20
OCTETS_LIMIT = 64 * 1024
_NUMBERS = {name: number for number, name, _, _ in SUITES}


@dataclass(frozen=True)
class Limit:
    """A time for which tokens are sold, from the purchase on. price: units."""

    name: str
    hours: int
    price: int


@dataclass(frozen=True)
class Options:
    """suites: numbers of settop.wire.stream, none for what is sent in the clear. lighter: the name of a title."""

    free: bool = False
    clear: bool = False
    suites: tuple[int, ...] = DEFAULT_SUITES
    lighter: str | None = None
    limits: tuple[Limit, ...] = ()


def load(path: Path) -> Options:
    """The options of a title from its file; those of none where it is missing. Raises LocalError that names the file,
    the key and what was expected."""
    try:
        with open(path, "rb") as file:
            octets = file.read(OCTETS_LIMIT + 1)
    except FileNotFoundError:
        return Options()
    except OSError as error:
        raise LocalError(f"cannot read {path.name}: {error.strerror}") from None
    return parse(octets, path.name)


def parse(octets: bytes, name: str) -> Options:
    """The same from the file's octets. name: of the file. Raises LocalError."""
    if len(octets) > OCTETS_LIMIT:
        raise LocalError(f"{name}: expected {OCTETS_LIMIT} octets at most")
    try:
        data = tomllib.loads(octets.decode())
    except UnicodeDecodeError as error:
        raise LocalError(f"cannot read {name}: {error}") from None
    except (ValueError, RecursionError) as error:  # numbers of very many digits are no TOMLDecodeError
        raise LocalError(f"{name} is no TOML: {error}") from None
    try:
        return _options(data)
    except LocalError as error:
        raise LocalError(f"{name}: {error}") from None


def _options(data: dict[str, Any]) -> Options:
    free = _take(data, "free", bool, False)
    clear = _take(data, "clear", bool, False)
    suites = _suites(data)
    lighter = _take(data, "lighter", str, "") or None
    limits = tuple(_limit(entry) for entry in _entries(data))
    _none_left(data, "free, clear, suites, lighter, limits")
    if clear and not free:
        raise LocalError("`clear = true` is for what is free: say `free = true` too, or leave it out")
    if clear and (limits or suites is not None):
        raise LocalError("`clear = true` leaves nothing to sell or to protect: leave out limits and suites")
    if free and any(limit.price for limit in limits):
        raise LocalError("`free = true`, and a limit with a price; expected price = 0, or not free")
    if len({limit.name for limit in limits}) != len(limits):
        raise LocalError("two limits of one name")
    return Options(free, clear, () if clear else suites or DEFAULT_SUITES, lighter, limits)


def _suites(data: dict[str, Any]) -> tuple[int, ...] | None:
    names: list[Any] | None = _take(data, "suites", list, None)
    if names is None:
        return None
    known = ", ".join(_NUMBERS)
    if not 1 <= len(names) <= MAX_SUITES or not all(isinstance(name, str) and name in _NUMBERS for name in names):
        raise LocalError(f"suites: expected one or more of {known}")
    if len(set(names)) != len(names):
        raise LocalError("suites: one of them twice")
    return tuple(_NUMBERS[name] for name in names)


def _entries(data: dict[str, Any]) -> list[dict[str, Any]]:
    entries: list[Any] = _take(data, "limits", list, [])
    if len(entries) > LIMITS_LIMIT or not all(isinstance(entry, dict) for entry in entries):
        raise LocalError(f"limits: expected up to {LIMITS_LIMIT} tables [[limits]]")
    return entries


def _limit(entry: dict[str, Any]) -> Limit:
    found = Limit(_take(entry, "name", str), _take(entry, "hours", int), _take(entry, "price", int))
    _none_left(entry, "name, hours, price")
    if not 1 <= len(found.name) <= 64 or not found.name.isprintable():
        raise LocalError("a limit's name: expected 1 to 64 characters")
    if not 1 <= found.hours <= HOURS_LIMIT or not 0 <= found.price <= PRICE_LIMIT:
        raise LocalError(
            f"limit {found.name!r}: expected 1 to {HOURS_LIMIT} hours, a price of 0 to {PRICE_LIMIT} units"
        )
    return found


_MISSING: Any = object()


def _take(data: dict[str, Any], key: str, kind: Callable[..., T], default: Any = _MISSING) -> T:
    value = data.pop(key, default)
    if value is _MISSING:
        raise LocalError(f"a limit without {key}")
    if value is not default and type(value) is not kind:
        raise LocalError(f"{key}: expected {kind.__name__}, not {type(value).__name__}")
    return value  # type: ignore[no-any-return]


def _none_left(data: dict[str, Any], known: str) -> None:
    if data:
        raise LocalError(f"unknown key {next(iter(data))!r}; expected {known}")
