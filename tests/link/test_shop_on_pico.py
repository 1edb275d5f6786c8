"""A title bought, downloaded into flash and played by a terminal behind the bench's network, on CPython and a Pico."""

import pytest
from testbed.runtimes import RuntimeUnavailable
from testbed.terminals import find_runtime

from tests.helpers.melodies import tune
from tests.helpers.shop import NOW, PASSWORD
from tests.helpers.shop_world import ShopWorld

FREE_OCTETS = 40 * 1024
"""Of a networked Pico's heap, while it downloads and while it plays."""


def buys_and_plays(runtime, folder, seconds):
    """What was free, in order: before, behind a purchase, while it downloads, while it plays, at the end."""
    world = ShopWorld(runtime, folder).ready()
    try:
        source = folder / "tune.m4a"
        source.write_bytes(tune("m4a", seconds, 44_100, 2))
        song = world.sell(source, "Song X", 30)
        free = [world.heap()[1]]
        assert world.say(f"shop redeem {world.stall.new_card(100, NOW)}", "shop_redeemed").text == "units=100"
        assert world.say(f"shop register ann {PASSWORD}", "shop_balance").text == "units=100"
        assert world.say("shop list", "shop_listed").text == "count=1"
        assert world.say(f"shop buy {song} 30", "shop_bought").text.endswith("Song X")
        free.append(world.heap()[1])
        world.say(f"shop download {song}", "shop_downloading")
        free.append(world.heap()[1])
        world.world.run_until(world.world.now_ms + 120_000, lambda: world.station.events("shop_downloaded"))
        assert world.station.events("shop_downloaded"), world.station.console[-1]
        world.say(f"shop play {song}", "title_playing")
        free.append(world.heap()[1])
        world.world.run_until(world.world.now_ms + 60_000, lambda: world.station.events("title_ended"))
        assert world.station.events("title_ended")
        free.append(world.heap()[1])
        assert world.say("shop balance", "shop_balance").text == "units=70"
        (client,) = world.stall.clients_of(1)
        assert len(world.stall.client_keys(client)) == 1
        assert len(world.machine.sound.pieces) == 1 and not world.machine.sound.underruns
        return free
    finally:
        world.close()


def test_a_title_is_bought_downloaded_and_played(tmp_path):
    buys_and_plays(find_runtime("cpython"), tmp_path, 2.0)


@pytest.mark.pico
@pytest.mark.long
def test_so_it_is_on_a_pico_which_has_memory_left(tmp_path, record_property):
    try:
        runtime = find_runtime("pico", network=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    free = buys_and_plays(runtime, tmp_path, 4.0)
    record_property("heap_free", free)
    assert min(free) >= FREE_OCTETS, free
