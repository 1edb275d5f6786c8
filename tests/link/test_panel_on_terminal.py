"""A title bought at a confirmed price, downloaded and played by a person with four buttons: the real shop behind the
bench's network, on CPython and on a Pico."""

import pytest
from testbed.runtimes import RuntimeUnavailable
from testbed.terminals import find_runtime

from tests.helpers.melodies import tune
from tests.helpers.shop import NOW, PASSWORD
from tests.helpers.shop_world import SERVICES, ShopWorld

FREE_OCTETS = 64 * 1024
"""Of a networked Pico's heap, while a person buys, downloads and plays."""


class Person:
    """Before the terminal of a ShopWorld."""

    def __init__(self, world):
        self.world = world

    @property
    def rows(self):
        return self.world.station.events("display")[-1].text.split("|")

    def strike(self, *names):
        for name in names:
            self.world.station.say("press " + name)
            self.wait(150)
        return self.rows

    def wait(self, ms):
        self.world.world.run_until(self.world.world.now_ms + ms, lambda: False)

    def reads(self, text):
        world = self.world.world
        world.run_until(world.now_ms + 120_000, lambda: any(text in row for row in self.rows))
        assert any(text in row for row in self.rows), (text, self.rows, self.world.station.console[-5:])
        return self.rows


def buys_and_plays(runtime, folder):
    """What was free of the heap: before, with the catalogue shown, behind the purchase, while it plays, at the end."""
    world = ShopWorld(runtime, folder, services=(*SERVICES, "panel")).ready()
    try:
        source = folder / "tune.m4a"
        source.write_bytes(tune("m4a", 2.0, 44_100, 2))
        world.sell(source, "Song X", 30)
        world.say(f"shop redeem {world.stall.new_card(100, NOW)}", "shop_redeemed")
        world.say(f"shop register ann {PASSWORD}", "shop_balance")
        person = Person(world)
        free = [world.heap()[1]]
        person.strike("down", "down", "ok", "ok")
        person.reads("Balance: 100 units")
        person.strike("ok", "down", "ok")
        person.reads(">Song X")
        free.append(world.heap()[1])
        assert person.strike("ok", "ok") == ["Song X", " 30 units", ">No", " Yes, for 30"]
        assert person.strike("ok")[2] == ">Buy"
        assert world.say("shop balance", "shop_balance").text == "units=100", "nothing is bought by the first row"
        person.strike("ok", "down", "ok")
        person.reads("is yours")
        free.append(world.heap()[1])
        person.strike("ok")
        person.reads("The title is here.")
        assert any("|downloading" in one.text.replace("| ", "|") for one in world.station.events("display"))
        person.strike("ok", "back", "up", "up", "ok")
        person.reads(">Song X")  # its name is in the file
        assert person.strike("ok")[1] == " own"
        person.strike("ok")
        person.reads(" plays")
        free.append(world.heap()[1])
        person.reads("ended")
        free.append(world.heap()[1])
        assert len(world.machine.sound.pieces) == 1 and not world.machine.sound.underruns
        assert world.say("shop balance", "shop_balance").text == "units=70"
        return free
    finally:
        world.close()


def test_a_person_buys_downloads_and_plays_by_four_buttons(tmp_path):
    buys_and_plays(find_runtime("cpython"), tmp_path)


@pytest.mark.pico
@pytest.mark.long
def test_so_it_is_on_a_pico_which_has_memory_left(tmp_path, record_property):
    try:
        runtime = find_runtime("pico", network=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    free = buys_and_plays(runtime, tmp_path)
    record_property("heap_free", free)
    print("octets of heap free:", free)
    assert min(free) >= FREE_OCTETS, free
