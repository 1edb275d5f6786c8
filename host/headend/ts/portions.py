"""Programme time of every packet, from its clock references, and the portions that it is cut into.

Time is counted in ticks of 27 MHz (ISO/IEC 13818-1, 2.4.2) from the first PCR, int64. Between two PCRs it runs
linearly with the packets; before the first and after the last it goes on at the nearest known rate.
"""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from settop.errors import LocalError, RemoteError
from settop.wire.transport import NULL_PID

from headend.ts.packets import TsFile
from headend.ts.signal.psi import Pmt
from headend.ts.signal.streams import has_picture_or_sound, is_picture_or_sound
from headend.ts.survey import PcrSamples, Survey, survey

TICKS_PER_MS = 27_000
TICKS_PER_S = 27_000_000
PCR_MODULUS = (1 << 33) * 300
MIN_PORTION_SECONDS = 0.2
MAX_PORTION_SECONDS = 4_000_000.0  # an ECM's remaining_ms has 32 bits
# The standard wants a PCR every 100 ms; a step beyond this, or backwards, is a splice and not the passing of time.
JUMP_TICKS = 5 * TICKS_PER_S
# It is time all the same where so many such steps agree with the packets between them to this factor.
LONGEST_STEP_TICKS = 600 * TICKS_PER_S
MIN_AGREEING_STEPS = 2
PACE_FACTOR = 3.0
REMUX = "remux the input: ffmpeg -i IN -c copy OUT.ts"

Int64s = npt.NDArray[np.int64]


