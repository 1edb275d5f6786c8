"""Which key opens which packets of a recording: the entitlement messages say so, as they do to a terminal.

Packets may have been dropped, cut out, joined or added since the file was scrambled, so no packet's number counts. The
messages around a packet name a portion each, and the packet's parity picks one of them. Where they leave two answers (a
joint within 100 ms of programme), nothing is opened.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from headend.ts.signal.psi_reader import EcmLog

_REACH = 4  # messages are believed for so many times their usual distance where none follows


class KeySpan(NamedTuple):
    """Packets `start`..`end`-1: the portions that may be on air, by parity (even, odd); None: none is known."""

    start: int
    end: int
    portions: tuple[int | None, int | None]


class _Run(NamedTuple):
    """Messages of one portion without another between them: packets of the first and the last one."""

    first: int
    last: int
    broadcast: int
    portion: int


def spans_from_ecms(ecms: EcmLog, packets: int, broadcast_id: bytes | None) -> list[KeySpan]:
    """The spans of a file of `packets` packets, in order. Messages of another broadcast than `broadcast_id` (None: any)
    are no answer, and neither is what lies between them.
    """
    runs = _runs(ecms)
    if not runs:
        return []
    usual = int(np.median(np.diff(np.frombuffer(ecms.packet, np.int64)))) if len(ecms.packet) > 1 else packets
    reach = usual * _REACH
    known = [broadcast_id in (None, ecms.broadcasts[run.broadcast]) for run in runs]
    spans: list[KeySpan] = []

    def add(start: int, end: int, *portions: int) -> None:
        if end > start:
            by_parity: list[int | None] = [None, None]
            for portion in portions:
                by_parity[portion & 1] = portion
            spans.append(KeySpan(start, end, (by_parity[0], by_parity[1])))

    if known[0]:
        add(max(runs[0].first - reach, 0), runs[0].first, runs[0].portion, runs[0].portion - 1)
    for row, run in enumerate(runs):
        if known[row]:
            add(run.first, run.last + 1, run.portion)
        after = runs[row + 1] if row + 1 < len(runs) else None
        if after is None:
            if known[row]:
                add(run.last + 1, min(run.last + 1 + reach, packets), run.portion, run.portion + 1)
        elif known[row] and after.broadcast == run.broadcast and after.portion == run.portion + 1:
            add(run.last + 1, after.first, run.portion, after.portion)
    return spans


def _runs(ecms: EcmLog) -> list[_Run]:
    if not len(ecms.packet):
        return []
    at, portion = np.frombuffer(ecms.packet, np.int64), np.frombuffer(ecms.portion, np.int64)
    broadcast = np.array(ecms.broadcast, np.int64)
    new = np.flatnonzero((np.diff(portion) != 0) | (np.diff(broadcast) != 0)) + 1
    firsts = [0, *new.tolist()]
    lasts = [*(new - 1).tolist(), len(at) - 1]
    return [
        _Run(int(at[first]), int(at[last]), int(broadcast[first]), int(portion[first]))
        for first, last in zip(firsts, lasts, strict=True)
    ]


def spans_from_places(places: Mapping[int, tuple[int, int]]) -> list[KeySpan]:
    """For a stream that has lost its messages. `places`: portion -> (first packet, packets) when it was scrambled."""
    return [
        KeySpan(first, first + packets, (None, portion) if portion & 1 else (portion, None))
        for portion, (first, packets) in sorted(places.items(), key=lambda item: item[1])
    ]
