"""Short clips made by ffmpeg, once per test run and process."""

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

_VIDEO = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25"]
_AUDIO = ["-f", "lavfi", "-i", "sine=f=440:r=48000"]
_X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "500k", "-g", "25"]

# Name: (inputs, output options). Six seconds each.
_RECIPES: dict[str, tuple[list[str], list[str]]] = {
    "h264_aac_cbr": (_VIDEO + _AUDIO, [*_X264, "-c:a", "aac", "-muxrate", "1500k"]),
    "mpeg2_mp2": (_VIDEO + _AUDIO, ["-c:v", "mpeg2video", "-b:v", "800k", "-c:a", "mp2"]),
    "two_programmes": (
        _VIDEO + _AUDIO,
        [
            *("-map", "0:v", "-map", "1:a", "-map", "0:v", "-map", "1:a", *_X264, "-c:a", "aac"),
            *("-program", "program_num=1:st=0:st=1", "-program", "program_num=2:st=2:st=3"),
        ],
    ),
    "radio": (_AUDIO, ["-c:a", "aac", "-b:a", "64k"]),
}
CLIPS = tuple(_RECIPES)


@functools.cache
def _folder() -> Path:
    path = tempfile.mkdtemp(prefix="ringcast-clips-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


def have_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None


@functools.cache
def clip(name: str) -> Path:
    """Path of one of CLIPS. Needs ffmpeg."""
    inputs, options = _RECIPES[name]
    path = _folder() / f"{name}.ts"
    command = ["ffmpeg", "-v", "error", *inputs, *options, "-t", "6", "-threads", "1", "-f", "mpegts", str(path)]
    subprocess.run(command, check=True)
    return path
