"""The whole terminal on the emulated Pico: a call from dial to hang-up, twins, a power cut, and settop frozen in."""

import json

import pytest
from settop.link.hdlc import Deframer
from settop.wire.call import HELLO, unpack_hello
from testbed.bench.pico_call import frozen_runtime
from testbed.runtimes import RuntimeUnavailable, pico_image
from testbed.scenario import outcome
from testbed.scenario.plan import ActionPlan, LinePlan, Plan
from testbed.scenario.runner import run_plan
from testbed.terminals import find_runtime

LINE = LinePlan(setup_ms=100)
CALL = Plan(
    clip_seconds=10,
    portion_seconds=2.0,
    line=LINE,
    actions=(ActionPlan(0.5, "T1", "call"), ActionPlan(6.5, "T1", "hang_up")),
)
TWO = Plan(
    clip_seconds=12,
    portion_seconds=2.0,
    line=LinePlan(setup_ms=100, trunks=3),  # the call that the power cut ends keeps a trunk until the modem notices
    terminals=("T1", "T2"),
    actions=(
        ActionPlan(0.2, "T1", "call"),
        ActionPlan(0.2, "T2", "call"),
        ActionPlan(3.5, "T2", "power_cut"),
        ActionPlan(3.7, "T2", "power_on"),
        ActionPlan(4.0, "T2", "call"),
    ),
)

pytestmark = pytest.mark.pico


@pytest.fixture(scope="module")
def stock():
    try:
        return find_runtime("pico")
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def call(stock, tmp_path_factory):
    return run_plan(CALL, stock, tmp_path_factory.mktemp("call"))


@pytest.fixture(scope="module")
def two(stock, tmp_path_factory):
    run = run_plan(TWO, stock, tmp_path_factory.mktemp("two"))
    return {terminal.name: terminal for terminal in run.terminals}


def hellos(terminal):
    frames = Deframer().feed(bytes(terminal.station.modem_trace))
    return [unpack_hello(frame) for frame in frames if frame[0] == HELLO]


def clear(terminal):
    """The portions of which every packet came out and equals the original."""
    return [portion.index for portion in terminal.analysis.portions if outcome.fully_clear(portion)]


def test_portions_inside_the_call_are_clear_and_equal(call):
    terminal = call.terminals[0]
    assert clear(terminal) == [2, 3]
    assert all(portion.clear_equal_original for portion in terminal.analysis.portions if portion.clear_packets)
    assert all(check.passed for check in outcome.demo_checks(call))


def test_portions_after_the_call_are_dark(call):
    portions = call.terminals[0].analysis.portions
    assert portions[4].scrambled_packets > 100
    assert [portion.clear_packets for portion in portions if portion.index in (0, 4, 5)] == [0] * (len(portions) - 3)


def test_nothing_is_lost_or_damaged(call):
    machine = call.terminals[0].station.machine
    assert sum(portion.damaged_packets for portion in call.terminals[0].analysis.portions) == 0
    assert call.terminals[0].station.chatter == []  # no traceback
    assert machine.spec.baud_tuner == 921_600


def test_the_same_seed_gives_the_same_json_byte_for_byte(call, stock, tmp_path):
    again = run_plan(CALL, stock, tmp_path)
    said = [outcome.run_json(run, outcome.demo_checks(run)) for run in (call, again)]
    assert said[0] == said[1]
    assert json.loads(said[0])["runtime"] == "pico"
    assert bytes(call.terminals[0].station.received) == bytes(again.terminals[0].station.received)


def test_two_boards_have_ids_and_nonces_of_their_own(two):
    assert two["T1"].station.machine.unique_id != two["T2"].station.machine.unique_id
    nonces = [hello[2] for terminal in two.values() for hello in hellos(terminal)]
    assert len(nonces) >= 3 and len(set(nonces)) == len(nonces)


def test_a_power_cut_leaves_the_identity_and_the_next_call_works(two):
    terminal = two["T2"]
    ready = terminal.station.events("ready")
    assert len(ready) == 2
    assert ready[1].value("terminal") == terminal.identity.terminal_id.hex()
    assert {hello[1] for hello in hellos(terminal)} == {terminal.identity.terminal_id}
    assert len(terminal.station.events("authenticated")) == 2
    portions = terminal.analysis.portions
    # The running portion's key went with the power; the last portion opens once its key has come.
    assert [portions[2].clear_packets, portions[3].clear_packets] == [0, 0]
    assert portions[5].clear_packets > 100 and portions[5].clear_equal_original
    assert sum(portion.damaged_packets for portion in terminal.analysis.portions) == 0


def test_the_other_board_does_not_notice_the_power_cut(two):
    assert len(two["T1"].station.events("ready")) == 1
    assert clear(two["T1"])[:4] == [2, 3, 4, 5]


def test_a_board_with_settop_frozen_in_does_the_same(call, tmp_path):
    try:
        image = pico_image(frozen=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    run = run_plan(CALL, frozen_runtime(image), tmp_path)
    assert sorted(run.terminals[0].station.machine.spec.files) == ["board_config.py", "boot.py", "main.py"]
    assert clear(run.terminals[0]) == clear(call.terminals[0])
    assert all(check.passed for check in outcome.demo_checks(run))
