"""Programme time and portions of a stream whose end is not known: they grow with its clock references."""

from bisect import bisect_left

import numpy as np
from settop.errors import LocalError

from headend.ts.portions import (
    JUMP_TICKS,
    LONGEST_STEP_TICKS,
    PACE_FACTOR,
    PCR_MODULUS,
    Int64s,
    PortionMap,
    Timeline,
    portion_ticks,
    timeline_of,
)
from headend.ts.survey import PcrSamples

_FAR_PACKETS = 1 << 40
_KEPT_POINTS = 4096  # references that are kept: far more than are looked at again


class GrowingTimeline(Timeline):
    """As Timeline, by the same rules, but for the future: a step that is no passing of time is known by the last one
    that was. `reach` is the last reference's packet: up to there times are final.
    """

    def __init__(self, samples: PcrSamples) -> None:
        """`samples`: what has come so far. Raises RemoteError where they tell no time."""
        known = timeline_of(samples, 0)
        self.packets = _FAR_PACKETS
        self._at_list, self._ticks_list = known.points()
        self._drop_end()
        at, ticks = self._at_list[-2:], self._ticks_list[-2:]
        self._pace = (ticks[1] - ticks[0]) / (at[1] - at[0])
        self._raw = samples.ticks[-1]
        self._set_end()

    @property
    def reach(self) -> int:
        return self._at_list[-2]

    @property
    def reach_ticks(self) -> int:
        return self._ticks_list[-2]

    def add(self, samples: PcrSamples) -> None:
        """Further references, of whichever PID has the clock now; their first one is flagged where that is another."""
        self._drop_end()
        for at, raw, flagged in zip(samples.packet, samples.ticks, samples.discontinuity, strict=True):
            packets = at - self._at_list[-1]
            step = (raw - self._raw) % PCR_MODULUS
            self._raw = raw
            usual = self._pace * packets
            agrees = step <= LONGEST_STEP_TICKS and usual <= step * PACE_FACTOR and step <= usual * PACE_FACTOR
            if flagged or (step > JUMP_TICKS and not agrees):
                step = round(usual)
            else:
                self._pace = step / packets
            self._at_list.append(at)
            self._ticks_list.append(self._ticks_list[-1] + step)
        if len(self._at_list) > 2 * _KEPT_POINTS:
            del self._at_list[:-_KEPT_POINTS], self._ticks_list[:-_KEPT_POINTS]
        self._set_end()

    def end_at(self, packets: int) -> None:
        """The stream is over after so many packets."""
        self.packets = packets

    def _drop_end(self) -> None:
        del self._at_list[-1], self._ticks_list[-1]

    def _set_end(self) -> None:
        self._at_list.append(self._at_list[-1] + _FAR_PACKETS)
        self._ticks_list.append(self._ticks_list[-1] + round(self._pace * _FAR_PACKETS))

    def all_ticks(self) -> Int64s:
        raise LocalError("a growing timeline has no end; ask for `between`")

    def between(self, first: int, end: int) -> Int64s:
        """Programme time of packets first..end-1."""
        at = np.array(self._at_list[max(bisect_left(self._at_list, first) - 1, 0) :])
        ticks = np.array(self._ticks_list[len(self._ticks_list) - len(at) :])
        # Between references only, where floats of 53 bits are exact enough; the far end is not reached.
        found: Int64s = np.interp(np.arange(first, end), at, ticks.astype(np.float64)).astype(np.int64)
        return found


class GrowingPortions(PortionMap):
    """As PortionMap; `grow` cuts as far as the timeline reaches."""

    def __init__(self, timeline: GrowingTimeline, portion_seconds: float) -> None:
        self.timeline = timeline
        self.portion_ticks = portion_ticks(portion_seconds)
        self.starts = [0]

    def grow(self, ticks: int) -> None:
        """All portions that begin at `ticks` or before."""
        while (then := len(self.starts) * self.portion_ticks) <= ticks:
            self.starts.append(self.timeline.first_packet_at(then))
