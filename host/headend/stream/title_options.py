"""What the operator says of a title that is streamed: `NAME.toml` beside `NAME.ts`, `.mpg` or `.mp4`.

    name = "The film"          what viewers read; without it NAME
    free = false               true: its time limits cost nothing
    clear = false              true, with free: it is sent as it lies there, to whoever asks, without a token
    price = 30                 in units, of time limits that name none; without any limits, of one of 24 hours
    suites = ["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"]    that connections may take, the favourite first
    lighter = "film-low.ts"    what is sent in its place while the line loses too much

    [[limits]]                 for how long a token is good from its purchase on: one a table
    name = "An evening"
    hours = 24
    price = 30

All of it may be left out. `docs/stream.md` has it for operators.
"""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settop.errors import LocalError
from settop.wire.stream import MAX_SUITES, SUITES

MEDIA = (".ts", ".mpg", ".mp4")
FILE_LIMIT = 64 * 1024
"""Octets of an options file."""
LIMITS_LIMIT = 20
USUAL_HOURS = 24
HOURS_LIMIT = 10 * 366 * 24
PRICE_LIMIT = 1_000_000_000
TEXT_LIMIT = 200
ALL_SUITES = tuple(row[0] for row in SUITES)
_NUMBERS = {row[1]: row[0] for row in SUITES}


@dataclass(frozen=True)
class TimeLimit:
    """A token is good for `hours` from its purchase on, and costs `price` units."""

    name: str
    hours: float
    price: int


@dataclass(frozen=True)
class TitleOptions:
    """`suites`: numbers of settop.wire.stream, the favourite first; `lighter`: a file of the same folder."""

    name: str | None = None
    free: bool = False
    clear: bool = False
    limits: tuple[TimeLimit, ...] = ()
    suites: tuple[int, ...] = ALL_SUITES
    lighter: Path | None = None


