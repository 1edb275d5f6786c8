"""What a scenario says of titles: which there are, where they lie, who has a licence, who plays what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headend.titles.protection import NONE, SCHEMES
from settop.errors import LocalError

from testbed.scenario.plan import ActionPlan, ExpectPlan, Plan
from testbed.scenario.sounds.tune import CODECS, RATE, RATES
from testbed.scenario.system import System
from testbed.scenario.tables import Table, within
from testbed.systems.registry import find_system

BOARD, NETWORK = "board", "network"
SERVER_NAME = "titles.example"
LONGEST_S = 600.0
LONGEST_TITLE_S = 120.0
FLASH_OCTETS = 320_000
"""What titles may take of a board's flash together, beside settop."""
_NAMED = ("license", "play")
_BARE = ("pause", "resume", "stop")


@dataclass(frozen=True)
class TitlePlan:
    """A title of a tune that is made: `seconds` of it, `kbit_s` fast (of AAC and MP3)."""

    name: str = "song"
    seconds: float = 6.0
    codec: str = "aac"
    scheme: str = "cenc"
    kbit_s: int = 128

    def __post_init__(self) -> None:
        if not self.name.isascii() or not self.name.replace("-", "").replace("_", "").isalnum():
            raise LocalError(f"title {self.name!r}: a name has letters, digits, - and _, for it also names a file")
        if self.codec not in CODECS:
            raise LocalError(f"title {self.name}: codec {self.codec!r}; there are {', '.join(CODECS)}")
        if self.scheme not in SCHEMES:
            raise LocalError(f"title {self.name}: scheme {self.scheme!r}; there are {', '.join(SCHEMES)}")
        within(f"title {self.name}: seconds", self.seconds, 0.5, LONGEST_TITLE_S)
        within(f"title {self.name}: kbit_s", self.kbit_s, 32, 320)

    @property
    def rate(self) -> int:
        """Hz."""
        return RATES.get(self.codec, RATE)

    @property
    def file(self) -> str:
        return f"{self.name}.mp4"


@dataclass(frozen=True)
class TitlesExpect(ExpectPlan):
    """None is not checked. `heard`: the titles whose sound came out of the decoder chip, in this order, a title that
    was sought in once for each time. `dark`, `failed`: so many were refused for want of a key, or failed. `underruns`:
    silences that no pause explains. `seconds`: of sound, at least.
    """

    heard: tuple[str, ...] | None = None
    dark: int | None = None
    failed: int | None = 0
    underruns: int | None = 0
    seconds: float | None = None


@dataclass(frozen=True)
class TitlesPlan(Plan):
    """A scenario of titles, `seconds` long. `where`: they lie on the BOARD, or on a server of the NETWORK, with
    `rate_kbit_s` on the way."""

    seconds: float = 10.0
    titles: tuple[TitlePlan, ...] = (TitlePlan(),)
    where: str = BOARD
    rate_kbit_s: int = 1000
    title: str = "Titles"

    def __post_init__(self) -> None:
        within("seconds", self.seconds, 0.1, LONGEST_S)
        within("rate_kbit_s", self.rate_kbit_s, 1, 1_000_000)
        super().__post_init__()
        if self.where not in (BOARD, NETWORK):
            raise LocalError(f"where = {self.where!r}: expected {BOARD} or {NETWORK}")
        if self.runtime == "serial":
            raise LocalError("a board has a decoder chip of its own: use --runtime pico, unix or cpython")
        if self.runtime == "unix" and self.where == NETWORK:
            raise LocalError(
                "the unix port has this computer's own network, not the bench's: use --runtime pico or cpython"
            )
        names = [title.name for title in self.titles]
        if not names or len(set(names)) < len(names):
            raise LocalError("titles: expected one or more, each with a name of its own")
        for action in self.actions:
            self._check_action(action)
        for expect in self.expects:
            for name in expect.heard or () if isinstance(expect, TitlesExpect) else ():
                self.title_of(name)

    @property
    def system(self) -> System[Any, Any]:
        found: Any = find_system("titles")
        system: System[Any, Any] = found.for_plan(self)
        return system

    def title_of(self, name: str) -> TitlePlan:
        """LocalError where there is none of that name."""
        for title in self.titles:
            if title.name == name:
                return title
        raise LocalError(f"title {name!r} is unknown; there are {', '.join(title.name for title in self.titles)}")

    def _check_action(self, action: ActionPlan) -> None:
        if action.action in _NAMED and self.title_of(action.argument).scheme == NONE and action.action == "license":
            raise LocalError(f"license: title {action.argument} is clear and needs no key")
        if action.action == "seek" and not (action.argument.isascii() and action.argument.isdecimal()):
            raise LocalError(f"seek {action.argument!r}: expected whole seconds from the title's beginning")
        if action.action in _BARE and action.argument:
            raise LocalError(f"action {action.action} has an argument: it takes none")


def command(plan: TitlesPlan, action: ActionPlan) -> str:
    """The console line of an action, but for license, whose line has the key in it."""
    if action.action == "play":
        file = plan.title_of(action.argument).file
        return f"play {file}" if plan.where == BOARD else f"play http://{SERVER_NAME}/{file}"
    return f"{action.action} {action.argument}".strip()


def read_plan(top: Table, folder: Path) -> dict[str, Any]:
    """Arguments of a TitlesPlan."""
    return {
        "seconds": top.take("seconds", float, TitlesPlan.seconds),
        "titles": tuple(top.each("title_file", _read_title)) or TitlesPlan.titles,
        "where": top.take("where", str, TitlesPlan.where),
        "rate_kbit_s": top.take("rate_kbit_s", int, TitlesPlan.rate_kbit_s),
    }


def _read_title(entry: Table) -> TitlePlan:
    return TitlePlan(
        name=entry.required("name", str),
        seconds=entry.take("seconds", float, TitlePlan.seconds),
        codec=entry.take("codec", str, TitlePlan.codec),
        scheme=entry.take("scheme", str, TitlePlan.scheme),
        kbit_s=entry.take("kbit_s", int, TitlePlan.kbit_s),
    )


def read_expect(entry: Table) -> dict[str, Any]:
    """Arguments of a TitlesExpect beside those of all expectations."""
    return {
        "heard": entry.items("heard", str, ()) or None,
        "dark": entry.take("dark", int, None),
        "failed": entry.take("failed", int, TitlesExpect.failed),
        "underruns": entry.take("underruns", int, TitlesExpect.underruns),
        "seconds": entry.take("seconds", float, None),
    }
