"""A shop, the terminals and portable players of its users, the network and the dock between them, in one world."""

import dataclasses
import gc
import secrets
from collections.abc import Mapping

from headend.accounts.engine import transaction
from headend.accounts.master_key import MasterKey
from headend.accounts.money import open_account
from headend.accounts.terminals import add_terminal
from headend.provisioning import HeadendKey, NewTerminal
from headend.shop.core import Shop
from headend.shop.delivering import Shelf
from settop.errors import LocalError

from testbed.boards import load_board
from testbed.line.dock import DockEnd, put_in
from testbed.machines.base import DOCK, NETWORK
from testbed.machines.codec.sound import Sound
from testbed.runtimes.find import firmware_image
from testbed.scenario.provisioning import provision
from testbed.scenario.seeded import seeded
from testbed.station import Attachment, ConsoleEvent, Station
from testbed.systems.shop.front import BenchFront, Front, RealFront
from testbed.terminals import Progress, Runtime, find_runtime, frozen_runtime, terminal_spec
from testbed.world import World

TODAY_MS = 1_800_000_000_000
DAY_MS = 24 * 60 * 60 * 1000
NETWORKED = ("network", "titles", "shop")
MANAGER = ("titles", "dock")
PLAYER = ("titles", "player")
BAUD = 921_600
LIMIT_MS = 180_000
UNIX_HEAP_BYTES = 720_000
"""Of a unix port, which has its firmware in files and its objects half as large again as a board's."""


