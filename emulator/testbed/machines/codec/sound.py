"""What a person would hear of a decoder chip: what it played and when, and a WAV file of it with silence between."""

import wave
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
"""16-bit samples, a row for each instant, a column for each channel (one or two)."""
_NS = 1_000_000_000


@dataclass
class Piece:
    """Sound without a gap, from `start_ns` on. `file`: which of the files that the chip recognised it belongs to, from
    1; a gap inside one is an underrun.
    """

    start_ns: int
    rate: int
    file: int
    parts: list[Samples]

    @property
    def channels(self) -> int:
        return int(self.parts[0].shape[1])

    @property
    def count(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.count * _NS // self.rate

    @property
    def samples(self) -> Samples:
        return np.concatenate(self.parts)


class Sound:
    """What was played so far."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    def play(self, at_ns: int, rate: int, samples: Samples, file: int) -> int:
        """Samples of which the first is due at `at_ns`, or as soon as what is there has been played.

        Gives the instant at which the last has been.
        """
        last = self.pieces[-1] if self.pieces else None
        start_ns = at_ns if last is None else max(at_ns, last.end_ns)
        same = last is not None and (last.rate, last.channels, last.file) == (rate, samples.shape[1], file)
        if last is not None and same and start_ns == last.end_ns:
            last.parts.append(samples)
            return last.end_ns
        piece = Piece(start_ns, rate, file, [samples])
        self.pieces.append(piece)
        return piece.end_ns

    @property
    def underruns(self) -> list[tuple[int, int]]:
        """(start, end) in ns of each silence inside a file: nothing had come that could be played."""
        return [
            (before.end_ns, after.start_ns)
            for before, after in pairwise(self.pieces)
            if before.file == after.file and after.start_ns > before.end_ns
        ]

    def heard(self, from_ns: int | None = None) -> tuple[int, Samples]:
        """(rate, samples) from `from_ns` on, or from where sound begins: all pieces in their places, silence between.

        The rate is the first piece's, others are resampled to it; it is stereo where one of them is. Without a piece:
        44,100 Hz, no samples.
        """
        if not self.pieces:
            return 44_100, np.zeros((0, 2), np.int16)
        rate = self.pieces[0].rate
        channels = max(piece.channels for piece in self.pieces)
        start_ns = self.pieces[0].start_ns if from_ns is None else from_ns
        placed = [
            (round((piece.start_ns - start_ns) * rate / _NS), _resampled(piece.samples, piece.rate, rate))
            for piece in self.pieces
            if piece.end_ns > start_ns
        ]
        out = np.zeros((max((place + len(part) for place, part in placed), default=0), channels), np.int16)
        for place, part in placed:
            out[max(0, place) : place + len(part)] = part[max(0, -place) :]  # one channel fills both
        return rate, out

    def write_wav(self, path: Path, from_ns: int | None = None) -> None:
        """`heard(from_ns)` as a WAV file of 16 bits."""
        rate, samples = self.heard(from_ns)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(samples.shape[1])
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(samples.astype("<i2").tobytes())


def _resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    if rate == wanted:
        return samples
    import av

    layout = "stereo" if samples.shape[1] == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s16", layout=layout, rate=wanted)
    parts = [part.to_ndarray() for one in (frame, None) for part in resampler.resample(one)]
    return np.concatenate(parts, axis=1).reshape(-1, samples.shape[1]).astype(np.int16)
