"""What a scenario says of the network: servers and their pages, ways to the internet, who fetches what, what fails."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settop.errors import LocalError

from testbed.internet.provider import NUMBER
from testbed.network.links import NS_PER_MS, Link
from testbed.scenario.plan import ActionPlan, ExpectPlan, Plan
from testbed.scenario.system import System
from testbed.scenario.tables import Table, within
from testbed.systems.registry import find_system

BROADBAND, DIAL_UP = "broadband", "dial-up"
SERVER_NAME = "pages.example"
LONGEST_S = 3600.0
MOST_OCTETS = 16 * 1024 * 1024
ONLINE, OFFLINE = "online", "offline"
TRANSFERS = ("fetch", "upload")


@dataclass(frozen=True)
class WayPlan:
    """A way over the network, as `testbed.network.links.Link` has it; `up_kbit_s` 0: as fast as `rate_kbit_s`.
    LocalError for values on which nothing arrives."""

    where: str
    rate_kbit_s: int
    up_kbit_s: int = 0
    delay_ms: int = 0
    jitter_ms: int = 0
    loss: float = 0.0
    damage: float = 0.0
    double: float = 0.0
    reorder: float = 0.0

    def __post_init__(self) -> None:
        within(f"{self.where}.rate_kbit_s", self.rate_kbit_s, 1, 1_000_000)
        within(f"{self.where}.up_kbit_s", self.up_kbit_s, 0, 1_000_000)
        within(f"{self.where}.delay_ms", self.delay_ms, 0, 5000)
        within(f"{self.where}.jitter_ms", self.jitter_ms, 0, 5000)
        for name in ("loss", "damage", "double", "reorder"):
            within(f"{self.where}.{name}", getattr(self, name), 0, 0.5)

    def link(self, rate_kbit_s: int) -> Link:
        return Link(
            rate_bits_s=rate_kbit_s * 1000,
            delay_ns=self.delay_ms * NS_PER_MS,
            jitter_ns=self.jitter_ms * NS_PER_MS,
            loss=self.loss,
            damage=self.damage,
            double=self.double,
            reorder=self.reorder,
        )

    @property
    def down(self) -> Link:
        """Towards the terminal."""
        return self.link(self.rate_kbit_s)

    @property
    def up(self) -> Link:
        return self.link(self.up_kbit_s or self.rate_kbit_s)


@dataclass(frozen=True)
class TelephonePlan:
    """The telephone network and a provider's lines on it. `delay_ms`: one way; `setup_ms`: last digit to first ring."""

    bits_per_s: int = 33_600
    delay_ms: int = 20
    setup_ms: int = 800
    lines: int = 2

    def __post_init__(self) -> None:
        within("telephone.bits_per_s", self.bits_per_s, 1200, 1_000_000)
        within("telephone.delay_ms", self.delay_ms, 0, 500)
        within("telephone.setup_ms", self.setup_ms, 0, 120_000)
        within("telephone.lines", self.lines, 1, 99)


@dataclass(frozen=True)
class PagePlan:
    """A page of the server: so many octets, which the seed settles, or those of a `file`."""

    path: str
    octets: int = 0
    file: Path | None = None

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or not self.path.isascii() or any(c <= " " for c in self.path):
            raise LocalError(f"page {self.path!r}: a path begins with / and has plain characters without blanks")
        if (self.file is None) == (self.octets == 0):
            raise LocalError(f"page {self.path}: give either octets, 1 or more, or a file")
        within(f"page {self.path}: octets", self.octets, 0, MOST_OCTETS)


@dataclass(frozen=True)
class NetworkAction(ActionPlan):
    """`argument` for fetch and upload: a path of the server, or a whole URL; for go_online by telephone: the number.
    `seconds`: for drop_link, after which it is back; None: never. `octets`: for upload.
    """

    seconds: float | None = None
    octets: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action in TRANSFERS and not self.argument:
            raise LocalError(f"action {self.action} without argument: give a path such as /page, or a URL")
        if self.seconds is not None:
            if self.action != "drop_link":
                raise LocalError(f"action {self.action} has seconds; only drop_link has them")
            within("seconds", self.seconds, 0.001, LONGEST_S)
        if (self.octets is not None) != (self.action == "upload"):
            raise LocalError(f"action {self.action}: octets belong to upload, which needs them")
        if self.octets is not None:
            within("octets", self.octets, 1, MOST_OCTETS)


@dataclass(frozen=True)
class NetworkExpect(ExpectPlan):
    """None is not checked. `fetched`: paths that came whole, in this order; `failed`: so many transfers did not.
    `uploaded`: so many were answered with the octets that they sent. `state`: "online" or "offline" in the end.
    `lost`: how often the network was lost, `calls`: how many calls to the provider stood. `within_s`: how long the
    slowest page may have taken.
    """

    fetched: tuple[str, ...] | None = None
    failed: int | None = 0
    uploaded: int | None = None
    state: str | None = None
    lost: int | None = None
    calls: int | None = None
    within_s: float | None = None

    def __post_init__(self) -> None:
        if self.state not in (None, ONLINE, OFFLINE):
            raise LocalError(f"state = {self.state!r}: expected {ONLINE} or {OFFLINE}")


