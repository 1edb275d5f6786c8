"""Files that are written whole or not at all: they get their names when everything in them is there.

Until then they have none at all where the system can do that (Linux: O_TMPFILE), so that not even SIGKILL or a power
cut leaves half a file; elsewhere they are called `.NAME.PID.NUMBER.part`.
"""

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from settop.errors import LocalError

from headend.stopping import undisturbed

_MORE = 32
_numbers = itertools.count()  # of this process's files: two of its threads may write the same one
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Pending(os.PathLike[str]):
    """A file that is being written. `handle` is its descriptor; as a path it is the name that it will have."""

    def __init__(self, path: str | os.PathLike[str], mode: int) -> None:
        self.path = os.fspath(path)
        self.target = _checked_target(self.path)
        short = f".{self.target.name[:100]}.{os.getpid()}.{next(_numbers)}"
        self._part = self.target.with_name(f"{short}.part")
        self._old = self.target.with_name(f"{short}.old")
        self._kept = False
        handle = _open_unnamed(self.target.parent, mode)
        self._named = handle is None
        self.handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode) if handle is None else handle
        self._open = True

    def __fspath__(self) -> str:
        return self.path

    def reserve(self, size: int) -> None:
        """Room for `size` bytes and somewhat more, at once: that makes writing faster.

        Raises OSError where there is not room for `size`.
        """
        # More, since ext4 writes a file to the disk before it takes another's name, unless all of it was reserved.
        for room in (size + size // _MORE, size):
            try:
                if room:
                    os.posix_fallocate(self.handle, 0, room)
                return
            except (AttributeError, OSError) as error:
                if not isinstance(error, OSError) or error.errno not in NO_ROOM:
                    return  # not every system or file system can; writing then says what is wrong
                if room == size:
                    raise

    def write(self, data: bytes | bytearray) -> None:
        """Append all of `data`. Raises OSError."""
        try:
            write_all(self.handle, data)
        except OSError as error:
            error.filename = self.path
            raise

    def cut(self) -> None:
        """Cut off what was reserved beyond the last byte."""
        os.ftruncate(self.handle, os.lseek(self.handle, 0, os.SEEK_CUR))

    def finish(self) -> None:
        """Close, with a name for the moment: one that can be renamed."""
        if not self._named:
            self._part.unlink(missing_ok=True)  # a process of the same number may have been killed just here
            # With a descriptor for its folder, as without one Python does not follow the link below /proc.
            os.link(f"/proc/self/fd/{self.handle}", self._part, src_dir_fd=self.handle)
            self._named = True
        self._close()

    def take_name(self, keep_old: bool) -> None:
        """Stand in the place of what had the name before; that is kept for `give_back`, or not."""
        if keep_old:
            with suppress(FileNotFoundError):
                try:
                    os.link(self.target, self._old)
                except OSError:  # no hard links there
                    os.rename(self.target, self._old)
                self._kept = True
        os.replace(self._part, self.target)
        self._named = False

    def give_back(self) -> None:
        """Undo `take_name`."""
        if self._kept:
            os.replace(self._old, self.target)
            self._kept = False
        else:
            self.target.unlink(missing_ok=True)

    def put_away(self) -> None:
        """Remove whatever is still on the way; what has its name keeps it."""
        with suppress(OSError):
            self._close()
        for stands, path in ((self._named, self._part), (self._kept, self._old)):
            if stands:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._open:
            self._open = False
            os.close(self.handle)


class Together:
    """Files that take their names together: all of them, or none."""

    def __init__(self) -> None:
        self._files: list[Pending] = []

    def open(self, path: str | os.PathLike[str], mode: int = 0o666) -> Pending:
        """Begin one more file; the first to be opened is the first to take its name.

        Raises LocalError where `path` is something else than a regular file, lies in no folder, or is the name of
        another of these files; OSError.
        """
        for other in self._files:
            if other.target == Path(os.path.realpath(path)):
                raise LocalError(f"{other.path} and {os.fspath(path)} are one file: give two names")
        with undisturbed():
            made = Pending(path, mode)
            self._files.append(made)
        return made

    def take_names(self) -> None:
        """All of them take their names. Where one cannot, what had the names before has them again."""
        with undisturbed():
            for one in self._files:  # what may take time first: from then on it is a moment until all have their names
                one.cut()
            for one in self._files:
                one.finish()
            done: list[Pending] = []
            try:
                for one in self._files:
                    one.take_name(keep_old=one is not self._files[-1])
                    done.append(one)
            except OSError:
                for one in reversed(done):
                    one.give_back()
                raise

    def put_away(self) -> None:
        """Remove what has no name yet."""
        with undisturbed():
            for one in self._files:
                one.put_away()

    def explain(self, error: OSError) -> None:
        """Name the file in an error that came of a full disk: a descriptor has no name of its own."""
        if error.errno in NO_ROOM and error.filename is None and self._files:
            error.filename = self._files[-1].path


@contextmanager
def together() -> Iterator[Together]:
    """Files that are opened within the block take their names at its end, if it ends without an error."""
    files = Together()
    try:
        yield files
        files.take_names()
    except OSError as error:
        files.explain(error)
        raise
    finally:
        files.put_away()


@contextmanager
def replacing(path: str | os.PathLike[str], size: int = 0, mode: int = 0o666) -> Iterator[int]:
    """A descriptor to write to; the file takes the name `path` only when the block ends without an error.

    `size` is the number of bytes to expect: room is reserved at once. Raises LocalError where `path` is something else
    than a regular file, or lies in no folder: a device is not replaced. OSError.
    """
    with together() as files:
        made = files.open(path, mode)
        made.reserve(size)
        yield made.handle


def write_file(path: str | os.PathLike[str], data: bytes | bytearray, mode: int = 0o666) -> None:
    """Write `data` as the file `path`, whole or not at all. Raises as `replacing` does."""
    with replacing(path, mode=mode) as handle:
        write_all(handle, data)


def write_secret(path: Path, data: bytes) -> None:
    """A new file of mode 0600, whole and on the disk or not there. Raises OSError, FileExistsError for one that is."""
    with undisturbed():  # a few dozen octets: a signal waits for them
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
            sync_folder(path.parent)
        except BaseException:
            path.unlink()  # half a key opens nothing, and would be in the way of a whole one
            raise
        finally:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """What was made or renamed in it stays so after a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(handle: int, data: bytes | bytearray) -> None:
    """`os.write`, until all of it is written: a disk that fills up takes a part and refuses the rest."""
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def _checked_target(path: str) -> Path:
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise LocalError(f"{path} is not a regular file; give the name of a file to write")
    if not target.parent.is_dir():
        raise LocalError(f"there is no folder {target.parent}; make it first")
    return target


def _open_unnamed(folder: Path, mode: int) -> int | None:
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, mode)
    except OSError:  # a file system that cannot, or a folder that one may not write to: a name will tell
        return None
