"""The decoding half of a VS1053b: a FIFO of 2,048 octets, what reads it, and a buffer of samples that are played.

Times are instants in ns that never run back. An octet is read as soon as it has come and the buffer of samples has room
for what the last frame had; so a file is decoded at the pace at which it is played, and the FIFO stays full behind it.
"""

from collections import deque

from testbed.machines.codec.formats import Recogniser, Unit
from testbed.machines.codec.sound import Samples, Sound

FIFO_BYTES = 2048
BUFFER_SAMPLES = 2048
"""Of each channel, decoded and not yet played. What the real chip has is not documented."""
_NS = 1_000_000_000


class Decoder:
    """`cancel`: SM_CANCEL is set; it is cleared when the decoder next reads, and the file has then ended.

    Counters: `overflowed` octets that found the FIFO full, `damaged` frames of which nothing could be made.
    `decoded_ns`: how much sound was decoded since the last reset; `taken`: octets that were read.
    """

    def __init__(self, sound: Sound) -> None:
        self.sound = sound
        self.cancel = False
        self.head: tuple[int, int | None] = (0, 0)
        self.rate = 0
        self.channels = 0
        self.decoded_ns = 0
        self.overflowed = 0
        self.damaged = 0
        self.taken = 0
        self.gain = (1.0, 1.0)
        self._fifo = bytearray()
        self._arrivals: deque[tuple[int, int]] = deque()  # (instant, octets up to here), for what is in the FIFO
        self._came = 0
        self._gate_ns = 0  # before this instant there is no room for samples
        self._read_ns = 0
        self._measured = (0, 0)  # (octets, ns of sound) of this file
        self._begin(sound.pieces[-1].file if sound.pieces else 0)

    def _begin(self, number: int) -> None:
        self._recogniser = Recogniser(number)
        self._want = next(self._recogniser.work)
        self._part = bytearray()
        self._taken_before = self.taken

    def reset(self) -> None:
        """What is in it is gone; what was decoded is still played."""
        self._fifo.clear()
        self._arrivals.clear()
        self.cancel = False
        self.head, self.rate, self.channels, self.decoded_ns = (0, 0), 0, 0, 0
        self._measured = (0, 0)
        self._begin(self._recogniser.number)

    def put(self, octet: int, at_ns: int) -> None:
        """One octet of data has come."""
        self.run(at_ns)
        if len(self._fifo) >= FIFO_BYTES:
            self.overflowed += 1
            return
        self._fifo.append(octet)
        self._came += 1
        if self._arrivals and self._arrivals[-1][0] == at_ns:
            self._arrivals.pop()
        self._arrivals.append((at_ns, self._came))
        self.run(at_ns)

    def room(self) -> int:
        """Octets that the FIFO has room for, as of the last `run`."""
        return FIFO_BYTES - len(self._fifo)

    def reads_ns(self) -> int | None:
        """When it reads on by itself; None: not before more has come."""
        return self._gate_ns if self._fifo else None

    @property
    def byte_rate(self) -> int:
        """The mean octets a second of the file so far."""
        octets, sound_ns = self._measured
        return octets * _NS // sound_ns if sound_ns else 0

    def run(self, now_ns: int) -> None:
        """All that happens up to `now_ns`."""
        while self._fifo and self._gate_ns <= now_ns:
            if self.cancel:
                self._end_file()
                return
            self._read()

    def _end_file(self) -> None:
        self.cancel = False
        self._fifo.clear()
        self._arrivals.clear()
        self.head = (0, 0)
        self._measured = (0, 0)
        self._begin(self._recogniser.number)

    def _read(self) -> None:
        want = self._want
        assert isinstance(want, int)
        part = self._fifo[: want - len(self._part)]
        del self._fifo[: len(part)]
        self._part += part
        self.taken += len(part)
        last = self._came - len(self._fifo)
        while self._arrivals[0][1] < last:
            self._arrivals.popleft()
        self._read_ns = max(self._read_ns, self._arrivals[0][0], self._gate_ns)
        if self._arrivals[0][1] == last:
            self._arrivals.popleft()
        if len(self._part) < want:
            return
        data, self._part = bytes(self._part), bytearray()
        answer = self._recogniser.work.send(data)
        while isinstance(answer, Unit):
            self._play(answer)
            answer = next(self._recogniser.work)
        self._want = answer
        if not self._recogniser.decoding:
            self.head = (0, 0)
            self._measured = (0, 0)
            self._taken_before = self.taken

    def _play(self, unit: Unit) -> None:
        count = len(unit.samples)
        self.damaged += unit.damaged
        self.head, self.rate, self.channels = unit.head, unit.rate, int(unit.samples.shape[1])
        lasts_ns = count * _NS // unit.rate
        self.decoded_ns += lasts_ns
        octets, sound_ns = self._measured
        self._measured = (octets + self.taken - self._taken_before, sound_ns + lasts_ns)
        self._taken_before = self.taken
        end_ns = self.sound.play(self._read_ns, unit.rate, self._louder(unit.samples), self._recogniser.number)
        self._gate_ns = max(self._read_ns, end_ns - max(0, BUFFER_SAMPLES - count) * _NS // unit.rate)

    def _louder(self, samples: Samples) -> Samples:
        if self.gain == (1.0, 1.0):
            return samples
        gain = self.gain[: samples.shape[1]]
        return (samples * gain).round().astype(samples.dtype)
