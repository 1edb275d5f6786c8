"""The bench itself: clocks, stations that lose their power, machines that must be closed, two broadcasts on air."""

import time

import pytest
from headend.broadcast.broadcaster import Broadcaster
from headend.broadcast.schedule import Broadcast
from headend.ts.portions import packet_times_ns
from headend.ts.scrambler import scramble_file
from settop.errors import LocalError
from testbed.clock import VirtualClock, WallClock
from testbed.machines.base import MachineError, TerminalSpec
from testbed.machines.cpython import CONSOLE_LINE_BYTES, CpythonMachine
from testbed.scenario import runner
from testbed.scenario.seeded import seeded
from testbed.station import Station
from testbed.systems.call.plan import CallPlan
from testbed.terminals import find_runtime
from testbed.world import World

from tests.helpers.observed import cheap_broadcast

MS = 1_000_000


class FakeMachine:
    """A machine whose console says what the test puts there."""

    name = "fake"

    def __init__(self, virtual=True, fails=False):
        self.virtual = virtual
        self.fails = fails
        self.closed = 0
        self.sent = []
        self.console = b""

    def boot(self):
        if self.fails:
            raise MachineError("no power")

    def power_cut(self):
        pass

    def send(self, line, data):
        self.sent.append((line, data))

    def take(self, line):
        data, self.console = (self.console, b"") if line == "console" else (b"", self.console)
        return data

    def advance(self, now_ns):
        pass

    def close(self):
        self.closed += 1
        if self.fails:
            raise OSError("cannot close")

    def next_timer_ns(self):
        return None


def make_station(machine, name="T1"):
    return Station(name, machine)


# --- machines -----------------------------------------------------------------------------------------------------


def test_machine_that_cannot_be_closed_leaves_no_other_open():
    world = World()
    machines = [FakeMachine(), FakeMachine(fails=True), FakeMachine()]
    for number, machine in enumerate(machines):
        world.add(make_station(machine, str(number)))
    with pytest.raises(OSError, match="cannot close"):
        world.close()
    assert [machine.closed for machine in machines] == [1, 1, 1]
    world.close()
    assert [machine.closed for machine in machines] == [1, 1, 1]


def test_machine_that_the_world_refuses_is_closed_with_it():
    world = World()
    world.add(make_station(FakeMachine(), "virtual"))
    real = FakeMachine(virtual=False)
    with pytest.raises(LocalError, match="cannot share one world"):
        world.add(make_station(real, "real"))
    world.close()
    assert real.closed == 1


@pytest.mark.parametrize("breaks_at", ["making the second", "booting"])
def test_bench_that_cannot_be_set_up_closes_every_machine(breaks_at, tmp_path):
    machines = []

    def machine(spec):
        if machines and breaks_at == "making the second":
            raise OSError("no room for its files")
        made = CpythonMachine(spec)
        machines.append(made)
        made.closed = 0
        close = made.close

        def closing():
            made.closed += 1
            close()

        def failing():
            raise MachineError("it does not start")

        made.close = closing
        if breaks_at == "booting":
            made.boot = failing
        return made

    plan = CallPlan(input=cheap_broadcast(tmp_path / "in.ts", 4), terminals=("A", "B"), runtime="cpython")
    runtime = find_runtime("cpython")
    with pytest.raises((OSError, MachineError)):
        runner.run_plan(plan, type(runtime)(runtime.name, runtime.origin, machine), tmp_path / "out")
    assert machines
    assert [made.closed for made in machines] == [1] * len(machines)


# --- stations -----------------------------------------------------------------------------------------------------


def test_power_cut_in_the_middle_of_a_console_line_does_not_swallow_the_next_boot():
    machine = FakeMachine()
    station = make_station(machine)
    station.power_on()
    machine.console = b"@ 4 portion index=1 key=yes\r\n@ 5 key port"
    station.exchange_bytes(1)
    machine.console = b"ion=2\r\n@ 6 key por"  # on its way when the power fails
    station.power_cut(2)
    station.power_on()
    machine.console = b"@ 0 ready board=x\r\n"
    station.exchange_bytes(3)
    assert [(event.name, event.text) for event in station.console] == [
        ("portion", "index=1 key=yes"),
        ("key", "portion=2"),
        ("ready", "board=x"),
    ]
    assert station.chatter == []


