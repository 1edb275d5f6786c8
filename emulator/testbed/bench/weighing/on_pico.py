"""What it costs the emulated Pico to read a clip with the key, in cycles for a second of sound."""

from dataclasses import dataclass
from pathlib import Path

from testbed.bench.pico_probe import CYCLES_PER_US, run_probe
from testbed.bench.weighing.clip import Clip
from testbed.bench.weighing.schemes import CLEAR, KEY, Scheme
from testbed.runtimes.image import Image

SECONDS = 3.0
"""Of the clip: what is exact for these is near for the rest."""
CYCLES_PER_S = CYCLES_PER_US * 1_000_000
_LIMIT_MS = 120_000

_PROGRAM = b"""
import gc, time
from settop.titles.reader import TitleReader
from settop.titles.tenth import TenthReader

KEY = %r

class Sink:
    def __init__(self):
        self.sum = self.octets = 0

    def write(self, octets, start, end):
        self.octets += end - start
        return end - start

def read(name, reader, sink):
    busy = count = at = 0
    piece = bytearray(512)
    file = open(name, "rb")
    while True:
        count = file.readinto(piece)
        if not count:
            break
        gc.collect()
        at = 0
        while at < count:
            began = time.ticks_us()
            at += reader.feed(piece, at, count)
            busy += time.ticks_diff(time.ticks_us(), began)
    began = time.ticks_us()
    reader.flush()
    busy += time.ticks_diff(time.ticks_us(), began)
    reader.finish()
    reader.close()
    file.close()
    return busy, sink.octets

def make(name, sink):
    if not name.endswith(".mp3"):
        return TitleReader(lambda kid: bytearray(KEY), sink)
    reader = TenthReader(bytearray(KEY), sink, "spared" in name)
    if name == "bare.mp3":
        reader._undo = lambda start, end: None
    return reader

for name in %r:
    read(name, make(name, Sink()), Sink())  # loads modules
    sink = Sink()
    busy, octets = read(name, make(name, sink), sink)
    say("us:" + name, busy)
    say("octets:" + name, octets)
"""


@dataclass(frozen=True)
class Cost:
    """Cycles for a second of sound: `whole`, from the file's octets to the decoder's; `opening`: what of it comes of
    the encryption.
    """

    whole: int
    opening: int

    @property
    def core_percent(self) -> float:
        return 100 * self.whole / CYCLES_PER_S

    @property
    def opening_percent(self) -> float:
        return 100 * self.opening / CYCLES_PER_S


def costs(image: Image, clip: Clip, files: dict[str, Path], schemes: tuple[Scheme, ...]) -> dict[str, Cost]:
    """What each of the schemes costs, by its name. files: of this clip, as `write_files` made them, that of CLEAR too.

    Raises MachineError where the board does not come to its end, AssertionError where it heard something else.
    """
    names = tuple(path.name for path in files.values())
    contents = {path.name: path.read_bytes() for path in files.values()}
    said = run_probe(image, _PROGRAM % (KEY, names), _LIMIT_MS, contents)
    assert all(said[f"octets:{name}"] == clip.octets for name in names), said
    cycles = {key: said[f"us:{path.name}"] * CYCLES_PER_US / clip.seconds for key, path in files.items()}
    found = {}
    for scheme in schemes:
        without = cycles[CLEAR.name if scheme.is_title else "mp3"]
        found[scheme.name] = Cost(round(cycles[scheme.name]), round(cycles[scheme.name] - without))
    return found
