"""Portable players on the bench: what is heard from the decoder chip of the player that a copy is for is the original's
sound, by each way, and nothing is heard from another one's."""

import numpy as np
import pytest
from testbed.terminals import find_runtime

from tests.helpers.docked_bench import DockedBench
from tests.helpers.melodies import decoded, offset_of
from tests.helpers.melodies import tune as melody
from tests.helpers.tunes import packed

WAYS = ("bought", "own", "tenth")
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


@pytest.mark.parametrize("name", RUNTIMES)
def test_each_way_onto_one_player_and_none_onto_another(name, song):
    ways = WAYS[:1] if name == "pico" else WAYS  # with settop in files a Pico has no memory for more
    bench = DockedBench(find_runtime(name), {"song": song[0]}, players=2)
    try:
        assert bench.dock(0).name == "player_docked"
        sizes = []
        for way in ways:
            ended = bench.transfer("song", way)
            assert ended.name == "transferred" and ended.value("way") == way, ended.text
            sizes.append(bench.until(bench.stations["player0"], "copied").value("octets"))
        for copy in range(1, len(ways) + 1):
            ended, sound = heard(bench, 0, copy)
            assert ended.name == "title_ended" and is_all_of(song[1], sound), ended.text
        bench.pull()
        bench.until(bench.stations["terminal"], "player_lost")
        assert bench.dock(1).name == "player_refused"
    finally:
        bench.close()


def test_the_cable_carries_no_key_and_of_the_whole_file_s_ways_no_clear_frame(song, tmp_path):
    bench = DockedBench(find_runtime("cpython"), {"song": song[0]})
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
    bench = DockedBench(find_runtime("cpython"), {"song": song[0]})
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
