"""Debian's prebuilt unix port in a private folder, run through the C library that it was built for."""

import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from testbed.cache import cache_dir, publish_folder
from testbed.runtimes.debian import PrivateApt, unpack_deb
from testbed.runtimes.image import RuntimeUnavailable
from testbed.runtimes.sources import RELEASE

RECIPE = 1
PACKAGES = ("micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")


def folder() -> Path:
    """Where it is or will be."""
    return cache_dir() / f"unix-{RELEASE}-{RECIPE}"


def cached_unix() -> tuple[str, ...] | None:
    """The words that run it, None if it was not fetched."""
    root = folder()
    loaders = sorted(root.glob("usr/lib*/**/ld-linux-*.so.*"))
    binary = root / "usr" / "bin" / "micropython"
    if not loaders or not binary.is_file():
        return None
    libraries = ":".join(sorted({str(path.parent) for path in root.glob("usr/lib/*-linux-gnu/*.so*")}))
    return (str(loaders[0]), "--library-path", libraries, str(binary))


def fetch_unix(progress: Callable[[str], None]) -> tuple[str, ...]:
    """Fetches and unpacks it (about 4 MB; no compiler, no root). Raises RuntimeUnavailable."""
    if platform.system() != "Linux":
        raise RuntimeUnavailable("Debian's MicroPython runs on Linux alone")

    def fill(target: Path) -> None:
        apt = PrivateApt(target / "apt", RELEASE, progress)
        progress("fetching Debian's MicroPython with a C library of its own ...")
        for deb in apt.debs(target / "apt" / "debs", PACKAGES):
            unpack_deb(deb, target)
        shutil.rmtree(target / "apt")

    publish_folder(folder(), fill)
    argv = cached_unix()
    if argv is None:
        raise RuntimeUnavailable(f"Debian's micropython package came without a binary or loader; see {folder()}")
    return argv
