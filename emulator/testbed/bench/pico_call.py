"""Memory of the terminal on the emulated Pico while a call runs and a 1 Mbit/s programme plays."""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from settop.wire.transport import NULL_PID, PACKET_BYTES, SYNC

from testbed import terminals
from testbed.bench.figure import Figure
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image
from testbed.scenario.broadcasts.clip import make_clip
from testbed.scenario.plan import ActionPlan
from testbed.scenario.runner import run_plan
from testbed.systems.call.plan import CallPlan
from testbed.systems.call.setup import CallRun, CallTerminal
from testbed.terminals import Runtime

BITRATE = 1_000_000
NULLS_KEPT = 20
"""One null packet in so many stays: the ECMs' place."""
DIAL_AT_S = 1
FIRST_SAMPLE_S = 12
SAMPLE_EVERY_S = 4
AFTER_S = 0.2
GOAL_BYTES = 96 * 1024
SRAM_BYTES = 264 * 1024
"""What a failed measurement counts as: all of it."""
FLAT_BYTES = 512
"""Between the first and the last third of the samples; a leak of one small object per packet would be a megabyte."""


def frozen_runtime(
    image: Image, cores: int | None = None, make: Callable[[Image, TerminalSpec], PicoMachine] = PicoMachine
) -> Runtime:
    """Terminals on an image with settop inside. LocalError: not frozen.

    cores: what they use, instead of the bench's habit. make: the machine, or something that watches one.
    """

    def with_cores(image: Image, spec: TerminalSpec) -> PicoMachine:
        config = spec.files["board_config.py"] + f"CORES = {cores}\n".encode()
        return make(image, dataclasses.replace(spec, files={**spec.files, "board_config.py": config}))

    return terminals.frozen_runtime(image, make if cores is None else with_cores)


def make_dense_clip(path: Path, seconds: int, bitrate: int) -> None:
    """A clip whose mux rate is filled: noise on the picture's PID instead of null packets, but for one in NULLS_KEPT.

    A test card compresses to a third of such a rate, and the terminal would have an easy life.
    """
    make_clip(path, seconds, bitrate)
    rows = np.fromfile(path, dtype=np.uint8).reshape(-1, PACKET_BYTES)
    pids = (rows[:, 1].astype(np.uint16) & 0x1F) << 8 | rows[:, 2]
    video = int(pids[np.argmax((rows[:, 3] & 0x20 > 0) & (rows[:, 5] & 0x10 > 0) & (rows[:, 4] > 0))])  # carries PCR
    nulls = np.flatnonzero(pids == NULL_PID)
    nulls = nulls[np.arange(len(nulls)) % NULLS_KEPT != 0]
    rows[nulls] = np.random.default_rng(1).integers(0, 256, (len(nulls), PACKET_BYTES), np.uint8)
    rows[nulls, :4] = (SYNC, video >> 8, video & 0xFF, 0x10)
    pids[nulls] = video
    # Continuity counters count packets with a payload.
    picture = np.flatnonzero(pids == video)
    counts = np.cumsum(rows[picture, 3] & 0x10 > 0) - 1
    rows[picture, 3] = rows[picture, 3] & 0xF0 | (counts & 0x0F).astype(np.uint8)
    rows.tofile(path)


def play_1_mbit(runtime: Runtime, seconds: int, folder: Path, bitrate: int = BITRATE) -> CallRun:
    """A call from DIAL_AT_S to the end of a programme of `seconds`, with a `status` every SAMPLE_EVERY_S.

    And one when all is out; 1 Mbit/s unless `bitrate` says otherwise.
    """
    clip = folder / "clip.ts"
    make_dense_clip(clip, seconds, bitrate)
    samples = range(FIRST_SAMPLE_S, seconds, SAMPLE_EVERY_S)
    plan = CallPlan(
        runtime="pico",
        input=clip,
        portion_seconds=10.0,
        actions=(
            ActionPlan(DIAL_AT_S, "T1", "call"),
            *(ActionPlan(at_s, "T1", "command", "status") for at_s in (*samples, seconds + AFTER_S)),
        ),
    )
    run = run_plan(plan, runtime, folder / "run")
    assert isinstance(run, CallRun)
    return run


def faults(terminal: CallTerminal) -> list[str]:
    """What went wrong in a run that should lose nothing: counters not 0, dark portions in the call."""
    status = terminal.station.events("status")
    if not status:
        return ["the terminal never answered to `status`"]
    counters = ("damaged", "resyncs", "lost", "overflow", "refused")
    found = [f"{name}={status[-1].value(name)}" for name in counters if status[-1].value(name) != "0"]
    portions = terminal.analysis.portions
    # The first whole portion after the first key, up to the end.
    whole = [portion for portion in portions if portion.index > portions[0].index]
    dark = [str(portion.index) for portion in whole if portion.clear_packets != portion.scrambled_packets]
    wrong = [str(portion.index) for portion in portions if portion.clear_packets and not portion.clear_equal_original]
    if dark:
        found.append("not wholly clear: portions " + ", ".join(dark))
    if wrong:
        found.append("not equal to the original: portions " + ", ".join(wrong))
    if any(event.value("call") != "talking" for event in status[:-1]):
        found.append("the call ended early")
    return found


def pico_heap_in_call_bytes(long: bool = False, image: Image | None = None) -> Figure:
    """Heap in use after a collection, the largest of many samples in a call; all SRAM where bytes were lost or it grew.

    One minute of virtual time, an hour with `long`.
    """
    seconds = 3600 if long else 75
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        runtime = frozen_runtime(image or pico_image(frozen=True))
        terminal = play_1_mbit(runtime, seconds, Path(name)).terminals[0]
    used = [int(event.value("heap_used") or 0) for event in terminal.station.events("status")[:-1]]
    wrong = faults(terminal)
    third = max(1, len(used) // 3)
    growth = max(used[-third:], default=0) - max(used[:third], default=0)
    if growth > FLAT_BYTES:
        wrong.append(f"in use after collection grew by {growth} bytes")
    how = (
        f"{len(used)} samples after gc.collect() over {SAMPLE_EVERY_S * (len(used) - 1)} s of a call, settop frozen "
        f"in, 1 Mbit/s playing: {min(used, default=0):,} to {max(used, default=0):,} bytes, last third less first "
        f"{growth:+,}; {'; '.join(wrong) or 'nothing lost'}"
    )
    value = SRAM_BYTES if wrong else max(used)
    return Figure("pico_heap_in_call_bytes", float(value), "bytes", float(GOAL_BYTES), "lower", how)
