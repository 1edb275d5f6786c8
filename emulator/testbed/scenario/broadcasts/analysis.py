"""What a terminal made of a broadcast: which packets of each portion came out clear, and are they right.

Every scrambled packet on air stands for one packet of the original (same PID, same rank on that PID). So the
packets that may come out are known beforehand, in order; the output is matched against them, forward only.
"""

import dataclasses
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from headend.ts.portions import Portion
from settop.errors import LocalError, RemoteError
from settop.wire.transport import PACKET_BYTES

from testbed.scenario.broadcasts.packetfile import Rows, read_packets
from testbed.scenario.broadcasts.tuning import UNDECIDED, WANTED, Concern

Index = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_CHUNK = 65_536  # packets hashed or compared at a time: 12 MB
_NONE = -1


@dataclasses.dataclass(frozen=True)
class PortionResult:
    """What came of one portion on air. `key_delivered_ms` is None where no key was delivered.

    `scrambled_packets` are those of the service that the terminal is tuned to, if it is to one;
    `clear_packets` counts packets scrambled on air that came out with the scrambling flag cleared;
    `clear_equal_original` says whether all of them are the original's, None when there are none.
    `received_offset` is the packet of the output at which this portion's share begins.
    """

    portion: Portion
    key_delivered_ms: int | None
    scrambled_packets: int
    clear_packets: int
    clear_equal_original: bool | None
    received_offset: int
    received_packets: int
    damaged_packets: int

    @property
    def index(self) -> int:
        return self.portion.index

    def as_json(self) -> dict[str, object]:
        """This result and its portion as plain data, names as in the fields."""
        return {
            "index": self.portion.index,
            "parity": self.portion.parity,
            "started_ms": self.portion.started_ms,
            "key_delivered_ms": self.key_delivered_ms,
            "packets": self.portion.packets,
            "scrambled_packets": self.scrambled_packets,
            "clear_packets": self.clear_packets,
            "clear_equal_original": self.clear_equal_original,
            "received_offset": self.received_offset,
            "received_packets": self.received_packets,
            "damaged_packets": self.damaged_packets,
        }


@dataclasses.dataclass(frozen=True)
class Analysis:
    """All portions. `damaged_packets` of the output equal nothing expected where they stand; `skipped_bytes`
    belong to no whole packet."""

    portions: tuple[PortionResult, ...]
    received_packets: int
    damaged_packets: int
    skipped_bytes: int

    @property
    def clear_packets(self) -> int:
        return sum(portion.clear_packets for portion in self.portions)


def analyse(
    original: Path,
    broadcast: Path,
    received: Path,
    portions: Sequence[Portion],
    keys_delivered_ms: Mapping[int, int],
    concern: Concern | None = None,
) -> Analysis:
    """Match a terminal's output `received` against what `broadcast` should have become with all keys.

    `keys_delivered_ms` gives, by portion index, when its key was complete at the terminal. `concern` says which packets
    on air a tuned terminal was to put out; those that are not wanted count where they came out, and those around the
    instant of tuning do not count at all. Raises
    LocalError when `portions` do not fit the broadcast, RemoteError when a file is no transport stream or the
    broadcast is not made from the original.
    """
    on_air = read_packets(broadcast).rows
    source = read_packets(original).rows
    output = read_packets(received, may_be_empty=True)
    _check_portions(portions, len(on_air))
    scrambled = on_air[:, 3] & 0xC0 != 0
    origin = _origins(on_air, source, scrambled)
    expected = _hash_expected(on_air, source, origin)
    matched = _match(expected, _hash_rows(output.rows))
    place = _place_damaged(matched, output.rows, on_air, scrambled)

    firsts = np.array([portion.first_packet for portion in portions], dtype=np.int64)
    share = np.clip(np.searchsorted(firsts, place, side="right") - 1, 0, None)
    good = matched != _NONE
    opened = np.zeros(len(matched), dtype=bool)
    opened[good] = scrambled[matched[good]]
    counted = scrambled
    if concern is not None:
        counted = scrambled & (concern == WANTED)
        opened[good] &= concern[matched[good]] != UNDECIDED
    wrong = ~good & _claims_clear(output.rows, on_air, scrambled)
    results = []
    for number, portion in enumerate(portions):
        begin, end = (int(at) for at in np.searchsorted(share, [number, number + 1]))
        mine = slice(begin, end)
        right, false = int(np.count_nonzero(opened[mine])), int(np.count_nonzero(wrong[mine]))
        on_air_packets = slice(portion.first_packet, portion.first_packet + portion.packets)
        results.append(
            PortionResult(
                portion=portion,
                key_delivered_ms=keys_delivered_ms.get(portion.index),
                scrambled_packets=int(np.count_nonzero(counted[on_air_packets])),
                clear_packets=right + false,
                clear_equal_original=None if right + false == 0 else false == 0,
                received_offset=begin,
                received_packets=end - begin,
                damaged_packets=int(np.count_nonzero(~good[mine])),
            )
        )
    return Analysis(tuple(results), len(output.rows), int(np.count_nonzero(~good)), output.skipped_bytes)