@dataclass(frozen=True)
class NetworkPlan(Plan):
    """A scenario of the network, `seconds` long. `access`: how each terminal gets there, in their order."""

    seconds: float = 30.0
    access: tuple[str, ...] = (BROADBAND,)
    server: WayPlan = field(default_factory=lambda: WayPlan("network", 8000, delay_ms=20))
    broadband: WayPlan = field(default_factory=lambda: WayPlan("broadband", 1000, 250, 10))
    telephone: TelephonePlan = field(default_factory=TelephonePlan)
    pages: tuple[PagePlan, ...] = (PagePlan("/page", 65_536),)
    title: str = "The network"

    def __post_init__(self) -> None:
        within("seconds", self.seconds, 0.1, LONGEST_S)
        super().__post_init__()
        if self.runtime == "unix":
            raise LocalError(
                "the unix port has this computer's own network, not the bench's: use --runtime pico or cpython"
            )
        if len(self.access) != len(self.terminals):
            raise LocalError(f"access: {len(self.access)} of {len(self.terminals)} terminals have one")
        for way in self.access:
            if way not in (BROADBAND, DIAL_UP):
                raise LocalError(f"access {way!r} is unknown; there are {BROADBAND}, {DIAL_UP}")
        if len({page.path for page in self.pages}) < len(self.pages):
            raise LocalError("two pages have the same path")
        for action in self.actions:
            self._check_access(action)

    @property
    def system(self) -> System[Any, Any]:
        return find_system("network")

    def access_of(self, terminal: str) -> str:
        return self.access[self.terminals.index(terminal)]

    def _check_access(self, action: ActionPlan) -> None:
        way = self.access_of(action.terminal)
        if action.action == "drop_link" and way != BROADBAND:
            raise LocalError(
                f"drop_link: terminal {action.terminal} is on the telephone; a call is dropped by drop_line"
            )
        if action.action == "drop_line" and way != DIAL_UP:
            raise LocalError(f"drop_line: terminal {action.terminal} has broadband; its link is cut by drop_link")
        if action.action == "go_online" and action.argument and way != DIAL_UP:
            raise LocalError(f"go_online with a number: terminal {action.terminal} has broadband and dials none")


def command(plan: NetworkPlan, action: ActionPlan) -> str:
    """The console line of an action."""
    if action.action == "go_offline":
        return "network down"
    if action.action == "go_online":
        return (
            "network up"
            if plan.access_of(action.terminal) == BROADBAND
            else f"network dial {action.argument or NUMBER}"
        )
    url = url_of(action.argument)
    octets = action.octets if isinstance(action, NetworkAction) else None
    return f"fetch {url}" if action.action == "fetch" else f"upload {url} {octets}"


def url_of(argument: str) -> str:
    return f"http://{SERVER_NAME}{argument}" if argument.startswith("/") else argument


def read_plan(top: Table, folder: Path) -> dict[str, Any]:
    """Arguments of a NetworkPlan; `folder` is where the paths of files begin."""
    standard = NetworkPlan()
    telephone, usual = top.table("telephone"), standard.telephone
    access, terminals = top.table("access"), top.items("terminals", str, Plan.terminals)
    return {
        "seconds": top.take("seconds", float, NetworkPlan.seconds),
        "access": tuple(access.take(name, str, BROADBAND) for name in terminals),
        "server": _read_way(top.table("network"), standard.server),
        "broadband": _read_way(top.table("broadband"), standard.broadband),
        "telephone": TelephonePlan(
            bits_per_s=telephone.take("bits_per_s", int, usual.bits_per_s),
            delay_ms=telephone.take("delay_ms", int, usual.delay_ms),
            setup_ms=telephone.take("setup_ms", int, usual.setup_ms),
            lines=telephone.take("lines", int, usual.lines),
        ),
        "pages": tuple(top.each("page", lambda entry: _read_page(entry, folder))) or standard.pages,
    }


def _read_way(table: Table, usual: WayPlan) -> WayPlan:
    kinds = {name: float if name in ("loss", "damage", "double", "reorder") else int for name in vars(usual)}
    values = {name: table.take(name, kinds[name], getattr(usual, name)) for name in kinds if name != "where"}
    return WayPlan(usual.where, **values)


def _read_page(entry: Table, folder: Path) -> PagePlan:
    file = entry.take("file", str, "")
    return PagePlan(
        path=entry.required("path", str),
        octets=entry.take("octets", int, 0),
        file=folder / file if file else None,
    )


def read_action(entry: Table) -> dict[str, Any]:
    """Arguments of a NetworkAction beside those of all actions."""
    return {"seconds": entry.take("seconds", float, None), "octets": entry.take("octets", int, None)}


def read_expect(entry: Table) -> dict[str, Any]:
    """Arguments of a NetworkExpect beside those of all expectations."""
    fetched = entry.items("fetched", str, ())
    return {
        "fetched": fetched or None,
        "failed": entry.take("failed", int, NetworkExpect.failed),
        "uploaded": entry.take("uploaded", int, None),
        "state": entry.take("state", str, None),
        "lost": entry.take("lost", int, None),
        "calls": entry.take("calls", int, None),
        "within_s": entry.take("within_s", float, None),
    }
