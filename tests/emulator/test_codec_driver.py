"""The terminal's driver and units with the model of the decoder chip: on CPython, and on the emulated Pico."""

import io

import av
import numpy as np
import pytest
from settop.codec import units
from settop.codec.adpcm import make as make_adpcm
from settop.codec.vs1053 import Vs1053 as Driver
from testbed.machines.codec.chip import Vs1053 as Chip
from testbed.machines.codec.direct_bus import DirectBus

from tests.helpers.melodies import decoded, ima_decoded, offset_of, tune, wav_data

MS = 1_000_000


class Bench:
    """A driver and a chip in virtual time, a step a millisecond."""

    def __init__(self, **options):
        self.now_ns = 0
        self.chip = Chip(**options)
        self.driver = Driver(DirectBus(self.chip, lambda: self.now_ns).wires())
        self.driver.start()
        self.until(lambda: self.driver.state == "ready")

    def pass_ms(self, count=1):
        for _ in range(count):
            self.now_ns += MS
            self.chip.advance(self.now_ns)
            self.driver.step(self.now_ns // MS)

    def until(self, done, limit_ms=60_000):
        for _ in range(limit_ms):
            if done():
                return
            self.pass_ms()
        raise AssertionError(f"not within {limit_ms} ms; the driver is {self.driver.state}")

    def feed(self, octets, piece=512):
        at = 0
        while at < len(octets):
            at += self.driver.write(octets, at, min(len(octets), at + piece))
            self.pass_ms()

    def play(self, octets):
        self.feed(octets)
        self.driver.finish()
        self.until(lambda: self.driver.state == "ready")

    def clean(self):
        """Nothing went wrong on the wires."""
        chip = self.chip
        return (chip.too_fast, chip.missed, chip.confused, chip.decoder.overflowed) == (0, 0, 0, 0)


@pytest.fixture
def bench():
    return Bench()


def samples_of(file):
    """(rate, channels, configuration, samples) of an MP4's or MP3's audio, as a reader of titles would have them."""
    with av.open(io.BytesIO(file)) as container:
        stream = container.streams.audio[0]
        context = stream.codec_context
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        return context.sample_rate, context.layout.nb_channels, bytes(context.extradata or b""), packets


def play_title(bench, codec, rate, channels, extra, packets):
    unit = units.make(codec, bench.driver, rate, channels, extra)
    for packet in packets:
        unit.begin(len(packet))
        at = 0
        while at < len(packet):
            taken = unit.write(packet, at, min(len(packet), at + 64))
            at += taken
            if not taken:
                bench.pass_ms()
    bench.until(unit.flush)
    bench.driver.finish()
    bench.until(lambda: bench.driver.state == "ready")


def test_the_driver_starts_the_chip_and_reads_what_it_says(bench):
    assert bench.driver.rate() == 8000 and bench.driver.seconds() == 0 and bench.driver.format() == 0
    assert bench.clean() and bench.now_ns < 10 * MS


@pytest.mark.parametrize("kind", ["mp3", "aac", "m4a", "wav", "adpcm"])
def test_a_file_that_the_chip_reads_is_heard_to_its_end(kind):
    bench = Bench(end_fill=0)
    file = tune(kind, 0.6 if kind == "wav" else 2)
    bench.feed(file[: len(file) // 2])
    assert bench.driver.rate() == 44100 and bench.driver.format()
    bench.play(file[len(file) // 2 :])
    assert bench.driver.format() == 0
    wanted = decoded(file)
    heard = bench.chip.sound.heard()[1]
    offset = offset_of(wanted, heard)
    start, count = max(0, -offset), min(len(wanted), len(heard) - offset)
    assert count > len(wanted) - 2400
    assert np.array_equal(heard[start + offset : count + offset], wanted[start:count])
    assert bench.chip.sound.underruns == [] and bench.clean()


def test_the_samples_of_an_mp4_are_heard_as_ffmpeg_decodes_them(bench):
    file = tune("fmp4", 3)
    play_title(bench, "mp4a.40.2", *samples_of(file))
    offset_of(decoded(file), bench.chip.sound.heard()[1])
    assert bench.chip.sound.underruns == [] and bench.chip.decoder.damaged == 0 and bench.clean()


def test_mp3_frames_and_pcm_are_heard_as_they_are(bench):
    file = tune("mp3", 2)
    play_title(bench, "mp4a.6B", *samples_of(file))
    offset_of(decoded(file), bench.chip.sound.heard()[1])
    other = Bench()
    clear = decoded(tune("wav", 1, 22_050, 1))
    octets = clear.astype("<i2").tobytes()
    packets = [octets[at : at + 1000] for at in range(0, len(octets), 1000)]
    play_title(other, "sowt", 22_050, 1, b"\x10", packets)
    heard = other.chip.sound.heard()[1]
    assert np.array_equal(heard[: len(clear)], clear) and other.clean()


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (11_025, 1)])
def test_adpcm_decoded_here_is_heard_to_the_sample(rate, channels):
    bench = Bench()
    file = tune("adpcm", 0.5, rate, channels)
    data, _, _, block = wav_data(file)
    packets = [data[at : at + block] for at in range(0, len(data), block)]
    play_title(bench, "ms.0011", rate, channels, block.to_bytes(2, "little"), packets)
    wanted = ima_decoded(file)
    assert np.array_equal(bench.chip.sound.heard()[1][: len(wanted)], wanted) and bench.clean()


class Kept:
    def __init__(self):
        self.data = bytearray()

    def write(self, octets, start, end):
        self.data += memoryview(octets)[start:end]
        return end - start


def test_random_blocks_of_adpcm_are_decoded_as_ffmpeg_decodes_them(cases):
    for number in cases(200):
        rng = np.random.default_rng(number)
        channels = 1 + number % 2
        block = 4 * channels * int(rng.integers(2, 40))
        blocks = []
        for _ in range(3):
            octets = bytearray(rng.bytes(block))
            for channel in range(channels):
                octets[4 * channel + 2] = int(rng.integers(0, 89))
            blocks.append(bytes(octets))
        sink = Kept()
        unit = make_adpcm(sink, 22_050, channels, block.to_bytes(2, "little"))
        for octets in blocks:
            unit.begin(block)
            at = 0
            while at < block:
                end = min(block, at + int(rng.integers(1, 200)))
                at += unit.write(octets, at, end)
        assert unit.flush()
        file = _adpcm_file(blocks, channels, block)
        ours, theirs = np.frombuffer(bytes(sink.data[44:]), "<i2").reshape(-1, channels), decoded(file)
        if not np.array_equal(ours, theirs):  # an FFmpeg that rounds otherwise
            assert np.array_equal(ours, ima_decoded(file)) and np.array_equal(theirs, ima_decoded(file, True)), number


def _adpcm_file(blocks, channels, block):
    def low(value, size):
        return value.to_bytes(size, "little")

    per_block = 1 + 2 * (block // channels - 4)
    fmt = low(0x11, 2) + low(channels, 2) + low(22_050, 4) + low(22_050 * block // per_block, 4)
    fmt += low(block, 2) + low(4, 2) + low(2, 2) + low(per_block, 2)
    data = b"".join(blocks)
    chunks = b"WAVEfmt " + low(len(fmt), 4) + fmt + b"data" + low(len(data), 4) + data
    return b"RIFF" + low(len(chunks), 4) + chunks


def test_a_cancelled_title_ends_and_the_next_begins_at_its_beginning():
    bench = Bench(end_fill=0x21)
    first, second = tune("mp3", 3), tune("aac", 1)
    bench.feed(first[:24_000])
    bench.driver.cancel()
    asked_ns = bench.now_ns
    bench.until(lambda: bench.driver.state == "ready")
    assert bench.now_ns - asked_ns < 100 * MS and bench.driver.format() == 0 and bench.driver.resets == 1
    ended_ns = bench.chip.sound.pieces[-1].end_ns
    assert ended_ns < asked_ns + 150 * MS
    file = bench.chip.sound.pieces[-1].file
    bench.play(second)
    pieces = [piece for piece in bench.chip.sound.pieces if piece.file != file]
    heard = np.concatenate([piece.samples for piece in pieces])
    wanted = decoded(second)
    offset = offset_of(wanted, heard)
    assert np.array_equal(heard[offset:][:20_000], wanted[:20_000]) and bench.clean()


def test_a_pause_is_a_silence_and_nothing_is_lost(bench):
    file = tune("mp3", 4)
    bench.feed(file[:20_000])
    bench.driver.pause()
    assert bench.driver.write(file, 20_000) == 0
    bench.pass_ms(1000)
    bench.driver.resume()
    bench.play(file[20_000:])
    ((start_ns, end_ns),) = bench.chip.sound.underruns
    assert 700 * MS < end_ns - start_ns < 1000 * MS
    played = np.concatenate([piece.samples for piece in bench.chip.sound.pieces])
    wanted = decoded(file)
    offset = offset_of(wanted, played)
    assert np.array_equal(played[offset:][:170_000], wanted[:170_000])


def test_a_dead_or_missing_chip_is_said():
    bench = Bench()
    bench.chip.xreset(False, bench.now_ns)
    bench.driver.cancel()
    bench.pass_ms(1100)
    assert bench.driver.state in ("resetting", "clocking", "ready") and bench.driver.resets == 2
    silent = Driver((DirectBus(bench.chip, lambda: 0), *[lambda level: None] * 2, lambda: 0, lambda level: None))
    silent.start()
    for now_ms in range(200):
        silent.step(now_ms)
    assert silent.state == "failed"
