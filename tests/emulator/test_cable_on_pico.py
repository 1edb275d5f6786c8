"""One USB cable as the whole bench, on the emulated Pico: a call, the REPL through it, resets, a host that stalls."""

from dataclasses import replace

import pytest
from settop.errors import LocalError
from settop.link import mux
from testbed.bench.one_cable import one_cable_vs_usb
from testbed.boards import load_board
from testbed.line.cable import CableHost
from testbed.machines.base import TerminalSpec
from testbed.machines.cabled import CabledMachine, cabled_spec
from testbed.machines.pico import PicoMachine
from testbed.scenario.broadcasts.clip import MIN_BITRATE, make_clip
from testbed.scenario.broadcasts.watching import fully_clear
from testbed.scenario.plan import ActionPlan
from testbed.scenario.runner import run_plan
from testbed.systems.call.judging import demo_checks
from testbed.systems.call.plan import CallPlan, LinePlan
from testbed.terminals import Runtime, cabled, terminal_spec

MS = 1_000_000
SECONDS = 6
HEARD = [3, 4]
BALLAST_KB = 12
"""What the terminal of the call does without: firmware in files, one cable and an identity of this same boot leave the
least memory that there is."""

pytestmark = pytest.mark.pico


@pytest.fixture
def terminal(image):
    """A terminal at the far end of one cable, switched on and attached."""
    machine = CabledMachine(PicoMachine(image, cabled_spec(terminal_spec("pico", 921_600, b"cable"))))
    machine.boot()
    until(machine, b"ready")
    until(machine, b"status", b"status\n")
    yield machine
    machine.close()


