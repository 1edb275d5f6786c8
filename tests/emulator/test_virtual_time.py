"""A world of parts: order, timers, actions, closing; and time that jumps gives what time that steps gives."""

import pytest
from settop.errors import LocalError
from testbed.air import Air
from testbed.line.exchange import Exchange, ExchangeSettings
from testbed.line.modem import Modem, State
from testbed.machines.base import TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.scenario import runner
from testbed.scenario.plan import ActionPlan
from testbed.station import Station
from testbed.systems.call.centre import TrunkLine
from testbed.systems.call.plan import CallPlan
from testbed.terminals import Runtime, find_runtime
from testbed.world import World

from tests.helpers.observed import ObservedMachine, cheap_broadcast, observe
from tests.helpers.on_air import packets_of, pid_of
from tests.helpers.ts_builder import VIDEO_PID, plain_stream

MS = 1_000_000


class Log:
    """A part that writes down when it was advanced; `timers` are its own instants, soonest first."""

    def __init__(self, name, seen, timers=(), fails_at=None):
        self.name = name
        self.seen = seen
        self.timers = list(timers)
        self.fails_at = fails_at
        self.closed = 0

    def advance(self, now_ms):
        self.seen.append((now_ms, self.name))
        if self.fails_at is not None and now_ms >= self.fails_at:
            raise OSError("it failed")
        self.timers = [at_ms for at_ms in self.timers if at_ms > now_ms]

    def next_timer(self):
        return min(self.timers, default=None)

    def close(self):
        self.closed += 1


class EveryQuantum:
    """A part that makes the world step."""

    def advance(self, now_ms):
        pass

    def next_timer(self):
        return 0


# --- parts --------------------------------------------------------------------------------------------------------


