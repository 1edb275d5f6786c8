"""A terminal with a device manager and portable players on the bench: each a machine with a decoder chip, the dock
between two UARTs, identities by provisioning, the household's list and licences from the head-end."""

import dataclasses

from headend.accounts.engine import transaction
from headend.accounts.money import open_account
from headend.accounts.terminals import add_terminal
from headend.provisioning import HeadendKey, NewTerminal
from headend.titles.terminal_licence import licence_line
from settop.wire import household
from testbed.boards import load_board
from testbed.line.dock import DockEnd, pull_out, put_in
from testbed.runtimes.find import firmware_image
from testbed.scenario.provisioning import provision
from testbed.scenario.seeded import seeded
from testbed.station import Station
from testbed.terminals import Runtime, find_runtime, frozen_runtime, terminal_spec
from testbed.world import World

from tests.helpers import shop as helper
from tests.helpers.shop import MASTER, NOW, Stall
from tests.helpers.tunes import KEY, KID

WIRES = ("dock", "tuner")
LIMIT_MS = 120_000
INSIDE = ("titles", "player", "dock")
PANEL_HEAP_BYTES = 450_000
"""Of a unix port, which has the panel in its heap and not in flash."""
BUTTONS = (10, 11, 12, 13)
"""Pins of up, down, ok and back of a Pico with a panel."""


def docked_runtime(name: str, *more: str) -> Runtime:
    """The runtime of that name, for these services too. An emulated Pico's image holds what terminal and player need,
    as one that is sold does: in files beside a stock image a terminal has no memory for a copy of its own making."""
    if name != "pico":
        return find_runtime(name)
    return frozen_runtime(firmware_image(load_board(name), services=(*INSIDE, *more)))


class DockedBench:
    """titles: files on the terminal, under KID and KEY. players: how many there are; the first `members` are of the
    household. panels: each has buttons and a display, and the terminal's files are in its folder of titles; where the
    machine has pins, the buttons are on BUTTONS. `said(name)`: what a station's console told of that name, so far.
    """

    def __init__(
        self, runtime: Runtime, titles: dict[str, bytes], players: int = 1, members: int = 1, seed=b"dock", panels=False
    ):
        self.world = World()
        self.shop = Stall(helper.new_database())
        self.user = self.shop.user()
        line = "modem" if runtime.name == "unix" else "dock"  # its one pty that goes both ways
        self.stations: dict[str, Station] = {}
        self.ends: dict[str, DockEnd] = {}
        for name in ("terminal", *(f"player{number}" for number in range(players))):
            services = ("titles", "dock" if name == "terminal" else "player") + (("panel",) if panels else ())
            spec = terminal_spec(runtime.name, 921_600, seed + name.encode(), services, WIRES)
            if panels:
                spec = dataclasses.replace(spec, heap_bytes=PANEL_HEAP_BYTES)
            files = {**spec.files, **(titles if name == "terminal" else {})}
            if panels and runtime.name == "pico":
                files["board_config.py"] += b"BUTTONS = %r\n" % (BUTTONS,)
            machine = runtime.machine(dataclasses.replace(spec, files=files, codec=True))
            if panels and runtime.name == "cpython" and name == "terminal":
                machine.files.update(titles)
            self.ends[name] = DockEnd()
            self.stations[name] = self.world.add(Station(name, machine, {line: self.ends[name]}, self.world.ns_at))
            self.stations[name].power_on()
        for station in self.stations.values():
            self.until(station, "ready")
        self.identities = self._provision(seed)
        for station in self.stations.values():  # a provisioning leaves less memory than a start
            station.power_cut(self.world.now_ms)
            before = len(station.console)
            station.power_on()
            self.until(station, "ready", after=before)
        for number in range(members):
            self.shop.join_player(self.user, self.identities[f"player{number}"].terminal_id, NOW)
        self.tell_household()
        terminal = self.identities["terminal"]
        self.say("terminal", licence_line(terminal.device_key, terminal.terminal_id, KID, KEY), "licensed")

    def _provision(self, seed: bytes) -> dict[str, NewTerminal]:
        random = seeded(seed, "provisioning")

        def issue() -> NewTerminal:
            made = NewTerminal(0, random(8), "5550100", random(32))
            with transaction(self.shop.engine) as connection:
                add_terminal(connection, MASTER, made.terminal_id, made.device_key, open_account(connection, None))
            return made

        def wait(event: str, what: str) -> None:
            for station in self.stations.values():
                self.until(station, event)

        return provision(self.stations, HeadendKey(random(32)), random, issue, wait)

    def tell_household(self) -> None:
        """The terminal gets the shop's newest list."""
        blob = self.shop.household_list(self.user, self.identities["terminal"].terminal_id)
        self.say("terminal", household.pack_command(blob), "household")

    def until(self, station: Station, *names: str, after: int = 0, limit_ms: int = LIMIT_MS):
        """The first event of one of these names behind the first `after` events of its console."""

        def found():
            return next((event for event in station.console[after:] if event.name in names), None)

        self.world.run_until(self.world.now_ms + limit_ms, lambda: found() is not None)
        event = found()
        assert event is not None, (
            names,
            [f"{one.name} {one.text}" for one in station.console[after:]],
            station.chatter,
        )
        return event

    def say(self, name: str, line: str, *names: str):
        """The answer to a console line."""
        station = self.stations[name]
        before = len(station.console)
        station.say(line)
        event = self.until(station, *names, "error", after=before)
        assert event.name in names, event.text
        return event

    def heap_free(self, name: str) -> int:
        """Octets of a station's heap, after a collection; 0 where it does not count them."""
        return int(self.say(name, "status", "status").value("heap_free"))

    def dock(self, number: int = 0):
        station = self.stations["terminal"]
        before = len(station.console)
        put_in(self.ends["terminal"], self.ends[f"player{number}"])
        return self.until(station, "player_docked", "player_refused", "player_left", after=before)

    def pull(self) -> None:
        pull_out(self.ends["terminal"])

    def transfer(self, title: str, way: str):
        return self.say("terminal", f"transfer {title} {way}", "transferred", "transfer_failed")

    def hear(self, number: int = 0, copy: int = 1):
        """How a copy ended."""
        return self.say(f"player{number}", f"hear {copy}", "title_ended", "title_failed", "title_dark")

    def close(self) -> None:
        self.world.close()
        self.shop.engine.dispose()
