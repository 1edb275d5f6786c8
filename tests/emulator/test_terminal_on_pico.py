"""The whole terminal on the emulated Pico: a call from dial to hang-up, twins, a power cut, and settop frozen in."""

import dataclasses
import json

import pytest
from settop.link.hdlc import Deframer
from settop.wire.call import HELLO, unpack_hello
from testbed.bench.pico_call import frozen_runtime
from testbed.runtimes import RuntimeUnavailable, pico_image
from testbed.scenario import outcome
from testbed.scenario.broadcasts.clip import MIN_BITRATE, make_clip
from testbed.scenario.broadcasts.watching import fully_clear
from testbed.scenario.plan import ActionPlan
from testbed.scenario.runner import run_plan
from testbed.systems.call.judging import demo_checks
from testbed.systems.call.plan import CallPlan, LinePlan
from testbed.terminals import find_runtime, terminal_spec

from tests.helpers.observed import cheap_broadcast

SECONDS = 7
PORTION_S = 1.0
DIAL_S, HANG_UP_S = 0.2, 4.3
JOINED, HEARD = 2, [3, 4]
"""The portion in which the first key comes, for itself or for the next; those that are clear from end to end. Hanging
up drops the key that is ahead."""


def call_plan(clip):
    return CallPlan(
        input=clip,
        portion_seconds=PORTION_S,
        line=LinePlan(setup_ms=100),
        actions=(ActionPlan(DIAL_S, "T1", "call"), ActionPlan(HANG_UP_S, "T1", "hang_up")),
    )


def power_cut_plan(source):
    """Both call; T2's power goes in portion 3, whose key it has, and comes back at once; T2 calls again."""
    return CallPlan(
        input=source,
        portion_seconds=PORTION_S,
        line=LinePlan(setup_ms=100, trunks=3),  # the call that the power cut ends keeps one until the modem notices
        terminals=("T1", "T2"),
        actions=(
            ActionPlan(DIAL_S, "T1", "call"),
            ActionPlan(DIAL_S, "T2", "call"),
            ActionPlan(3.4, "T2", "power_cut"),
            ActionPlan(3.45, "T2", "power_on"),
            ActionPlan(3.5, "T2", "call"),
            ActionPlan(HANG_UP_S, "T1", "hang_up"),
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
def clip(tmp_path_factory):
    """A real programme, at the lowest rate that the clip can have."""
    path = tmp_path_factory.mktemp("clip") / "clip.ts"
    make_clip(path, SECONDS, MIN_BITRATE)
    return path


@pytest.fixture(scope="module")
def call(stock, clip, tmp_path_factory):
    return run_plan(call_plan(clip), stock, tmp_path_factory.mktemp("call"))


@pytest.fixture(scope="module")
def two(stock, tmp_path_factory):
    out = tmp_path_factory.mktemp("two")
    run = run_plan(power_cut_plan(cheap_broadcast(out / "in.ts", 12)), stock, out)
    return {terminal.name: terminal for terminal in run.terminals}


def hellos(terminal):
    frames = Deframer().feed(bytes(terminal.station.sent["modem"]))
    return [unpack_hello(frame) for frame in frames if frame[0] == HELLO]


def clear(terminal):
    """The portions of which every packet came out and equals the original."""
    return [portion.index for portion in terminal.analysis.portions if fully_clear(portion)]


def test_a_real_programme_is_clear_and_equal_inside_the_call_and_dark_outside(call):
    terminal = call.terminals[0]
    assert clear(terminal) == HEARD
    assert {p.index for p in terminal.analysis.portions if p.clear_packets} <= {JOINED, *HEARD}
    assert all(portion.scrambled_packets > 100 for portion in terminal.analysis.portions[:SECONDS])
    assert all(check.passed for check in demo_checks(call))


def test_nothing_else_is_on_the_console(call):
    assert call.terminals[0].station.chatter == []  # no traceback


def test_the_same_seed_gives_the_same_json_byte_for_byte(call, stock, clip, tmp_path):
    again = run_plan(call_plan(clip), stock, tmp_path)
    said = [outcome.run_json(run, demo_checks(run)) for run in (call, again)]
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
    # The running portion's key went with the power; the last portion opens by the second call, which takes 6 s.
    assert 0 < portions[3].clear_packets < portions[3].scrambled_packets
    assert [portion.clear_packets for portion in portions[4:9]] == [0] * 5
    assert 11 in clear(terminal)
    assert terminal.analysis.damaged_packets == 0


def test_the_other_board_does_not_notice_the_power_cut(two):
    assert len(two["T1"].station.events("ready")) == 1
    assert clear(two["T1"]) == HEARD
    assert two["T1"].analysis.damaged_packets == 0


LARGEST = b"""
size = 65536
while size > 16:
    try:
        bytearray(size)
        break
    except MemoryError:
        size = size * 7 // 8
print("largest", size)
"""


def test_the_memory_that_importing_leaves_free_is_in_one_piece(stock):
    """A ring of 8 KB, two work buffers and a stack have to fit in between what lives on, also after a provisioning."""
    spec = terminal_spec("pico", 921_600, b"memory")
    main = spec.files["main.py"].replace(b"app.run()", LARGEST)
    machine = stock.machine(dataclasses.replace(spec, files={**spec.files, "main.py": main}))
    machine.boot()
    said, at_ns = b"", machine.time_ns
    while b"\n" not in said.partition(b"largest ")[2]:
        at_ns += 10_000_000
        assert at_ns < 5_000_000_000, said
        machine.advance(at_ns)
        said += machine.take("console")
    machine.close()
    assert int(said.rpartition(b"largest ")[2].split()[0]) >= 32_768, said


@pytest.mark.long
def test_a_board_with_settop_frozen_in_does_the_same(call, clip, tmp_path):
    try:
        image = pico_image(frozen=True)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    run = run_plan(call_plan(clip), frozen_runtime(image), tmp_path)
    assert sorted(run.terminals[0].station.machine.spec.files) == ["board_config.py", "boot.py"]
    assert clear(run.terminals[0]) == clear(call.terminals[0])
    assert all(check.passed for check in demo_checks(run))
