"""Which packets on air a terminal was to put out that its viewer had tuned to one service, and then to another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError
from settop.ts.psi import SectionReader, unpack_pat, unpack_pmt
from settop.wire.transport import TABLE_PAT, TABLE_PMT

from testbed.scenario.broadcasts.packetfile import Rows
from testbed.station import ConsoleEvent

WANTED, UNWANTED, UNDECIDED = 1, 0, -1
SWITCH_MS = 250
"""So near to the instant of tuning a packet may have come out or not: the console's word is on its way, too."""

Concern = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Tuning:
    """From `at_ms` of the broadcast on the terminal is tuned to `service`, None for all of the lowest one's."""

    at_ms: int
    service: int | None


def tunings(events: Sequence[ConsoleEvent], begin_ms: int) -> list[Tuning]:
    """What the console's `tuned` events say."""
    found = []
    for event in events:
        service = event.value("service") or ""
        found.append(Tuning(event.at_ms - begin_ms, int(service) if service.isdecimal() else None))
    return found


def concern(rows: Rows, times_ms: npt.NDArray[np.int64], tuned: Sequence[Tuning]) -> Concern:
    """WANTED, UNWANTED or UNDECIDED for each packet on air; `times_ms` says when it was. Shape (len(rows),).

    A service's streams are those that any of its PMTs names.
    """
    out = np.full(len(rows), WANTED, np.int8)
    numbers = (rows[:, 1].astype(np.uint16) & np.uint16(0x1F)) << np.uint16(8) | rows[:, 2]
    for tuning in sorted(tuned, key=lambda one: one.at_ms):
        after = times_ms >= tuning.at_ms
        wanted = np.ones(len(rows), bool)
        if tuning.service is not None:
            wanted = np.isin(numbers, sorted(stream_pids(rows, numbers, tuning.service)))
        out[after] = np.where(wanted[after], WANTED, UNWANTED)
    for tuning in tuned:
        out[np.abs(times_ms - tuning.at_ms) <= SWITCH_MS] = UNDECIDED
    return out


def stream_pids(rows: Rows, numbers: npt.NDArray[np.uint16], service: int) -> set[int]:
    """PIDs of the elementary streams of a service; `numbers` are the packets' PIDs."""
    pmt_pids = set()
    for section in _sections(rows[numbers == 0], TABLE_PAT):
        try:
            pairs = unpack_pat(section)
        except RemoteError:
            continue
        for at in range(0, len(pairs), 4):
            if int.from_bytes(pairs[at : at + 2], "big") == service:
                pmt_pids.add(int.from_bytes(pairs[at + 2 : at + 4], "big"))
    pids: set[int] = set()
    for pid in pmt_pids:
        for section in _sections(rows[numbers == pid], TABLE_PMT):
            try:
                pmt = unpack_pmt(section)
            except RemoteError:
                continue
            if pmt.programme == service:
                pids |= pmt.streams
    return pids


def _sections(rows: Rows, table: int) -> set[bytes]:
    """Distinct sections: a programme of an hour repeats a few of them tens of thousands of times."""
    reader = SectionReader(table)
    found: set[bytes] = set()
    for row in rows:
        found.update(reader.feed(row.tobytes()))
    return found
