"""An MP3 file with every tenth octet encrypted, on the emulated Pico: heard as it was, and for how little."""

import numpy as np
import pytest
from headend.titles.tenth import tenth
from testbed.bench.pico_probe import probe

from tests.helpers.melodies import decoded, offset_of, tune
from tests.helpers.tunes import KEY

PLAYS = b"""
import board, gc, time
from settop.codec.vs1053 import Vs1053
from settop.titles.tenth import TenthReader

chip = Vs1053(board.codec())
chip.start()

def settle():
    while chip.step(time.ticks_ms()) is not None:
        time.sleep_ms(1)

settle()
reader = TenthReader(bytearray(%r), chip, %r)
file = open("file", "rb")
piece = bytearray(512)
count = at = 0
gc.collect()
before = gc.mem_alloc()
while True:
    if at == count:
        count = file.readinto(piece)
        at = 0
        if not count:
            break
    taken = reader.feed(piece, at, count)
    at += taken
    if not taken:
        time.sleep_ms(5)
while not reader.flush():
    time.sleep_ms(5)
reader.finish()
gc.collect()
say("grew", gc.mem_alloc() - before)
chip.finish()
settle()
say("frames", reader.frames)
"""


@pytest.mark.pico
@pytest.mark.parametrize("spares", [False, True])
def test_a_weak_player_hears_the_file_as_it_was(image, tmp_path, spares):
    clear, parts = tune("mp3", 2.0), []
    source = tmp_path / "tune.mp3"
    source.write_bytes(clear)
    tenth(source, parts.append, KEY, spares)
    said, sound = probe(image, PLAYS % (KEY, spares), files={"file": b"".join(parts)}, codec=True)
    assert sound.underruns == [] and len(sound.pieces) == 1 and said["grew"] <= 64, said
    wanted, heard = decoded(clear), sound.pieces[0].samples
    offset = offset_of(wanted, heard)
    first, both = 2 * 1152, min(len(wanted), len(heard) - offset)
    assert both > len(wanted) - first and np.array_equal(heard[first + offset : both + offset], wanted[first:both])
