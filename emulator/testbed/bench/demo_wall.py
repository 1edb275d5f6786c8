"""How long the demo takes, as its user sees it: a whole process."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from testbed.bench.figure import Figure
from testbed.machines.base import MachineError
from testbed.runtimes.find import pico_image

CLIP_S = 24
"""What `ringcast demo` takes unless told otherwise: the figure is what a newcomer waits for."""


def demo_wall_vs_clip(runtime: str = "pico", seconds: int = CLIP_S) -> Figure:
    """Wall time of `ringcast demo` by the length of its clip, binaries cached. MachineError: the demo failed."""
    if runtime == "pico":
        pico_image()
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        command = [sys.executable, "-m", "testbed.cli", "demo", "--runtime", runtime, "--clip-seconds", str(seconds)]
        started = time.perf_counter()
        done = subprocess.run([*command, "--out", str(Path(name, "demo"))], capture_output=True, text=True, check=False)
        took_s = time.perf_counter() - started
    if done.returncode:
        raise MachineError(f"the demo failed with exit status {done.returncode}: {(done.stderr or done.stdout)[-400:]}")
    how = f"the whole process, runtime {runtime}: {took_s:.1f} s of wall time for a clip of {seconds} s"
    return Figure("demo_wall_vs_clip", round(took_s / seconds, 2), "ratio", 1.5, "lower", how)