def _check_portions(portions: Sequence[Portion], packets: int) -> None:
    if not portions:
        raise LocalError("no portions were given; an analysis needs at least one")
    end = 0
    for portion in portions:
        first, after = portion.first_packet, portion.first_packet + portion.packets
        if not end <= first <= after <= packets:
            raise LocalError(
                f"portion {portion.index} covers packets {first} to {after}; give them in order, "
                f"this one within {end} to {packets}"
            )
        end = after


def _pids(rows: Rows) -> npt.NDArray[np.uint16]:
    return (rows[:, 1].astype(np.uint16) & np.uint16(0x1F)) << np.uint16(8) | rows[:, 2]


def _origins(on_air: Rows, source: Rows, scrambled: npt.NDArray[np.bool_]) -> Index:
    """For each packet on air the packet of the original that it hides, or -1 where it hides none."""
    origin = np.full(len(on_air), _NONE, dtype=np.int64)
    air_pids, source_pids = _pids(on_air), _pids(source)
    for pid in np.unique(air_pids[scrambled]):
        here, there = np.flatnonzero(air_pids == pid), np.flatnonzero(source_pids == pid)
        if len(here) > len(there):
            raise RemoteError(
                f"PID {pid}: {len(here)} packets on air but {len(there)} in the original; "
                "give the file that was scrambled"
            )
        there = there[: len(here)]
        heads_on_air, heads = on_air[here, 1:4], source[there, 1:4]
        differ = ((heads_on_air ^ heads) & np.array([0xFF, 0xFF, 0x3F], dtype=np.uint8)).any(axis=1)
        if differ.any():
            rank = int(differ.argmax())
            raise RemoteError(
                f"PID {pid}: packet {here[rank]} on air is not packet {there[rank]} of the original "
                "(headers differ); give the file that was scrambled"
            )
        hidden = scrambled[here]
        origin[here[hidden]] = there[hidden]
    return origin


# A 64-bit multilinear hash over 32-bit words with fixed odd factors: one wrong word always shows, and packets
# that differ in more words collide about once in 2^60 pairs.
_FACTORS = np.random.default_rng(188).integers(0, 2**63, PACKET_BYTES // 4, dtype=np.uint64) << np.uint64(1)
_FACTORS |= np.uint64(1)


def _hash_rows(rows: Rows) -> Hashes:
    hashes = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _CHUNK):
        words = np.ascontiguousarray(rows[start : start + _CHUNK]).view("<u4").astype(np.uint64)
        hashes[start : start + _CHUNK] = (words * _FACTORS).sum(axis=1, dtype=np.uint64)
    return hashes


def _hash_expected(on_air: Rows, source: Rows, origin: Index) -> Hashes:
    """Hashes of the broadcast as it would come out with every key: originals in scrambled packets' places."""
    hashes = np.empty(len(on_air), dtype=np.uint64)
    for start in range(0, len(on_air), _CHUNK):
        rows, part = np.array(on_air[start : start + _CHUNK]), origin[start : start + _CHUNK]
        rows[part != _NONE] = source[part[part != _NONE]]
        rows[:, 3] &= 0x3F
        hashes[start : start + _CHUNK] = _hash_rows(rows)
    return hashes


