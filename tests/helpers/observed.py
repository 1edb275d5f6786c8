"""A scenario under observation: every octet on a terminal's lines with its instant, and snapshots of its memory."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from headend.callcentre.service import Trunk
from testbed.machines.base import KeepsStep, Machine
from testbed.scenario.plan import ActionPlan
from testbed.scenario.runner import run_plan
from testbed.systems.call.plan import CallPlan
from testbed.systems.call.setup import CallRun, CallTerminal
from testbed.systems.call.system import CallSystem
from testbed.terminals import Runtime, find_runtime

from tests.helpers.ts_builder import plain_stream

MS = 1_000_000


class ObservedMachine:
    """A machine, with a tap on each of its lines. Times are ms of the bench's clock.

    `to_modem`, `from_modem` and `output` hold (ms, octets); `tuner` hashes what the tuner line
    brought. `snapshots` holds (ms, SRAM, flash) for every instant of `snapshot_ms`, from machines that have them.
    """

    def __init__(self, machine: Machine, snapshot_ms: Iterable[int] = ()) -> None:
        self.inner = machine
        self.name, self.virtual = machine.name, machine.virtual
        self.to_modem: list[tuple[int, bytes]] = []
        self.from_modem: list[tuple[int, bytes]] = []
        self.output: list[tuple[int, bytes]] = []
        self.tuner = hashlib.sha256()
        self.tuner_octets = 0
        self.snapshots: list[tuple[int, bytes, bytes]] = []
        self.boot = machine.boot
        self.power_cut = machine.power_cut
        self.close = machine.close
        self.next_timer_ns = machine.next_timer_ns
        self._snapshot_ms = sorted(snapshot_ms, reverse=True)
        self._now_ms = self._round_ms = 0
        self._flash = b""

    def keep_step(self, bench_ns: int) -> bool:
        self._round_ms = bench_ns // MS
        return isinstance(self.inner, KeepsStep) and self.inner.keep_step(bench_ns)

    def send(self, line: str, data: bytes) -> None:
        if line == "tuner":
            self.tuner.update(data)
            self.tuner_octets += len(data)
        elif line == "modem":
            self.from_modem.append((self._now_ms, data))
        self.inner.send(line, data)

    def take(self, line: str) -> bytes:
        data = self.inner.take(line)
        if data and line != "console":
            (self.to_modem if line == "modem" else self.output).append((self._now_ms, data))
        return data

    def advance(self, now_ns: int) -> None:
        self.inner.advance(now_ns)
        # A real machine's ns are the wall's, and the bench's time is told by keep_step alone.
        self._now_ms = now_ns // MS if self.virtual else self._round_ms
        while self._snapshot_ms and self._snapshot_ms[-1] <= self._now_ms:
            self._snapshot_ms.pop()
            ram, flash = self.inner.ram(), self.inner.flash  # type: ignore[attr-defined]
            if flash != self._flash:
                self._flash = bytes(flash)
            self.snapshots.append((self._now_ms, ram, self._flash))


class RecordingTrunk(Trunk):
    """A trunk of the centre that keeps what its serial port sent: `sent` holds (ms, octets)."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.sent: list[tuple[int, bytes]] = []
        self.heard: list[tuple[int, bytes]] = []
        self._now_ms = 0

    def receive(self, data: bytes, now_ms: int) -> None:
        self.heard.append((now_ms, data))
        super().receive(data, now_ms)

    def poll(self, now_ms: int) -> None:
        self._now_ms = now_ms
        super().poll(now_ms)

    def take(self) -> bytes:
        data = super().take()
        if data:
            self.sent.append((self._now_ms, data))
        return data


@dataclass
class Observed:
    """A run with its taps. Times of `run` are ms of the broadcast; add `run.begin_ms` for the bench's."""

    run: CallRun
    machines: list[ObservedMachine]
    trunks: list[RecordingTrunk]
    original: Path

    @property
    def first(self) -> CallTerminal:
        return self.run.terminals[0]

    def terminal(self, name: str) -> CallTerminal:
        return next(terminal for terminal in self.run.terminals if terminal.name == name)

    @property
    def control_words(self) -> dict[int, bytes]:
        """By portion; only the bench knows them all."""
        return dict(enumerate(self.run.scrambled.keys))


def octets_between(log: Iterable[tuple[int, bytes]], from_ms: int = 0, to_ms: int = 1 << 60) -> bytes:
    """What a tap saw in from_ms <= t < to_ms."""
    return b"".join(data for at_ms, data in log if from_ms <= at_ms < to_ms)


def first_ms(log: Iterable[tuple[int, bytes]], text: bytes) -> int:
    """When a tap had first seen all of `text`."""
    seen = b""
    for at_ms, data in log:
        seen += data
        if text in seen:
            return at_ms
    raise AssertionError(f"{text!r} was never on the line")


def whole_portions(terminal: CallTerminal) -> list[int]:
    """Portions of which every scrambled packet came out, equal to the original."""
    return [
        part.index
        for part in terminal.analysis.portions
        if part.scrambled_packets and part.clear_packets == part.scrambled_packets and part.clear_equal_original
    ]


def viewable(terminal: CallTerminal) -> set[int]:
    """Portions of which at least a packet came out clear."""
    return {part.index for part in terminal.analysis.portions if part.clear_packets}


def dark_portions(terminal: CallTerminal) -> list[int]:
    return [part.index for part in terminal.analysis.portions if not part.clear_packets]


def key_times(terminal: CallTerminal, begin_ms: int) -> list[tuple[int, int]]:
    """(portion, ms of the broadcast) of every key that the terminal took, in order."""
    return [(int(event.value("portion") or -1), event.at_ms - begin_ms) for event in terminal.station.events("key")]


def cheap_broadcast(path: Path, seconds: float, seed: int = 1, packets_per_s: int = 50) -> Path:
    """A synthetic programme of few packets, so that long broadcasts pass quickly."""
    return plain_stream(round(seconds * 1000), seed=seed, pcr_ms=10_000 // packets_per_s).write(path)


def call_plan(source: Path, dial_s: float, hang_up_s: float | None, **options: object) -> CallPlan:
    """One terminal, T1, that dials and (unless None) hangs up."""
    actions = [ActionPlan(dial_s, "T1", "call")]
    if hang_up_s is not None:
        actions.append(ActionPlan(hang_up_s, "T1", "hang_up"))
    return CallPlan(**{"runtime": "cpython", "input": source, "actions": tuple(actions), **options})  # type: ignore[arg-type]


def observe(
    plan: CallPlan,
    out: Path,
    runtime: Runtime | None = None,
    snapshot_ms: Iterable[int] = (),
    change: Callable[[ObservedMachine], None] | None = None,
) -> Observed:
    """Run a plan with taps on every terminal and trunk. `change(machine)` may tamper with a machine as it is made."""
    inner = runtime or find_runtime("cpython")
    machines: list[ObservedMachine] = []
    trunks: list[RecordingTrunk] = []
    instants = tuple(snapshot_ms)

    def machine(spec: object) -> Machine:
        machines.append(ObservedMachine(inner.machine(spec), instants))  # type: ignore[arg-type]
        if change is not None:
            change(machines[-1])
        return machines[-1]  # type: ignore[return-value]

    def trunk(*arguments: object) -> Trunk:
        trunks.append(RecordingTrunk(*arguments))
        return trunks[-1]

    run = run_plan(plan, Runtime(inner.name, inner.origin, machine), out, system=CallSystem(trunk))
    assert plan.input is not None
    return Observed(run, machines, trunks, plan.input)
