"""Where a stream goes: a file that takes its name when it is whole, or a pipe that gets it in order as it is made."""

import errno
import fcntl
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from settop.errors import LocalError

from headend import files
from headend.files import Pending

PIPE_BYTES = 1 << 20
_DESCRIPTORS = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


def descriptor_of(path: str | os.PathLike[str], standard: int) -> int | None:
    """The descriptor that a name stands for: `-` is `standard` (0 or 1); /dev/stdin, /dev/stdout, /dev/fd/N."""
    name = os.fspath(path)
    named = {"-": standard, "/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
    found = _DESCRIPTORS.fullmatch(name)
    return int(found.group(1)) if found else named.get(name)


def copy_of_descriptor(number: int, name: str) -> int:
    """Another descriptor for what `number` stands for. OSError where there was nothing when the program began."""
    if (sys.__stdin__, sys.__stdout__, sys.__stderr__, number)[min(number, 3)] is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), name)
    try:
        return os.dup(number)
    except OSError as error:
        error.filename = name
        raise


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether what is written to `path` goes on its way at once: a pipe, a device, a descriptor."""
    if descriptor_of(path, 1) is not None:
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def is_stdout(path: str | os.PathLike[str]) -> bool:
    """Whether the stream goes where a command's summary would go."""
    return descriptor_of(path, 1) == 1


def refuse_same_file(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Raises LocalError where writing `target` would destroy `source`."""
    ends = [_stat(source, 0), _stat(target, 1)]
    if all(end is not None and stat.S_ISREG(end.st_mode) for end in ends) and os.path.samestat(*ends):  # type: ignore[arg-type]
        raise LocalError(f"{os.fspath(target)} is the input itself; give another name for the output")


def _stat(path: str | os.PathLike[str], standard: int) -> os.stat_result | None:
    handle = descriptor_of(path, standard)
    try:
        return os.stat(path if handle is None else handle)
    except OSError:
        return None


@contextmanager
def replacing(path: str | os.PathLike[str], size: int = 0) -> Iterator[int]:
    """A descriptor to write a stream of about `size` bytes to.

    A file takes the name `path` only when the block ends without an error (headend.files); one that is `Pending`
    already does so when whoever opened it says so. What is put out through a pipe or a device cannot be taken back.
    Raises LocalError, OSError.
    """
    if isinstance(path, Pending):
        path.reserve(size)
        yield path.handle
    elif not is_stream(path):
        with files.replacing(path, size) as handle:
            yield handle
    else:
        handle = _open_stream(path)
        try:
            yield handle
        except OSError as error:
            error.filename = error.filename or os.fspath(path)
            raise
        finally:
            os.close(handle)


def _open_stream(path: str | os.PathLike[str]) -> int:
    number = descriptor_of(path, 1)
    handle = os.open(path, os.O_WRONLY) if number is None else copy_of_descriptor(number, os.fspath(path))
    if os.isatty(handle):
        os.close(handle)
        raise LocalError(f"{os.fspath(path)} is a terminal, where a stream is of no use: pipe it into a program")
    with suppress(OSError, AttributeError):  # fewer turns between the two programs; not every system can
        fcntl.fcntl(handle, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return handle