def _match(expected: Hashes, received: Hashes) -> Index:
    """For each received packet the place on air it comes from, strictly rising; -1 where none fits."""
    order = np.argsort(expected, kind="stable")
    ordered = expected[order]
    low, high = np.searchsorted(ordered, received, "left"), np.searchsorted(ordered, received, "right")
    matched = np.full(len(received), _NONE, dtype=np.int64)
    once = np.flatnonzero(high - low == 1)
    anchors = once[_longest_rise(order[low[once]])]
    matched[anchors] = order[low[anchors]]
    # Packets that occur more than once on air (PSI) go between the certain ones. What comes before the first
    # certain packet is laid out backwards from it: who tuned in late begins late.
    edges = [_NONE, *anchors.tolist(), len(received)]
    gaps = np.flatnonzero(np.diff(edges) > 1)
    for gap in gaps.tolist():
        left, right = edges[gap], edges[gap + 1]
        floor = int(matched[left]) if left >= 0 else _NONE
        ceiling = int(matched[right]) if right < len(received) else len(expected)
        backwards = left < 0 and right < len(received)
        inside = range(right - 1, left, -1) if backwards else range(left + 1, right)
        for number in inside:
            places = order[low[number] : high[number]]
            if backwards:
                at = bisect_left(places, ceiling) - 1
                if at >= 0:
                    matched[number] = ceiling = int(places[at])
            else:
                at = bisect_right(places, floor)
                if at < len(places) and places[at] < ceiling:
                    matched[number] = floor = int(places[at])
    return matched


def _longest_rise(values: Index) -> Index:
    """Indices of a longest strictly rising subsequence of `values`."""
    if len(values) < 2 or bool((np.diff(values) > 0).all()):
        return np.arange(len(values))
    tails: list[int] = []
    ends: list[int] = []
    before = np.full(len(values), _NONE, dtype=np.int64)
    for number, value in enumerate(values.tolist()):
        at = bisect_left(tails, value)
        before[number] = ends[at - 1] if at else _NONE
        tails[at : at + 1] = [value]
        ends[at : at + 1] = [number]
    chain = [ends[-1]]
    while before[chain[-1]] != _NONE:
        chain.append(int(before[chain[-1]]))
    return np.array(chain[::-1], dtype=np.int64)


def _claims_clear(output: Rows, on_air: Rows, scrambled: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which packets of the output carry a scrambled PID with the flag cleared."""
    carries = np.isin(_pids(output), np.unique(_pids(on_air)[scrambled]))
    unscrambled: npt.NDArray[np.bool_] = output[:, 3] & 0xC0 == 0
    return carries & unscrambled


def _place_damaged(matched: Index, output: Rows, on_air: Rows, scrambled: npt.NDArray[np.bool_]) -> Index:
    """`matched` with each damaged packet put where the next of its PID and counter stood on air, or else
    beside its neighbour."""
    place = matched.copy()
    damaged = np.flatnonzero(matched == _NONE)
    if not len(damaged):
        return place
    marks = _pids(on_air).astype(np.int64) << 4 | on_air[:, 3] & 0x0F
    order = np.argsort(marks, kind="stable")
    ordered = marks[order]
    known = np.flatnonzero(matched != _NONE)
    output_marks = _pids(output).astype(np.int64) << 4 | output[:, 3] & 0x0F
    for number in damaged.tolist():
        floor = int(place[number - 1]) if number else _NONE
        after = int(np.searchsorted(known, number))
        ceiling = int(matched[known[after]]) if after < len(known) else len(on_air)
        low, high = np.searchsorted(ordered, [output_marks[number], output_marks[number] + 1])
        places = order[low:high]
        at = bisect_right(places, floor)
        if at < len(places) and places[at] < ceiling:
            place[number] = places[at]
        elif floor >= 0:
            place[number] = floor
        else:
            place[number] = ceiling if ceiling < len(on_air) else 0
    return place
