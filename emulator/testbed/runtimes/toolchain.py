"""Compilers: the machine's own, or Debian's unpacked into the cache without root."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from testbed.cache import cache_dir, locked, publish_folder
from testbed.runtimes.debian import PrivateApt, unpack_deb
from testbed.runtimes.image import RuntimeUnavailable

RECIPE = 2
CORES = ("v6-m", "v8-m.main+fp")  # the RP2040's Cortex-M0+ and the RP2350's Cortex-M33, as gcc names their libraries

HOST_TOOLS = ("gcc", "make")
ARM_TOOLS = ("arm-none-eabi-gcc", "arm-none-eabi-g++", "cmake", *HOST_TOOLS)
HOST_PACKAGES = ("gcc", "libc6-dev", "make")
ARM_PACKAGES = (
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "libstdc++-arm-none-eabi-newlib",
    "cmake",
    "g++",
    *HOST_PACKAGES,
)


@dataclass(frozen=True)
class Toolchain:
    """where: "installed" or the folder it was unpacked to; environment: what a build adds to its own."""

    where: str
    environment: dict[str, str] = field(default_factory=dict)


def missing(tools: tuple[str, ...]) -> list[str]:
    """Those of `tools` that are not on PATH."""
    return [tool for tool in tools if shutil.which(tool) is None]


def install_command(packages: tuple[str, ...]) -> str:
    """The one command that installs these packages for good."""
    return "apt-get install --no-install-recommends " + " ".join(packages)


def find(kind: str, progress: Callable[[str], None]) -> Toolchain:
    """A toolchain for kind "arm" (the Pico) or "host" (the unix port).

    RuntimeUnavailable: says what to install.
    """
    tools, packages = (ARM_TOOLS, ARM_PACKAGES) if kind == "arm" else (HOST_TOOLS, HOST_PACKAGES)
    absent = missing(tools)
    if not absent and (kind != "arm" or _has_newlib("arm-none-eabi-gcc")):
        return Toolchain("installed")
    try:
        return _unpacked(kind, packages, progress)
    except RuntimeUnavailable as error:
        what = ", ".join(absent) or "the C library for the RP2040"
        raise RuntimeUnavailable(f"{what} missing ({error}); as root: {install_command(packages)}") from error


def _has_newlib(compiler: str) -> bool:
    probe = subprocess.run(
        [compiler, "-E", "-specs=nosys.specs", "-"],
        input="#include <stdlib.h>\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return probe.returncode == 0


def _unpacked(kind: str, packages: tuple[str, ...], progress: Callable[[str], None]) -> Toolchain:
    root = cache_dir() / f"toolchain-{kind}-{RECIPE}"
    with locked(f"toolchain-{kind}", progress):
        if not root.is_dir():
            publish_folder(root, lambda target: _fill(target, packages, progress))
    return relocated(root)


def _fill(target: Path, packages: tuple[str, ...], progress: Callable[[str], None]) -> None:
    apt = PrivateApt(target / "apt", None, progress)
    progress(f"fetching {', '.join(packages)} for this user alone (no root) ...")
    debs = apt.closure(packages)
    progress(f"unpacking {len(debs)} packages ...")
    for deb in debs:
        unpack_deb(deb, target)
    shutil.rmtree(target / "apt")
    settle(target)


def settle(root: Path) -> None:
    """Mends what does not move with a compiler: the places that Debian's packages know by absolute path
    alone."""
    # Libraries for other ARM cores are most of what was unpacked (2 of 2.7 GB).
    for folder in (*root.glob("usr/lib/arm-none-eabi/newlib"), *root.glob("usr/lib/gcc/arm-none-eabi/*")):
        for other in (folder / "arm", *(path for path in folder.glob("thumb/*") if path.name not in CORES)):
            shutil.rmtree(other, ignore_errors=True)
    # The C library for the Pico: the compiler looks in these two places relative to itself.
    arm = root / "usr/lib/arm-none-eabi"
    for name, where in (("lib", "newlib"), ("include", "../../include/newlib")):
        if (arm / where).is_dir() and not (arm / name).exists():
            (arm / name).symlink_to(where)
    # libc.so is a linker script: its parts shall be looked for along the library path.
    for script in root.glob("usr/lib/*/libc.so"):
        script.write_text(re.sub(r"/\S*/(libc_nonshared\.a)", r"\1", script.read_text()))
    # The native compilers look for the C library's headers under / alone. (C_INCLUDE_PATH would mislead the
    # others.)
    wrappers = root / "native"
    wrappers.mkdir()
    for name, aliases in (("gcc", ("cc",)), ("g++", ("c++",))):
        if not (root / "usr/bin" / name).exists():
            continue
        wrapper = wrappers / name
        wrapper.write_text(_WRAPPER.replace("NAME", name))
        wrapper.chmod(0o755)
        for alias in aliases:
            (wrappers / alias).symlink_to(name)


_WRAPPER = """#!/bin/sh
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
triplet=$("$root/usr/bin/NAME" -dumpmachine)
exec "$root/usr/bin/NAME" -idirafter "$root/usr/include/$triplet" -idirafter "$root/usr/include" "$@"
"""


def relocated(root: Path) -> Toolchain:
    """The environment in which tools unpacked under `root` find their libraries and one another."""
    found = [*sorted(root.glob("usr/lib/*-linux-gnu")), *sorted(root.glob("lib/*-linux-gnu"))]
    libraries = [str(path) for path in found]
    additions = {
        "PATH": [f"{root}/native", f"{root}/usr/bin"],
        "LD_LIBRARY_PATH": libraries,
        "LIBRARY_PATH": libraries,  # where a native gcc looks for what it links, crt1.o too
    }
    environment = {}
    for name, folders in additions.items():
        before = os.environ.get(name, os.defpath if name == "PATH" else "")
        environment[name] = ":".join(filter(None, [*folders, before]))
    return Toolchain(str(root), environment)
