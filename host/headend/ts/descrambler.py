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
from settop.wire.ecm import SECTION_BYTES, unpack_ecm

from headend.ts.cissa import KEY_BYTES, TSC_EVEN, descramble_packets
from headend.ts.ecm_schedule import IN_PLACE_OF_NULL
from headend.ts.output import Batch, EditCursor, Splice, refuse_same_file, replacing, run_batches
from headend.ts.packets import NULL_PID, PACKET_BYTES, PIDS, Packets, TsFile, header_words, pids_of
from headend.ts.psi import make_packet
from headend.ts.signalling import ca_pids_of, rewrite_psi, withdrawing
from headend.ts.survey import Progress, Survey, survey

_NULL_PACKET = make_packet(NULL_PID, 0, b"", start=False)


@dataclass(frozen=True, slots=True)
class PortionKey:
    """A key file's entry: the key for `packets` packets from `first_packet` on."""

    index: int
    parity: int
    key: bytes = field(repr=False)
    first_packet: int
    packets: int


@dataclass(frozen=True, slots=True)
class DescrambleResult:
    """What `descramble_file` did, counted in packets."""

    packets: int
    descrambled: int
    left_scrambled: int
    ecm_dropped: int
    nulls_restored: int


def load_keys(path: str | os.PathLike[str]) -> list[PortionKey]:
    """Read a key file, sorted by first_packet. Raises RemoteError where it is not what `scramble` writes; no message
    shows its content.
    """
    try:
        document: Any = json.loads(Path(path).read_bytes())
    except ValueError:
        raise RemoteError("the key file is not JSON; expected what `ringcast scramble --keys-out` wrote") from None
    entries = document.get("portions") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise RemoteError('the key file has no list "portions"; expected what `ringcast scramble --keys-out` wrote')
    keys = sorted((_entry(row, entry) for row, entry in enumerate(entries)), key=lambda one: one.first_packet)
    for before, after in pairwise(keys):
        if before.first_packet + before.packets > after.first_packet:
            raise RemoteError(f"the key file's portions {before.index} and {after.index} overlap")
    return keys


def load_broadcast_id(path: str | os.PathLike[str]) -> str | None:
    """The key file's broadcast id in hex, None where it names none."""
    document = json.loads(Path(path).read_bytes())
    found = document.get("broadcast_id")
    return found.lower() if isinstance(found, str) else None


def _entry(row: int, entry: Any) -> PortionKey:
    try:
        key = bytes.fromhex(entry["key"])
        index, first, packets = entry["index"], entry["first_packet"], entry["packets"]
        parity = ("even", "odd").index(entry["parity"])
    except (KeyError, TypeError, ValueError):
        raise RemoteError(f"entry {row} of the key file is incomplete or malformed") from None
    numbers = (index, first, packets)
    if len(key) != KEY_BYTES or any(type(number) is not int or not 0 <= number < 1 << 62 for number in numbers):
        raise RemoteError(f"entry {row} of the key file has a wrong key length or number")
    return PortionKey(index, parity, key, first, packets)


def descramble_file(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    keys_json: str | os.PathLike[str],
    progress: Progress | None = None,
) -> DescrambleResult:
    """Open `src` into `dst` with the keys in `keys_json`.

    The result equals what was scrambled, byte for byte, except: null packets that gave their place to ECMs come back
    stuffed with 0xFF and counter 0; duplicate PMT packets come back once. Packets without a key, or whose parity is
    not their portion's, stay scrambled and are counted. Raises RemoteError for an input or key file that breaks the
    rules, or that do not belong together, OSError; `dst` is then left as it was.
    """
    keys = load_keys(keys_json)
    broadcast_id = load_broadcast_id(keys_json)
    refuse_same_file(src, dst)
    with TsFile(src) as source:
        steps = 2 * source.packets
        found = survey(source, progress and (lambda done, _: progress(done, steps)))
        edits = rewrite_psi(found, list(found.programmes.values()), withdrawing())
        job = _DescrambleJob(found, keys, EditCursor(edits), broadcast_id)
        with replacing(dst, source.packets * PACKET_BYTES) as handle:
            second = progress and (lambda done, _: progress(source.packets + done, steps))
            descrambled = run_batches(source, handle, job.batches(source), job.work, second)
    return DescrambleResult(
        packets=source.packets + job.added,
        descrambled=descrambled,
        left_scrambled=job.scrambled - descrambled,
        ecm_dropped=job.dropped,
        nulls_restored=job.restored,
    )


class _DescrambleJob:
    def __init__(self, found: Survey, keys: list[PortionKey], cursor: EditCursor, broadcast_id: str | None) -> None:
        self._keys = keys
        self._unchecked_id = broadcast_id
        self._starts = [entry.first_packet for entry in keys]
        self._cursor = cursor
        self._ca = np.zeros(PIDS, np.bool_)
        self._ca[[pid for _, pmt in found.pmts for pid in ca_pids_of(pmt)]] = True
        self.added = self.scrambled = self.dropped = self.restored = 0

    def batches(self, source: TsFile) -> Iterator[Batch]:
        for first, chunk in source.chunks():
            place = first + self.added
            ca_rows = np.flatnonzero(self._ca[pids_of(header_words(chunk, first))])
            if self._unchecked_id is not None and len(ca_rows):
                self._check_id(chunk[int(ca_rows[0])].tobytes())
            splices = self._cursor.take(first, len(chunk))
            for row in ca_rows.tolist():
                restores = bool(chunk[row, 1] & IN_PLACE_OF_NULL)
                splices.append(Splice(row, True, _NULL_PACKET if restores else b""))
                self.restored += restores
                self.dropped += not restores
            splices.sort(key=lambda splice: splice.row)
            self.added += sum(splice.growth for splice in splices)
            self.scrambled += int(np.count_nonzero(chunk[:, 3] >= TSC_EVEN << 6))
            yield Batch(first, len(chunk), place, splices)

    def _check_id(self, packet: bytes) -> None:
        """The first ECM must name the broadcast that the key file is for: other keys would make noise of it."""
        try:
            there = unpack_ecm(packet[5 : 5 + SECTION_BYTES]).broadcast_id.hex()
        except RemoteError:
            return  # a damaged ECM tells nothing
        if there != self._unchecked_id:
            raise RemoteError(
                f"the key file is for broadcast {self._unchecked_id}, the stream is broadcast {there}: "
                "give the key file that was written with this stream"
            )
        self._unchecked_id = None

    def work(self, first: int, chunk: Packets) -> int:
        """Open what there are keys for in `chunk`; returns the number of packets."""
        tsc = chunk[:, 3] >> 6
        opened = 0
        for entry in self._keys[max(bisect_right(self._starts, first) - 1, 0) :]:
            start, end = max(entry.first_packet - first, 0), entry.first_packet + entry.packets - first
            if start >= len(chunk):
                break
            if end > start:
                part = slice(start, min(end, len(chunk)))
                opened += descramble_packets(chunk[part], entry.key, tsc[part] == TSC_EVEN + entry.parity)
        return opened