def load_options(media: Path) -> TitleOptions:
    """What is said of the title in the file `media`; TitleOptions() where nothing is.

    Raises LocalError, with the file's name, for what cannot be meant, and for a file or link that leads out of the
    folder.
    """
    path = media.with_suffix(".toml")
    inside(media)
    if not path.exists() and not path.is_symlink():
        return TitleOptions()
    inside(path)
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_LIMIT + 1)
        if len(octets) > FILE_LIMIT:
            raise LocalError(f"{path.name}: longer than the {FILE_LIMIT} octets that options may have")
        told = tomllib.loads(octets.decode())
    except OSError as error:
        raise LocalError(f"{path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LocalError(f"{path.name}: no text in UTF-8") from None
    except (ValueError, RecursionError) as error:  # not TOMLDecodeError alone: of numbers with very many digits, say
        raise LocalError(f"{path.name}: not TOML: {error}") from None
    return _Reader(path, told).options()


def inside(path: Path) -> Path:
    """Where the file lies, with links followed. Raises LocalError where that is not within its folder, or no file."""
    place, folder = path.resolve(), path.parent.resolve()
    if not place.is_relative_to(folder):
        raise LocalError(f"{path.name} leads out of the titles' folder: put the file itself there")
    if not place.is_file():
        raise LocalError(f"there is no file {path.name} in {path.parent}")
    return place


class _Reader:
    """Takes one value after the other; what is left in the end nobody knows."""

    def __init__(self, path: Path, told: dict[str, Any]) -> None:
        self._path, self._told = path, told

    def options(self) -> TitleOptions:
        free, clear = self._flag("free"), self._flag("clear")
        if clear and not free:
            # Only keys prove who has a token: whoever hears it pass could show it, too.
            raise self._wrong("clear = true goes with free = true alone, as nothing tells whose a clear stream is")
        usual = self._price(self._told, "")
        if free and usual:
            raise self._wrong("a title with free = true has no price")
        limits = self._limits(free, clear, 0 if free else usual)
        options = TitleOptions(self._text(self._told, "name", ""), free, clear, limits, self._suites(), self._lighter())
        self._no_more(self._told, "", "name, free, clear, price, suites, lighter, limits")
        return options

    def _limits(self, free: bool, clear: bool, usual: int | None) -> tuple[TimeLimit, ...]:
        tables = self._told.pop("limits", [])
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            raise self._wrong("limits are tables, each under [[limits]]")
        if len(tables) > LIMITS_LIMIT:
            raise self._wrong(f"{len(tables)} limits; expected {LIMITS_LIMIT} at most")
        if clear and tables:
            raise self._wrong("a title with clear = true needs no token, and has no limits")
        if not tables and usual is not None and not clear:
            return (TimeLimit(f"{USUAL_HOURS} hours", USUAL_HOURS, usual),)
        found = [self._limit(f"limit {at}", one, free, usual) for at, one in enumerate(tables, 1)]
        if len({one.name for one in found}) != len(found):
            raise self._wrong("two limits of one name: give each its own")
        return tuple(found)

    def _limit(self, where: str, table: dict[str, Any], free: bool, usual: int | None) -> TimeLimit:
        name = self._text(table, "name", f"{where}: ")
        hours = table.pop("hours", None)
        price = self._price(table, f"{where}: ")
        self._no_more(table, f"{where}: ", "name, hours, price")
        if type(hours) not in (int, float) or not math.isfinite(hours) or not 1 / 3600 <= hours <= HOURS_LIMIT:
            raise self._wrong(f"{where}: hours are a number above 0, {HOURS_LIMIT} at most")
        if free and price:
            raise self._wrong(f"{where}: a title with free = true has no price")
        cost = usual if price is None else price
        if cost is None:
            raise self._wrong(f"{where}: no price, here or above; what costs nothing says free = true")
        return TimeLimit(name or f"{hours:g} hours", hours, cost)

    def _suites(self) -> tuple[int, ...]:
        names = self._told.pop("suites", None)
        if names is None:
            return ALL_SUITES
        known = f"suites are a list of {', '.join(_NUMBERS)}, each once"
        if not isinstance(names, list) or not 1 <= len(names) <= MAX_SUITES:
            raise self._wrong(known)
        found = tuple(_NUMBERS[one] for one in names if isinstance(one, str) and one in _NUMBERS)
        if len(found) != len(names) or len(set(found)) != len(found):
            raise self._wrong(known)
        return found

    def _lighter(self) -> Path | None:
        name = self._text(self._told, "lighter", "")
        if name is None:
            return None
        path = self._path.with_name(Path(name).name)
        if path.name != name or path.suffix not in MEDIA or path.stem == self._path.stem:
            raise self._wrong(f"lighter is another file of the same folder, {', '.join(MEDIA)}: not {name[:64]!r}")
        inside(path)
        return path

    def _flag(self, key: str) -> bool:
        value = self._told.pop(key, False)
        if type(value) is not bool:
            raise self._wrong(f"{key} is true or false")
        return value

    def _text(self, table: dict[str, Any], key: str, where: str) -> str | None:
        value = table.pop(key, None)
        if value is not None and not (isinstance(value, str) and 1 <= len(value) <= TEXT_LIMIT and value.isprintable()):
            raise self._wrong(f"{where}{key} is a text of 1 to {TEXT_LIMIT} characters")
        return value

    def _price(self, table: dict[str, Any], where: str) -> int | None:
        value = table.pop("price", None)
        if value is not None and (type(value) is not int or not 0 <= value <= PRICE_LIMIT):
            raise self._wrong(f"{where}price is 0 to {PRICE_LIMIT} whole units")
        return value

    def _no_more(self, table: dict[str, Any], where: str, known: str) -> None:
        if table:
            raise self._wrong(f"{where}{next(iter(table))[:64]!r} is not known; expected {known}")

    def _wrong(self, what: str) -> LocalError:
        return LocalError(f"{self._path.name}: {what}")
