"""The ffmpeg program makes tunes and decodes them; what the terminal and the chip make of them is held against it."""

import subprocess

import numpy as np
import pytest
from settop.codec import units

from tests.emulator.test_codec_driver import Bench, Kept
from tests.helpers.melodies import ima_decoded, wav_data

pytestmark = pytest.mark.peer

SOURCE = "sine=f=330:d=2:r={0},aformat=channel_layouts=stereo,tremolo=f=3"


@pytest.fixture
def ffmpeg(need):
    program = need("ffmpeg")

    def run(*words):
        return subprocess.run([program, "-v", "error", "-y", *map(str, words)], capture_output=True, check=True).stdout

    return run


def made(ffmpeg, path, rate, *options):
    ffmpeg("-f", "lavfi", "-i", SOURCE.format(rate), *options, path)
    clear = ffmpeg("-i", path, "-f", "s16le", "-ac", "2", "-")
    return path.read_bytes(), np.frombuffer(clear, "<i2").reshape(-1, 2).astype(int)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tune.mp3", ("-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0")),
        ("vbr.mp3", ("-c:a", "libmp3lame", "-q:a", "4")),
        ("tune.aac", ("-c:a", "aac", "-b:a", "96k")),
        ("tune.m4a", ("-c:a", "aac", "-movflags", "faststart")),
        ("clear.wav", ("-c:a", "pcm_s16le")),
    ],
)
def test_a_file_of_ffmpegs_is_heard_as_ffmpeg_decodes_it(ffmpeg, tmp_path, name, options):
    """To within a step of 16 bits: the library here and the program may be of two versions."""
    file, wanted = made(ffmpeg, tmp_path / name, 44_100, *options)
    bench = Bench()
    bench.play(file)
    heard = bench.chip.sound.heard()[1].astype(int)
    assert bench.chip.sound.underruns == [] and bench.clean() and bench.chip.decoder.damaged == 0
    probe = wanted[40_000:60_000]
    offsets = [
        offset
        for offset in range(-3_000, 4_000)
        if np.abs(heard[40_000 + offset :][:200] - probe[:200]).max() <= 1
        and np.abs(heard[40_000 + offset :][:20_000] - probe).max() <= 1
    ]
    assert offsets


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_adpcm_of_ffmpegs_is_decoded_to_the_sample(ffmpeg, tmp_path, rate):
    file, wanted = made(ffmpeg, tmp_path / "tune.wav", rate, "-c:a", "adpcm_ima_wav")
    data, _, _, block = wav_data(file)
    sink = Kept()
    unit = units.make("ms.0011", sink, rate, 2, file[32:34])
    for at in range(0, len(data), block):
        piece = data[at : at + block]
        unit.begin(len(piece))
        assert unit.write(piece) == len(piece)
    assert unit.flush() and unit.damaged == 0
    ours = np.frombuffer(bytes(sink.data[44:]), "<i2").reshape(-1, 2)
    assert np.array_equal(ours, ima_decoded(file))
    if not np.array_equal(ours[: len(wanted)], wanted):  # a version that rounds otherwise, and by that alone
        assert np.array_equal(ima_decoded(file, multiplied=True)[: len(wanted)], wanted)
        assert np.abs(ours[: len(wanted)] - wanted).max() < 200