def test_parts_are_advanced_in_the_order_in_which_they_were_added():
    world, seen = World(), []
    for name in "cab":
        world.add(Log(name, seen, [7]))
    world.run_until(7)
    assert [name for _, name in seen] == list("cab") * (len(seen) // 3)
    assert seen[-3:] == [(7, "c"), (7, "a"), (7, "b")]


def test_timer_is_met_exactly_and_nothing_comes_between():
    world, seen = World(), []
    world.add(Log("a", seen, [17, 5000, 5001, 3_600_000]))
    world.run_until(4_000_000)
    assert [at_ms for at_ms, _ in seen] == [1, 17, 5000, 5001, 3_600_000, 4_000_000]


def test_action_between_timers_is_met_before_the_parts_are_advanced():
    world, seen = World(), []
    world.add(Log("a", seen, [100, 900]))
    world.at(500, lambda: seen.append((world.now_ms, "action")))
    world.at(500, lambda: world.at(510, lambda: seen.append((world.now_ms, "its own"))))
    world.run_until(1000)
    assert seen == [
        (1, "a"),
        (100, "a"),
        (500, "action"),
        (500, "a"),
        (510, "its own"),
        (510, "a"),
        (900, "a"),
        (1000, "a"),
    ]


def test_timer_or_action_that_lies_in_the_past_is_met_at_the_next_quantum():
    world, seen = World(), []
    part = world.add(Log("a", seen))
    world.run_until(50)
    part.timers = [3]
    world.at(20, lambda: seen.append((world.now_ms, "action")))
    world.run_until(60)
    assert seen == [(1, "a"), (50, "a"), (51, "action"), (51, "a"), (60, "a")]


def test_what_a_part_brings_another_is_seen_a_quantum_later_where_it_comes_earlier():
    world, seen = World(), []
    receiver = Log("receiver", seen)

    class Sender(Log):
        def advance(self, now_ms):
            if now_ms in self.timers:
                receiver.timers.append(now_ms)
            super().advance(now_ms)

    world.add(receiver)
    world.add(Sender("sender", seen, [40]))
    world.run_until(90)
    assert [at_ms for at_ms, name in seen if name == "receiver"] == [1, 40, 41, 90]


def test_world_that_does_not_jump_goes_from_quantum_to_quantum():
    world, seen = World(jumps=False), []
    world.add(Log("a", seen, [3]))
    world.run_until(6)
    assert [at_ms for at_ms, _ in seen] == [1, 2, 3, 4, 5, 6]


def test_condition_is_asked_after_every_round():
    world, seen = World(), []
    world.add(Log("a", seen, [10, 20, 30]))
    assert world.run_until(1000, lambda: len(seen) == 3)
    assert world.now_ms == 20
    assert not world.run_until(25, lambda: False)
    assert world.now_ms == 25


def test_part_that_fails_ends_the_run_and_closing_closes_the_rest():
    world, seen = World(), []
    parts = [
        world.add(Log("first", seen)),
        world.add(Log("second", seen, [5], fails_at=5)),
        world.add(Log("third", seen)),
    ]
    with pytest.raises(OSError, match="it failed"):
        world.run_until(10)
    assert seen[-2:] == [(5, "first"), (5, "second")]
    world.close()
    assert [part.closed for part in parts] == [1, 1, 1]


def test_part_with_a_clock_of_its_own_is_brought_to_the_quantum_before_a_round():
    class Clocked(Log):
        virtual = True

        def keep_step(self, now_ms):
            self.seen.append((now_ms, "keep step"))
            return False

    world, seen = World(), []
    world.add(Clocked("a", seen, [30]))
    world.at(20, lambda: seen.append((world.now_ms, "action")))
    world.run_until(30)
    assert seen[2:] == [(20, "keep step"), (20, "action"), (20, "a"), (30, "keep step"), (30, "a")]


def test_machine_hears_no_sooner_after_a_jump_than_after_steps():
    def heard(*others):
        world = World()
        for part in others:
            world.add(part)
        machine = CpythonMachine(TerminalSpec(files={}, seed=b"t"))
        station = world.add(Station("T1", machine))
        world.at(10, station.power_on)
        for at_ms in (333, 1234, 5677):
            world.at(at_ms, lambda: station.say("status"))
            world.at(at_ms, lambda: station.say("nonsense"))
        world.run_until(9_999)
        world.close()
        return [(event.at_ms, event.name) for event in station.console], station.console[0].text

    stepped = heard(EveryQuantum())
    assert heard() == stepped
    assert [at_ms for at_ms, name in stepped[0] if name == "status"] == [333, 1234, 5677]
    assert (10, "ready") in stepped[0]


def test_real_and_virtual_parts_do_not_share_a_world_whatever_they_are():
    class Real(Log):
        virtual = False

        def keep_step(self, now_ms):
            return False

    world = World()
    world.add(Station("T1", CpythonMachine(TerminalSpec(files={}))))
    real = Real("real", [])
    with pytest.raises(LocalError, match="cannot share one world"):
        world.add(real)
    world.close()
    assert real.closed == 1


# --- parts that say when they are wanted --------------------------------------------------------------------------


def test_modem_with_octets_for_its_terminal_is_waiting():
    modem = Modem(Exchange(ExchangeSettings()).subscriber("1"))
    assert not modem.waiting
    modem.receive(b"AT\r", 5)
    assert modem.waiting
    assert b"OK" in modem.take()
    assert not modem.waiting


class QuietTrunk:
    """A trunk without timers of its own, as in a call where only an announcement is waited for."""

    def __init__(self):
        self.polled = []

    def poll(self, now_ms):
        self.polled.append(now_ms)

    def take(self):
        return b""

    def receive(self, data, now_ms):
        pass

    def next_timer(self):
        return None


def test_trunk_in_a_call_is_asked_in_every_round_and_another_one_only_when_it_is_due():
    modem, trunk = Modem(Exchange(ExchangeSettings()).subscriber("1")), QuietTrunk()
    line = TrunkLine(trunk, modem)
    for now_ms in (1, 20, 30):
        line.advance(now_ms)
    assert (trunk.polled, line.next_timer()) == ([1], None)
    modem.state = State.ONLINE
    for now_ms in (40, 55):
        line.advance(now_ms)
    assert trunk.polled == [1, 40, 55]


def test_trunk_line_is_wanted_when_its_modem_is():
    modem = Modem(Exchange(ExchangeSettings()).subscriber("1"))
    line = TrunkLine(QuietTrunk(), modem)
    modem.receive(b"ATX0DT5\r", 3)  # no tone is waited for, and nobody answers
    assert line.next_timer() == 0
    line.advance(4)
    assert line.next_timer() == modem.next_timer()
    assert modem.next_timer() > 4


def test_command_on_the_console_is_due_at_once_and_an_idle_terminal_is_not():
    machine = CpythonMachine(TerminalSpec(files={}))
    machine.boot()
    machine.advance(1300 * MS)
    assert machine.next_timer_ns() > 1301 * MS
    machine.send("console", b"status\n")
    assert machine.next_timer_ns() <= 1300 * MS
    machine.advance(1301 * MS)
    assert b"status" in machine.take("console")
    machine.close()


def test_octet_on_its_way_is_due_when_it_is_whole():
    machine = CpythonMachine(TerminalSpec(files={}, baud_modem=9600))
    machine.boot()
    machine.advance(1300 * MS)
    machine.send("modem", b"\r\nRING\r\n")
    assert machine.next_timer_ns() == 1300 * MS + 10 * 1_000_000_000 // 9600
    machine.close()


# --- without a telephone ------------------------------------------------------------------------------------------


class Reel:
    """A stream for the air, a packet every 20 ms."""

    def __init__(self, packets):
        self.packets = packets
        self.at = 0

    def due(self, at_ms, centre_now_ms):
        end = min(len(self.packets), at_ms // 20 + 1)
        data, self.at = b"".join(self.packets[self.at : end]), end
        return data

    def next_timer(self):
        return self.at * 20 if self.at < len(self.packets) else None


def test_terminal_without_a_telephone_gets_a_broadcast():
    world, air = World(), Air()
    world.add(air)
    station = world.add(Station("T1", CpythonMachine(TerminalSpec(files={}, seed=b"no telephone"))))
    packets = packets_of(plain_stream(3000).bytes())
    reel = Reel(packets)
    air.put_on(reel, 500)
    world.at(50, station.power_on)
    world.at(400, lambda: air.tune(station, reel))
    world.at(500 + 20 * 1000 - 5, lambda: air.tune(station, None))
    world.at(21_000, lambda: station.say("programmes"))
    world.at(22_000, lambda: station.say("status"))
    world.run_until(24_000)
    world.close()
    (status,) = station.events("status")
    assert (status.value("packets"), status.value("call"), status.value("damaged")) == ("1000", "idle", "0")
    assert status.at_ms == 22_000
    shown = {pid_of(packet) for packet in packets_of(bytes(station.received))}
    assert 0 in shown and VIDEO_PID not in shown  # tables are passed on, a programme without keys is not
    assert station.sent == {}
    assert air.next_timer() == 500 + 20 * reel.at


# --- jumping and stepping -----------------------------------------------------------------------------------------


def stepping(machine):
    machine.next_timer_ns = lambda: 0


def trace(seen):
    """Every octet on a run's lines, every line of its consoles and all that the centre noted, each with its instant."""
    machines = [(m.to_modem, m.from_modem, m.output, m.tuner_octets, m.tuner.hexdigest()) for m in seen.machines]
    consoles = [(t.station.console, t.station.chatter, t.records) for t in seen.run.terminals]
    trunks = [(trunk.sent, trunk.heard, [log.events for log in trunk.calls]) for trunk in seen.trunks]
    return seen.run.begin_ms, machines, consoles, trunks


def act(at_s, terminal, action, argument=""):
    return ActionPlan(at_s, terminal, action, argument)


SCRIPTS = {
    "a call in long portions, and a broadcast that ends in one": (
        ("T1",),
        (
            act(0.507, "T1", "call"),
            act(9.003, "T1", "command", "programmes"),
            act(11.111, "T1", "command", "status"),
            act(14.444, "T1", "hang_up"),
        ),
        {"portion_seconds": 6.0},
    ),
    "a line that drops, a power cut, and two terminals": (
        ("A", "B"),
        (
            act(1.0, "A", "call"),
            act(1.777, "B", "call"),
            act(7.0, "A", "drop_line"),
            act(11.05, "B", "power_cut"),
            act(12.2, "B", "power_on"),
            act(13.5, "A", "hang_up"),
            act(14.0, "B", "call"),
        ),
        {},
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_whole_call_has_the_same_octets_at_the_same_instants_whether_time_jumps_or_steps(name, tmp_path):
    terminals, actions, options = SCRIPTS[name]
    source = cheap_broadcast(tmp_path / "in.ts", 19, packets_per_s=40)
    plan = CallPlan(runtime="cpython", input=source, terminals=terminals, actions=actions, **options)
    rounds = {"jumping": 0, "stepping": 0}

    def counted(kind):
        def change(machine):
            advance = machine.advance

            def advancing(now_ns):
                rounds[kind] += 1
                advance(now_ns)

            machine.advance = advancing
            if kind == "stepping":
                stepping(machine)

        return change

    jumping = trace(observe(plan, tmp_path / "jumping", change=counted("jumping")))
    stepped = trace(observe(plan, tmp_path / "stepping", change=counted("stepping")))
    assert jumping == stepped
    assert any(record.delivered for _, _, records in jumping[2] for record in records)
    assert rounds["jumping"] < 0.6 * rounds["stepping"], rounds


def silent_call(*others):
    """A terminal that dials without any broadcast, and is then left alone for an hour less that."""
    inner = find_runtime("cpython")
    machines = []

    def machine(spec):
        machines.append(ObservedMachine(inner.machine(spec)))
        return machines[-1]

    runtime = Runtime(inner.name, inner.origin, machine)
    bench = runner.Bench(CallPlan(runtime="cpython"), runtime, 921_600, lambda *_: None)
    try:
        for part in others:
            bench.world.add(part)
        begin_ms = bench.provision()
        world, station = bench.world, bench.stations["T1"]
        for at_ms, command in ((333, "call"), (5_001, "status"), (30_007, "call 5550999"), (45_003, "hangup")):
            world.at(begin_ms + at_ms, lambda command=command: station.say(command))
        world.run_until(begin_ms + 60_000)
        return station.console, machines[0].to_modem, machines[0].from_modem, bench.session.call.exchange.log
    finally:
        bench.close()


def test_call_without_a_broadcast_and_one_that_nobody_answers_end_at_the_same_instants_whether_time_jumps_or_steps():
    jumping, stepped = silent_call(), silent_call(EveryQuantum())
    assert jumping == stepped
    said = [event.text for event in jumping[0] if event.name == "error"]
    assert "the tuner sees no ringcast programme" in said
    assert len(jumping[3]) == 2


def test_idle_bench_is_looked_at_some_ten_times_a_second_and_one_that_is_off_not_at_all():
    machine = CpythonMachine(TerminalSpec(files={}))
    exchange = Exchange(ExchangeSettings())
    world, seen = World(), []
    world.add(exchange)
    station = world.add(Station("T1", machine, {"modem": Modem(exchange.subscriber("1"))}, world.ns_at))
    world.add(Log("a", seen))
    station.power_on()
    world.run_until(60_000)
    assert 0 < len(seen) <= 60 * 15
    station.power_cut(world.now_ms)
    before = len(seen)
    world.run_until(3_600_000)
    assert len(seen) == before + 2
    assert machine.next_timer_ns() is None
    world.close()
