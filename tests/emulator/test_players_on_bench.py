"""Portable players on the bench: what is heard from the decoder chip of the player that a copy is for is the original's
sound, by each way, and nothing is heard from another one's."""

import numpy as np
import pytest

from tests.helpers.docked_bench import DockedBench, docked_runtime
from tests.helpers.melodies import decoded, offset_of
from tests.helpers.melodies import tune as melody
from tests.helpers.tunes import packed

WAYS = ("bought", "own", "tenth")
LEAST_FREE = 128 * 1024
RUNTIMES = ("cpython", pytest.param("unix"), pytest.param("pico", marks=[pytest.mark.pico, pytest.mark.long]))


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """(octets of a title with MP3, its sound as FFmpeg has it)"""
    folder = tmp_path_factory.mktemp("song")
    (folder / "song.mp3").write_bytes(melody("mp3", 1.0, 44_100, 2, 64_000))
    title = packed(folder / "song.mp3", folder / "song.mp4", "cbcs")
    return title.read_bytes(), decoded(folder / "song.mp3")


def heard(bench, number, copy):
    """(how it ended, the sound) of a copy."""
    sound = bench.stations[f"player{number}"].machine.sound
    before = len(sound.pieces)
    ended = bench.hear(number, copy)
    pieces = [piece.samples for piece in sound.pieces[before:]]
    return ended, np.concatenate(pieces) if pieces else np.zeros((0, 2), np.int16)


def is_all_of(wanted, sound):
    """Whether all of it was heard, but for what a decoder begins with."""
    offset = offset_of(wanted, sound)
    both = min(len(wanted), len(sound) - offset)
    first = 2 * 1152
    assert both > len(wanted) - 2 * first
    return np.array_equal(sound[first + offset : both + offset], wanted[first:both])


def pulled_out_within(bench, way):
    """A copy of the song in whose midst the player is pulled out and put in again. How it ended."""
    before = len(bench.stations["player0"].console)
    bench.say("terminal", f"transfer song {way}", "transferring")
    bench.until(bench.stations["player0"], "copy_coming", after=before)
    bench.world.run_until(bench.world.now_ms + 40, lambda: False)
    station = bench.stations["terminal"]
    before = len(station.console)
    bench.pull()
    assert bench.until(station, "transfer_waits", "transferred", after=before).name == "transfer_waits"
    bench.dock(0)
    return bench.until(station, "transferred", "transfer_failed", after=before)


@pytest.mark.parametrize("name", RUNTIMES)
def test_each_way_onto_one_player_and_none_onto_another(name, song, record_property):
    bench = DockedBench(docked_runtime(name), {"song": song[0]}, players=2)
    try:
        assert bench.dock(0).name == "player_docked"
        free = [bench.heap_free("terminal")]
        for way in WAYS:
            before = len(bench.stations["player0"].console)
            ended = pulled_out_within(bench, way) if way == "own" else bench.transfer("song", way)
            assert ended.name == "transferred" and ended.value("way") == way, ended.text
            bench.until(bench.stations["player0"], "copied", after=before)
            free.append(bench.heap_free("terminal"))
        for copy in range(1, len(WAYS) + 1):
            free.append(bench.heap_free("player0"))
            ended, sound = heard(bench, 0, copy)
            assert ended.name == "title_ended" and is_all_of(song[1], sound), ended.text
        record_property("heap_free", free)
        print("octets of heap free: a terminal before and behind each copy, a player before it plays each:", free)
        assert name != "pico" or min(free) >= LEAST_FREE, free
        bench.pull()
        bench.until(bench.stations["terminal"], "player_lost")
        assert bench.dock(1).name == "player_refused"
    finally:
        bench.close()


def test_the_cable_carries_no_key_and_of_the_whole_file_s_ways_no_clear_frame(song, tmp_path):
    bench = DockedBench(docked_runtime("cpython"), {"song": song[0]})
    try:
        bench.dock()
        for way in WAYS[:2]:
            bench.transfer("song", way)
        carried = bytes(bench.ends["terminal"].sent + bench.ends["player0"].sent)
        clear = melody("mp3", 1.0, 44_100, 2, 64_000)
        for at in range(200, len(clear) - 16, 160):
            assert clear[at : at + 16] not in carried
        for identity in bench.identities.values():
            for at in range(24):
                assert identity.device_key[at : at + 8] not in carried
    finally:
        bench.close()


def test_a_player_that_the_shop_removed_loses_its_copy_when_it_is_docked_next(song):
    bench = DockedBench(docked_runtime("cpython"), {"song": song[0]})
    try:
        bench.dock()
        bench.transfer("song", "own")
        bench.pull()
        bench.until(bench.stations["terminal"], "player_lost")
        bench.shop.leave_player(bench.user, bench.identities["player0"].terminal_id, 1_900_000_000_000)
        bench.tell_household()
        ended = bench.dock()
        assert ended.name == "player_left" and ended.value("deleted") == "1"
        assert bench.say("player0", "copies", "copies").value("count") == "0"
    finally:
        bench.close()
