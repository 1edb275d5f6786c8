"""A terminal behind serial ports: an emulated Pico in a process of its own. Real time, so short scripts."""

import os
import signal
import time

import pytest
from settop.errors import LocalError
from settop.version import FORMATS
from testbed.boards import load_board
from testbed.hil.adapter import EmulatedBoard
from testbed.hil.machine import SerialMachine
from testbed.machines.base import Machine, MachineError, TerminalSpec
from testbed.machines.pico_flash import flash_image
from testbed.terminals import find_runtime

pytestmark = pytest.mark.pico

ECHO = b"""
import machine, select, sys, time
modem = machine.UART(0, 115200, rxbuf=512)
tuner = machine.UART(1, 921600, rxbuf=16384, txbuf=4096)
try:
    n = int(open("boots").read() or 0)  # a soft reset may come in the middle of writing it
except OSError:
    n = 0
with open("boots", "w") as file:
    file.write(str(n + 1))
print("@ 1 ready formats=FORMATS boot=%d" % n)
poll = select.poll()
for stream in (modem, tuner, sys.stdin):
    poll.register(stream, select.POLLIN)
buffer = memoryview(bytearray(1024))
while True:
    for stream, _ in poll.ipoll(1000):
        if stream is sys.stdin:
            print("@ 2 heard", sys.stdin.readline().strip())
            continue
        count = stream.readinto(buffer[: min(1024, stream.any())])
        stream.write(buffer[:count])
""".replace(b"FORMATS", b"%d" % FORMATS)


@pytest.fixture
def make(image):
    machines = []

    def build(files):
        board = EmulatedBoard(flash_image(image.path, files), profile=load_board("pico"))
        machines.append(SerialMachine(board, TerminalSpec(files=files)))
        return machines[-1]

    yield build
    for machine in machines:
        machine.close()


def until(machine, line, text, limit_s=20.0):
    """What a line says up to and with `text`."""
    got, deadline_s = b"", time.monotonic() + limit_s
    while text not in got:
        assert time.monotonic() < deadline_s, f"{got!r} after {limit_s} s"
        machine.advance(time.monotonic_ns() + 2_000_000)
        got += machine.take(line)
    return got


def test_is_a_machine_that_lives_in_real_time(make):
    machine = make({"main.py": ECHO})
    assert isinstance(machine, Machine)
    assert not machine.virtual
    with pytest.raises(LocalError, match="no line 'output'"):
        machine.send("output", b"")


def test_every_line_goes_where_it_belongs_and_nothing_is_lost_at_the_tuners_rate(make):
    machine = make({"main.py": ECHO})
    machine.boot()
    machine.send("console", b"hello\n")
    assert b"@ 2 heard hello" in until(machine, "console", b"heard hello")
    machine.send("modem", b"AT\r")
    assert until(machine, "modem", b"AT\r") == b"AT\r"
    data = bytes(n * 31 & 0xFF for n in range(40_000)) + b"the end"
    machine.send("tuner", data)
    assert until(machine, "output", b"the end") == data


def test_power_cut_keeps_the_files_and_the_board_starts_by_itself(make):
    machine = make({"main.py": ECHO})
    machine.boot()
    first = until(machine, "console", b" boot=")
    machine.power_cut()
    machine.send("modem", b"lost")
    machine.advance(time.monotonic_ns() + 50_000_000)
    machine.boot()
    number = int(first.partition(b"boot=")[2].split()[0])
    assert b"boot=%d" % (number + 1) in until(machine, "console", b"boot=%d" % (number + 1))
    machine.send("modem", b"here")
    assert until(machine, "modem", b"here") == b"here"


def test_board_that_dies_fails_the_next_advance_with_the_reason_and_boots_again_after_close(make):
    machine = make({"main.py": ECHO})
    machine.boot()
    machine.adapter.process.kill()
    begin_s = time.monotonic()
    with pytest.raises(MachineError, match="killed by SIGKILL"):
        until(machine, "console", b"never", limit_s=30)
    assert time.monotonic() - begin_s < 5
    machine.close()
    machine.boot()
    assert b"ready" in until(machine, "console", b"ready")


def test_board_without_main_py_says_how_to_get_one(make):
    with pytest.raises(MachineError, match=r"\./ringcast flash"):
        make({}).boot()


def test_unknown_board_and_missing_ports_are_refused_before_anything_is_opened():
    with pytest.raises(LocalError, match="no board 'zx81'"):
        find_runtime("serial:/dev/null", board="zx81")
    with pytest.raises(LocalError, match="--modem-port PORT and --tuner-port PORT"):
        find_runtime("serial:/dev/null")
    with pytest.raises(LocalError, match="the emulated board is a pico"):
        find_runtime("serial", board="esp32")
    assert find_runtime("serial:/dev/null", link="cable").name == "serial"


def test_held_board_waits_for_the_bench_and_the_bench_for_it(make):
    machine = make({"main.py": ECHO})
    machine.boot()
    process = machine.adapter.process
    assert machine.keep_step(0)
    time.sleep(0.3)
    held_ns = process.simulated_ns
    time.sleep(0.2)
    assert process.simulated_ns == held_ns
    assert machine.keep_step(200_000_000)
    assert process.simulated_ns >= held_ns + 150_000_000
    process.run_free()
    deadline_s = time.monotonic() + 10
    while process.simulated_ns < held_ns + 500_000_000:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_board_that_stands_still_fails_the_bench_within_seconds(make):
    machine = make({"main.py": ECHO})
    machine.boot()
    process = machine.adapter.process
    machine.keep_step(0)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        begin_s = time.monotonic()
        with pytest.raises(MachineError, match="stands still"):
            machine.keep_step(1_000_000_000)
        assert time.monotonic() - begin_s < 8
    finally:
        os.kill(process.pid, signal.SIGCONT)
