"""A person with four buttons and a display: copies a title onto the docked player at the terminal, plays it at the
player. On a Pico the buttons are pins."""

import pytest

from tests.helpers.docked_bench import BUTTONS, DockedBench, docked_runtime
from tests.helpers.melodies import tune as melody
from tests.helpers.tunes import packed

NAMES = ("up", "down", "ok", "back")
TITLE = "titles/7-00112233.mp4"
LEAST_FREE = 128 * 1024
RUNTIMES = ("cpython", "unix", pytest.param("pico", marks=[pytest.mark.pico, pytest.mark.long]))


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    folder = tmp_path_factory.mktemp("song")
    (folder / "song.mp3").write_bytes(melody("mp3", 1.0, 44_100, 2, 64_000))
    return packed(folder / "song.mp3", folder / "song.mp4", "cbcs").read_bytes()


class Person:
    """Holds the station of that name."""

    def __init__(self, bench, name):
        self.bench = bench
        self.station = bench.stations[name]
        self.name = name

    @property
    def rows(self):
        return self.station.events("display")[-1].text.split("|")

    def strike(self, *names):
        for name in names:
            if self.station.machine.name == "pico":
                pin = BUTTONS[NAMES.index(name)]
                self.hold(pin, True, 100)
                self.hold(pin, False, 100)
            else:
                self.station.say("press " + name)
                self.wait(100)
        return self.rows

    def hold(self, pin, down, ms):
        self.station.machine.press(pin, down)
        self.wait(ms)

    def wait(self, ms):
        world = self.bench.world
        world.run_until(world.now_ms + ms, lambda: False)

    def reads(self, text, limit_ms=60_000):
        world = self.bench.world
        world.run_until(world.now_ms + limit_ms, lambda: any(text in row for row in self.rows))
        assert any(text in row for row in self.rows), (text, self.rows)
        return self.rows


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_person_copies_a_title_at_the_terminal_and_plays_it_at_the_player(name, song, record_property):
    bench = DockedBench(docked_runtime(name, "panel"), {TITLE: song}, panels=True)
    try:
        at_home, on_the_way = Person(bench, "terminal"), Person(bench, "player0")
        free = [(bench.heap_free("terminal"), bench.heap_free("player0"))]
        bench.dock()
        assert at_home.strike("ok")[0] == "Titles"
        at_home.reads("Title 7")
        assert at_home.strike("ok")[1:] == [" own", ">Play", " Copy to player"]
        at_home.strike("down", "ok")
        assert at_home.rows[:2] == ["Copy it how?", " docked"]
        at_home.strike("down", "ok")
        at_home.reads("The copy is on the")
        bench.pull()
        assert on_the_way.strike("ok")[0] == "Titles"
        on_the_way.reads("7-00112233.mp4")
        assert on_the_way.strike("ok")[1:3] == [" own, key of its own", ">Play"]
        before = len(on_the_way.station.machine.sound.pieces)
        on_the_way.strike("ok")
        on_the_way.reads("ended")
        assert len(on_the_way.station.machine.sound.pieces) > before
        on_the_way.strike("back", "back", "back")
        at_home.strike("ok", "back", "back", "back")
        free.append((bench.heap_free("terminal"), bench.heap_free("player0")))
        on_the_way.strike("ok", "ok", "back", "back", "ok", "ok", "back", "back")
        free.append((bench.heap_free("terminal"), bench.heap_free("player0")))
        record_property("heap_free", free)
        print("octets of heap free, of terminal and player:", free)
        assert name != "pico" or min(min(pair) for pair in free) >= LEAST_FREE, free
        if name == "pico":
            two_at_once_are_none(on_the_way)
    finally:
        bench.close()


def two_at_once_are_none(person):
    told = len(person.station.events("display"))
    person.hold(BUTTONS[1], True, 5)
    person.hold(BUTTONS[2], True, 100)
    person.hold(BUTTONS[1], False, 100)
    person.hold(BUTTONS[2], False, 100)
    assert len(person.station.events("display")) == told
    assert person.strike("down")[2].startswith(">")
