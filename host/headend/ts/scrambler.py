"""Scramble a whole transport stream file: portions under their own keys, announced in PMT and ECMs."""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from settop.errors import RemoteError
from settop.wire.offer import Offer
from settop.wire.transport import NULL_PID, PACKET_BYTES

from headend.ts.cissa import Mask, scramble_packets
from headend.ts.io.output import Batch, Counts, EditCursor, refuse_same_file, replacing, run_batches
from headend.ts.keys import control_word
from headend.ts.merging import Merger
from headend.ts.packets import (
    CHUNK_PACKETS,
    HAS_PAYLOAD,
    IS_START,
    PIDS,
    Packets,
    TsFile,
    Words,
    header_words,
    pids_of,
)
from headend.ts.portions import REMUX, Portion, PortionMap, portions_at, programme_clock
from headend.ts.signal.ecm_schedule import EcmSchedule
from headend.ts.signal.rewrite import Edits, rewrite_psi
from headend.ts.signal.roles import STREAM, RoleCursor, RolePlan, plan_roles
from headend.ts.signal.signalling import announcing
from headend.ts.survey import Flags, Progress, Survey, pes_starts, survey

HIGHEST_CA_PID = 0x1FF0


@dataclass(frozen=True, slots=True)
class ScrambleResult:
    """What `scramble_file` did: `portions` of the output, each with its key in `keys`. Counts are in packets; `packets`
    is the length of the output.
    """

    portions: list[Portion]
    keys: list[bytes] = field(repr=False)
    packets: int
    scrambled: int
    ecm_inserted: int
    ecm_replacing_null: int
    malformed: int
    ca_pid: int
    programme_id: int
    broadcast_id: bytes
    pes_starts: tuple[int, int]  # packets in which a PES should begin, and in which one did
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        """The key file's content: it holds the keys of the whole programme, keep it secret."""
        return {
            "broadcast_id": self.broadcast_id.hex(),
            "programme_id": self.programme_id,
            "pes_starts": list(self.pes_starts),
            "portions": [
                {
                    "index": portion.index,
                    "parity": portion.parity,
                    "key": key.hex(),
                    "first_packet": portion.first_packet,
                    "packets": portion.packets,
                    "start_ms": portion.start_ms,
                }
                for portion, key in zip(self.portions, self.keys, strict=True)
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
    already scrambled, a stream that would stay clear, ...), LocalError for wrong arguments, OSError; `dst` is then left
    as it was.
    """
    control_word(programme_secret, programme_id, broadcast_id, 0)  # refuses wrong arguments before anything is read
    refuse_same_file(src, dst)
    with TsFile(src) as source:
        steps = 2 * source.packets
        found = survey(source, progress and (lambda done, _: progress(done, steps)))
        refuse_scrambled(found)
        programmes, timeline = programme_clock(found, programme)
        portions = PortionMap(timeline, portion_seconds)
        roles = scrambled_roles(found, programmes)
        ca_pid = found.free_pid(HIGHEST_CA_PID)
        edit = announcing(programmes, ca_pid, programme_id, offer)
        edits = rewrite_psi(found, found.pmt_pids_of(programmes), edit, roles)
        refuse_given_up(edits)
        schedule = EcmSchedule(portions, ca_pid, programme_id, broadcast_id)
        job = _ScrambleJob(
            found,
            [control_word(programme_secret, programme_id, broadcast_id, index) for index in range(len(portions))],
            portions,
            RoleCursor(roles),
            edits,
            schedule,
        )
        size = source.packets * PACKET_BYTES
        with replacing(dst, size) as handle:
            second = progress and (lambda done, _: progress(source.packets + done, steps))
            counts = run_batches(source, handle, job.batches(), job.work, second)
            if not counts[0]:
                raise RemoteError(_nothing_scrambled(found, programmes))
    return job.result(source.packets, counts, ca_pid, programme_id, broadcast_id, warnings_of(found, programmes))


def scrambled_roles(found: Survey, programmes: list[int]) -> RolePlan:
    """What each PID carries for these programmes. Raises RemoteError for what would leave a stream of theirs clear."""
    refuse_unreadable(found.unreadable, programmes.__contains__)
    plan = plan_roles(found, lambda pmt: pmt.programme in programmes)
    refuse_streams_among_tables(plan.refused, found.pids, found.starts_pes)
    return plan


def refuse_scrambled(found: Survey) -> None:
    """Raises RemoteError where a packet is scrambled already."""
    if found.first_scrambled is not None:
        raise RemoteError(
            f"packet {found.first_scrambled} is already scrambled (transport_scrambling_control is not 00); "
            "descramble the input first"
        )


def refuse_unreadable(unreadable: Mapping[int, tuple[int, str]], concerned: Callable[[int], bool]) -> None:
    """Raises RemoteError where a PMT of a programme concerned cannot be read: its streams would stay clear."""
    for programme, (at, text) in unreadable.items():
        if concerned(programme):
            raise RemoteError(f"packet {at}: {text}; its streams cannot be known; {REMUX}")


def refuse_streams_among_tables(pids: set[int], seen: Flags, starts_pes: Flags) -> None:
    """Raises RemoteError if one of `pids` is there, which PMTs name as streams and the standard keeps for tables."""
    for pid in sorted(pids):
        # A PMT that names PID 0 for what is not there is common, and the PAT is there.
        if seen[pid] if pid else starts_pes[pid]:
            raise RemoteError(
                f"a PMT names a stream on PID 0x{pid:04x}, which the standard keeps for tables: it would stay clear; "
                f"{REMUX}"
            )


def refuse_given_up(edits: Edits) -> None:
    """Raises RemoteError where a PMT could not be announced."""
    if edits.given_up:
        raise RemoteError(
            f"packet {edits.given_up[0]}: PMT sections packed back to back, or broken off, leave no place to "
            f"announce the programme; {REMUX}"
        )


def _nothing_scrambled(found: Survey, programmes: list[int]) -> str:
    streams = sorted({one.pid for number in programmes for _, pmt in found.pmts_of(number) for one in pmt.streams})
    listed = ", ".join(f"0x{pid:04x}" for pid in streams[:8])
    return (
        f"nothing was scrambled: no packet of the streams that the PMTs name (PIDs {listed}) carries anything; "
        "choose another programme with --programme"
    )


def warnings_of(found: Survey, programmes: list[int]) -> list[str]:
    """What the user should know though it is no error: what stays clear because no table claims it, damage."""
    warnings = []
    missing = [number for number in programmes if not found.pmts_of(number)]
    if missing:
        numbers = ", ".join(map(str, missing[:8]))
        warnings.append(f"{len(missing)} of {len(programmes)} programmes have no PMT in the input ({numbers})")
    claimed = np.zeros(PIDS, np.bool_)
    for _, _, pmt in found.pmts:
        claimed[[stream.pid for stream in pmt.streams]] = True
    unclaimed = np.flatnonzero(found.starts_pes & ~claimed)
    unclaimed = unclaimed[unclaimed < NULL_PID]
    if unclaimed.size:
        pids = ", ".join(f"0x{pid:04x}" for pid in unclaimed[:8])
        warnings.append(f"PIDs that no PMT names carry streams, which stay clear: {pids}")
    return warnings + damage_warnings(found)


def damage_warnings(found: Survey) -> list[str]:
    """A line on damaged packets, if there are any."""
    text = f"{found.damaged} damaged packets (transport_error_indicator) were passed on as they are"
    return [text] if found.damaged else []


def pes_begun(chunk: Packets, words: Words, selected: Mask) -> tuple[int, int]:
    """In how many of the `selected` packets a PES should begin (payload_unit_start_indicator), in how many one does."""
    rows = np.flatnonzero(selected & (words & (IS_START | HAS_PAYLOAD) == IS_START | HAS_PAYLOAD))
    return rows.size, int(np.count_nonzero(pes_starts(chunk, rows, words[rows])))


class _ScrambleJob:
    """Plans the second pass (in this process) and does its bulk work (perhaps in others)."""

    def __init__(
        self,
        found: Survey,
        keys: list[bytes],
        portions: PortionMap,
        roles: RoleCursor,
        edits: Edits,
        schedule: EcmSchedule,
    ) -> None:
        self._found = found
        self._keys = keys
        self._portions = portions
        self._cut = portions.portions()
        self._roles = roles
        self._cursor = EditCursor(edits)
        self._schedule = schedule
        self._merger = Merger()

    def batches(self) -> Iterator[Batch]:
        for first in range(0, self._found.packets, CHUNK_PACKETS):
            count = min(CHUNK_PACKETS, self._found.packets - first)
            place = first + self._merger.added
            ecms = self._schedule.plan(first, count, self._found.nulls(first, count))
            yield Batch(first, count, place, self._merger.merge(first, self._cursor.take(first, count), ecms))

    def work(self, first: int, chunk: Packets) -> Counts:
        """Scramble what is due in `chunk`, each portion with its key. Returns how many packets that were, in how many
        of them a PES should begin (payload_unit_start_indicator), and in how many one did.
        """
        words = header_words(chunk, first)
        selected = self._roles.roles(first, pids_of(words)) == STREAM
        checked, begun = pes_begun(chunk, words, selected)
        scrambled = 0
        for portion in self._cut[max(bisect_right(self._portions.starts, first) - 1, 0) :]:
            start, end = max(portion.first_packet - first, 0), portion.first_packet + portion.packets - first
            if start >= len(chunk):
                break
            if end > start:
                part = slice(start, min(end, len(chunk)))
                scrambled += scramble_packets(chunk[part], self._keys[portion.index], portion.index & 1, selected[part])
        return np.array((scrambled, checked, begun))

    def result(
        self, packets: int, counts: Counts, ca_pid: int, programme_id: int, broadcast_id: bytes, warnings: list[str]
    ) -> ScrambleResult:
        total = packets + self._merger.added
        return ScrambleResult(
            portions=portions_at(self._merger.first_in_output, total, self._portions.portion_ticks),
            keys=self._keys[: len(self._merger.first_in_output)],
            packets=total,
            scrambled=int(counts[0]),
            ecm_inserted=self._schedule.inserted,
            ecm_replacing_null=self._schedule.replaced,
            malformed=self._found.malformed,
            ca_pid=ca_pid,
            programme_id=programme_id,
            broadcast_id=broadcast_id,
            pes_starts=(int(counts[1]), int(counts[2])),
            warnings=warnings,
        )
