"""The decoder chip on the emulated Pico's SPI bus, fed by a few lines of MicroPython that know the datasheet alone, and
by the terminal's own driver and units."""

import re

import numpy as np
import pytest
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine

from tests.helpers.melodies import decoded, ima_decoded, offset_of, tune
from tests.helpers.pico_program import MS, run_to_the_prompt

PLAYS = b"""
import time
from machine import Pin, SPI
xcs, xdcs, xreset = (Pin(n, Pin.OUT, value=1) for n in (17, 20, 22))
dreq = Pin(21, Pin.IN)
spi = SPI(0, baudrate=1700000, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
xreset(0)
xreset(1)
while not dreq():
    pass

def read(address):
    octets = bytearray((3, address, 0, 0))
    xcs(0)
    spi.write_readinto(octets, octets)
    xcs(1)
    return octets[2] << 8 | octets[3]

print("version", read(1) >> 4 & 15)
xcs(0)
spi.write(b"\\x02\\x03\\x88\\x00")
xcs(1)
while not dreq():
    pass
spi.init(baudrate=6000000)
view = memoryview(open("tune", "rb").read())
at = 0
while at < len(view):
    if dreq():
        xdcs(0)
        spi.write(view[at : at + 32])
        xdcs(1)
        at += 32
print("rate", read(5), "end")
"""

DRIVER = b"""
import board, gc, time
from settop.codec import units
from settop.codec.vs1053 import Vs1053

chip = Vs1053(board.codec())

def settle():
    while chip.step(time.ticks_ms()) is not None:
        time.sleep_ms(1)

def feed(file, octets, into=chip, allocated=0):
    piece = bytearray(512)
    view = memoryview(piece)
    while octets:
        count = file.readinto(view[: min(len(piece), octets)])
        if not count:
            break
        octets -= count
        at = 0
        while at < count:
            before = gc.mem_alloc()
            taken = chip.write(piece, at, count)
            allocated += gc.mem_alloc() - before
            at += taken
            if not taken:
                time.sleep_ms(5)
    return allocated

chip.start()
settle()
print("state", chip.state)
"""
WHOLE = (
    DRIVER
    + b"""
gc.disable()
print("allocated", feed(open("tune", "rb"), 1 << 30))
gc.enable()
chip.finish()
settle()
print("ended", chip.state, chip.rate(), chip.format(), chip.resets)
"""
)
STARVED = (
    DRIVER
    + b"""
file = open("tune", "rb")
feed(file, 20000)
time.sleep_ms(900)
feed(file, 1 << 30)
chip.finish()
settle()
print("ended", chip.state)
"""
)
CHANGED = (
    DRIVER
    + b"""
feed(open("tune", "rb"), 20000)
asked = time.ticks_ms()
chip.cancel()
settle()
print("cancelled", time.ticks_diff(time.ticks_ms(), asked))
feed(open("other", "rb"), 1 << 30)
chip.finish()
settle()
print("ended", chip.state, chip.resets)
"""
)
UNIT = (
    DRIVER
    + b"""
file = open("tune", "rb")
head = file.read(60)
block = head[32] | head[33] << 8
file.seek(0)
whole = file.read()
file = memoryview(whole)[whole.index(b"data") + 8 :]
unit = units.make("ms.0011", chip, head[24] | head[25] << 8, head[22], head[32:34])
at = 0
while at < len(file):
    size = min(block, len(file) - at)
    unit.begin(size)
    end = at + size
    while at < end:
        taken = unit.write(file, at, min(end, at + 64))
        at += taken
        if not taken:
            time.sleep_ms(2)
while not unit.flush():
    time.sleep_ms(2)
chip.finish()
settle()
print("ended", chip.state)
"""
)


@pytest.fixture
def run(image):
    """What a program said on the console, and the machine it ran on; `files` beside those of the terminal."""
    machines = []

    def run(program, codec=True, **files):
        said, machine = run_to_the_prompt(image, program, b"codec", 12_000, codec, **files)
        machines.append(machine)
        return said, machine

    yield run
    for machine in machines:
        machine.close()


def clean(machine):
    chip = machine.codec
    return (chip.too_fast, chip.missed, chip.confused, chip.decoder.overflowed) == (0, 0, 0, 0)


def played(machine):
    return np.concatenate([piece.samples for piece in machine.sound.pieces])


