"""Titles of the head-end on the emulated Pico: opened piece by piece, and heard as the clear file is."""

import numpy as np
import pytest
from headend.titles.protection import CBCS, CENC, NONE

from tests.helpers.melodies import decoded, offset_of, tune
from tests.helpers.others import ALL_KEYS, by_others
from tests.helpers.pico_program import run_to_the_prompt
from tests.helpers.tunes import packed
from tests.peers.conftest import need, need_module

PLAYS = b"""
import board, gc, time
from settop.codec.vs1053 import Vs1053
from settop.errors import RemoteError
from settop.titles.reader import TitleReader

chip = Vs1053(board.codec())
chip.start()

def settle():
    while chip.step(time.ticks_ms()) is not None:
        time.sleep_ms(1)

settle()
reader = TitleReader(%s, chip)
file = open("title", "rb")
piece = bytearray(512)
most = busy = 0
try:
    while True:
        count = file.readinto(piece)
        if not count:
            break
        at = 0
        while at < count:
            began = time.ticks_us()
            taken = reader.feed(piece, at, count)
            busy += time.ticks_diff(time.ticks_us(), began)
            at += taken
            if not taken:
                time.sleep_ms(5)
                gc.collect()
                most = max(most, gc.mem_alloc())
    while not reader.flush():
        time.sleep_ms(5)
    reader.finish()
    chip.finish()
except RemoteError as error:
    print("error", error)
    reader.close()
    chip.cancel()
settle()
print("ended", chip.state, reader.samples(), most, busy)
"""
WITH_KEY = b"lambda kid: bytearray(bytes(range(0x40, 0x50)))"
WITHOUT = b"lambda kid: None"
CUT_BYTES = 30_000


@pytest.fixture
def play(image):
    """What was said on the console while a title played, and the machine."""
    machines = []

    def play(title, keys=WITH_KEY):
        said, machine = run_to_the_prompt(image, PLAYS % keys, b"title", 20_000, title=title)
        machines.append(machine)
        return said, machine

    yield play
    for machine in machines:
        machine.close()


@pytest.fixture(scope="module")
def title(tmp_path_factory):
    """(a clear file, it as a title) by kind of tune, scheme and seconds."""
    folder = tmp_path_factory.mktemp("titles")

    def title(kind, scheme, seconds=2.0, rate=44_100, channels=2):
        source = folder / f"tune.{kind}"
        source.write_bytes(tune(kind, seconds, rate, channels))
        return source.read_bytes(), packed(source, folder / "title.mp4", scheme).read_bytes()

    return title


def played(machine):
    return np.concatenate([piece.samples for piece in machine.sound.pieces])


def alike(clear, machine):
    """Whether all of the clear file was heard, but for what a decoder begins with."""
    wanted, heard = decoded(clear), played(machine)
    offset = offset_of(wanted, heard)
    both = min(len(wanted), len(heard) - offset)
    first = 2 * 1152
    assert both > len(wanted) - first
    return np.array_equal(heard[first + offset : both + offset], wanted[first:both])


@pytest.mark.pico
@pytest.mark.parametrize(
    ("kind", "scheme"), [("m4a", CENC), ("m4a", CBCS), ("m4a", NONE), ("mp3", CENC), ("mp3", CBCS)]
)
def test_a_title_is_heard_as_the_clear_file(play, title, kind, scheme):
    clear, made = title(kind, scheme)
    said, machine = play(made, WITHOUT if scheme == NONE else WITH_KEY)
    assert "ended ready" in said and "error" not in said, said
    assert machine.sound.underruns == [] and len(machine.sound.pieces) == 1
    assert alike(clear, machine)


@pytest.mark.pico
@pytest.mark.peer
@pytest.mark.parametrize("which", ["shaka, cbcs", "shaka, a clear lead, keys that change", "ffmpeg"])
def test_a_title_by_others_is_heard_as_the_clear_file(which, play, tmp_path):
    source = tmp_path / "clear.m4a"
    source.write_bytes(tune("m4a", 2.5))
    title = by_others(which, source, tmp_path / "title.mp4", need, need_module).read_bytes()
    said, machine = play(title, b"lambda kid, known=%r: bytearray(known[kid])" % ALL_KEYS)
    assert "ended ready" in said and "error" not in said, said
    assert machine.sound.underruns == [] and len(machine.sound.pieces) == 1
    assert alike(source.read_bytes(), machine)


@pytest.mark.pico
@pytest.mark.parametrize(("kind", "channels", "scheme"), [("wav", 1, CENC), ("adpcm", 1, CBCS), ("adpcm", 2, CENC)])
def test_a_title_that_the_terminal_decodes_is_heard_to_the_sample(play, title, kind, channels, scheme):
    clear, made = title(kind, scheme, 1.5, 16_000, channels)
    said, machine = play(made)
    assert "ended ready" in said and "error" not in said, said
    assert machine.sound.underruns == [] and alike(clear, machine)


@pytest.mark.pico
@pytest.mark.parametrize("scheme", [CENC, CBCS])
def test_without_the_key_there_is_silence(play, title, scheme):
    _, made = title("m4a", scheme)
    said, machine = play(made, WITHOUT)
    assert "error there is no key" in said and "ended ready 0" in said, said
    assert machine.sound.pieces == []


@pytest.mark.pico
def test_a_title_that_is_cut_is_heard_as_far_as_it_goes(play, title):
    clear, made = title("mp3", CENC, 3.0)
    said, machine = play(made[:CUT_BYTES])
    assert "error the title ends in the middle" in said and "ended ready" in said, said
    wanted, heard = decoded(clear), played(machine)
    offset = offset_of(wanted, heard)
    both = min(len(wanted), len(heard) - offset)
    assert both > 60_000 and np.array_equal(heard[5000 + offset : both + offset], wanted[5000:both])
