"""The per-user cache: where it is, and how a file or a folder gets into it whole or not at all."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """The cache folder: RINGCAST_CACHE, else the user's own ("~/.cache/ringcast" or what the system says)."""
    named = os.environ.get("RINGCAST_CACHE")
    return Path(named).absolute() if named else Path(platformdirs.user_cache_dir("ringcast"))


def publish(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to `path` so that no reader ever sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def publish_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Make folder `path` by `fill(temporary folder)`; it appears under its name only when `fill` has
    returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        fill(temporary)
        temporary.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextlib.contextmanager
def locked(name: str, progress: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the cache's lock `name`: of several processes one builds and the others wait, then find it built."""
    path = cache_dir() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if progress:
                progress(f"waiting for another process that is making {name} ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