@pytest.mark.pico
def test_the_driver_plays_a_tune_to_its_end_without_an_underrun_or_an_allocation(run, tmp_path):
    file = tune("mp3", 2)
    said, machine = run(WHOLE, tune=file)
    assert "state ready" in said and "allocated 0\r" in said and "ended ready 44100 0 1" in said, said
    assert machine.sound.underruns == [] and len(machine.sound.pieces) == 1 and clean(machine)
    machine.sound.write_wav(tmp_path / "heard.wav")
    heard, wanted = decoded(tmp_path / "heard.wav"), decoded(file)
    offset = offset_of(wanted, heard)
    count = len(wanted) - max(0, -offset)
    assert len(heard) >= count + offset - 1152
    both = min(len(wanted), len(heard) - offset)
    assert np.array_equal(heard[max(0, offset) : both + offset], wanted[max(0, -offset) : both])


@pytest.mark.pico
def test_a_feeder_that_stops_is_a_silence_where_it_belongs(run):
    file = tune("mp3", 3)
    said, machine = run(STARVED, tune=file)
    assert "ended ready" in said, said
    ((start_ns, end_ns),) = machine.sound.underruns
    first_ns = machine.sound.pieces[0].start_ns
    # 20,000 octets at 128 kbit/s are 1.25 s of sound, less a frame that is not whole; what was in the chip when the
    # feeder slept is 128 ms and what was decoded ahead.
    assert 1_190 * MS < start_ns - first_ns < 1_260 * MS
    assert 680 * MS < end_ns - start_ns < 900 * MS
    wanted = decoded(file)
    heard = played(machine)
    offset = offset_of(wanted, heard)
    assert np.array_equal(heard[offset:][:120_000], wanted[:120_000]) and clean(machine)


@pytest.mark.pico
def test_another_title_takes_over_in_the_middle(run):
    first, other = tune("mp3", 3), tune("aac", 1)
    said, machine = run(CHANGED, tune=first, other=other)
    took_ms = int(re.search(r"cancelled (\d+)", said)[1])
    assert "ended ready 1" in said and took_ms < 60, said
    one, two = {piece.file for piece in machine.sound.pieces}
    heard = np.concatenate([piece.samples for piece in machine.sound.pieces if piece.file == max(one, two)])
    wanted = decoded(other)
    offset = offset_of(wanted, heard)
    assert np.array_equal(heard[offset:][:40_000], wanted[:40_000]) and clean(machine)
    assert machine.sound.underruns == []


@pytest.mark.pico
def test_adpcm_that_the_board_decodes_is_heard_to_the_sample(run):
    file = tune("adpcm", 1, 22_050, 2)
    said, machine = run(UNIT, tune=file)
    assert "ended ready" in said, said
    wanted = ima_decoded(file)
    assert np.array_equal(machine.sound.heard()[1][: len(wanted)], wanted)
    assert machine.sound.underruns == [] and clean(machine)


@pytest.mark.pico
def test_a_board_without_the_chip_says_so(run):
    said, _ = run(DRIVER, codec=False)
    assert "state failed" in said


@pytest.mark.pico
def test_a_tune_goes_over_spi_and_is_heard_as_another_decoder_decodes_it(image):
    file = tune("mp3", 2)
    machine = PicoMachine(image, TerminalSpec(files={"main.py": PLAYS, "tune": file}, seed=b"codec", codec=True))
    machine.boot()
    said = b""
    for at_ms in range(10, 4_000, 10):
        machine.advance(at_ms * MS)
        said += machine.take("console")
        if b"end" in said:
            break
    machine.advance((at_ms + 200) * MS)
    assert b"version 4" in said and b"rate 44101 end" in said
    assert 1_500 < at_ms < 2_200, "as fast as it is played"
    chip = machine.codec
    assert chip.too_fast == chip.missed == chip.confused == chip.decoder.overflowed == 0
    assert len(machine.sound.pieces) == 1
    _, heard = machine.sound.heard()
    wanted = decoded(file)
    offset = offset_of(wanted, heard)
    assert (heard[offset : offset + 80_000] == wanted[:80_000]).all()
    machine.power_cut()
    machine.boot()
    assert len(machine.sound.pieces) == 1, "what was heard is not forgotten"
    machine.close()
