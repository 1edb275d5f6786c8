"""How fast the head-end scrambles: against one cipher object per packet, and against ffmpeg copying the same file."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from settop.errors import LocalError

from testbed.bench.figure import Figure

_PACKETS = 32_768
_CLIP_SECONDS = 20


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def host_scramble_vs_per_packet(rounds: int = 7) -> Figure:
    """Bulk CISSA against one pycryptodome CBC object per packet over the same 6 MB."""
    import numpy as np
    from Crypto.Cipher import AES
    from headend.ts.cissa import scramble_packets
    from settop.wire.transport import CISSA_IV, PACKET_BYTES, SYNC

    packets = np.random.default_rng(1).integers(0, 256, (_PACKETS, PACKET_BYTES), np.uint8)
    packets[:, 0] = SYNC
    packets[:, 3] = 0x10
    odd = np.arange(_PACKETS) % 40 == 0  # the usual share of packets that end a frame
    packets[odd, 3] = 0x30
    packets[odd, 4] %= 183
    key = bytes(range(16))
    rows = [packet.tobytes() for packet in packets]
    starts = [5 + row[4] if row[3] & 0x20 else 4 for row in rows]

    def per_packet() -> None:
        for row, start in zip(rows, starts, strict=True):
            body = row[start : PACKET_BYTES - (PACKET_BYTES - start) % 16]
            if body:
                AES.new(key, AES.MODE_CBC, CISSA_IV).encrypt(body)

    ratios = []
    for _ in range(rounds):
        slow = _seconds(per_packet)
        ratios.append(slow / _seconds(lambda: scramble_packets(packets, key, 0)))
    how = f"{_PACKETS} packets, 1 in 40 with an adaptation field; median of {rounds} alternating rounds, one thread"
    return Figure("host_scramble_vs_per_packet", round(statistics.median(ratios), 1), "ratio", 40.0, "higher", how)


def _make_input(folder: Path, size_mb: int) -> Path:
    """An H.264 and AAC stream of about that size: a short clip, looped with running timestamps.

    Without null packets, which ffmpeg would not copy: so both programs read and write the same amount.
    """
    clip, big = folder / "clip.ts", folder / "big.ts"
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    sources = ["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25", "-f", "lavfi", "-i", "sine=f=440:r=48000"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M", "-minrate", "4M", "-maxrate", "4M"]
    coding += ["-bufsize", "1M", "-x264-params", "nal-hrd=cbr", "-c:a", "aac", "-b:a", "128k"]
    stream = ["-f", "mpegts"]
    subprocess.run([*ffmpeg, *sources, *coding, "-t", str(_CLIP_SECONDS), *stream, str(clip)], check=True)
    loops = max(round(size_mb * 1e6 / clip.stat().st_size) - 1, 0)
    subprocess.run([*ffmpeg, "-stream_loop", str(loops), "-i", str(clip), "-c", "copy", *stream, str(big)], check=True)
    return big


def scramble_vs_ffmpeg_copy(size_mb: int = 500, rounds: int = 7) -> Figure:
    """The whole `scramble` command against the whole `ffmpeg -c copy`, as processes, over the same file.

    Compares the best time of each, which what else the machine does disturbs least.
    Needs ffmpeg and three times `size_mb` of room for temporary files. Raises LocalError without ffmpeg.
    """
    if shutil.which("ffmpeg") is None:
        raise LocalError("ffmpeg is not installed; as root: apt-get install ffmpeg")
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        folder = Path(name)
        source = _make_input(folder, size_mb)
        copied, scrambled, keys = folder / "copied.ts", folder / "scrambled.ts", folder / "keys.json"
        copy = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-c", "copy", "-f", "mpegts", str(copied)]
        scramble = [sys.executable, "-m", "testbed.cli", "scramble", str(source), str(scrambled)]
        scramble += ["--portion-seconds", "10", "--programme-secret", bytes(range(32)).hex(), "--keys-out", str(keys)]
        copy_s: list[float] = []
        scramble_s: list[float] = []
        for row in range(rounds + 1):
            for command, times, made in ((copy, copy_s, copied), (scramble, scramble_s, scrambled)):
                made.unlink(missing_ok=True)
                started = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                if row:  # the first round only warms the page cache
                    times.append(time.perf_counter() - started)
        size = source.stat().st_size / 1e6
    ours, theirs = min(scramble_s), min(copy_s)
    medians = f"medians {statistics.median(copy_s):.2f} and {statistics.median(scramble_s):.2f} s"
    how = f"{size:.0f} MB without null packets, in the page cache; best of {rounds} alternating runs: "
    how += f"ffmpeg {theirs:.2f} s, ours {ours:.2f} s ({medians})"
    return Figure("scramble_vs_ffmpeg_copy", round(theirs / ours, 2), "ratio", 1.0, "higher", how)
