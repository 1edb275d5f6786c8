"""Runs the firmware suite on MicroPython: `python -m testbed.commands.upy_suite --on unix|pico [module ...]`.

The suite is tests/firmware; a module may say on one of its first lines which runtimes it is for, e.g.
`# runtimes: cpython unix`, or `# on the pico: long` where it shows little there that the unix port does not and takes
long: CI=true or its name runs it. `# on the pico: soak` is for minutes: `--tier soak` or its name.

On the Pico every module gets a board of its own, so that one heap holds one module; as many boards run side by side as
the machine has cores.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path

from testbed.boards.package import package_files
from testbed.machines.base import MachineError, TerminalSpec
from testbed.runtimes.image import Image
from testbed.tiers import note_file

RUNTIMES = ("cpython", "unix", "pico")
HEAD_LINES = 5
UNIX_LIMIT_S = 120
PICO_LIMIT_S = 300  # simulated
PICO_STEP_NS = 20_000_000
UNIX_HEAP_BYTES = 1_000_000  # a whole module list in one process

_TIER_ON_PICO = re.compile(rb"^#\s*on the pico:\s*(long|soak)\s*$", re.MULTILINE)
_RUNTIMES_LINE = re.compile(rb"^#\s*runtimes:\s*(.+?)\s*$", re.MULTILINE)
_TOTALS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)


def runtimes_of(source: bytes) -> tuple[str, ...]:
    """The runtimes that a test module is for: its `# runtimes:` line within HEAD_LINES, else all."""
    found = _RUNTIMES_LINE.search(_head(source))
    return tuple(found.group(1).decode().replace(",", " ").split()) if found else RUNTIMES


def tier_on_pico(source: bytes) -> str:
    """The tier of tests that a module belongs to on the Pico, by its first HEAD_LINES: fast, long or soak."""
    found = _TIER_ON_PICO.search(_head(source))
    return found.group(1).decode() if found else "fast"


def _head(source: bytes) -> bytes:
    return b"\n".join(source.splitlines()[:HEAD_LINES])


@dataclass(frozen=True)
class Totals:
    """Counts of one run, and how long it took on this computer."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    took_s: float = field(default=0.0, compare=False)

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.took_s + other.took_s,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def tests_folder() -> Path:
    """tests/ of the checkout that this package runs from. FileNotFoundError when there is none."""
    folder = Path(__file__).resolve().parents[3] / "tests"
    if not (folder / "firmware" / "run.py").is_file():
        raise FileNotFoundError(f"no firmware suite at {folder}; run from a checkout, installed with pip --editable")
    return folder


