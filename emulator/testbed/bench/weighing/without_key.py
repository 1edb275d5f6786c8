"""What a clip degrades to for who has no key: frames that a decoder takes, noise against sound, FFmpeg's words."""

import re
import shutil
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from testbed.bench.weighing.clip import Clip

GOOD_DB = 20.0
"""A frame whose noise is that far below its sound is heard as it was, more or less."""
_LIMIT_S = 300
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")


@dataclass(frozen=True)
class FFmpegSays:
    """What the program makes of a file as it is: its exit code, `seconds` of sound, `lines` of complaint, the first."""

    exit_code: int
    seconds: float
    lines: int
    first: str


@dataclass(frozen=True)
class Heard:
    """`decodable`: the share of frames of which a decoder that knows where they lie makes sound; `good`: of those with
    GOOD_DB between sound and noise; `snr_db`: of the whole, each frame in its place and silence for what is missing,
    which makes 0 where nothing is heard.
    """

    decodable: float
    good: float
    snr_db: float


@dataclass(frozen=True)
class Degraded:
    """`as_it_is`: the frames as they are; `repaired`: with their headers put back, which anybody can who knows one;
    `ffmpeg`: of the file, None where the program is not installed.
    """

    as_it_is: Heard
    repaired: Heard
    ffmpeg: FFmpegSays | None


def degraded(clear: np.ndarray, got: np.ndarray, decoded: list[bool], clip: Clip) -> Heard:
    """What was heard instead of `clear`. decoded: of which frames a decoder made something."""
    rows = (len(decoded), clip.samples * clip.channels)
    wanted = clear.astype(np.float64).reshape(rows)
    noise = got.astype(np.float64).reshape(rows) - wanted
    power, lost = (wanted**2).sum(axis=1), (noise**2).sum(axis=1)
    loud = power > 0
    good = loud & (lost * 10 ** (GOOD_DB / 10) <= power)
    share = float(good.sum() / max(1, loud.sum()))
    return Heard(sum(decoded) / len(decoded), share, decibels(float(power.sum()), float(lost.sum())))


def decibels(sound: float, noise: float) -> float:
    """The ratio of two powers; 200 where there is no noise."""
    return 200.0 if noise <= sound * 1e-20 else float(10 * np.log10(max(sound, 1e-300) / noise))


def ask_ffmpeg(path: Path, clip: Clip) -> FFmpegSays | None:
    """Give a file to the program without the key; None where it is not installed."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    command = [program, "-hide_banner", "-nostdin", "-v", "error", "-i", str(path)]
    command += ["-f", "s16le", "-ac", "1", "-ar", str(clip.rate), "pipe:1"]
    done = subprocess.run(command, capture_output=True, timeout=_LIMIT_S, check=False)
    said = _ADDRESS.sub("", done.stderr.decode("utf-8", "replace")).replace(str(path), path.name).splitlines()
    first = said[0] if said else ""
    return FFmpegSays(done.returncode, len(done.stdout) / 2 / clip.rate, len(said), first)


def write_wav(path: Path, sound: np.ndarray, rate: int) -> None:
    """-1 to 1, a row for each instant, as 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
