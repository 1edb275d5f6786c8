"""What it costs a Pico to have a title heard: octets to the decoder chip over SPI, IMA ADPCM decoded in software."""

import io

import numpy as np

from testbed.bench.figure import Figure
from testbed.bench.pico_probe import CYCLES_PER_US, run_probe
from testbed.runtimes.find import pico_image
from testbed.runtimes.image import Image

BITRATE = 128_000
SECONDS = 3
_RATE = 44_100
_GROUPS = 8
_ROUNDS = 40

_FEED = b"""
import board, gc, time
from settop.codec.vs1053 import Vs1053

chip = Vs1053(board.codec())
chip.start()
while chip.state != "ready":
    chip.step(time.ticks_ms())
tune = open("tune", "rb").read()
sent = busy = moved = moving = allocated = before = began = taken = took = 0  # all names, before memory is counted
gc.collect()
gc.disable()
started = time.ticks_us()
while sent < len(tune):
    before = gc.mem_alloc()
    began = time.ticks_us()
    taken = chip.write(tune, sent)
    took = time.ticks_diff(time.ticks_us(), began)
    allocated += gc.mem_alloc() - before
    busy += took
    sent += taken
    if taken >= 64:
        moved += taken
        moving += took
    time.sleep_ms(10)
say("sent", sent)
say("took_us", time.ticks_diff(time.ticks_us(), started))
say("busy_us", busy)
say("moved", moved)
say("moving_us", moving)
say("allocated", allocated)
gc.enable()
chip.finish()
while chip.step(time.ticks_ms()) is not None:
    time.sleep_ms(1)
say("ready", chip.state == "ready")
"""

_ADPCM = b"""
import gc, time
from settop.codec import adpcm, kernels_plain, kernels_viper

GROUPS = %d
ROUNDS = %d
source = bytes([i * 37 + 11 & 0xFF for i in range(8 * GROUPS)])

def lap(kernels, rounds):
    state = adpcm.new_state()
    state[0] = state[2] = 32768
    samples = bytearray(32 * GROUPS)
    kernels.decode(source, samples, state, GROUPS | 2 << 8)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    began = time.ticks_us()
    for _ in range(rounds):
        kernels.decode(source, samples, state, GROUPS | 2 << 8)
    took = time.ticks_diff(time.ticks_us(), began)
    allocated = gc.mem_alloc() - before
    gc.enable()
    return took, allocated, samples

class Sink:
    def write(self, octets, start, end):
        return end - start

took, allocated, fast = lap(kernels_viper, ROUNDS)
say("viper_us", took)
say("allocated", allocated)
took, _, _ = lap(kernels_plain, 2)
say("plain_us", took)
say("alike", lap(kernels_plain, 3)[2] == lap(kernels_viper, 3)[2])

block = bytes((0, 0, 20, 0, 0, 0, 30, 0)) + source * 15
unit = adpcm.make(Sink(), 44100, 2, len(block).to_bytes(2, "little"))
gc.collect()
began = time.ticks_us()
for _ in range(4):
    unit.begin(len(block))
    at = 0
    while at < len(block):
        end = min(len(block), at + 512)
        at += unit.write(block, at, end)
say("unit_us", time.ticks_diff(time.ticks_us(), began))
say("unit_octets", 4 * len(block))
"""


def tune(seconds: int = SECONDS) -> bytes:
    """A chord as MP3 of 128 kbit/s, 44,100 Hz, stereo."""
    import av

    at = np.arange(seconds * _RATE) / _RATE
    chord = 8_000 * np.sin(2 * np.pi * np.outer((220.0, 277.2, 329.6), at)).sum(axis=0)
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as out:
        stream = out.add_stream("mp3", rate=_RATE, layout="stereo")
        stream.bit_rate = BITRATE
        samples = np.repeat(chord.astype(np.int16)[None, :], 2, axis=0)
        frame = av.AudioFrame.from_ndarray(samples, format="s16p", layout="stereo")
        frame.sample_rate = _RATE
        for part in (frame, None):
            out.mux(stream.encode(part))
    return file.getvalue()


def _feed(image: Image | None) -> dict[str, int]:
    return run_probe(image or pico_image(), _FEED, files={"tune": tune()}, codec=True)


def _how(said: dict[str, int]) -> str:
    return (
        f"{said['sent']:,} octets of MP3 at {BITRATE // 1000} kbit/s to the chip on SPI 0 (6 Mbaud) in simulated time, "
        f"a write each 10 ms: {said['moving_us'] * CYCLES_PER_US / said['moved']:.0f} cycles an octet, "
        f"{said['busy_us']:,} of {said['took_us']:,} us in writes; {said['underruns']} underruns, "
        f"{said['allocated']} bytes allocated"
    )


def _sound(said: dict[str, int]) -> bool:
    return bool(said["ready"]) and not said["underruns"] and not said["allocated"]


def pico_codec_feed_kbytes_s(image: Image | None = None) -> Figure:
    """How fast octets go to the chip while it has room, in 1,000 octets a second.

    The value is 0 where the chip fell silent or memory was allocated.
    """
    said = _feed(image)
    value = said["moved"] * 1000 / said["moving_us"] if _sound(said) else 0.0
    return Figure("pico_codec_feed_kbytes_s", round(value, 1), "kB/s", 200.0, "higher", _how(said))


def pico_codec_core_percent(image: Image | None = None) -> Figure:
    """The share of a core that a title of 128 kbit/s takes; 100 where the chip fell silent or memory was allocated."""
    said = _feed(image)
    value = 100 * said["busy_us"] / said["took_us"] if _sound(said) else 100.0
    return Figure("pico_codec_core_percent", round(value, 2), "%", 8.0, "lower", _how(said))


def pico_adpcm_samples_s(image: Image | None = None) -> Figure:
    """Samples of IMA ADPCM a second in viper, each channel's counted; 0 where the plain twin made others."""
    said = run_probe(image or pico_image(), _ADPCM % (_GROUPS, _ROUNDS))
    samples = _GROUPS * 16
    viper, plain = samples * _ROUNDS * 1e6 / said["viper_us"], samples * 2 * 1e6 / said["plain_us"]
    unit = said["unit_octets"] * 2 * 1e6 / said["unit_us"]
    how = (
        f"{_ROUNDS} times {_GROUPS} groups of two channels in simulated time: {CYCLES_PER_US * 1e6 / viper:.0f} cycles "
        f"a sample, {viper / plain:.0f} times the plain twin's {plain:,.0f} samples/s; the whole unit, fed 512 octets "
        f"at a time, {unit:,.0f} samples/s; {said['allocated']} bytes allocated"
    )
    value = viper if said["alike"] and not said["allocated"] else 0.0
    return Figure("pico_adpcm_samples_s", round(value), "samples/s", 500_000.0, "higher", how)
