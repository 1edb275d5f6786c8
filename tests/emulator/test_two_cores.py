"""Both cores of the emulated Pico at work: the run repeats, flash is written, a core fails, and too much comes."""

import hashlib
import sys
import time
from pathlib import Path

import pytest
from testbed.boards import load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine

from tests.helpers.memory_scan import find_traces, traces_of

sys.path.append(str(Path(__file__).parent.parent / "vectors"))
from testbed.machines.cpython import use_shims

use_shims()
import small_stream as air  # noqa: E402

pytestmark = pytest.mark.pico

KEY = bytes(range(16))

PLAYS = b"""
import gc
gc.threshold(16384)
import board
from settop.app import App
from settop.registry import preload
preload(board.SERVICES)
gc.collect()
gc.threshold(-1)
app = App(board)
while True:
    board.idle(app.step())
    keyring = app.player.opener.keyring
    if app.player.portion is not None and not keyring.held():
        keyring.install(app.player.portion, bytearray(range(16)))
"""
"""The application, started as firmware/main.py does, and the key comes by itself."""

OPENS = b"""
import _thread, gc, sys, time
from settop.crypto.aes import aes_ecb
from settop.ts import packet as ts
from settop.ts.descrambler import Descrambler
from settop.ts.second_core import SecondCore
from settop.ts.slots import Slots

helper = SecondCore()
slots = Slots(32)
opener = Descrambler(slots, helper)
table = bytearray(ts.PIDS)
table[0x100] = ts.PID_ES
for slot in range(32):
    at = ts.IN_OFFSET + 188 * slot
    slots.source[at : at + 4] = bytes((0x47, 1, 0, 0x90 | slot & 15))
    for i in range(4, 188):
        slots.source[at + i] = slot * 7 + i * 13 & 255
assert slots.sort(table, 32, 32 * 188) == 32
cipher = aes_ecb(bytes(range(16)))

def opened(cipher):
    slots.filled = 0
    slot = 0
    while slot < 32:
        slot = opener.open_run(slot, 32, cipher)
    return bytes(slots.out)

opener.helper = None
right = opened(cipher)
opener.helper = helper
opener._kit = None
opener._ready = None
"""
"""A batch that is opened by one core first: `right`."""


def board(image, main, baud=921_600, cores=2):
    files = load_board("pico").files({"CORES": cores, "TUNER_BAUD": baud})
    machine = PicoMachine(image, TerminalSpec(files={**files, "main.py": main}, baud_tuner=baud, seed=b"two"))
    machine.boot()
    return machine


def run(machine, program_ms, until=b"end\r\n"):
    """The console up to the line `until`."""
    said = b""
    start_ms = machine.time_ns // 1_000_000
    for at_ms in range(start_ms + 5, start_ms + program_ms + 1, 5):
        machine.advance(at_ms * 1_000_000)
        said += machine.take("console")
        if until in said:
            return said.decode()
    raise AssertionError(f"no {until!r} within {program_ms} ms: {said[-600:].decode('utf-8', 'replace')}")


