"""What the story of `ringcast shop demo` and its adversaries have in common: bench, title, and what was seen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from settop.errors import LocalError

from testbed.machines.codec.sound import Samples
from testbed.scenario.seeded import seeded
from testbed.scenario.sounds.hearing import Heard, listen
from testbed.station import ConsoleEvent
from testbed.systems.shop.bench import ShopBench
from testbed.terminals import Progress

NOTHING = "nothing"
REFUSALS = ("shop_refused", "shop_failed", "error")
ENDS = ("title_ended", "title_failed", "title_dark", "error")
"""How the playing of a title may end."""
_VERBS = {
    "redeem": "shop_redeemed",
    "register": "shop_balance",
    "login": "shop_balance",
    "balance": "shop_balance",
    "list": "shop_listed",
    "buy": "shop_bought",
    "restore": "shop_listed",
    "download": "shop_downloaded",
}
_IDLE_MS = 60_000


@dataclass(frozen=True)
class Attempt:
    """Somebody tried something, so many times, and `got` NOTHING, or what. control: what one gets by the same way who
    has what he lacks, or the same search where there is something to be found; `controlled`: all that he ought to.
    """

    who: str
    what: str
    times: int
    got: str
    control: str
    controlled: bool

    @property
    def foiled(self) -> bool:
        """He got nothing, and it was not for want of trying."""
        return self.got == NOTHING and self.times > 0 and self.controlled


@dataclass
class Seen:
    """What happened, in its order. balances: (behind what, units). heard: by station. clear: the song as FFmpeg decodes
    it. left_out: (who, why he is not on this runtime). marks: (ms, station, what was said). sounds: (rate, samples) of
    each station from the start of the run."""

    runtime: str
    seed: int
    clear: Samples
    balances: list[tuple[str, int]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    heard: dict[str, list[Heard]] = field(default_factory=dict)
    copies: list[tuple[str, int]] = field(default_factory=list)
    checks: list[tuple[str, bool, str]] = field(default_factory=list)
    marks: list[tuple[int, str, str]] = field(default_factory=list)
    sounds: dict[str, tuple[int, Samples]] = field(default_factory=dict)
    end_ms: int = 0

    def check(self, what: str, held: bool, seen: str) -> None:
        """Something that the story expects."""
        self.checks.append((what, bool(held), seen))


class Scene:
    """title, user: numbers at the shop, of the song and of who buys it. login, password, card: hers. source: the clear
    song. `random(n)`: what adversaries draw, by the run's seed.
    """

    def __init__(self, bench: ShopBench, seen: Seen, source: Path, title: int, progress: Progress) -> None:
        self.bench, self.seen, self.source, self.title = bench, seen, source, title
        self.progress = progress
        self.shop = bench.shop
        self.random: Callable[[int], bytes] = seeded(seen.seed, "adversaries")
        self.user = 0
        self.login = self.password = self.card = ""

    def ask(self, name: str, words: str) -> ConsoleEvent:
        """What a terminal says of `shop WORDS` when it is done."""
        verb = words.split(" ", 1)[0]
        said = self.bench.say(name, f"shop {words}", _VERBS[verb], *REFUSALS)
        self.mark(name, f"{verb}: {said.name}")
        world, console = self.bench.world, self.bench.stations[name].console
        world.run_until(world.now_ms + _IDLE_MS, lambda: console[-1].name != "shop_downloading")
        return said

    def hear(self, name: str, words: str) -> None:
        """The song plays there to its end. LocalError: it does not."""
        self.expect(f"{name}: it is heard to its end", self.play(name, words), "title_ended")

    def play(self, name: str, words: str) -> ConsoleEvent:
        """How the playing of something ended."""
        ended = self.bench.say(name, words, *ENDS)
        self.mark(name, f"{words}: {ended.name}")
        return ended

    def heard(self, name: str) -> list[Heard]:
        """Every sound of a station so far."""
        return list(listen(self.bench.sound(name), self.bench.begin_ns, {"song": self.seen.clear}))

    def expect(self, what: str, said: ConsoleEvent, name: str | None = None) -> None:
        """LocalError where the story does not go on."""
        if said.name != name if name else said.name in REFUSALS:
            raise LocalError(f"the story ends where it should go on with: {what}. {said.name} {said.text}")
        self.seen.check(what, True, said.name)

    def tried(self, who: str, what: str, times: int, got: str, control: str, controlled: bool) -> None:
        """A row of what each adversary got."""
        self.seen.attempts.append(Attempt(who, what, times, got, control, bool(controlled)))

    def mark(self, name: str, what: str) -> None:
        """Something that happened at a station, now."""
        self.seen.marks.append((self.bench.world.now_ms, name, what))


def units_or_nothing(units: int) -> str:
    """What somebody got who wanted units."""
    return f"{units} units" if units else NOTHING
