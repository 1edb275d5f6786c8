"""A title in a codec that is newer than the terminal is bought: its unit comes of the shop, signed, and it is heard."""

import numpy as np
import pytest
from headend.accounts.engine import transaction
from headend.shop import codecs
from headend.shop.delivering import Shelf
from headend.updates.module import sign
from testbed.boards import load_board
from testbed.boards.compile import compile_module
from testbed.machines.base import NETWORK
from testbed.runtimes import RuntimeUnavailable
from testbed.systems.shop.bench import BAUD, ShopBench
from testbed.systems.shop.front import add_song

from tests.emulator.test_updates_arrive import TWOS, heard
from tests.helpers.melodies import encoded, melody
from tests.helpers.shop import MASTER, NOW, PASSWORD, Stall
from tests.helpers.update_modules import KEY, STRANGER

RATE = 8000
SERVICES = ("updates", "network", "titles", "shop")
WIRES = (NETWORK, "tuner")
ENDS = ("shop_codec", "shop_refused", "shop_failed", "error")
PLAYED = ("title_ended", "title_failed", "title_dark", "error")
FREE_OCTETS = 40 * 1024
"""Of a networked Pico's heap, while a unit comes, while its title plays, and behind it."""
VIPER = b"@micropython.viper\ndef swap(source: ptr8, at: int, target: ptr8, count: int):"
PLAIN = TWOS.replace(b"import micropython\n", b"").replace(VIPER, b"def swap(source, at, target, count):")


class TwosShelf(Shelf):
    """Sells PCM as `twos`, which no terminal's firmware has: the packer has no such codec."""

    def _pack(self, engine, bought, purchaser, target):
        super()._pack(engine, bought, purchaser, target)
        octets = target.read_bytes()
        (entry,) = [kind for kind in (b"ipcm", b"sowt") if octets.count(b"frma" + kind) == 1]
        target.write_bytes(octets.replace(b"frma" + entry, b"frmatwos"))


def unit(board, version, key=KEY):
    """TWOS for a board, as it is signed."""
    if board == "cpython":
        return sign(key, "twos", version, PLAIN, "twos", board).octets()
    module = compile_module("up_twos.py", TWOS, load_board(board).mpy_arch)
    return sign(key, "twos", version, module, "twos", board).octets()


class World:
    """A shop, and a terminal of a user who has bought `song` there. `samples`: how that sounds."""

    def __init__(self, runtime, folder):
        self.stall = Stall(f"sqlite:///{folder / 'shop.db'}")
        self.shelf = TwosShelf(folder / "shelf")
        self.samples = melody(1.0, RATE, 1)
        source = folder / "tune.wav"
        source.write_bytes(encoded(self.samples.byteswap(), RATE, "wav", "pcm_s16le"))
        self.song = add_song(self.stall, self.shelf, source, "Song X", 30, NOW)
        self.bench = ShopBench(runtime, self.stall, self.shelf, MASTER, 1, lambda _text: None)
        self.station = self._terminal(runtime)
        self.say(f"shop server {self.bench.front.url}", "shop_server")
        self.say(f"shop redeem {self.stall.new_card(100, NOW)}", "shop_redeemed")
        self.say(f"shop register ann {PASSWORD}", "shop_balance")
        self.say(f"shop buy {self.song}", "shop_bought")

    def _terminal(self, runtime):
        config = {"TUNER_BAUD": BAUD, "SERVICES": SERVICES, "WIRES": dict(enumerate(WIRES)), "SIGNER": KEY.public.hex()}
        files = {}
        if runtime != "cpython":
            files["board_config.py"] = load_board(runtime).files(config)["board_config.py"]
        bench = self.bench
        station = bench._add("ann", bench._networked, SERVICES, WIRES, bench.front.lines(), files)
        if runtime == "cpython":
            station.machine.signer = KEY.public.hex()
        bench.put_on("ann")
        return station

    def _again(self, station):
        station.power_cut(self.bench.world.now_ms)
        before = len(station.console)
        station.power_on()
        self.bench.until(station, "ready", after=before)

    def again(self):
        """Behind a power cut."""
        self._again(self.station)

    def sells(self, octets):
        with transaction(self.stall.engine) as connection:
            codecs.add_codec(connection, octets, NOW)

    def say(self, line, *names):
        """The first event of these, in words."""
        said = self.bench.say("ann", line, *names, *(() if "error" in names else ("error",)))
        assert said.name in names, said
        return f"{said.name} {said.text}"

    def downloads(self):
        return self.say(f"shop download {self.song}", *ENDS)

    def downloads_with_codec(self):
        """What was free when the unit began to come; it has come."""
        before = len(self.station.console)
        self.say(f"shop download {self.song}", "shop_codec_downloading", "shop_failed", "shop_refused")
        free = self.free()
        said = self.bench.until(self.station, *ENDS, after=before)
        assert (said.name, said.text) == ("shop_codec", "codec=twos version=2")
        return free

    def plays(self, free=None):
        """Whether all of the song is heard. free: a list, to which what was free meanwhile is added."""
        machine = self.station.machine
        machine.sound.pieces.clear()
        before = len(self.station.console)
        said = self.say(f"shop play {self.song}", "title_playing", *PLAYED)
        if said.startswith("title_playing"):
            if free is not None:
                free.append(self.free())
            ended = self.bench.until(self.station, *PLAYED, after=before)
            said = f"{ended.name} {ended.text}"
        if not said.startswith("title_ended"):
            assert "no codec twos on this terminal" in said, said
            return False
        return bool(np.any(self.samples)) and heard(machine, self.samples)

    def events(self, name):
        return [event.text for event in self.station.console if event.name == name]

    def free(self):
        """Octets of the heap."""
        return int(self.bench.say("ann", "status", "status").value("heap_free"))


def comes_with_its_title(runtime, folder):
    """What was free of the terminal's heap: at first, while the unit comes, while its title plays, at the end."""
    world = World(runtime, folder)
    try:
        free = [world.free()]
        assert world.downloads().startswith("shop_refused code=no-codec")
        assert world.events("shop_downloaded") and not world.plays()
        for board in ("cpython", "unix", "pico"):
            world.sells(unit(board, 1, STRANGER))
        refused = world.downloads()
        assert refused.startswith(
            "shop_failed the title is here, a unit for its codec twos is not: the update is refused"
        )
        assert not world.plays()
        for board in ("cpython", "unix", "pico"):
            world.sells(unit(board, 2))
        free.append(world.downloads_with_codec())
        assert world.events("shop_codec_downloading")[-1].endswith("from=0")
        assert world.events("updated") == ["twos"] and len(set(world.events("shop_downloaded"))) == 1
        assert world.plays(free)
        world.again()
        assert world.plays()
        assert world.say(f"shop download {world.song}", "shop_downloaded") and len(world.events("shop_codec")) == 1
        return [*free, world.free()]
    finally:
        world.bench.close()


def test_a_codec_comes_with_its_title_on_cpython(tmp_path):
    comes_with_its_title("cpython", tmp_path)


@pytest.mark.unix
def test_a_codec_comes_with_its_title_on_unix_from_the_real_server(tmp_path):
    try:
        comes_with_its_title("unix", tmp_path)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.pico
@pytest.mark.long
def test_a_codec_comes_with_its_title_on_a_pico_which_has_memory_left(tmp_path, record_property):
    try:
        free = comes_with_its_title("pico", tmp_path)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    record_property("heap_free", free)
    assert min(free) >= FREE_OCTETS, free
