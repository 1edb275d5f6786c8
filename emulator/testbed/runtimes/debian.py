"""Debian packages through a private apt state: nothing of the machine's own apt changes, no root is needed.

The mirror is the one that the machine's apt already uses (RINGCAST_DEBIAN_MIRROR names another), and
signatures are checked against the machine's Debian keyring.
"""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from testbed.runtimes.image import RuntimeUnavailable

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR_VARIABLE = "RINGCAST_DEBIAN_MIRROR"
_NEEDED = ("apt-get", "dpkg-deb", "tar")


def mirror() -> str:
    """URL of the Debian archive that apt uses here. RuntimeUnavailable: none known."""
    named = os.environ.get(MIRROR_VARIABLE)
    if named:
        return named
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(ORIGIN)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    for line in listed.splitlines():
        site, _, origin = line.partition(" ")
        if origin == "Debian" and "security" not in site:
            return site
    configured = _configured_mirror()
    if configured:
        return configured
    raise RuntimeUnavailable(
        "apt names no Debian mirror here: run `apt-get update` once, "
        f"or set {MIRROR_VARIABLE} to a Debian archive's URL"
    )


def _configured_mirror() -> str | None:
    """The first Debian archive in apt's own source lists, for a machine that never ran `apt-get update`."""
    folder = Path("/etc/apt")
    for path in (folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))):
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        for word in path.read_text(errors="replace").split():
            if word.startswith(("http://", "https://")) and word.rstrip("/").endswith("/debian"):
                return word
    return None


class PrivateApt:
    """An apt that lives in one folder.

    With `release`, it knows that release alone; without, the machine's sources.
    """

    def __init__(self, folder: Path, release: str | None, progress: Callable[[str], None]):
        """Raises RuntimeUnavailable when this machine has no apt, no keyring or no reachable mirror."""
        missing = [tool for tool in _NEEDED if shutil.which(tool) is None]
        if missing:
            raise RuntimeUnavailable(f"Debian packages need {', '.join(missing)}, which this machine lacks")
        self._folder = folder
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        options = {
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "1",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
        }
        if release is not None:
            if not KEYRING.is_file():
                raise RuntimeUnavailable(
                    f"{KEYRING} is missing, so Debian's signatures cannot be checked; "
                    "as root: apt-get install debian-archive-keyring"
                )
            sources = folder / "sources.list"
            archive = mirror()
            sources.write_text(
                "".join(f"{kind} [signed-by={KEYRING}] {archive} {release} main\n" for kind in ("deb", "deb-src"))
            )
            options |= {"Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "-"}
        self._options = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        progress(f"reading the package lists of Debian {release or '(this release)'} ...")
        self.run("update")

    def run(self, *words: str, where: Path | None = None) -> str:
        """apt-get with these words; its standard output. RuntimeUnavailable with apt's own error line."""
        done = subprocess.run(
            ["apt-get", "-q", "-y", *self._options, *words],
            cwd=where or self._folder,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("E:")] or [done.stderr.strip()]
            raise RuntimeUnavailable(f"apt-get {words[0]} failed: {errors[0]}")
        return done.stdout

    def debs(self, folder: Path, packages: Sequence[str]) -> list[Path]:
        """Downloads these binary packages alone; their files."""
        folder.mkdir(parents=True, exist_ok=True)
        self.run("download", *packages, where=folder)
        return sorted(folder.glob("*.deb"))

    def sources(self, folder: Path, packages: Sequence[str]) -> None:
        """Downloads these source packages, signatures checked, not unpacked."""
        folder.mkdir(parents=True, exist_ok=True)
        self.run("source", "--download-only", *packages, where=folder)

    def closure(self, packages: Sequence[str]) -> list[Path]:
        """Downloads these packages and all that they need and this machine has not installed; their files."""
        archives = self._folder / "cache" / "archives"
        self.run("install", "--download-only", "--no-install-recommends", *packages)
        return sorted(archives.glob("*.deb"))


def unpack_deb(deb: Path, root: Path) -> None:
    """The files of a binary package under `root`; none of its scripts run."""
    root.mkdir(parents=True, exist_ok=True)
    _run("dpkg-deb", "-x", str(deb), str(root))


# Python 3.11.2, Debian 12's, does not know extraction filters yet; the archives are Debian's, verified by apt.
_SAFE: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}


def unpack_source(archive: Path, folder: Path) -> None:
    """An upstream tarball without its top folder.

    Python's own unpacker, for machines without xz and bzip2.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _, _, member.name = member.name.partition("/")
                if member.islnk():
                    _, _, member.linkname = member.linkname.partition("/")
                if member.name:
                    tar.extract(member, folder, **_SAFE)
    except (OSError, tarfile.TarError) as error:
        raise RuntimeUnavailable(f"{archive.name} cannot be unpacked: {error}") from error


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = (done.stderr.strip() or f"status {done.returncode}").splitlines()[0]
        raise RuntimeUnavailable(f"{words[0]} cannot unpack {Path(words[2]).name}: {complaint}")
