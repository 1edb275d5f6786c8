"""Undo `scramble_file` with a key file: packets opened, PSI as it was, ECMs gone."""

import json
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from settop.errors import RemoteError
from settop.wire.transport import NULL_PID, PACKET_BYTES

from headend.ts.cissa import BLOCK_BYTES, KEY_BYTES, TSC_EVEN, descramble_packets
from headend.ts.io.output import Batch, Counts, EditCursor, Splice, refuse_same_file, replacing, run_batches
from headend.ts.key_plan import KeySpan, spans_from_ecms, spans_from_places
from headend.ts.packets import (
    CHUNK_PACKETS,
    HAS_PAYLOAD,
    IS_DAMAGED,
    IS_START,
    Packets,
    TsFile,
    header_words,
    payload_offsets,
    pids_of,
)
from headend.ts.signal.ecm_schedule import IN_PLACE_OF_NULL
from headend.ts.signal.psi import make_packet
from headend.ts.signal.rewrite import rewrite_psi
from headend.ts.signal.roles import ECM, OTHER, RoleCursor, RolePlan, plan_roles
from headend.ts.signal.signalling import ca_pid_of, withdrawing
from headend.ts.survey import Progress, Survey, pes_starts, survey

_NULL_PACKET = make_packet(NULL_PID, 0, b"", start=False)


