"""Whether the terminal keeps up with its tuner line, and what is left of its two cores while it does."""

import tempfile
from pathlib import Path

from settop.wire.transport import PACKET_BYTES

from testbed.bench.figure import Figure
from testbed.bench.pico_call import BITRATE, FIRST_SAMPLE_S, faults, frozen_runtime, play_1_mbit
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image
from testbed.station import ConsoleEvent

MINUTE_S = 75
"""With the portion that the call joins: a minute is measured."""
LONG_S = 615
ONE_CORE_S = 24


class WatchedPico(PicoMachine):
    """Notes which cores sleep, once a step of the bench, which is a millisecond."""

    def __init__(self, image: Image, spec: TerminalSpec) -> None:
        super().__init__(image, spec)
        self.asleep = (bytearray(), bytearray())

    def advance(self, now_ns: int) -> None:
        super().advance(now_ns)
        for number, asleep in enumerate(self.asleep):
            asleep.append(self.sleeps(number))

    def asleep_share(self, core: int, from_ms: int, to_ms: int) -> float:
        return sum(self.asleep[core][from_ms:to_ms]) / (to_ms - from_ms)


def idle_share(status: list[ConsoleEvent]) -> float:
    """Share of the time from the first of these `status` lines to the last in which core 0 had nothing to do."""
    idle_ms = [int(event.value("idle_ms") or 0) for event in status]
    return (idle_ms[-1] - idle_ms[0]) / (status[-1].at_ms - status[0].at_ms)


def lost_bytes(sent: int, status: ConsoleEvent) -> int:
    """Of `sent` octets of whole packets, those that did not become packets in step."""
    return sent - PACKET_BYTES * int(status.value("packets") or 0)


def play(image: Image, cores: int, seconds: int, bitrate: int = BITRATE) -> tuple[int, list[str], str]:
    """(bytes lost, what else went wrong, what the cores had to spare) of a call on so many cores."""
    made: list[WatchedPico] = []

    def make(image: Image, spec: TerminalSpec) -> WatchedPico:
        made.append(WatchedPico(image, spec))
        return made[-1]

    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        run = play_1_mbit(frozen_runtime(image, cores, make), seconds, Path(name), bitrate)
        sent = run.broadcast.stat().st_size
    terminal = run.terminals[0]
    *status, last = terminal.station.events("status")
    span = (status[0].at_ms, status[-1].at_ms)
    spare = f"core 0 idle {idle_share(status):.1%} of the time by its own count"
    spare += f", asleep {made[0].asleep_share(0, *span):.1%} of looks"
    if cores == 2:
        spare += f", core 1 {made[0].asleep_share(1, *span):.1%}"
    wrong = faults(terminal)
    if {event.value("cores") for event in status} != {str(cores)}:
        wrong.append(f"did not use {cores} cores all the time")
    return lost_bytes(sent, last), wrong, spare


def tuner_uart_lost_bytes(long: bool = False, image: Image | None = None) -> Figure:
    """Bytes of a 1 Mbit/s programme on the 1.5 Mbaud tuner line that did not become packets; all where more was wrong.

    A minute of a call, ten with `long`, on both cores; everything is descrambled and put out clear on the same UART.
    """
    frozen = image or pico_image(frozen=True)
    seconds = LONG_S if long else MINUTE_S
    lost, wrong, spare = play(frozen, 2, seconds)
    _, alone_wrong, alone = play(frozen, 1, ONE_CORE_S)
    how = (
        f"{seconds - FIRST_SAMPLE_S} s of a call at 1.5 Mbaud, descrambled and put out: with both cores {spare}; "
        f"{'; '.join(wrong) or 'all of it clear and equal to the original'}. "
        f"One core for {ONE_CORE_S - FIRST_SAMPLE_S} s: {alone}; {'; '.join(alone_wrong) or 'nothing lost'}"
    )
    value = BITRATE // 8 * seconds if wrong else lost
    return Figure("tuner_uart_lost_bytes", float(value), "bytes", 0.0, "lower", how)
