"""The decoder chip at the far end of a line of the unix port, in real time, and what goes over that line."""

import time

import numpy as np
import pytest
from testbed.boards import load_board
from testbed.boards.package import package_files
from testbed.machines.base import TerminalSpec
from testbed.machines.codec.chip import HDAT1, STATUS, VOL, Vs1053
from testbed.machines.codec.line_bus import LineBus
from testbed.machines.unix import UnixMachine
from testbed.runtimes import RuntimeUnavailable, unix_binary

from tests.helpers.melodies import decoded, ima_decoded, offset_of, tune, wav_data

PROGRAM = b"""
import board, sys, time
from settop.codec import units
from settop.codec.vs1053 import Vs1053

chip = Vs1053(board.codec())

def settle():
    while chip.step(time.ticks_ms()) is not None:
        time.sleep_ms(1)

chip.start()
settle()
print("state", chip.state)
unit = units.make(CODEC, chip, RATE, 2, EXTRA)
tune = memoryview(open("tune", "rb").read())
at = 0
while at < len(tune):
    size = min(SIZE, len(tune) - at)
    unit.begin(size)
    end = at + size
    while at < end:
        taken = unit.write(tune, at, min(end, at + 256))
        at += taken
        if not taken:
            time.sleep_ms(2)
while not unit.flush():
    time.sleep_ms(2)
print("rate", chip.rate(), chip.format() != 0)
chip.finish()
settle()
print("ended", chip.state, chip.resets)
"""


@pytest.fixture
def run():
    try:
        binary = unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    machines = []

    def run(tune, codec, extra, size, rate=44_100):
        head = b"CODEC, EXTRA, SIZE, RATE = %r, %r, %d, %d\n" % (codec, extra, size, rate)
        head = head.replace(b"= b'", b"= '", 1)
        files = {**package_files(), **load_board("unix").board_modules(), "main.py": head + PROGRAM, "tune": tune}
        machine = UnixMachine(binary, TerminalSpec(files=files, codec=True))
        machines.append(machine)
        machine.boot()
        said, until_s = b"", time.monotonic() + 60
        while b"ended" not in said and time.monotonic() < until_s:
            machine.advance(time.monotonic_ns() + 20_000_000)
            said += machine.take("console")
        return said.decode(), machine

    yield run
    for machine in machines:
        machine.close()


def played(machine):
    """What was decoded; how late the machine's process got the processor is no matter here."""
    return np.concatenate([piece.samples for piece in machine.sound.pieces])


@pytest.mark.unix
def test_mp3_goes_over_the_line_and_is_heard_as_another_decoder_decodes_it(run):
    file = tune("mp3", 1)
    said, machine = run(file, b"mp4a.6b", b"", 1 << 20)
    assert "state ready" in said and "rate 44100 True" in said and "ended ready 1" in said, said
    offset_of(decoded(file), played(machine))
    chip = machine.codec
    assert (chip.too_fast, chip.missed, chip.confused, chip.decoder.overflowed) == (0, 0, 0, 0)


@pytest.mark.unix
def test_adpcm_goes_over_the_line_and_is_heard_to_the_sample(run):
    file = tune("adpcm", 1, 22_050)
    data, rate, _, block = wav_data(file)
    said, machine = run(data, b"ms.0011", block.to_bytes(2, "little"), block, rate)
    assert "ended ready 1" in said, said
    wanted = ima_decoded(file)
    assert np.array_equal(played(machine)[: len(wanted)], wanted)


class Far:
    """The line's end at the chip, a test at the other."""

    def __init__(self):
        self.now_ns = 10_000_000
        self.chip = Vs1053()
        self.bus = LineBus(self.chip, lambda: self.now_ns)
        self.status = None

    def say(self, *messages):
        for message in messages:
            self.bus.receive(message)
        self.now_ns += 10_000_000
        out, answers = self.bus.send(), []
        while out:
            length = 8 if out[:1] == b"Q" else 2 + out[1]
            if out[:1] == b"Q":
                self.status = (out[1] << 8 | out[2], out[3], int.from_bytes(out[4:8], "big"))
            else:
                answers.append(out[2:length])
            out = out[length:]
        return answers


def test_the_far_end_carries_out_messages_however_they_are_cut():
    far = Far()
    assert far.say() == [] and far.status == (2048, 0, 0)
    register = b"E\0\x04\x03" + bytes((STATUS, 0, 0))
    assert far.say(b"B" + (1_600_000).to_bytes(4, "big"), *[register[i : i + 1] for i in range(len(register))]) == [
        b"\xff\xff\x00\x40"
    ]
    write = b"W\0\x04\x02" + bytes((VOL, 0x12, 0x34))
    assert far.say(write + b"W\x01\x03abc" + b"E\0\x04\x03" + bytes((VOL, 0, 0))) == [b"\xff\xff\x12\x34"]
    assert far.status == (2048, 1, 3)
    assert far.say(b"noise" + b"E\0\x04\x03" + bytes((HDAT1, 0, 0))) == [b"\xff\xff\0\0"]
    far.now_ns += 10_000_000
    far.bus.receive(b"R\0R\x01")
    assert far.bus.send()[:4] == b"Q\0\0\x03", "DREQ is low while it starts"
    far.say()
    assert far.status == (2048, 3, 3)