class ShopBench:
    """runtime: pico, unix or cpython. `issued`: every identity that was given, the newest of a station in `identities`.
    Closing it ends all that it started.

    Who is not needed is off: an emulated board costs as much idle as at work. Raises LocalError, RuntimeUnavailable.
    """

    def __init__(
        self, runtime: str, shop: Shop, shelf: Shelf, master_key: MasterKey, seed: int, progress: Progress
    ) -> None:
        if runtime == "cpython":
            # The firmware collects often, and here that goes through all that this process has: not through what is
            # there already.
            gc.collect()
            gc.freeze()
        self.world = World()
        self.shop, self.shelf = shop, shelf
        self.later_ms = 0
        self.stations: dict[str, Station] = {}
        self.identities: dict[str, NewTerminal] = {}
        self.issued: list[NewTerminal] = []
        self.docks: dict[str, DockEnd] = {}
        self.master_key = master_key
        self._seed = seed
        self._networked = find_runtime(runtime, progress=progress, network=runtime == "pico")
        self._docked = self._networked
        if runtime == "pico":
            inside = ("titles", "player", "dock")
            self._docked = frozen_runtime(firmware_image(load_board("pico"), progress, services=inside))
        self.front: Front = (
            RealFront(shop, shelf, master_key, self.now_ms)
            if runtime == "unix"
            else BenchFront(self.world, shop, shelf, master_key, self.now_ms, seed)
        )

    def now_ms(self) -> int:
        """The time of day."""
        return TODAY_MS + self.later_ms + self.world.now_ms

    @property
    def begin_ns(self) -> int:
        """The run's start on the clock of its machines, which is this computer's where they run by themselves."""
        return self.world.ns_at(0)

    def terminal(self, name: str) -> Station:
        """A terminal with an identity that reaches the shop by the network; it is on."""
        station = self._add(name, self._networked, NETWORKED, (NETWORK, "tuner"), self.front.lines())
        self.enter(name)
        return station

    def enter(self, name: str) -> None:
        """A terminal with an identity and a network is put on, and told where the shop is."""
        self.put_on(name)
        self.say(name, f"shop server {self.front.url}", "shop_server")

    def manager(self, name: str, titles: Mapping[str, bytes]) -> Station:
        """A terminal with an identity and a dock, and these files in it; it is off."""
        return self._dockable(name, MANAGER, titles)

    def player(self, name: str) -> Station:
        """A portable player with an identity; it is off."""
        return self._dockable(name, PLAYER, {})

    def put_on(self, *names: str) -> list[str]:
        """These start, at the same time; what they say is wrong."""
        before = {name: len(self.stations[name].console) for name in names}
        for name in names:
            self.stations[name].power_on()
        wrong = []
        for name, count in before.items():
            self.until(self.stations[name], "ready", after=count)
            wrong += [event.text for event in self.stations[name].console[count:] if event.name == "error"]
        return wrong

    def put_off(self, *names: str) -> None:
        """The power of those that are on is cut."""
        for name in names:
            if self.stations[name].on:
                self.stations[name].power_cut(self.world.now_ms)

    def give_identity(self, name: str) -> None:
        """Provisions a terminal that has no identity and is off, and puts it off again: a start leaves more memory."""
        station = self.stations[name]
        random = seeded(self._seed, f"shop {name} {len(self.issued)}")
        after = len(station.console)
        self.put_on(name)

        def wait(event: str, what: str) -> None:
            self.until(station, event, after=after)

        self.identities |= provision({name: station}, HeadendKey(random(32)), random, self.issue, wait)
        self.issued.append(self.identities[name])
        self.put_off(name)

    def dock(self, manager: str, player: str) -> ConsoleEvent:
        """The player is put in: what the manager says of it."""
        station = self.stations[manager]
        before = len(station.console)
        put_in(self.docks[manager], self.docks[player])
        return self.until(station, "player_docked", "player_refused", "player_left", after=before)

    def say(self, name: str, line: str, *names: str) -> ConsoleEvent:
        """The first event of these that answers a console line."""
        station = self.stations[name]
        before = len(station.console)
        station.say(line)
        return self.until(station, *names, after=before)

    def until(self, station: Station, *names: str, after: int = 0) -> ConsoleEvent:
        """The first event of these names behind the first `after`; LocalError where none comes."""

        def found() -> ConsoleEvent | None:
            return next((event for event in station.console[after:] if event.name in names), None)

        self.world.run_until(self.world.now_ms + LIMIT_MS, lambda: found() is not None)
        event = found()
        if event is None:
            said = [f"{one.name} {one.text}" for one in station.console[after:]] + station.chatter
            raise LocalError(f"{station.name}: none of {', '.join(names)} came; it said {'; '.join(said) or 'nothing'}")
        return event

    def sound(self, name: str) -> Sound:
        """What came out of its decoder chip."""
        sound = getattr(self.stations[name].machine, "sound", None)
        assert isinstance(sound, Sound)
        return sound

    def issue(self) -> NewTerminal:
        """An identity that the head-end knows, drawn anew in each run: the database may be one that is there."""
        made = NewTerminal(0, secrets.token_bytes(8), "5550100", secrets.token_bytes(32))
        with transaction(self.shop.engine) as connection:
            account = open_account(connection, None)
            add_terminal(connection, self.master_key, made.terminal_id, made.device_key, account)
        return made

    def close(self) -> None:
        """Ends world and server."""
        gc.unfreeze()
        try:
            self.world.close()
        finally:
            self.front.close()

    # --- inside -------------------------------------------------------------------------------------------------

    def _dockable(self, name: str, services: tuple[str, ...], titles: Mapping[str, bytes]) -> Station:
        self.docks[name] = DockEnd()
        line = "modem" if self._docked.name == "unix" else DOCK  # its one pty that goes both ways
        return self._add(name, self._docked, services, (DOCK, "tuner"), {line: self.docks[name]}, titles)

    def _add(
        self,
        name: str,
        runtime: Runtime,
        services: tuple[str, ...],
        wires: tuple[str, ...],
        lines: Mapping[str, Attachment],
        files: Mapping[str, bytes] | None = None,
    ) -> Station:
        """A station with an identity, off."""
        spec = terminal_spec(runtime.name, BAUD, f"shop {self._seed} {name}".encode(), services, wires)
        files = {**spec.files, **(files or {})}
        machine = runtime.machine(dataclasses.replace(spec, files=files, codec=True, heap_bytes=UNIX_HEAP_BYTES))
        station = self.stations[name] = self.world.add(Station(name, machine, lines, self.world.ns_at))
        self.give_identity(name)
        return station
