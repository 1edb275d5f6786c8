"""Titles on the bench: tunes made and packed, terminals with a decoder chip and an identity, and who acts."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from headend.files import together
from headend.provisioning import HeadendKey, NewTerminal
from headend.titles.output import FileOutput
from headend.titles.packer import lock_of, pack
from headend.titles.protection import NONE
from headend.titles.terminal_licence import licence_line
from settop.errors import LocalError
from settop.wire.ids import DEVICE_KEY_BYTES, TERMINAL_ID_BYTES

from testbed.internet.internet import Internet
from testbed.internet.pages import Pages
from testbed.machines import base
from testbed.machines.base import Machine, TerminalSpec
from testbed.machines.codec.sound import Samples, Sound
from testbed.network.links import Link
from testbed.scenario.plan import ActionPlan
from testbed.scenario.provisioning import provision
from testbed.scenario.run import Run, TerminalRun
from testbed.scenario.seeded import seeded
from testbed.scenario.sounds.hearing import Heard, listen, peaks
from testbed.scenario.sounds.tune import decoded, melody, write_tune
from testbed.scenario.system import Content, Making, Seen, Session, Wait
from testbed.station import Station
from testbed.systems.titles.plan import BOARD, FLASH_OCTETS, NETWORK, SERVER_NAME, TitlePlan, TitlesPlan, command

SERVER = "203.0.113.20"
NUMBER = "5550199"
PURCHASER = 1001


@dataclass(frozen=True)
class MadeTitle:
    """`data`: the title's octets; `clear`: samples of the clear one, as PyAV decodes it; `key`: None for none."""

    plan: TitlePlan
    data: bytes = field(repr=False)
    clear: Samples = field(repr=False)
    kid: bytes = b""
    key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class TitlesContent(Content):
    titles: Mapping[str, MadeTitle]


@dataclass(frozen=True)
class TitlesTerminal(TerminalRun):
    """One terminal. `heard`: what came out of its decoder chip; `loudness`: its peaks in slices of SLICE_MS;
    `licences`: (ms of the run, title) of those that it took."""

    heard: tuple[Heard, ...]
    loudness: tuple[int, ...]
    licences: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class TitlesRun(Run):
    plan: TitlesPlan
    terminals: tuple[TitlesTerminal, ...]
    titles: Mapping[str, MadeTitle]


def make_titles(plan: TitlesPlan, making: Making) -> dict[str, MadeTitle]:
    """Files of the titles, and of the clear ones beside, in the run's folder. LocalError: they have no room on a
    board."""
    made: dict[str, MadeTitle] = {}
    for number, title in enumerate(plan.titles):
        making.progress("packing titles", number / len(plan.titles))
        made[title.name] = _make(plan, title, making)
    total = sum(len(title.data) for title in made.values())
    if plan.where == BOARD and total > FLASH_OCTETS:
        raise LocalError(f"titles of {total:,} octets, and a board has room for {FLASH_OCTETS:,}: serve them")
    return made


def _make(plan: TitlesPlan, title: TitlePlan, making: Making) -> MadeTitle:
    random = seeded(plan.seed, f"title {title.name}")
    kid, key = (b"", None) if title.scheme == NONE else (random(16), random(16))
    target, clear = making.out / title.file, making.out / f"{title.name}-clear.mp4"
    tune = making.out / f".{title.name}.tune"
    extras = {"title": title.name.encode(), "composer": b"ringcast"}
    try:
        first = int.from_bytes(random(4), "big")
        write_tune(tune, title.codec, melody(first, title.seconds, title.rate), title.kbit_s * 1000, title.rate)
        with together() as files:
            lock = lock_of(title.scheme, key, kid or None, None)
            pack(tune, FileOutput(files.open(target)), lock, extras, PURCHASER, random=random)
            pack(tune, FileOutput(files.open(clear)), None, extras, PURCHASER, random=random)
    finally:
        tune.unlink(missing_ok=True)
    return MadeTitle(title, target.read_bytes(), decoded(clear), kid, key)