class Programme:
    """Packets on air and what they are in the clear: portion 0, for a minute."""

    def __init__(self):
        self._rng = air.Rng(1)
        self._sent = 0
        self.clear = []
        self.position = {}

    def tune(self, machine):
        """PAT, PMT and ECM, each when the one before is known."""
        self.began_ms = machine.time_ns // 1_000_000
        pat, pmt = air.pat(((1, air.PMT_PID),)), air.pmt()
        for packets in (air.section_packets(0, pat), air.section_packets(air.PMT_PID, pmt), [self.ecm(machine)]):
            machine.send("tuner", b"".join(packets))
            machine.advance(machine.time_ns // 1_000_000 * 1_000_000 + 80_000_000)

    def ecm(self, machine):
        return air.ecm_packet(0, 60_000 - (machine.time_ns // 1_000_000 - self.began_ms))

    def packets(self, count):
        """The next `count` packets."""
        out = []
        for _ in range(count):
            one = air.stream_packet(self._rng, self._sent, None if self._sent % 3 else self._sent % 180)
            self.position[one] = len(self.clear)
            self.clear.append(one)
            out.append(air.scrambled(one, KEY, 0))
            self._sent += 1
        return b"".join(out)


def feed(machine, programme, seconds, bits_per_s, out):
    """The programme at this rate. Its ECM comes ten times a second."""
    per_step = bits_per_s / 8 / 188 * 0.02
    due = 0.0
    start_ms = machine.time_ns // 1_000_000
    for step in range(round(seconds * 50)):
        due += per_step
        machine.send("tuner", programme.packets(int(due)))
        due -= int(due)
        if step % 5 == 0:
            machine.send("tuner", programme.ecm(machine))
        machine.advance((start_ms + 20 * (step + 1)) * 1_000_000)
        out += machine.take("output")


def tuned(image, baud, cores=2):
    """A board that plays and has its key, and the programme."""
    machine = board(image, PLAYS, baud, cores)
    run(machine, 3000, b" ready ")
    programme = Programme()
    programme.tune(machine)
    out = bytearray()
    feed(machine, programme, 0.2, 100_000, out)
    return machine, programme, out


def status(machine):
    machine.send("console", b"status\n")
    line = next(line for line in run(machine, 500, b" heap_free=").splitlines() if " status " in line)
    return dict(word.split("=") for word in line.split() if "=" in word)


def positions(programme, out, spliced=0):
    """Which of the programme's packets came out whole, in their order.

    spliced: how many may be none of them. The player tells a packet cut short by the sync octet behind it, which is
    there by chance once in 256.
    """
    packets = [bytes(out[at : at + 188]) for at in range(0, len(out) - 187, 188)]
    streams = [one for one in packets if (one[1] & 0x1F) << 8 | one[2] == air.ES_PID]
    known = [programme.position[one] for one in streams if one in programme.position]
    assert len(streams) - len(known) <= spliced
    return known


def test_two_runs_on_two_cores_are_the_same_to_the_cycle(image):
    seen = []
    for _ in range(2):
        machine, programme, out = tuned(image, 921_600)
        feed(machine, programme, 0.3, 600_000, out)
        assert positions(programme, out)[-1] > 100
        seen.append((machine.cycles, hashlib.sha256(machine.ram()).hexdigest(), bytes(out), status(machine)))
        machine.close()
    assert seen[0] == seen[1]
    assert seen[0][3]["cores"] == "2"


def test_what_time_it_is_on_the_host_comes_into_no_batch(image, monkeypatch):
    asked = []
    machine, programme, out = tuned(image, 921_600)
    monkeypatch.setattr(time, "monotonic", lambda: asked.append(1) or 0.0)
    feed(machine, programme, 0.04, 600_000, out)
    assert machine._simulator.rp2040.core1_running and asked == []


def test_the_second_core_sleeps_until_there_is_a_key_and_between_two_runs(image):
    machine, programme, out = tuned(image, 921_600)
    asleep = []
    for _ in range(40):
        feed(machine, programme, 0.02, 500_000, out)
        asleep.append(machine.sleeps(1))
    assert sum(asleep) > 30
    single = board(image, PLAYS, cores=1)
    run(single, 3000, b" ready ")
    assert not single._simulator.rp2040.core1_running
    # Started by the first key: not before.
    dark = board(image, PLAYS, cores=2)
    run(dark, 3000, b" ready ")
    assert not dark._simulator.rp2040.core1_running and machine._simulator.rp2040.core1_running


def test_flash_is_written_while_the_second_core_rests_and_while_it_works(image):
    program = (
        OPENS
        + b"""
def write(name):
    with open(name, "wb") as file:
        file.write(b"x" * 9000)
    with open(name, "rb") as file:
        return file.read() == b"x" * 9000

print("first", opened(cipher) == right)
print("resting", write("a"), opened(cipher) == right)
done = 0
room = memoryview(bytearray(188 * 32))
for i in range(5):
    helper.start(cipher, 0 | 16 << 8, room)
    done += write("b%d" % i)
    assert helper.finish() and room[: 188 * 16] == memoryview(right)[: 188 * 16]
print("working", done, helper.jobs, helper.ended)
print("end")
"""
    )
    said = run(board(image, program), 20_000)
    assert "first True" in said and "resting True True" in said and "working 5 7 False" in said


def test_collecting_on_one_core_leaves_the_other_ones_work_alone(image):
    program = (
        OPENS
        + b"""
room = memoryview(bytearray(188 * 32))
opened(cipher)
for i in range(20):
    helper.start(cipher, 0 | 16 << 8, room)
    waste = [bytes(200) for _ in range(20 + i)]
    gc.collect()
    waste = [b"\\xff" * 200 for _ in range(60)]
    assert helper.finish() and room[: 188 * 16] == memoryview(right)[: 188 * 16]
    room[:] = bytes(188 * 32)
print("jobs", helper.jobs, helper.ended)
print("end")
"""
    )
    assert "jobs 21 False" in run(board(image, program), 20_000)


def test_no_word_of_a_wiped_key_stays_on_the_second_cores_stack(image):
    program = (
        OPENS
        + b"""
from settop.crypto.aes import wipe_aes
from settop.crypto.wipe import wipe
key = bytearray(16)
for i in range(16):
    key[i] = i * 37 + 11 & 255
other = aes_ecb(key)
wipe(key)
opened(other)
print("in use")
time.sleep_ms(50)
wipe_aes(other)
opener.helper = None  # the first core's own stack: another key goes over it
opened(cipher)
print("end")
"""
    )
    traces = traces_of(bytes(i * 37 + 11 & 255 for i in range(16)))
    machine = board(image, program)
    run(machine, 5000, b"in use")
    assert find_traces(machine.ram(), traces)
    run(machine, 5000)
    assert find_traces(machine.ram(), traces) == []


def test_a_failure_on_the_second_core_is_noticed_and_costs_nothing(image):
    program = (
        OPENS
        + b"""
class Bad:
    def decrypt(self, data, out):
        if _thread.get_ident() == 2:
            raise ValueError("no")
        return cipher.decrypt(data, out)

print("right", opened(Bad()) == right, helper.ended, opener.helper)
print("again", opened(cipher) == right)
print("end")
"""
    )
    said = run(board(image, program), 5000)
    assert "right True True None" in said and "again True" in said
    assert "Traceback" not in said


def test_a_second_core_that_hangs_is_given_up_within_half_a_second(image):
    program = (
        OPENS
        + b"""
class Bad:
    def decrypt(self, data, out):
        while _thread.get_ident() == 2:
            pass
        return cipher.decrypt(data, out)

started = time.ticks_ms()
print("right", opened(Bad()) == right, helper.ended, time.ticks_diff(time.ticks_ms(), started) < 500)
started = time.ticks_ms()
print("again", opened(cipher) == right, time.ticks_diff(time.ticks_ms(), started) < 50)
print("end")
"""
    )
    said = run(board(image, program), 5000)
    assert "right True True True" in said and "again True True" in said


def test_a_core_that_someone_else_uses_is_left_alone(image):
    program = (
        b"""
import _thread, time
def busy():
    while True:
        time.sleep_ms(1)
_thread.start_new_thread(busy, ())
"""
        + OPENS
        + b"""
print("right", opened(cipher) == right, helper.ended)
print("end")
"""
    )
    assert "right True True" in run(board(image, program), 5000)


def test_control_c_and_a_soft_reset_in_the_middle_leave_a_board_that_plays_again_on_two_cores(image):
    machine, programme, out = tuned(image, 921_600)
    for pause_us in (0, 700, 1900):  # the interrupt comes at different places of a turn
        feed(machine, programme, 0.1, 600_000, out)
        machine.advance(machine.time_ns // 1000 * 1000 + 1000 * (pause_us + 1))
        machine.send("console", b"\x03")
        assert "KeyboardInterrupt" in run(machine, 1000, b">>> ")
        machine.send("console", b"f=open('y','wb');f.write(bytes(5000));f.close();1+41\r")
        assert "42" in run(machine, 2000, b"42\r\n>>> ")
        machine.send("console", b"\x04")
        assert "Traceback" not in run(machine, 3000, b" ready ")
        programme.tune(machine)
        machine.take("output")
        del out[:]
        feed(machine, programme, 0.2, 100_000, out)
        before = len(positions(programme, out))
        feed(machine, programme, 0.2, 600_000, out)
        assert len(positions(programme, out)) > before + 50
        assert status(machine)["cores"] == "2"
        assert machine._simulator.rp2040.core1_running


@pytest.mark.parametrize(("cores", "baud"), [(1, 2_000_000), (2, 3_000_000)])
def test_too_much_is_lost_counted_and_told_of_and_the_picture_comes_back_at_the_next_packet(image, cores, baud):
    """A line full to the brim, faster than so many cores are."""
    machine, programme, out = tuned(image, baud, cores)
    feed(machine, programme, 1.2, baud * 0.79, out)
    flooded = len(programme.clear)
    feed(machine, programme, 0.4, 300_000, out)  # what is in the buffers comes out
    quiet = len(programme.clear)
    feed(machine, programme, 0.4, 500_000, out)
    console = run(machine, 2000, b"tuner_loss")
    machine.advance(machine.time_ns + 200_000_000)
    out += machine.take("output")
    came = positions(programme, out, spliced=3)
    assert came == sorted(set(came))  # in order, each once, and none that is not the broadcaster's
    assert came[-1] == len(programme.clear) - 1 and set(range(quiet, len(programme.clear))) <= set(came)
    missing = flooded - len([at for at in came if at < flooded])
    assert missing > 20
    counted = status(machine)
    assert counted["cores"] == str(cores) and int(counted["resyncs"]) > 0
    assert "tuner_loss lost=" in console
    # Counters have four bits, so a gap is known modulo 16; ECMs may be among the lost.
    assert 0 < int(counted["lost"]) + int(counted["overflow"]) <= missing + 20
