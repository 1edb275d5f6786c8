"""The unix machine: a process, its ptys, its end. Real time, so short scripts and generous limits."""

import time

import pytest
from settop.errors import LocalError
from testbed.machines.base import Machine, MachineError, TerminalSpec
from testbed.machines.unix import UnixMachine
from testbed.runtimes import Binary, RuntimeUnavailable, unix_binary

pytestmark = pytest.mark.unix

ECHO = b"""
import sys, select
modem = open(sys.argv[1], "r+b", buffering=0)
tuner = open(sys.argv[2], "r+b", buffering=0)
output = open(sys.argv[3], "r+b", buffering=0)
print("ready")
poll = select.poll()
poll.register(modem, select.POLLIN)
poll.register(tuner, select.POLLIN)
while True:
    for stream, _ in poll.ipoll(1000):
        data = stream.read(512)
        (modem if stream is modem else output).write(data)
"""


@pytest.fixture(scope="module")
def binary() -> Binary:
    try:
        return unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


def until(machine, line, size, limit_s=10.0):
    """At least `size` bytes of a line."""
    got = b""
    deadline_ns = time.monotonic_ns() + int(limit_s * 1e9)
    while len(got) < size:
        assert time.monotonic_ns() < deadline_ns, f"{len(got)} of {size} bytes after {limit_s} s"
        machine.advance(time.monotonic_ns() + 2_000_000)
        got += machine.take(line)
    return got


@pytest.fixture
def make(binary):
    machines = []

    def build(main, **options):
        machine = UnixMachine(binary, TerminalSpec(files={"main.py": main, **options.pop("files", {})}, **options))
        machines.append(machine)
        return machine

    yield build
    for machine in machines:
        machine.close()


def test_is_a_machine(make):
    assert isinstance(make(b""), Machine)


def test_lines_carry_every_byte_both_ways(make):
    machine = make(ECHO)
    machine.boot()
    assert until(machine, "console", 5).startswith(b"ready")
    data = bytes(range(256)) * 80
    machine.send("tuner", data)
    machine.send("modem", b"\x03\x04\r\n\x00\xff")
    assert until(machine, "output", len(data)) == data
    assert until(machine, "modem", 6) == b"\x03\x04\r\n\x00\xff"


def test_console_input_reaches_the_firmware(make):
    machine = make(b"import sys\nprint(sys.stdin.readline().strip() + '!')\n")
    machine.boot()
    machine.send("console", b"hello\n")
    assert until(machine, "console", 7) == b"hello!\n"


def test_main_that_raises_is_reported_with_its_traceback(make):
    machine = make(b"raise ValueError('out of paper')")
    machine.boot()
    with pytest.raises(MachineError, match=r"status 1: (?s:.*)out of paper"):
        machine.advance(time.monotonic_ns() + 5_000_000_000)


def test_main_that_ends_leaves_a_machine_that_is_off(make):
    machine = make(b"print('bye')")
    machine.boot()
    assert until(machine, "console", 4) == b"bye\n"
    deadline = time.monotonic() + 5
    while machine.running and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not machine.running


def test_heap_is_limited(make):
    machine = make(b"b = bytearray(200_000)", heap_bytes=100_000)
    machine.boot()
    with pytest.raises(MachineError, match="MemoryError"):
        machine.advance(time.monotonic_ns() + 5_000_000_000)


def test_files_survive_a_power_cut_and_modules_come_from_lib(make):
    main = b"""
import helper, time
try:
    n = int(open("count").read())
except OSError:
    n = 0
with open("count", "w") as f:
    f.write(str(n + 1))
print(helper.NAME, n)
while True:
    time.sleep(1)
"""
    machine = make(main, files={"lib/helper.py": b"NAME = 'boot'"})
    for expected in (b"boot 0\n", b"boot 1\n"):
        machine.boot()
        assert until(machine, "console", 7) == expected
        machine.power_cut()
        assert not machine.running


def test_close_leaves_no_process_and_no_folder(make):
    machine = make(ECHO)
    machine.boot()
    until(machine, "console", 5)
    process = machine._process
    machine.close()
    assert process.returncode is not None
    assert not machine.folder.exists()


def test_misuse_is_refused(make, binary):
    machine = make(b"")
    with pytest.raises(LocalError, match="no line 'screen'"):
        machine.send("screen", b"")
    with pytest.raises(LocalError, match="no line 'tuner'"):
        machine.take("tuner")
    with pytest.raises(LocalError, match="relative path"):
        UnixMachine(binary, TerminalSpec(files={"../main.py": b""}))


def test_interpreter_that_does_not_exist_is_reported(make):
    machine = UnixMachine(Binary(("/nonexistent/micropython",), "given"), TerminalSpec(files={"main.py": b""}))
    with pytest.raises(MachineError, match="does not start"):
        machine.boot()
    machine.close()