class Timeline:
    """Programme time over `packets` packets. Built from PCR positions (rising) and ticks since the first PCR."""

    def __init__(self, positions: Int64s, ticks: Int64s, packets: int) -> None:
        self.packets = packets
        start, end = -1, max(packets, int(positions[-1]) + 1)
        before = ticks[0] + round(_rate(positions[:2], ticks[:2]) * (start - int(positions[0])))
        after = ticks[-1] + round(_rate(positions[-2:], ticks[-2:]) * (end - int(positions[-1])))
        self._at: Int64s = np.concatenate(([start], positions, [end]))
        self._ticks: Int64s = np.concatenate(([before], ticks, [after]))
        # Scalar look-ups by bisect: lists are several times faster than arrays there.
        self._at_list: list[int] = self._at.tolist()
        self._ticks_list: list[int] = self._ticks.tolist()

    def points(self) -> tuple[list[int], list[int]]:
        """Packets and their times, between which time runs linearly; the first and the last are extrapolated."""
        return list(self._at_list), list(self._ticks_list)

    def ticks(self, packet: int) -> int:
        """Programme time of one packet."""
        row = min(max(bisect_right(self._at_list, packet) - 1, 0), len(self._at_list) - 2)
        at, then = self._at_list[row], self._ticks_list[row]
        return then + (packet - at) * (self._ticks_list[row + 1] - then) // (self._at_list[row + 1] - at)

    def first_packet_at(self, ticks: int) -> int:
        """The first packet whose time is `ticks` or later; `packets` where there is none."""
        row = bisect_left(self._ticks_list, ticks) - 1
        if row < 0:
            return 0
        if row >= len(self._ticks_list) - 1:
            return self.packets
        at, then = self._at_list[row], self._ticks_list[row]
        packets, span = self._at_list[row + 1] - at, self._ticks_list[row + 1] - then
        return min(max(at - (then - ticks) * packets // span, 0), self.packets)

    def all_ticks(self) -> Int64s:
        """Programme time of every packet, shape (packets,): for files that fit into memory."""
        index = np.arange(self.packets, dtype=np.int64)
        row = np.clip(np.searchsorted(self._at, index, "right") - 1, 0, len(self._at) - 2)
        at, then = self._at[row], self._ticks[row]
        ticks: Int64s = then + (index - at) * (self._ticks[row + 1] - then) // (self._at[row + 1] - at)
        return ticks


def _rate(positions: Int64s, ticks: Int64s) -> float:
    """Ticks per packet between two PCRs, 0 where there is only one."""
    return float(ticks[-1] - ticks[0]) / float(positions[-1] - positions[0]) if len(positions) > 1 else 0.0


def timeline_of(samples: PcrSamples, packets: int) -> Timeline:
    """Unwrap one clock's references: 33-bit wrap, discontinuity_indicator and jumps (there time goes on at the last
    known rate). Raises RemoteError where no two references tell how time passes.
    """
    at = np.frombuffer(samples.packet, np.int64)
    raw = np.frombuffer(samples.ticks, np.int64)
    steps = np.diff(raw) % PCR_MODULUS
    spans = np.diff(at)
    good = _believed(steps, spans, np.frombuffer(samples.discontinuity, np.int8)[1:] != 0)
    if not steps[good].any():
        raise RemoteError(
            f"the clock does not tell how time passes: {len(at)} PCR, no two of them that agree; its portions cannot "
            "be timed; remux the input (ffmpeg -i IN -c copy OUT.ts) or choose another clock with --programme"
        )
    bad = np.flatnonzero(~good)
    if bad.size:
        sound = np.flatnonzero(good)
        before = np.searchsorted(sound, bad) - 1
        model = sound[np.maximum(before, 0)]  # the last good span before, or else the first after
        steps[bad] = spans[bad] * steps[model] // spans[model]
    return Timeline(at, np.concatenate((np.zeros(1, np.int64), np.cumsum(steps))), packets)


def _believed(steps: Int64s, spans: Int64s, flagged: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which steps from one PCR to the next are the passing of time: those that are short, and longer ones forward
    that agree with the packet rate of most others. A sparse clock has nothing but long steps.
    """
    short = ~flagged & (steps <= JUMP_TICKS)
    long = ~flagged & ~short & (steps <= LONGEST_STEP_TICKS)
    if not long.any():
        return short
    pace = steps / np.maximum(spans, 1)
    known = short & (steps > 0)
    model = known if np.count_nonzero(known) * 2 > np.count_nonzero(long) else long
    if np.count_nonzero(model) < MIN_AGREEING_STEPS:
        return short
    usual = np.sort(pace[model])[(np.count_nonzero(model) - 1) // 2]
    agrees: npt.NDArray[np.bool_] = (pace <= usual * PACE_FACTOR) & (pace * PACE_FACTOR >= usual)
    return short | (long & agrees)


def programme_clock(found: Survey, programme: int | None) -> tuple[list[int], Timeline]:
    """(programmes concerned, timeline of the first of them that has picture or sound and a clock).

    `programme` None means all. Raises RemoteError for no PAT, an unknown programme, no PMT, neither picture nor
    sound, or no PCR.
    """
    if not found.programmes:
        raise RemoteError("no programme found: the input has no undamaged PAT")
    if programme is not None and programme not in found.programmes:
        known = ", ".join(str(number) for number in found.programmes)
        raise RemoteError(f"no programme {programme} in the input; it has {known}")
    concerned = list(found.programmes) if programme is None else [programme]
    if not any(found.pmts_of(number) for number in concerned):
        raise RemoteError(f"no undamaged PMT for programme {concerned[0]} in the input")
    seen = [number for number in concerned if _is_watchable(found, number)]
    if not seen:
        raise RemoteError(
            f"programme {concerned[0]} has neither a video nor an audio stream; choose another with --programme"
        )
    unclear: RemoteError | None = None
    for number in seen:
        samples = _clock_samples(found, found.pmts_of(number))
        try:
            if samples.packet:
                return concerned, timeline_of(samples, found.packets)
        except RemoteError as error:
            unclear = unclear or error
    if unclear is not None:
        raise unclear
    others = [number for number in found.programmes if number not in concerned and _is_watchable(found, number)]
    clocks = [str(number) for number in others if _clock_samples(found, found.pmts_of(number)).packet]
    raise RemoteError(
        f"programme {seen[0]} has no PCR (clock reference) on PID 0x{found.pmts_of(seen[0])[0][1].pcr_pid:04x} nor on "
        "its streams; without one its portions cannot be timed; "
        + (f"programme {', '.join(clocks)} has one: --programme {clocks[0]}" if clocks else REMUX)
    )


def _is_watchable(found: Survey, programme: int) -> bool:
    return any(has_picture_or_sound(pmt) for _, pmt in found.pmts_of(programme))


def clock_pid(found: Survey, pmt: Pmt) -> int | None:
    """The PID that the PMT names for the clock; where no reference is there, the first stream that has some, picture
    before sound.
    """
    streams = sorted(pmt.streams, key=lambda stream: not is_picture_or_sound(stream))
    pids = [pmt.pcr_pid, *(stream.pid for stream in streams)]
    return next((pid for pid in pids if pid in found.pcrs and pid != NULL_PID), None)


def _clock_samples(found: Survey, pmts: list[tuple[int, Pmt]]) -> PcrSamples:
    """The programme's references; where a later PMT names another PCR PID, the clock changes to it there."""
    pids: list[tuple[int, int]] = []
    for at, pmt in pmts:
        pid = clock_pid(found, pmt)
        if pid is not None and (not pids or pids[-1][1] != pid):
            pids.append((at, pid))
    if len(pids) == 1:
        return found.pcrs[pids[0][1]]
    joined = PcrSamples()
    for row, (at, pid) in enumerate(pids):
        samples = found.pcrs[pid]
        low = bisect_left(samples.packet, at) if row else 0
        high = bisect_left(samples.packet, pids[row + 1][0]) if row + 1 < len(pids) else len(samples.packet)
        joined.discontinuity.extend(samples.discontinuity[low:high])
        if joined.packet and low < high:
            joined.discontinuity[len(joined.packet)] = 1
        joined.packet.extend(samples.packet[low:high])
        joined.ticks.extend(samples.ticks[low:high])
    return joined


@dataclass(frozen=True, slots=True)
class Portion:
    """One crypto-period of a stream: `packets` packets of it from `first_packet` on.

    `start_ms`: after the first PCR, which is where the broadcast's own time begins.
    """

    index: int
    first_packet: int
    packets: int
    start_ms: float

    @property
    def parity(self) -> str:
        """Of the two keys on air the one that it is scrambled with: "even" or "odd"."""
        return "odd" if self.index & 1 else "even"

    @property
    def started_ms(self) -> int:
        """`start_ms` in whole ms."""
        return round(self.start_ms)


def portions_at(starts: Sequence[int], packets: int, portion_ticks: int) -> list[Portion]:
    """The portions of a stream of `packets` in which they begin at the packets `starts`, `portion_ticks` apart."""
    step_ms = portion_ticks / TICKS_PER_MS
    return [
        Portion(index, first, end - first, index * step_ms)
        for index, (first, end) in enumerate(zip(starts, [*starts[1:], packets], strict=True))
    ]


def portion_ticks(portion_seconds: float) -> int:
    """Length of a portion in ticks. Raises LocalError outside 0.2 to 4,000,000 s."""
    if not MIN_PORTION_SECONDS <= portion_seconds <= MAX_PORTION_SECONDS:
        raise LocalError(
            f"portion_seconds is {portion_seconds:g}; from {MIN_PORTION_SECONDS:g} to {MAX_PORTION_SECONDS:g} work"
        )
    return round(portion_seconds * TICKS_PER_S)


class PortionMap:
    """Cuts a timeline at multiples of `portion_seconds` (0.2 to 4,000,000, else LocalError) from the first PCR."""

    def __init__(self, timeline: Timeline, portion_seconds: float) -> None:
        self.timeline = timeline
        self.portion_ticks = portion_ticks(portion_seconds)
        last = timeline.ticks(max(timeline.packets - 1, 0)) // self.portion_ticks
        firsts = [timeline.first_packet_at(index * self.portion_ticks) for index in range(1, last + 1)]
        self.starts: list[int] = [0, *firsts]

    def __len__(self) -> int:
        return len(self.starts)

    def portions(self) -> list[Portion]:
        return portions_at(self.starts, self.timeline.packets, self.portion_ticks)

    def portion_of(self, packet: int) -> int:
        """Index of the portion that a packet belongs to."""
        return bisect_right(self.starts, packet) - 1

    def remaining_ms(self, packet: int, portion: int | None = None) -> int:
        """Milliseconds from a packet's time to the next change (rounded up, at least 0)."""
        index = self.portion_of(packet) if portion is None else portion
        left = (index + 1) * self.portion_ticks - self.timeline.ticks(packet)
        return max(-(-left // TICKS_PER_MS), 0)


def packet_times_ns(path: str | os.PathLike[str], programme: int | None = None) -> Int64s:
    """Time of every packet in ns since the first PCR, shape (n,), non-decreasing: for small files.

    Uses the clock that `scramble_file` uses. Raises RemoteError as that does.
    """
    with TsFile(path) as source:
        _, timeline = programme_clock(survey(source), programme)
    return timeline.all_ticks() * 1000 // 27