class TitlesSession(Session[TitlesRun]):
    """`identities`: the terminals', by name; `pages`: the server's, where titles are on the network."""

    def __init__(self, plan: TitlesPlan) -> None:
        super().__init__()
        self._plan = plan
        self._content: TitlesContent | None = None
        self.headend = HeadendKey(seeded(plan.seed, "head-end key")(32))
        self.identities: dict[str, NewTerminal] = {}
        self.stations: dict[str, Station] = {}
        self._internet: Internet | None = None
        if plan.where == NETWORK:
            self._internet = internet = Internet(plan.seed)
            network = internet.network
            self.pages = Pages(lambda: network.now_ns)
            way = Link(rate_bits_s=100_000_000)
            network.host(SERVER, way, way).serve_tcp(80, self.pages.caller)
            network.names.set(SERVER_NAME, SERVER)

    def prepare(self, content: TitlesContent) -> None:
        self._content = content

    def outfit(self, spec: TerminalSpec) -> TerminalSpec:
        """A decoder chip, and the titles among its files where they are on the board."""
        files = dict(spec.files)
        if self._plan.where == BOARD and self._content is not None:
            files.update({title.plan.file: title.data for title in self._content.titles.values()})
        return dataclasses.replace(spec, files=files, codec=True)

    def add_terminal(self, name: str, machine: Machine) -> Station:
        lines = {}
        if self._internet is not None:
            way = Link(rate_bits_s=self._plan.rate_kbit_s * 1000, delay_ns=10_000_000)
            lines = {base.NETWORK: self._internet.broadband(way, way)}
        self.stations[name] = self.world.add(Station(name, machine, lines, self.world.ns_at))
        return self.stations[name]

    def open(self) -> None:
        if self._internet is not None:
            self.world.add(self._internet)

    def provision(self, stations: Mapping[str, Station], wait: Wait) -> None:
        """Each gets its first identity: what a licence is for."""
        random = seeded(self._plan.seed, "provisioning")

        def issued() -> NewTerminal:
            return NewTerminal(0, random(TERMINAL_ID_BYTES), NUMBER, random(DEVICE_KEY_BYTES))

        self.identities.update(provision(stations, self.headend, random, issued, wait))

    def begin(self, content: TitlesContent, begin_ms: int) -> None:
        if self._internet is not None:
            for title in content.titles.values():
                self.pages.put("/" + title.plan.file, title.data)

    def act(self, action: ActionPlan, station: Station) -> None:
        if action.action == "license":
            assert self._content is not None
            title, identity = self._content.titles[action.argument], self.identities[action.terminal]
            assert title.key is not None
            station.say(licence_line(identity.device_key, identity.terminal_id, title.kid, title.key))
        else:
            station.say(command(self._plan, action))

    def collect(self, seen: Seen) -> TitlesRun:
        content: TitlesContent = seen.content
        terminals = tuple(self._terminal(name, seen, content) for name in self.stations)
        return TitlesRun(self._plan, seen.runtime, seen.begin_ms, content.length_ms, terminals, content.titles)

    def _terminal(self, name: str, seen: Seen, content: TitlesContent) -> TitlesTerminal:
        station, received = self.stations[name], seen.received[name]
        sound: Sound = station.machine.sound  # type: ignore[attr-defined]
        begin_ns = self.world.ns_at(seen.begin_ms)
        heard = listen(sound, begin_ns, {title: made.clear for title, made in content.titles.items()})
        sound.write_wav(received.with_name(heard_name(self._plan, name)), begin_ns)
        rate, samples = sound.heard(begin_ns)
        by_kid = {made.kid.hex(): title for title, made in content.titles.items() if made.kid}
        licences = tuple(
            (event.at_ms - seen.begin_ms, by_kid[kid])
            for event in station.events("licensed")
            if (kid := event.value("kid")) in by_kid and kid is not None
        )
        return TitlesTerminal(name, station, received, heard, peaks(samples, rate, content.length_ms), licences)


def heard_name(plan: TitlesPlan, terminal: str) -> str:
    return "heard.wav" if len(plan.terminals) == 1 else f"heard-{terminal}.wav"
