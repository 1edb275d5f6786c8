"""Choosing a service from the bench: `demo --tune`, the scenario action, and a change of programme within a call."""

import json

import pytest
from headend.broadcast.broadcaster import Broadcaster
from headend.broadcast.schedule import Broadcast
from headend.ts.portions import packet_times_ns
from headend.ts.scrambler import scramble_file
from testbed.scenario import outcome
from testbed.scenario.plan import ActionPlan, load_plan
from testbed.scenario.runner import Bench, run_plan
from testbed.scenario.seeded import seeded
from testbed.systems.call.plan import CallExpect, CallPlan
from testbed.systems.registry import find_system
from testbed.terminals import find_runtime

from tests.helpers.commands import demo
from tests.helpers.services import Multiplex, packets_of, pmt_pid, services, stream_pid

NAMES = {1: b"First", 2: b"\x05Second One", 30: b""}
MS = 1_000_000


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return services(tmp_path_factory.mktemp("source") / "in.ts", 12, NAMES)


def short(source, *more):
    return ("--input", source, "--portion-seconds", 1, "--dial-at", 1, "--hang-up-at", 8.4, *more)


@pytest.mark.parametrize(("tune", "number"), [("2", 2), ("second one", 2), ("30", 30), ("FIRST", 1)])
def test_demo_shows_the_service_that_was_asked_for_and_no_other(tune, number, source, tmp_path):
    ended = demo(tmp_path, *short(source, "--tune", tune))
    assert ended.status == 0, ended.out
    assert f"the terminal is tuned to {tune}" in ended.out
    received, original = (tmp_path / "received.ts").read_bytes(), source.read_bytes()
    shown = packets_of(received, stream_pid(number))
    assert len(shown) > 100 and set(shown) <= set(packets_of(original, stream_pid(number)))
    for other in NAMES:
        if other != number:
            assert packets_of(received, stream_pid(other)) == []
            # Before the viewer tuned all were put out.
            assert len(packets_of(received, pmt_pid(other))) < 12


def test_demo_without_a_choice_shows_all_services_that_share_the_keys(source, tmp_path):
    assert demo(tmp_path, *short(source)).status == 0
    received = (tmp_path / "received.ts").read_bytes()
    assert all(len(packets_of(received, stream_pid(number))) > 100 for number in NAMES)


@pytest.mark.parametrize(("tune", "said"), [("9", "seen=none"), ("nobody", "no service has that number")])
def test_demo_of_a_service_that_is_not_there_fails_and_says_why(tune, said, source, tmp_path):
    ended = demo(tmp_path, *short(source, "--tune", tune))
    assert ended.status == 1
    checks = {check["what"]: check for check in json.loads((tmp_path / "seen.json").read_text())["checks"]}
    tuned = checks[f"the terminal is tuned to {tune}"]
    assert not tuned["passed"] and said in tuned["seen"]


def test_services_under_the_same_keys_change_within_a_call_without_another_key(source, tmp_path):
    plan = CallPlan(
        runtime="cpython",
        input=source,
        portion_seconds=1.0,
        actions=(
            ActionPlan(0.5, "T1", "tune", "1"),
            ActionPlan(0.6, "T1", "call"),
            ActionPlan(5.5, "T1", "tune", "Second One"),
            ActionPlan(8.5, "T1", "tune"),
        ),
        expects=(CallExpect("T1", clear=(5, 6, 7, 8, 9, 10, 11), said=("tuned service=2 seen=ringcast",)),),
    )
    run = run_plan(plan, find_runtime("cpython"), tmp_path)
    checks = outcome.check_expectations(run)
    assert all(check.passed for check in checks), checks
    terminal = run.terminals[0]
    assert len(terminal.records) == 1
    keys = [int(event.value("portion")) for event in terminal.station.events("key")]
    assert keys == list(range(keys[0], 12))
    one, all_of_them = terminal.analysis.portions[7], terminal.analysis.portions[10]
    assert 3 * one.scrambled_packets == all_of_them.scrambled_packets


def test_a_scenario_file_may_tune(tmp_path):
    path = tmp_path / "tune.toml"
    path.write_text(
        '[[event]]\nat_s = 1\naction = "tune"\nargument = "BBC One"\n[[event]]\nat_s = 2\naction = "tune"\n'
    )
    assert [(a.action, a.argument) for a in load_plan(path, find_system).actions] == [("tune", "BBC One"), ("tune", "")]


# --- another programme --------------------------------------------------------------------------------------------


def on_air(folder, programme_id, number, used):
    source = services(folder / f"{programme_id}.ts", 20, {number: b""}, used, seed=programme_id)
    stream = folder / f"on-air-{programme_id}.ts"
    secret, broadcast_id = seeded(programme_id, "secret")(32), seeded(programme_id, "id")(8)
    made = scramble_file(source, stream, 1.0, secret, broadcast_id, programme_id, None)
    times_ns = packet_times_ns(stream, None).clip(min=0)
    air = Broadcast(programme_id, broadcast_id, secret)
    return made.ca_pid, source, Broadcaster(stream, times_ns, made.portions, air, int(times_ns[-1]) // MS + 1)


def test_a_service_of_another_programme_is_asked_for_within_the_call_and_back(tmp_path):
    first_ca, first_source, first = on_air(tmp_path, 1, 1, None)
    second_ca, second_source, second = on_air(tmp_path, 2, 2, first_ca)
    assert first_ca != second_ca
    bench = Bench(CallPlan(runtime="cpython", portion_seconds=1.0), find_runtime("cpython"), 921_600, lambda *_: None)
    try:
        begin_ms = bench.provision()
        world, call, station = bench.world, bench.session.call, bench.stations["T1"]
        multiplex = Multiplex(first, second, {1: pmt_pid(1), 2: pmt_pid(2)})
        call.put_on_air(multiplex, begin_ms)
        call.schedule.add(second.broadcast)
        call.tune("T1", multiplex)
        world.at(begin_ms + 500, lambda: station.say("call"))
        world.at(begin_ms + 7_300, lambda: station.say("tune 2"))
        world.at(begin_ms + 13_300, lambda: station.say("tune 1"))
        marks = []
        for until in (7_300, 7_800, 13_300, 13_800, 18_500):
            world.run_until(begin_ms + until)
            marks.append(len(station.received))
        identity, ledger = bench.session.identities["T1"], bench.session.ledger
        records = [ledger.call_record(call) for call in ledger.calls_of(identity.subscriber_id)]
    finally:
        bench.close()
    said = [f"{event.name} {event.text}" for event in station.console]
    assert [line for line in said if line.startswith("broadcast")] == [f"broadcast programme={n}" for n in (1, 2, 1)]
    assert station.in_call
    originals = {
        1: set(packets_of(first_source.read_bytes(), stream_pid(1))),
        2: set(packets_of(second_source.read_bytes(), stream_pid(2))),
    }
    watched = (station.received[: marks[0]], station.received[marks[1] : marks[2]], station.received[marks[3] :])
    for shown, number, other in zip(watched, (1, 2, 1), (2, 1, 2), strict=True):
        clear = packets_of(bytes(shown), stream_pid(number))
        assert len(clear) > 80, said
        assert set(clear) <= originals[number]
        assert packets_of(bytes(shown), stream_pid(other)) == []
    assert [record.programme_id for record in records] == [1, 2, 1]
    paid = [set(record.delivered) - set(record.withdrawn) for record in records]
    assert len(paid[1]) > 4 and paid[1] <= set(range(7, 15)), paid
