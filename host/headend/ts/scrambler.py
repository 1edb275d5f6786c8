"""Scramble a whole transport stream file: portions under their own keys, announced in PMT and ECMs."""

import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError
from settop.wire.offer import Offer

from headend.ts.cissa import scramble_packets
from headend.ts.ecm_schedule import EcmSchedule, PlacedEcm
from headend.ts.keys import control_word
from headend.ts.output import Batch, EditCursor, Splice, refuse_same_file, replacing, run_batches
from headend.ts.packets import CHUNK_PACKETS, NULL_PID, PACKET_BYTES, PIDS, Packets, TsFile, header_words, pids_of
from headend.ts.portions import PortionMap, PortionSpan, programme_clock
from headend.ts.rewrite import Edits
from headend.ts.signalling import announcing, rewrite_psi
from headend.ts.streams import carries_sections
from headend.ts.survey import Progress, Survey, survey

HIGHEST_CA_PID = 0x1FF0
_LOWEST_ES_PID = 0x20


@dataclass(frozen=True, slots=True)
class Portion:
    """One crypto-period of the scrambled file: `packets` packets of it from `first_packet` on, under `key`."""

    index: int
    parity: str
    key: bytes = field(repr=False)
    first_packet: int
    packets: int
    start_ms: float


@dataclass(frozen=True, slots=True)
class ScrambleResult:
    """What `scramble_file` did. Counts are in packets; `packets` is the length of the output."""

    portions: list[Portion]
    packets: int
    scrambled: int
    ecm_inserted: int
    ecm_replacing_null: int
    malformed: int
    ca_pid: int
    programme_id: int
    broadcast_id: bytes

    def as_json(self) -> dict[str, Any]:
        """The key file's content: it holds the keys of the whole programme, keep it secret."""
        return {
            "broadcast_id": self.broadcast_id.hex(),
            "programme_id": self.programme_id,
            "portions": [
                {
                    "index": portion.index,
                    "parity": portion.parity,
                    "key": portion.key.hex(),
                    "first_packet": portion.first_packet,
                    "packets": portion.packets,
                    "start_ms": portion.start_ms,
                }
                for portion in self.portions
            ],
        }


def scramble_file(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    portion_seconds: float,
    programme_secret: bytes,
    broadcast_id: bytes,
    programme_id: int = 1,
    programme: int | None = None,
    progress: Progress | None = None,
    offer: Offer | None = None,
) -> ScrambleResult:
    """Scramble `src` into `dst`; the same arguments give the same bytes.

    `portion_seconds` >= 0.2; `programme_secret` >= 16 bytes; `broadcast_id` 8 bytes, new for every run; `programme`
    is a programme_number, None for all; `offer` the price that the PMTs announce, or None. `progress(done, total)`
    counts packets of both passes. Raises RemoteError where the input cannot be scrambled (no TS, truncated, no PCR,
    already scrambled, ...), LocalError for wrong arguments, OSError; `dst` is then left as it was.
    """
    control_word(programme_secret, programme_id, broadcast_id, 0)  # refuses wrong arguments before anything is read
    refuse_same_file(src, dst)
    with TsFile(src) as source:
        steps = 2 * source.packets
        found = survey(source, progress and (lambda done, _: progress(done, steps)))
        if found.first_scrambled is not None:
            raise RemoteError(
                f"packet {found.first_scrambled} is already scrambled (transport_scrambling_control is not 00); "
                "descramble the input first"
            )
        programmes, timeline = programme_clock(found, programme)
        portions = PortionMap(timeline, portion_seconds)
        ca_pid = found.free_pid(HIGHEST_CA_PID)
        pmt_pids = [pid for number, pid in found.programmes.items() if number in programmes]
        edits = rewrite_psi(found, pmt_pids, announcing(programmes, ca_pid, programme_id, offer))
        schedule = EcmSchedule(portions, ca_pid, programme_id, broadcast_id)
        job = _ScrambleJob(
            found,
            [control_word(programme_secret, programme_id, broadcast_id, index) for index in range(len(portions))],
            portions.spans(),
            scrambled_pids(found, programmes),
            edits,
            schedule,
        )
        size = source.packets * PACKET_BYTES
        with replacing(dst, size) as handle:
            second = progress and (lambda done, _: progress(source.packets + done, steps))
            scrambled = run_batches(source, handle, job.batches(), job.work, second)
    return job.result(source.packets, scrambled, found.malformed, ca_pid, programme_id, broadcast_id)


