"""The sources that the builds start from, fetched once into the cache."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from testbed.cache import cache_dir, locked, publish_folder
from testbed.runtimes.debian import KEYRING, PrivateApt, mirror, unpack_deb, unpack_source
from testbed.runtimes.image import VERSION, RuntimeUnavailable

RELEASE = "trixie"
RECIPE = 1  # raise it when the layout below changes
LWIP_RECIPE = 1
MICROPYTHON_SOURCE = f"micropython={VERSION}+ds-1"
_BINARY = ("pico-sdk-source", "tinyusb-source")


def folder() -> Path:
    """Where the sources are or will be: micropython/, mbedtls/, pico-sdk/, tinyusb/, versions.json."""
    return cache_dir() / f"sources-{RELEASE}-{RECIPE}"


def lwip_folder() -> Path:
    """Where lwIP's sources are or will be, apart from the others: images without a network do not depend on them.

    lwip/, version.txt.
    """
    return cache_dir() / f"sources-lwip-{RELEASE}-{LWIP_RECIPE}"


def lwip_version() -> str | None:
    """File name of what was fetched (it holds the version), None before the first fetch."""
    try:
        return (lwip_folder() / "version.txt").read_text()
    except OSError:
        return None


def versions() -> dict[str, str] | None:
    """File names of what was fetched (they hold the versions), None before the first fetch."""
    try:
        data: dict[str, str] = json.loads((folder() / "versions.json").read_text())
    except (OSError, ValueError):
        return None
    return data


def reachable() -> bool:
    """Whether a fetch has a chance: the sources are here, or apt knows a Debian mirror and can check
    signatures."""
    if versions() is not None:
        return True
    if shutil.which("apt-get") is None or not KEYRING.is_file():
        return False
    try:
        return bool(mirror())
    except RuntimeUnavailable:
        return False


def fetch(progress: Callable[[str], None]) -> Path:
    """The sources' folder, fetched if need be (about 60 MB). Raises RuntimeUnavailable."""
    with locked("sources", progress):
        if versions() is None:
            publish_folder(folder(), lambda temporary: _fill(temporary, progress))
    return folder()


def fetch_lwip(progress: Callable[[str], None]) -> Path:
    """lwIP's folder, fetched if need be (about 1 MB): Debian's micropython leaves its lib/lwip empty.

    Raises RuntimeUnavailable.
    """
    with locked("sources", progress):
        if lwip_version() is None:
            publish_folder(lwip_folder(), lambda temporary: _fill_lwip(temporary, progress))
    return lwip_folder() / "lwip"


def _fill_lwip(target: Path, progress: Callable[[str], None]) -> None:
    apt = PrivateApt(target / "apt", RELEASE, progress)
    progress("fetching the sources of lwIP ...")
    packages = target / "packages"
    apt.sources(packages, ("lwip",))
    archive = _one(packages, "lwip_*.orig.tar.*[!c]")
    unpack_source(archive, target / "lwip")
    for leftover in ("apt", "packages"):
        shutil.rmtree(target / leftover)
    (target / "version.txt").write_text(archive.name)


def _one(where: Path, pattern: str) -> Path:
    found = sorted(where.glob(pattern))
    if not found:
        raise RuntimeUnavailable(f"Debian {RELEASE} gave no {pattern}; is the mirror complete?")
    return found[-1]


def _fill(target: Path, progress: Callable[[str], None]) -> None:
    apt = PrivateApt(target / "apt", RELEASE, progress)
    progress(f"fetching the sources of MicroPython {VERSION}, pico-sdk, tinyusb and mbedtls ...")
    packages = target / "packages"
    debs = apt.debs(packages, _BINARY)
    apt.sources(packages, (MICROPYTHON_SOURCE, "mbedtls"))
    archives = {
        "micropython": _one(packages, f"micropython_{VERSION}*.orig.tar.*[!c]"),
        "mbedtls": _one(packages, "mbedtls_*.orig.tar.*[!c]"),
    }
    for name, archive in archives.items():
        unpack_source(archive, target / name)
    for deb in debs:
        unpack_deb(deb, target / "root")
    for name in ("pico-sdk", "tinyusb"):
        (target / "root" / "usr" / "src" / name).rename(target / name)
    found = {path.name.split("_")[0]: path.name for path in (*archives.values(), *debs)}
    for leftover in ("apt", "packages", "root"):
        shutil.rmtree(target / leftover)
    (target / "versions.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
