"""`ringcast modem` and `ringcast ring` as processes."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_RINGCAST = (sys.executable, "-m", "testbed.cli")


def modem_command(link: Path, *options: str) -> list[str]:
    return [*_RINGCAST, "modem", "--link", str(link), *options]


def ring(link: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_RINGCAST, "ring", "--link", str(link)], capture_output=True, text=True, timeout=30)


@contextlib.contextmanager
def running_modem(link: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The modem, ready; ended by SIGTERM."""
    with subprocess.Popen(
        modem_command(link, *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "ready" in line, line + process.stdout.read()
            yield process
        finally:
            process.terminate()
            process.wait(10)
