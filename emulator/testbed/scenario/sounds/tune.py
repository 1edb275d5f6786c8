"""A tune made for a run, as a file that any player knows, and what PyAV makes of a file again."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from testbed.machines.codec.sound import Samples
from testbed.scenario.seeded import seeded

RATES = {"adpcm": 22_050}
"""Of codecs that are not at RATE: a Pico decodes ADPCM itself, and 44,100 Hz would take four fifths of a core."""
RATE = 44_100
CHANNELS = 2
CODECS = {"aac": ("mp4", "aac"), "mp3": ("mp3", "libmp3lame"), "adpcm": ("wav", "adpcm_ima_wav")}
"""By name: container and encoder of FFmpeg."""
_SCALE_HZ = (220.0, 246.9, 277.2, 329.6, 370.0, 440.0, 493.9, 554.4)
_NOTE_S = 0.25
_FRAME = 1024


def melody(seed: int, seconds: float, rate: int) -> Samples:
    """Notes of a scale, another row for each seed, a voice in each ear; each note is struck and fades."""
    count = round(seconds * rate)
    at = np.arange(count) / rate
    number = (at / _NOTE_S).astype(int)
    struck = np.exp(-3.0 * (at - number * _NOTE_S)) * np.minimum(1.0, (at - number * _NOTE_S) * 200)
    drawn = np.frombuffer(seeded(seed, "melody")(CHANNELS * (int(number[-1]) + 1)), np.uint8)
    voices = []
    for notes in drawn.reshape(CHANNELS, -1):
        hz = np.array(_SCALE_HZ)[notes % len(_SCALE_HZ)][number]
        voices.append(struck * (0.5 * np.sin(2 * np.pi * hz * at) + 0.15 * np.sin(6 * np.pi * hz * at)))
    return np.asarray(np.stack(voices, axis=1) * 32_000, dtype=np.int16)


def write_tune(path: Path, codec: str, samples: Samples, bits_per_s: int, rate: int) -> None:
    """Encode `samples`; `codec` is one of CODECS."""
    container, encoder = CODECS[codec]
    # Noise that a decoder makes itself would be another one when it begins in the middle.
    options = {"aac_pns": "0"} if codec == "aac" else {}
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(encoder, rate=rate, layout="stereo", options=options)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = bits_per_s
        for start in range(0, len(samples), _FRAME):
            part = np.ascontiguousarray(samples[start : start + _FRAME]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def decoded(path: Path) -> Samples:
    """What PyAV, and so FFmpeg, makes of a file: a row for each instant."""
    parts = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="s16", layout=container.streams.audio[0].layout.name)
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray().reshape(-1, part.layout.nb_channels) for part in resampler.resample(frame)]
    return np.asarray(np.concatenate(parts), dtype=np.int16)
