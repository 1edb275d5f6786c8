"""A title on the emulated Pico: played from the board's own flash through the decoder chip, in constant memory."""

import tempfile
from pathlib import Path

from headend.files import together
from headend.titles.boxes import File
from headend.titles.output import FileOutput
from headend.titles.packer import lock_of, pack
from headend.titles.protection import CBCS, NONE

from testbed.bench.figure import Figure
from testbed.bench.pico_codec import BITRATE, tune
from testbed.bench.pico_probe import run_probe
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

KEY, KID = bytes(range(0x40, 0x50)), bytes(range(0xA0, 0xB0))
TITLE_S = 45
SECONDS, SOAK_SECONDS = 60, 600
_STARTS_MS = 5_000
"""The most that a board takes until a title begins."""
SMALL_BYTES, LARGE_BYTES = 10_000, 10_000_000
_LARGE_LIMIT_MS = 200_000

_PLAY = b"""
import board, gc, time
from settop.codec.vs1053 import Vs1053
from settop.titles.reader import TitleReader

chip = Vs1053(board.codec())
chip.start()
while chip.state != "ready":
    chip.step(time.ticks_ms())
gc.collect()
first = most = last = now = taken = count = samples = busy = began = 0  # all names, before memory is counted
piece = bytearray(512)
started = looked = time.ticks_ms()
title = open("title", "rb")
while time.ticks_diff(now, started) < %d:
    # Over and over, without an end for the chip: what came too late at a seam would be heard.
    title.seek(0)
    reader = TitleReader(lambda kid: bytearray(%r), chip)
    at = count = 0
    while True:
        now = time.ticks_ms()
        if time.ticks_diff(now, started) >= %d:
            break
        if time.ticks_diff(now, looked) >= 1000:
            looked = now
            gc.collect()
            last = gc.mem_alloc()
            first = first or last
            most = max(most, last)
        if at == count:
            count = title.readinto(piece)
            at = 0
            if not count:
                while not reader.flush():
                    time.sleep_ms(5)
                reader.finish()
                break
        began = time.ticks_us()
        taken = reader.feed(piece, at, count)
        busy += time.ticks_diff(time.ticks_us(), began)
        at += taken
        if not taken:
            time.sleep_ms(5)
    samples += reader.samples()
    reader.close()
say("first", first)
say("last", last)
say("most", most)
say("samples", samples)
say("busy_ms", busy // 1000)
"""

_STREAM = b"""
import gc
from settop.titles.reader import TitleReader

class Sink:
    def write(self, octets, start, end):
        return end - start

head = open("head", "rb").read()
fragment = open("fragment", "rb").read()
sink = Sink()

def read(wanted):
    reader = TitleReader(lambda kid: bytearray(%r), sink)
    octets = head
    at = most = fed = end = 0
    while fed < wanted:
        at = 0
        while at < len(octets):
            end = min(at + 512, len(octets))
            while at < end:
                at += reader.feed(octets, at, end)
            if not at %% 4096 or at == len(octets):
                gc.collect()
                most = max(most, gc.mem_alloc())
        fed += at
        octets = fragment
    reader.flush()
    reader.finish()
    reader.close()
    return most, fed, reader.samples()

read(1)  # loads modules
for name, wanted in (("small", %d), ("large", %d)):
    gc.collect()
    most, fed, samples = read(wanted)
    say(name + "_heap", most)
    say(name + "_fed", fed)
    say(name + "_samples", samples)
"""


def title(source: bytes, scheme: str) -> bytes:
    """An MP3 file as a title under KEY, with the same IVs each time."""
    key, kid = (None, None) if scheme == NONE else (KEY, KID)
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        clear, made = Path(name, "tune.mp3"), Path(name, "title.mp4")
        clear.write_bytes(source)
        with together() as files:
            pack(clear, FileOutput(files.open(made)), lock_of(scheme, key, kid, None), random=bytes)
        return made.read_bytes()


def in_fragments(made: bytes) -> tuple[bytes, list[bytes]]:
    """(what stands in front of a title's fragments, each of them with its media)"""
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        path = Path(name, "title.mp4")
        path.write_bytes(made)
        with File(path) as file:
            starts = [box.start for box in file.tops() if box.kind == b"moof"]
    ends = [*starts[1:], len(made)]
    return made[: starts[0]], [made[start:end] for start, end in zip(starts, ends, strict=True)]


def pico_play_underruns(long: bool = False, image: Image | None = None) -> Figure:
    """How often the chip fell silent in a title of TITLE_S that is looped, and 1 more each where the heap grew and
    where less was heard than was to be. long: for SOAK_SECONDS."""
    seconds = SOAK_SECONDS if long else SECONDS
    made = title(tune(TITLE_S), CBCS)
    program = _PLAY % (1000 * seconds, KEY, 1000 * seconds)
    limit_ms = 1000 * seconds + _STARTS_MS
    said = run_probe(image or pico_image(), program, limit_ms, {"title": made}, codec=True)
    grew, short = said["last"] > said["first"], said["heard_ms"] < 1000 * seconds - 500
    how = (
        f"{len(made):,} octets of MP3 at {BITRATE // 1000} kbit/s, {CBCS}, {TITLE_S} s, read from the board's file "
        f"system and looped for {seconds} s of simulated time: {said['heard_ms'] / 1000:.1f} s heard, "
        f"{said['samples']:,} samples, {said['busy_ms'] / 10 / seconds:.1f} % of a core; heap {said['first']:,} bytes "
        f"at the beginning, {said['last']:,} at the end, {said['most']:,} at the most, settop not frozen in"
    )
    value = float(said["underruns"] + grew + short)
    return Figure("pico_play_underruns", value, "underruns", 0.0, "lower", how)


def pico_title_heap_growth_bytes(image: Image | None = None, large_bytes: int = LARGE_BYTES) -> Figure:
    """How much more heap is in use at the most while a title of `large_bytes` is read than for one of SMALL_BYTES."""
    head, fragments = in_fragments(title(tune(2), CBCS))
    program = _STREAM % (KEY, SMALL_BYTES, large_bytes)
    said = run_probe(image or pico_image(), program, _LARGE_LIMIT_MS, {"head": head, "fragment": fragments[0]})
    how = (
        f"{CBCS}, {said['small_fed']:,} and {said['large_fed']:,} octets ({said['large_samples']:,} samples) through "
        f"the reader in pieces of 512: {said['small_heap']:,} and {said['large_heap']:,} bytes in use at the most, "
        "looked at after each 4 KiB; settop not frozen in, and the fragment itself in memory"
    )
    growth = float(said["large_heap"] - said["small_heap"])
    return Figure("pico_title_heap_growth_bytes", growth, "bytes", 0.0, "lower", how)