def suite_files(tests: Path, names: list[str]) -> dict[str, bytes]:
    """The terminal files that the named modules need: settop, the runner, the modules, all vectors."""
    files = package_files()
    for name in ("kit", "run", *names):
        files[f"{name}.py"] = (tests / "firmware" / f"{name}.py").read_bytes()
    for path in sorted((tests / "vectors").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.name != "conftest.py":
            files[path.relative_to(tests / "vectors").as_posix()] = path.read_bytes()
    return files


def modules_for(runtime: str, tests: Path, wanted: list[str], tier: str = "long") -> list[str]:
    """Names of the test modules to run, in order; says which are left out. tier: on the Pico fast leaves out those that
    are long or soak, long those that are soak, and soak is these alone.

    FileNotFoundError: no such module.
    """
    folder = tests / "firmware"
    names = [Path(name).stem for name in wanted] or sorted(path.stem for path in folder.glob("test_*.py"))
    chosen = []
    tiers = {"fast": ("fast",), "long": ("fast", "long"), "soak": ("soak",)}[tier]
    for name in names:
        path = folder / f"{name}.py"
        if not path.is_file():
            raise FileNotFoundError(f"no test module {path}")
        source = path.read_bytes()
        meant = runtimes_of(source)
        if runtime not in meant:
            print(f"left out on {runtime}: {name} is for {' '.join(meant)}")
        elif not wanted and runtime == "pico" and tier_on_pico(source) not in tiers:
            if tier != "soak":
                where = {"long": "CI", "soak": "soak"}[tier_on_pico(source)]
                print(f"left to {where} on {runtime}: {name} (`--on pico {name}` runs it)")
        else:
            chosen.append(name)
    return chosen


def _totals(output: str) -> Totals | None:
    found = _TOTALS.findall(output)
    return Totals(*map(int, found[-1])) if found else None


def _timed(run: Callable[..., tuple[str, Totals]], *arguments: object) -> tuple[str, Totals]:
    started = time.monotonic()
    text, totals = run(*arguments)
    return text, replace(totals, took_s=time.monotonic() - started)


def run_in_process(argv: tuple[str, ...], tests: Path, name: str) -> tuple[str, Totals]:
    """(output, totals) of one module in an interpreter of its own."""
    with tempfile.TemporaryDirectory(prefix="ringcast-") as folder:
        for path, data in suite_files(tests, [name]).items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        try:
            done = subprocess.run(
                [*argv, "-X", f"heapsize={UNIX_HEAP_BYTES}", "run.py", name],
                cwd=folder,
                env={"PATH": os.defpath, "HOME": folder, "MICROPYPATH": ".frozen:lib"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=UNIX_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            text = (late.stdout or b"").decode(errors="replace")
            return f"{text}FAIL {name}: not done after {UNIX_LIMIT_S} s\n", Totals(failed=1)
    text = done.stdout.decode(errors="replace")
    totals = _totals(text)
    if totals is None:
        return f"{text}FAIL {name}: the interpreter ended with status {done.returncode}\n", Totals(failed=1)
    return text, totals


def run_on_unix(argv: tuple[str, ...], tests: Path, names: list[str]) -> Iterator[tuple[str, Totals]]:
    """Runs each module in a process of its own, as many at once as there are cores; yields in order."""
    with ThreadPoolExecutor(max(1, min(len(names), os.cpu_count() or 1))) as pool:
        yield from pool.map(_timed, repeat(run_in_process), repeat(argv), repeat(tests), names)


def run_on_board(image: Image, tests: Path, name: str, limit_s: int) -> tuple[str, Totals]:
    """(output, totals) of one module on a fresh emulated board, given up after `limit_s` simulated seconds."""
    from testbed.machines.pico import PicoMachine

    files = suite_files(tests, [name])
    files["main.py"] = f'import run\n\nrun.main(["{name}"])\n'.encode()
    machine = PicoMachine(image, TerminalSpec(files=files, seed=name.encode()))
    machine.boot()
    text, now_ns, totals = "", 0, None
    try:
        while totals is None and now_ns < limit_s * 1_000_000_000:
            now_ns += PICO_STEP_NS
            machine.advance(now_ns)
            text += machine.take("console").decode(errors="replace").replace("\r\n", "\n")
            totals = _totals(text)
            if totals is None and ">>> " in text:
                break  # main.py ended without totals: the prompt is all that will come
    except MachineError as error:
        text += f"\n{error}\n"
    if totals is None:
        reason = f"no totals after {now_ns / 1e9:.1f} simulated s (limit {limit_s} s)"
        faults = "".join(f"\n  {line}" for line in machine.faults)
        text, totals = f"{text}FAIL {name}: {reason}{faults}\n", Totals(failed=1)
    machine.close()
    return text, totals


def run_on_pico(image: Image, tests: Path, names: list[str]) -> Iterator[tuple[str, Totals]]:
    """Runs each module on a fresh emulated board; yields (output, totals) in the order of `names`."""
    with ProcessPoolExecutor(max(1, min(len(names), os.cpu_count() or 1))) as pool:
        yield from pool.map(_timed, repeat(run_on_board), repeat(image), repeat(tests), names, repeat(PICO_LIMIT_S))


def run_suite(runtime: str, wanted: list[str], progress: Callable[[str], None], tier: str = "") -> Totals:
    """Runs the suite on "unix" or "pico" and prints its output. tier: "" is long under CI=true and fast else.

    Raises RuntimeUnavailable.
    """
    tests = tests_folder()
    names = modules_for(runtime, tests, wanted, tier or ("long" if os.environ.get("CI") == "true" else "fast"))
    if runtime == "unix":
        from testbed.runtimes import unix_binary

        runs = run_on_unix(unix_binary(progress).argv, tests, names)
    else:
        from testbed.runtimes import pico_image

        runs = run_on_pico(pico_image(progress=progress), tests, names)
    total = Totals()
    for name, (text, totals) in zip(names, runs, strict=True):
        body = _TOTALS.split(text, maxsplit=1)[0].strip()  # behind the totals comes the board's prompt
        print(f"{name}: {totals} ({totals.took_s:.1f} s)" + (f"\n{body}" if body else ""), flush=True)
        note_file(f"tests/firmware/{name}.py", totals.took_s)
        total += totals
    return total


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 all passed, 1 a failure or nothing ran, 2 no runtime."""
    parser = argparse.ArgumentParser(
        prog="testbed.commands.upy_suite", description="Run the firmware suite on MicroPython."
    )
    parser.add_argument("--on", choices=("unix", "pico"), required=True)
    parser.add_argument("--tier", choices=("fast", "long", "soak"), default="", help="on the Pico; default: CI's")
    parser.add_argument("names", nargs="*", help="test modules (default: all of tests/firmware)")
    chosen = parser.parse_args(argv)
    from testbed.runtimes import RuntimeUnavailable

    try:
        total = run_suite(chosen.on, chosen.names, lambda line: print(line, file=sys.stderr, flush=True), chosen.tier)
    except (RuntimeUnavailable, FileNotFoundError) as error:
        print(f"upy_suite: {error}", file=sys.stderr)
        return 2
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