@dataclass(frozen=True, slots=True)
class PortionKey:
    """A key file's entry: the key for `packets` packets from `first_packet` on, as they were when it was written."""

    index: int
    key: bytes = field(repr=False)
    first_packet: int
    packets: int


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What `scramble --keys-out` wrote: `portions` sorted by first_packet, the broadcast's id, and in how many packets
    a PES should have begun and did before scrambling (both None where the file does not say).
    """

    portions: list[PortionKey]
    broadcast_id: bytes | None
    pes_starts: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class DescrambleResult:
    """What `descramble_file` did, counted in packets. Of those left scrambled, `without_key` belong to portions that
    the key file has no key for; of the others no ECM tells the portion. `not_pes` of `pes_checked` opened packets
    should begin a PES and do not.
    """

    packets: int
    descrambled: int
    left_scrambled: int
    without_key: int
    ecm_dropped: int
    nulls_restored: int
    pes_checked: int
    not_pes: int


def load_keys(path: str | os.PathLike[str]) -> KeyFile:
    """Read a key file. Raises RemoteError where it is not what `scramble` writes; no message shows its content."""
    try:
        document: Any = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError):
        raise RemoteError("the key file is not JSON; expected what `ringcast scramble --keys-out` wrote") from None
    entries = document.get("portions") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise RemoteError('the key file has no list "portions"; expected what `ringcast scramble --keys-out` wrote')
    keys = sorted((_entry(row, entry) for row, entry in enumerate(entries)), key=lambda one: one.first_packet)
    for before, after in pairwise(keys):
        if before.first_packet + before.packets > after.first_packet:
            raise RemoteError(f"the key file's portions {before.index} and {after.index} overlap")
    try:
        broadcast_id = None if document.get("broadcast_id") is None else bytes.fromhex(document["broadcast_id"])
        starts = document.get("pes_starts")
        pes = None if starts is None else (int(starts[0]), int(starts[1]))
    except (KeyError, TypeError, ValueError, IndexError):
        raise RemoteError("the key file's broadcast_id or pes_starts is malformed") from None
    return KeyFile(keys, broadcast_id, pes)


def _entry(row: int, entry: Any) -> PortionKey:
    try:
        key = bytes.fromhex(entry["key"])
        index, first, packets = entry["index"], entry["first_packet"], entry["packets"]
        ("even", "odd").index(entry["parity"])
    except (KeyError, TypeError, ValueError):
        raise RemoteError(f"entry {row} of the key file is incomplete or malformed") from None
    numbers = (index, first, packets)
    if len(key) != KEY_BYTES or any(type(number) is not int or not 0 <= number < 1 << 62 for number in numbers):
        raise RemoteError(f"entry {row} of the key file has a wrong key length or number")
    return PortionKey(index, key, first, packets)


def descramble_file(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    keys_json: str | os.PathLike[str],
    progress: Progress | None = None,
) -> DescrambleResult:
    """Open `src` into `dst` with the keys in `keys_json`.

    The portion of each packet comes from the ECMs around it and its parity, so that packets may have been dropped, cut
    or joined since; only where the stream has no ECM at all, from the key file's packet numbers. The result equals what
    was scrambled, byte for byte, except: null packets that gave their place to ECMs come back stuffed with 0xFF and
    counter 0; duplicate PMT packets come back once. Packets without a key, or whose portion is not sure, stay scrambled
    and are counted. Raises RemoteError for an input or key file that breaks the rules, or that do not belong together
    (nothing opens, or what opens is noise), OSError; `dst` is then left as it was.
    """
    keys = load_keys(keys_json)
    refuse_same_file(src, dst)
    with TsFile(src) as source:
        steps = 2 * source.packets
        found = survey(source, progress and (lambda done, _: progress(done, steps)))
        spans = _spans(found, keys)
        roles = plan_roles(found, lambda pmt: ca_pid_of(pmt) is not None)
        edits = rewrite_psi(found, sorted(found.psi), withdrawing())
        job = _DescrambleJob(found, keys, spans, roles, EditCursor(edits))
        with replacing(dst, source.packets * PACKET_BYTES) as handle:
            second = progress and (lambda done, _: progress(source.packets + done, steps))
            counts = run_batches(source, handle, job.batches(), job.work, second)
            scrambled, opened, without_key, checked, fine = counts.tolist()
            _refuse_failure(scrambled, opened, checked, fine, keys)
    return DescrambleResult(
        packets=source.packets + job.added,
        descrambled=opened,
        left_scrambled=scrambled - opened,
        without_key=without_key,
        ecm_dropped=job.dropped,
        nulls_restored=job.restored,
        pes_checked=checked,
        not_pes=checked - fine,
    )


def _spans(found: Survey, keys: KeyFile) -> list[KeySpan]:
    there = found.ecms.broadcasts
    if not there:
        return spans_from_places({one.index: (one.first_packet, one.packets) for one in keys.portions})
    if keys.broadcast_id is not None and keys.broadcast_id not in there:
        raise RemoteError(
            f"the key file is for broadcast {keys.broadcast_id.hex()}, the stream is broadcast {there[0].hex()}: "
            "give the key file that was written with this stream"
        )
    return spans_from_ecms(found.ecms, found.packets, keys.broadcast_id)


def _refuse_failure(scrambled: int, opened: int, checked: int, fine: int, keys: KeyFile) -> None:
    """Raises RemoteError where nothing came of it, or noise did."""
    if not scrambled:
        raise RemoteError("no packet of the input is scrambled; expected what `ringcast scramble` wrote")
    if not opened:
        raise RemoteError(
            f"none of the {scrambled} scrambled packets could be opened: the key file has no key for the portions that "
            "the stream's ECMs name, or the stream has no ECMs and is not as it was when it was scrambled"
        )
    before, begun = keys.pes_starts or (0, 0)
    if (checked - fine) * 2 > checked and begun * 2 >= before:
        raise RemoteError(
            f"the keys do not fit: of {checked} opened packets that should begin a PES, {checked - fine} are noise; "
            "give the key file that was written with this stream, and the stream as it was"
        )


class _DescrambleJob:
    def __init__(self, found: Survey, keys: KeyFile, spans: list[KeySpan], roles: RolePlan, cursor: EditCursor) -> None:
        self._packets = found.packets
        self._keys = {entry.index: entry.key for entry in keys.portions}
        self._spans = spans
        self._ends = [span.end for span in spans]
        self._roles = RoleCursor(roles)
        self._cursor = cursor
        self._ecms = [(at, header) for at, pid, header in found.ecms.carriers if roles.role_at(at, pid) == ECM]
        self._ecms.sort()
        self.added = self.dropped = self.restored = 0

    def batches(self) -> Iterator[Batch]:
        row = 0
        for first in range(0, self._packets, CHUNK_PACKETS):
            count = min(CHUNK_PACKETS, self._packets - first)
            place = first + self.added
            splices = self._cursor.take(first, count)
            while row < len(self._ecms) and self._ecms[row][0] < first + count:
                at, header = self._ecms[row]
                restores = bool(header & IN_PLACE_OF_NULL)
                splices.append(Splice(at - first, True, _NULL_PACKET if restores else b""))
                self.restored += restores
                self.dropped += not restores
                row += 1
            splices.sort(key=lambda splice: splice.row)
            self.added += sum(splice.growth for splice in splices)
            yield Batch(first, count, place, splices)

    def work(self, first: int, chunk: Packets) -> Counts:
        """Open what there are keys for in `chunk`. Returns how many packets are scrambled, how many were opened, how
        many have a known portion without a key, how many opened ones should begin a PES, and how many do.
        """
        words = header_words(chunk, first)
        tsc = chunk[:, 3] >> 6
        scrambled = (tsc >= TSC_EVEN) & (words & (IS_DAMAGED | HAS_PAYLOAD) == HAS_PAYLOAD)
        scrambled &= self._roles.roles(first, pids_of(words)) != OTHER
        scrambled &= payload_offsets(chunk, words) < PACKET_BYTES
        opened = np.zeros(len(chunk), np.bool_)
        without_key = 0
        for span in self._spans[bisect_right(self._ends, first) :]:
            start, end = max(span.start - first, 0), min(span.end - first, len(chunk))
            if span.start >= first + len(chunk):
                break
            for parity, portion in enumerate(span.portions):
                due = scrambled[start:end] & (tsc[start:end] == TSC_EVEN + parity)
                key = None if portion is None else self._keys.get(portion)
                if key is not None:
                    descramble_packets(chunk[start:end], key, due)
                    opened[start:end] |= due
                elif portion is not None:
                    without_key += int(np.count_nonzero(due))
        rows = np.flatnonzero(opened & (words & IS_START != 0))
        rows = rows[payload_offsets(chunk[rows], words[rows]) <= PACKET_BYTES - BLOCK_BYTES]
        fine = int(np.count_nonzero(pes_starts(chunk, rows, words[rows])))
        return np.array((np.count_nonzero(scrambled), np.count_nonzero(opened), without_key, rows.size, fine))