def test_power_on_of_a_terminal_that_is_on_is_refused_by_name():
    station = make_station(FakeMachine())
    station.power_on()
    with pytest.raises(LocalError, match="terminal T1 is on already"):
        station.power_on()


def test_terminal_that_does_not_start_is_not_on():
    station = make_station(FakeMachine(fails=True))
    with pytest.raises(MachineError):
        station.power_on()
    assert not station.on


@pytest.mark.parametrize(
    ("said", "in_call"),
    [
        ("", False),
        ("dialling", True),
        ("dialling connected key", True),
        ("dialling connected line_lost", False),
        ("dialling connected line_lost dialling", False),
        ("dialling connected line_lost dialling connected", True),
        ("dialling call_failed dialling", True),
        ("dialling connected closed", True),
        ("dialling connected hanging_up closed hung_up portion", False),
        ("dialling call_failed", False),
    ],
)
def test_call_lasts_until_the_terminal_says_that_it_is_over(said, in_call):
    machine = FakeMachine()
    station = make_station(machine)
    station.power_on()
    machine.console = b"".join(b"@ 1 %s\n" % word.encode() for word in said.split())
    station.exchange_bytes(1)
    assert station.in_call == in_call
    station.power_cut(2)
    assert not station.in_call


# --- the terminal's console on CPython ----------------------------------------------------------------------------


def said(machine):
    return machine.take("console").decode().splitlines()


@pytest.fixture
def terminal():
    machine = CpythonMachine(TerminalSpec(files={}, seed=b"console"))
    machine.boot()
    machine.advance(10 * MS)
    said(machine)
    return machine


def test_half_a_command_does_not_survive_a_power_cut(terminal):
    terminal.send("console", b"secrecy ")
    terminal.power_cut()
    terminal.boot()
    terminal.send("console", b"on\n")
    terminal.advance(20 * MS)
    lines = said(terminal)
    assert any("unknown command" in line for line in lines), lines
    assert not any("secrecy on" in line for line in lines), lines


def test_line_that_is_no_utf_8_is_refused_and_the_next_one_is_obeyed(terminal):
    terminal.send("console", b"secrecy\xff on\nsecrecy on\n")
    terminal.advance(40 * MS)
    lines = said(terminal)
    assert sum("secrecy on" in line for line in lines) == 1
    assert any("plain ASCII" in line for line in lines), lines


def test_line_that_is_too_long_is_dropped_and_not_cut(terminal):
    terminal.send("console", b"secrecy on" + b" " * CONSOLE_LINE_BYTES + b"\n")
    terminal.advance(40 * MS)
    assert said(terminal) == []


# --- time ---------------------------------------------------------------------------------------------------------


def test_virtual_time_jumps_and_never_runs_back():
    clock = VirtualClock()
    clock.wait_until(50)
    clock.wait_until(20)
    assert clock.now_ms == 50


class FakeTime:
    """`time` as WallClock uses it; the host is held up at will."""

    def __init__(self, monkeypatch):
        self.ns = 1_000_000 * MS
        monkeypatch.setattr("testbed.clock.time", self)

    def monotonic_ns(self):
        return self.ns

    def sleep(self, seconds):
        self.ns += round(seconds * 1e9)


def test_wall_clock_keeps_to_the_wall(monkeypatch):
    wall = FakeTime(monkeypatch)
    clock = WallClock()
    for at_ms in range(1, 100):
        clock.wait_until(at_ms)
        assert clock.now_ms == at_ms
        wall.ns += MS // 2
    assert wall.ns - 1_000_000 * MS == pytest.approx(99.5 * MS, abs=MS)


def test_host_that_was_held_up_catches_up_in_small_steps(monkeypatch):
    wall = FakeTime(monkeypatch)
    clock = WallClock()
    clock.wait_until(10)
    wall.ns += 3_000 * MS
    steps = []
    while clock.now_ms < 3_010:
        before = clock.now_ms
        clock.wait_until(before + 1)
        steps.append(clock.now_ms - before)
    assert 0 < min(steps) <= max(steps) <= 1 + WallClock.LATE_MS
    assert wall.ns == 1_000_000 * MS + 3_010 * MS  # nothing was waited for on the way
    clock.wait_until(3_020)
    assert wall.ns == 1_000_000 * MS + 3_020 * MS


def test_small_delay_is_caught_up_with(monkeypatch):
    wall = FakeTime(monkeypatch)
    clock = WallClock()
    clock.wait_until(10)
    wall.ns += 8 * MS
    clock.wait_until(11)
    assert clock.now_ms == 18
    clock.wait_until(30)
    assert wall.ns == 1_000_000 * MS + 30 * MS


