"""Titles that the head-end packs, on a portable player by each of the three ways: whole applications on boards of the
tests' own, what the decoder chip gets."""

import sys
from pathlib import Path

import pytest
from testbed.machines.cpython import use_shims

from tests.helpers.tunes import KEY, KID, packed, stored, tune

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
use_shims()
from dock_rig import PLAYER, STRANGER  # noqa: E402
from docked_rig import Docked  # noqa: E402
from titles_rig import licence_for  # noqa: E402

WAYS = ("bought", "own", "tenth")
NOW = 1_800_000_000_000


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """(octets of an MP3 title, the frames in it)"""
    folder = tmp_path_factory.mktemp("song")
    title = packed(tune("mp3", 1), folder / "song.mp4", "cbcs").read_bytes()
    return title, b"".join(stored(packed(tune("mp3", 1), folder / "clear.mp4", "none"))[0])


@pytest.fixture
def bench(song):
    bench = Docked(PLAYER, STRANGER)
    bench.ask(licence_for(kid=KID, key=KEY), "licensed")
    bench.terminal.board.titles["song"] = song[0]
    bench.dock()
    bench.until("player_docked")
    return bench


@pytest.mark.parametrize("way", WAYS)
def test_by_each_way_it_sounds_as_the_original(bench, song, way):
    assert bench.transfer("song", way).endswith(f"way={way} name=song")
    (copy,) = bench.players[0].board.COPIES.files.values()
    assert (copy == song[0]) == (way == "bought")
    played, said = bench.play()
    assert played == song[1] and said.startswith("title_ended samples=")


@pytest.mark.parametrize("way", WAYS)
def test_another_player_plays_nothing_of_it(bench, song, way):
    bench.transfer("song", way)
    one, other = bench.players
    other.board.COPIES.files = dict(one.board.COPIES.files)
    other.board.FILES.files.update({path: data for path, data in one.board.FILES.files.items() if "player" in path})
    other.start()
    played, said = bench.play(1)
    assert not played and said.startswith("error ")


def test_of_a_tenth_s_copy_nine_of_ten_octets_are_there_to_be_read(bench, song):
    bench.transfer("song", "tenth")
    (copy,) = bench.players[0].board.COPIES.files.values()
    assert len(copy) == len(song[1])
    changed = [at for at in range(len(copy)) if copy[at] != song[1][at]]
    assert changed == list(range(0, len(copy), 10))


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize("pulled", [1, 4096, 8000])
def test_a_player_without_power_goes_on_where_it_was(bench, song, way, pulled):
    bench.terminal.board.console.lines.append(f"transfer song {way}")
    files = bench.players[0].board.COPIES
    while not files.files or len(next(iter(files.files.values()))) < pulled:
        bench.turn(1, 2)
    files.cut()
    kept = len(next(iter(files.files.values())))
    assert pulled - 4096 <= kept
    bench.pull()
    bench.players[0].start()
    bench.until("transfer_waits")
    bench.dock()
    assert int(bench.until("transferring").split("from=")[1]) == kept
    bench.until("transferred")
    assert bench.play()[0] == song[1]


def test_a_tenth_s_copy_is_paused_and_cannot_be_sought_in(bench, song):
    bench.transfer("song", "tenth")
    chip = bench.players[0].board.chip
    chip.data, chip.room = bytearray(), 2000
    bench.tell("hear 1", "title_playing")
    bench.tell("pause", "title_paused")
    bench.tell("resume", "title_resumed")
    assert bench.tell("seek 1", "title_failed", "error").startswith(("title_failed", "error"))


@pytest.mark.parametrize("way", WAYS)
def test_a_title_that_is_only_rented_is_copied_onto_no_player(song, way):
    bench = Docked(PLAYER)
    keys = bench.terminal.app.services.get("titles").keys
    keys.learn_time(NOW, 0, True)
    keys.keep(KID, bytearray(KEY), (1, 0, 0, 3600))
    bench.terminal.board.titles["song"] = song[0]
    bench.dock()
    bench.until("player_docked")
    assert bench.transfer("song", way).startswith("transfer_failed")
    (player,) = bench.players
    assert not player.board.COPIES.files and bench.tell("copies", "copies").startswith("copies count=0")
    keys.keep(KID, bytearray(KEY))  # bought for good: it is
    assert bench.transfer("song", way).startswith("transferred") and bench.play()[0] == song[1]
