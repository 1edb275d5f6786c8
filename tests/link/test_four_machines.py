"""Four machines, one trace: the same scenario says the same on the line, octet for octet, whatever runs the terminal.

The terminals are given the same randomness, which no board takes from outside: a board file of this test's own stands
before the board's. The centre's and the broadcast's come from the plan's seed. What is compared is every frame of the
call, in order, with its content, and the hash of what each portion put out. Instants are not: two of the machines live
in real time.
"""

import dataclasses
import hashlib
from dataclasses import dataclass

import pytest
from settop.wire import call as wire
from testbed.machines.base import Machine, TerminalSpec
from testbed.machines.cpython import CpythonMachine
from testbed.runtimes import RuntimeUnavailable
from testbed.systems.call.plan import CallPlan, LinePlan
from testbed.terminals import Runtime, find_runtime

from tests.helpers.line_reader import frames, recorded_calls
from tests.helpers.observed import Observed, call_plan, cheap_broadcast, observe

ENTROPY = hashlib.sha256(b"four machines").digest()
UNIQUE_ID = b"four one"
UP, DOWN = 0x10, 0x20  # the high digit of a sealed message's type
CABLE = "serial on one cable"
OTHERS = (
    "unix",
    pytest.param("serial", marks=pytest.mark.long),
    pytest.param("pico", marks=pytest.mark.long),
    pytest.param(CABLE, marks=pytest.mark.long),
)
BOARD_PY = f"""
from board_itself import *
from board_itself import _vault  # which is no name for everybody

def entropy():
    return {ENTROPY!r}

def unique_id():
    return {UNIQUE_ID!r}
"""


class SeededCpython(CpythonMachine):
    def board(self):
        board = super().board()
        board.entropy = lambda: ENTROPY
        board.unique_id = lambda: UNIQUE_ID
        return board


def same_entropy(runtime: Runtime) -> Runtime:
    """The runtime with this test's board file before the board's own."""

    def machine(spec: TerminalSpec) -> Machine:
        if runtime.name == "cpython":
            return SeededCpython(spec)
        files = {**spec.files, "board_itself.py": spec.files["board.py"], "board.py": BOARD_PY.encode()}
        return runtime.machine(dataclasses.replace(spec, files=files))

    return Runtime(runtime.name, runtime.origin, machine)


@dataclass(frozen=True)
class Trace:
    """What a machine said and put out. `up`, `down`: payloads of the frames; `clear`: portion to SHA-256."""

    up: tuple[str, ...]
    down: tuple[str, ...]
    dialled: tuple[bytes, ...]
    clear: dict[int, str]


def trace_of(observed: Observed) -> Trace:
    terminal, machine = observed.first, observed.machines[0]
    dialled = b"".join(data for _, data in machine.to_modem)
    received = terminal.received.read_bytes()
    clear = {
        part.index: hashlib.sha256(received[188 * part.received_offset :][: 188 * part.received_packets]).hexdigest()
        for part in terminal.analysis.portions
        # Of the portion that is joined half-way, as much comes out as is left of it.
        if part.clear_packets and part.clear_packets == part.scrambled_packets
    }
    return Trace(
        up=tuple(payload.hex() for _, payload in frames(machine.to_modem)),
        down=tuple(payload.hex() for _, payload in frames(machine.from_modem)),
        dialled=tuple(word for word in dialled.split(b"\r") if word.startswith(b"AT")),
        clear=clear,
    )


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> CallPlan:
    """Dial in portion 1, hang up in portion 4. What the centre decides falls far from any change of portion.

    The line is up 1.9 s after dialling, 0.5 s into portion 2: a host that is held up for a second changes nothing.
    """
    source = cheap_broadcast(tmp_path_factory.mktemp("four") / "in.ts", 12)
    return call_plan(source, 2.6, 9.0, portion_seconds=2.0, line=LinePlan(setup_ms=300))


@pytest.fixture(scope="module")
def traces(plan, target, tmp_path_factory):
    """trace(name): that machine's, made once."""
    if target.name != "cpython":
        target.skip("the four machines are compared in one run, with the default target")
    made: dict[str, Trace] = {}

    def trace(name: str) -> Trace:
        if name not in made:
            try:
                options = {"link": "cable"} if name == CABLE else {}
                runtime = find_runtime(name.partition(" ")[0], **options)
            except RuntimeUnavailable as error:
                pytest.skip(str(error))
            mine = dataclasses.replace(plan, runtime=runtime.name)
            made[name] = trace_of(observe(mine, tmp_path_factory.mktemp(runtime.name), same_entropy(runtime)))
        return made[name]

    return trace


def test_trace_holds_a_whole_call(traces, plan):
    """What the others are compared with is worth comparing with."""
    trace = traces("cpython")
    assert sorted(trace.clear) == [3, 4]
    assert trace.dialled[-1].startswith(b"ATDT")
    assert [int(payload[:2], 16) for payload in trace.up] == [0x01, 0x10, *[0x11] * 5, 0x13]
    assert [int(payload[:2], 16) for payload in trace.down] == [0x02, 0x20, 0x20, 0x23, 0x20, 0x20, 0x22]


@pytest.mark.parametrize("name", OTHERS)
def test_four_machines_say_the_same_on_the_line(traces, name):
    reference, trace = traces("cpython"), traces(name)
    assert trace.dialled == reference.dialled
    assert trace.up == reference.up
    assert trace.down == reference.down


@pytest.mark.parametrize("name", OTHERS)
def test_four_machines_put_out_the_same_packets(traces, name):
    assert traces(name).clear == traces("cpython").clear


def sealed_messages(observed: Observed) -> dict[int, list[tuple[int, str]]]:
    """(type, plaintext) of the messages behind the handshake, by way, in order; what a nonce changes is not among them.

    The two ways are not one order: which of two messages that cross is first depends on who looks.
    """
    trunk = next(trunk for trunk in observed.trunks if trunk.calls)
    (call,) = recorded_calls(observed.machines[0].to_modem, trunk.sent, observed.first.identity.device_key)
    behind = [m for m in call.messages if m.kind not in (wire.HELLO, wire.CHALLENGE)]
    return {way: [(m.kind, m.body.hex()) for m in behind if m.kind & 0xF0 == way] for way in (UP, DOWN)}


def test_target_with_randomness_of_its_own_says_the_same_messages(plan, target, play, tmp_path):
    """For a board whose entropy nobody chooses: the same scenario, compared behind the encryption."""
    reference = observe(plan, tmp_path / "reference", find_runtime("cpython"))
    other = play(plan, tmp_path / "other")
    assert {way: len(said) for way, said in sealed_messages(reference).items()} == {UP: 7, DOWN: 6}
    assert sealed_messages(other) == sealed_messages(reference)
    assert trace_of(other).clear == trace_of(reference).clear


def test_trace_with_other_randomness_differs(plan, tmp_path, traces):
    """The comparison sees a nonce that differs: traces are not equal because they hold too little."""
    other = trace_of(observe(plan, tmp_path, find_runtime("cpython")))
    assert other.clear == traces("cpython").clear
    assert len(other.up) == len(traces("cpython").up)
    assert other.up != traces("cpython").up
    assert other.down != traces("cpython").down