def test_run_until_says_whether_the_condition_came_to_hold():
    world = World(jumps=False)
    seen = []
    assert world.run_until(5, progress=seen.append)
    assert (world.now_ms, seen) == (5, [1, 2, 3, 4, 5])
    assert world.run_until(100, lambda: world.now_ms == 9)
    assert world.now_ms == 9
    assert not world.run_until(12, lambda: False)
    assert world.now_ms == 12


def test_real_machine_ties_the_world_to_the_wall():
    world = World()
    world.add(Station("T1", FakeMachine(virtual=False), ns_at=world.ns_at))
    started = time.monotonic()
    world.run_until(30)
    assert time.monotonic() - started >= 0.029


# --- two broadcasts -----------------------------------------------------------------------------------------------

PORTION_MS = 2000


def put_on_air(call, folder, programme_id, seconds, at_ms):
    """(broadcaster, original packets) of a programme of its own."""
    source = cheap_broadcast(folder / f"programme-{programme_id}.ts", seconds, seed=programme_id)
    stream = folder / f"on-air-{programme_id}.ts"
    secret, broadcast_id = seeded(programme_id, "secret")(32), seeded(programme_id, "id")(8)
    made = scramble_file(source, stream, PORTION_MS / 1000, secret, broadcast_id, programme_id, None)
    times_ns = packet_times_ns(stream, None).clip(min=0)
    air = Broadcast(programme_id, broadcast_id, secret)
    broadcaster = Broadcaster(stream, times_ns, made.portions, air, int(times_ns[-1]) // MS + 1)
    call.put_on_air(broadcaster, at_ms)
    data = source.read_bytes()
    return broadcaster, {data[at + 4 : at + 188] for at in range(0, len(data), 188) if data[at + 1] & 0x1F == 1}


@pytest.fixture
def bench():
    made = runner.Bench(
        CallPlan(runtime="cpython", portion_seconds=PORTION_MS / 1000),
        find_runtime("cpython"),
        921_600,
        lambda *_: None,
    )
    yield made
    made.close()


@pytest.mark.parametrize("ahead", ["the first is ahead", "the second is ahead"])
def test_terminal_that_is_switched_in_mid_call_gets_the_keys_of_the_other_programme(ahead, bench, tmp_path):
    begin_ms = bench.provision()
    world, call, offset_ms = bench.world, bench.session.call, 12 * PORTION_MS
    first_at, second_at = (begin_ms, begin_ms + offset_ms)[:: 1 if ahead == "the first is ahead" else -1]
    first, _ = put_on_air(call, tmp_path, 1, 50, first_at)
    second, originals = put_on_air(call, tmp_path, 2, 50, second_at)
    station = call.stations["T1"]
    call.tune("T1", first)
    now = begin_ms + offset_ms
    switch_ms = now + 12_300
    world.at(now + 500, lambda: station.say("call"))
    world.at(switch_ms, lambda: call.tune("T1", second))
    world.run_until(switch_ms)
    before = len(station.received)
    assert [event.text for event in station.events("portion")][-1].endswith("key=yes")
    world.run_until(switch_ms + 9_000)

    after = [event for event in station.console if event.at_ms > switch_ms]
    lines = [f"{event.name} {event.text}" for event in after]
    assert "broadcast programme=2" in lines, lines
    assert station.in_call, lines
    running = (switch_ms - second_at) // PORTION_MS
    keys = [int(event.value("portion")) for event in after if event.name == "key"]
    assert keys == list(range(running, running + len(keys))), lines
    assert len(keys) >= 4, lines
    portions = [event.text for event in after if event.name == "portion"]
    assert portions[-3:] == [f"index={running + n} key=yes" for n in (2, 3, 4)], lines
    shown = station.received[before:]
    opened = sum(bytes(shown[at + 4 : at + 188]) in originals for at in range(0, len(shown) - 187, 188))
    assert opened > 100, lines
    charged = [sorted(set(record.delivered) - set(record.withdrawn)) for record in records(bench)]
    assert len(charged) == 2, charged
    assert charged[1][0] == running


def records(bench):
    subscriber = bench.session.identities["T1"].subscriber_id
    return [bench.session.ledger.call_record(call) for call in bench.session.ledger.calls_of(subscriber)]
