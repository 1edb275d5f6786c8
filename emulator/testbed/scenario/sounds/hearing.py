"""What came out of a decoder chip, held against the clear titles as PyAV decodes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from testbed.machines.codec.sound import Piece, Samples, Sound

NS_PER_MS = 1_000_000
SLICE_MS = 25
_PROBE = 64


@dataclass(frozen=True)
class Heard:
    """One file's sound, as the chip took it for one. `title`: whose it is, None for nobody's. `from_ms`, `to_ms`: of
    the run. `title_ms`: which instant of the title it begins with. `equal`: the share of its samples that are to the
    bit those of the clear title. `gaps`: (from, to) of silences within, ms of the run."""

    title: str | None
    from_ms: int
    to_ms: int
    title_ms: int
    samples: int
    equal: float
    gaps: tuple[tuple[int, int], ...]

    @property
    def seconds(self) -> float:
        return (self.to_ms - self.from_ms - sum(to - since for since, to in self.gaps)) / 1000


def listen(sound: Sound, begin_ns: int, titles: Mapping[str, Samples]) -> tuple[Heard, ...]:
    """Everything that was heard from `begin_ns` on, file by file."""
    found = []
    for _, group in groupby(sound.pieces, lambda piece: piece.file):
        pieces = list(group)
        if any(part.any() for piece in pieces for part in piece.parts):  # silence is nobody's sound
            found.append(_heard(pieces, begin_ns, titles))
    return tuple(found)


def _heard(pieces: list[Piece], begin_ns: int, titles: Mapping[str, Samples]) -> Heard:
    heard, rate = np.concatenate([piece.samples for piece in pieces]), pieces[0].rate
    title, place, equal = None, 0, 0.0
    for name, wanted in titles.items():
        at = offset_of(wanted, heard)
        if at is not None and (share := _equal(wanted, heard, at)) > equal:
            title, place, equal = name, at, share
    ends = [((one.start_ns - begin_ns) // NS_PER_MS, (one.end_ns - begin_ns) // NS_PER_MS) for one in pieces]
    gaps = tuple((before[1], after[0]) for before, after in pairwise(ends))
    return Heard(title, ends[0][0], ends[-1][1], max(0, place) * 1000 // rate, len(heard), equal, gaps)


def offset_of(wanted: Samples, heard: Samples) -> int | None:
    """Which sample of `wanted` the first one of `heard` is, where the two are alike to the bit; None: nowhere."""
    if wanted.shape[1] != heard.shape[1]:
        return None
    for part in (2, 3, 4, 6):
        at = len(heard) // part
        probe = heard[at : at + _PROBE]
        if len(probe) < _PROBE or not probe.any():
            continue
        for place in np.flatnonzero(wanted[: len(wanted) - _PROBE, 0] == probe[0, 0]):
            if np.array_equal(wanted[place : place + _PROBE], probe):
                return int(place) - at
    return None


def _equal(wanted: Samples, heard: Samples, at: int) -> float:
    """The share of what both have that is alike."""
    first, last = max(0, at), min(len(wanted), at + len(heard))
    same = (wanted[first:last] == heard[first - at : last - at]).all(axis=1)
    return float(same.mean()) if len(same) else 0.0


def peaks(samples: Samples, rate: int, length_ms: int, from_ms: int = 0) -> tuple[int, ...]:
    """The loudest sample of each slice, in thousandths of the most that there can be; sound begins at `from_ms`."""
    step, first = rate * SLICE_MS // 1000, from_ms // SLICE_MS
    found = [0] * (-(-length_ms // SLICE_MS))
    for number in range(first, len(found)):
        part = samples[(number - first) * step : (number - first + 1) * step]
        found[number] = int(np.abs(part.astype(np.int32)).max()) * 1000 // 32768 if len(part) else 0
    return tuple(found)