def until(machine, text, send=b"", limit_ms=3000):
    """What the console says up to and with `text`, through the cable."""
    if send:
        machine.send("console", send)
    said = b""
    for _ in range(limit_ms):
        machine.advance(machine.time_ns // MS * MS + MS)
        said += machine.take("console")
        if text in said:
            return said
    raise AssertionError(f"{said!r} after {limit_ms} ms, expected {text!r}")


def type_raw(machine, octets):
    """Octets on the USB line itself, as another program on this port would send them."""
    machine.machine.send("console", octets)


def with_ballast(image, spec):
    board_config = spec.files["board_config.py"] + b"BALLAST = [bytearray(1008) for _ in range(%d)]\n" % BALLAST_KB
    return PicoMachine(image, replace(spec, files={**spec.files, "board_config.py": board_config}))


@pytest.fixture(scope="module")
def call(image, tmp_path_factory):
    out = tmp_path_factory.mktemp("call")
    make_clip(out / "clip.ts", SECONDS, MIN_BITRATE)
    plan = CallPlan(
        input=out / "clip.ts",
        portion_seconds=1.0,
        line=LinePlan(setup_ms=100),
        actions=(ActionPlan(0.2, "T1", "call"), ActionPlan(4.3, "T1", "hang_up")),
    )
    runtime = Runtime("pico", image.origin, lambda spec: with_ballast(image, spec))
    return run_plan(plan, cabled(runtime), out)


@pytest.mark.long
def test_the_picture_clears_inside_the_call_over_one_cable_with_memory_to_spare(call):
    portions = call.terminals[0].analysis.portions
    assert [portion.index for portion in portions if fully_clear(portion)] == HEARD
    assert all(portion.scrambled_packets > 100 for portion in portions[:SECONDS])
    assert all(check.passed for check in demo_checks(call))
    assert call.terminals[0].station.events("error") == []


@pytest.mark.long
def test_the_cable_lost_and_refused_nothing_and_no_uart_was_used(call):
    machine = call.terminals[0].station.machine
    host = machine.host
    assert (host.sessions, host.damaged, host.resyncs, host.refused, host.lost) == (1, 0, 0, 0, 0)
    assert machine.lost["tuner"] == 0
    assert machine.machine.take("modem") == machine.machine.take("output") == b""
    assert call.terminals[0].station.chatter == []


def test_ctrl_c_in_the_middle_of_a_frame_leads_to_the_repl_and_back(terminal):
    host = CableHost(1)
    host.receive(b"")
    frame = host.data_to_send()[len(mux.IDLE) :]
    type_raw(terminal, frame[:9])  # the board waits for the rest
    terminal.advance(terminal.time_ns // MS * MS + 20 * MS)
    type_raw(terminal, b"\x03")
    said = until(terminal, b">>> ")
    assert b"KeyboardInterrupt" in said and terminal.host.prompted
    # As mpremote does: raw REPL, a program, its output, soft reset.
    type_raw(terminal, b"\r\x03\x03")
    type_raw(terminal, b"\x01")
    until(terminal, b"raw REPL; CTRL-B to exit\r\n>")
    type_raw(terminal, b"print(6 * 7)\x04")
    assert b"OK42\r\n\x04\x04>" in until(terminal, b"\x04>")
    type_raw(terminal, b"\x02")
    until(terminal, b">>> ")
    type_raw(terminal, b"\x04")
    until(terminal, b"ready")
    until(terminal, b"call=idle", b"status\n")
    assert terminal.host.attached and terminal.host.sessions == 2


def test_ctrl_c_while_the_tuner_runs_leads_to_the_repl(terminal):
    terminal.send("tuner", bytes(range(256)) * 60)
    terminal.advance(terminal.time_ns // MS * MS + 30 * MS)
    assert terminal.host.waiting("tuner")
    type_raw(terminal, b"\x03")
    assert b"KeyboardInterrupt" in until(terminal, b">>> ")


def test_reset_button_and_power_cut_are_followed_by_a_new_session(terminal):
    terminal.reboot()
    until(terminal, b"ready")
    until(terminal, b"call=idle", b"status\n")
    assert terminal.host.sessions == 2
    terminal.power_cut()
    terminal.send("console", b"lost\n")
    terminal.advance(terminal.time_ns // MS * MS + 100 * MS)
    terminal.boot()
    until(terminal, b"ready")
    assert b"error" not in until(terminal, b"call=idle", b"status\n")
    assert terminal.host.sessions == 3


def test_a_person_with_a_terminal_program_ends_the_session_and_is_answered(terminal):
    type_raw(terminal, b"status\r")
    said = b""
    for _ in range(300):
        terminal.machine.advance(terminal.machine.time_ns // MS * MS + MS)
        said += terminal.machine.take("console")
    assert mux.NOTICE in said and b"@ " in said and b"call=idle" in said and b"\xa5" not in said


def test_the_ready_line_is_plain_text(image):
    machine = PicoMachine(image, cabled_spec(terminal_spec("pico", 921_600, b"plain")))
    machine.boot()
    machine.advance(2500 * MS)
    first, ready, *_ = machine.take("console").split(b"\r\n")
    assert first + b"\r\n" == mux.NOTICE
    assert ready.startswith(b"@ ") and b" ready board=pico" in ready


TAKE_IN = b"""
import gc, machine, time
from settop.link.cable import usb_cable
line = machine.UART(0, 115200)
cable = usb_cable()
while cable.mux.session is None:
    cable.poll()
cable.poll()
line.write(b"go")
tuner = cable.mux.inflows[2]
time.sleep_ms(100)
gc.collect()
gc.disable()
before = gc.mem_alloc()
cable.poll(8000)
line.write(b" %d %d " % (gc.mem_alloc() - before, tuner.level))
view = memoryview(bytearray(5828))
cable.output.write(view[:5828])
before = gc.mem_alloc()
cable.output.write(view)
line.write(b"%d end" % (gc.mem_alloc() - before))
"""


def run(image, program, host, usb_host="reads", limit_ms=8000, tuner=b""):
    files = load_board("pico").files({"SERVICES": ()}, {"main.py": program})
    machine = PicoMachine(image, TerminalSpec(files=files), usb_host=usb_host)
    machine.boot()
    said = b""
    for now_ms in range(1, limit_ms):
        machine.send("console", host.data_to_send())
        machine.advance(now_ms * MS)
        host.receive(machine.take("console"))
        said += machine.take("modem")
        if said.startswith(b"go") and tuner:
            host.send("tuner", tuner)
            tuner = b""
        if said.endswith(b"end"):
            return said.split()
    raise AssertionError(f"{said!r} {host.take('console')!r}")


def test_frames_to_the_tuner_and_from_the_output_allocate_nothing(image):
    host = CableHost(1)
    _, taken_in, level, put_out, _ = run(image, TAKE_IN, host, tuner=bytes(range(256)) * 30)
    assert int(level) > 5000
    assert int(taken_in) <= 32  # of the call, not of its frames
    assert int(put_out) <= 32


STALLED = b"""
import machine, time
from settop.link.cable import usb_cable
line = machine.UART(0, 115200)
cable = usb_cable()
while cable.mux.session is None:
    cable.poll()
data = bytes(5828)
for _ in range(12):
    started = time.ticks_ms()
    cable.output.write(data)
    cable.console.write_line("x" * 62)
    cable.poll()
    line.write(b"%d " % time.ticks_diff(time.ticks_ms(), started))
line.write(b"end")
"""


def test_a_host_that_stops_reading_holds_the_player_up_once_and_the_output_stops(image):
    """One write finds the USB driver full, which costs MicroPython's time-out; from then on octets go as room shows."""
    *waits, _ = run(image, STALLED, CableHost(1), usb_host="stalls")
    waits = [int(wait) for wait in waits]
    assert len(waits) == 12
    assert sum(wait > 20 for wait in waits) == 1 and max(waits) < 1600  # three waits of half a second


def test_the_cable_carries_most_of_what_the_usb_line_does(image):
    figure = one_cable_vs_usb(image)
    assert figure.met, figure.how


def test_a_machine_in_real_time_is_refused():
    class Real:
        name, virtual = "real", False

    with pytest.raises(LocalError, match="CableHost"):
        CabledMachine(Real())