def scrambled_pids(found: Survey, programmes: list[int]) -> npt.NDArray[np.bool_]:
    """Per PID, whether its packets are scrambled: every elementary stream that any PMT of these programmes ever names,
    except PIDs that carry sections. Shape (8192,).
    """
    chosen = np.zeros(PIDS, np.bool_)
    sections = {NULL_PID, *found.programmes.values()}
    for _, pmt in found.pmts:
        for stream in pmt.streams:
            if carries_sections(stream):
                sections.add(stream.pid)
            elif pmt.programme in programmes:
                chosen[stream.pid] = True
    chosen[:_LOWEST_ES_PID] = False
    chosen[list(sections)] = False
    return chosen


class _ScrambleJob:
    """Plans the second pass (in this process) and does its bulk work (perhaps in others)."""

    def __init__(
        self,
        found: Survey,
        keys: list[bytes],
        spans: list[PortionSpan],
        pids: npt.NDArray[np.bool_],
        edits: Edits,
        schedule: EcmSchedule,
    ) -> None:
        self._found = found
        self._keys = keys
        self._spans = spans
        self._starts = [span.first_packet for span in spans]
        self._pids = pids
        self._cursor = EditCursor(edits)
        self._schedule = schedule
        self._first_in_output: list[int] = []
        self._added = 0

    def batches(self) -> Iterator[Batch]:
        for first in range(0, self._found.packets, CHUNK_PACKETS):
            count = min(CHUNK_PACKETS, self._found.packets - first)
            place = first + self._added
            ecms = self._schedule.plan(first, count, self._found.nulls(first, count))
            yield Batch(first, count, place, self._merge(first, self._cursor.take(first, count), ecms))

    def _merge(self, first: int, edits: list[Splice], ecms: list[PlacedEcm]) -> list[Splice]:
        """All splices in order, noting where portions begin in the output.

        What a longer PMT adds comes before an ECM at the same place: that may begin the next portion.
        """
        merged: list[Splice] = []
        row = 0
        for ecm in ecms:
            while row < len(edits) and edits[row].row + first <= ecm.at:
                if edits[row].row + first == ecm.at and edits[row].leaves_out:
                    break  # that replaces the packet which follows the ECM
                self._added += edits[row].growth
                merged.append(edits[row])
                row += 1
            if ecm.begins:
                self._first_in_output.append(ecm.at + self._added)
            merged.append(Splice(ecm.at - first, ecm.in_place, ecm.packet))
            self._added += merged[-1].growth
        self._added += sum(splice.growth for splice in edits[row:])
        return merged + edits[row:]

    def work(self, first: int, chunk: Packets) -> int:
        """Scramble what is due in `chunk`, each portion with its key; returns the number of packets."""
        selected = self._pids[pids_of(header_words(chunk, first))]
        scrambled = 0
        for span in self._spans[max(bisect_right(self._starts, first) - 1, 0) :]:
            start, end = max(span.first_packet - first, 0), span.first_packet + span.packets - first
            if start >= len(chunk):
                break
            if end > start:
                part = slice(start, min(end, len(chunk)))
                scrambled += scramble_packets(chunk[part], self._keys[span.index], span.index & 1, selected[part])
        return scrambled

    def result(
        self, packets: int, scrambled: int, malformed: int, ca_pid: int, programme_id: int, broadcast_id: bytes
    ) -> ScrambleResult:
        total = packets + self._added
        ends = [*self._first_in_output[1:], total]
        portions = [
            Portion(span.index, "odd" if span.index & 1 else "even", key, first, end - first, span.start_ms)
            for span, key, first, end in zip(self._spans, self._keys, self._first_in_output, ends, strict=True)
        ]
        return ScrambleResult(
            portions=portions,
            packets=total,
            scrambled=scrambled,
            ecm_inserted=self._schedule.inserted,
            ecm_replacing_null=self._schedule.replaced,
            malformed=malformed,
            ca_pid=ca_pid,
            programme_id=programme_id,
            broadcast_id=broadcast_id,
        )
