"""Where a stream comes from: a file, or a pipe, which is read once or first copied to a file without a name.

What needs to be read twice and cannot be is spooled; TsFile need not know.
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from settop.errors import LocalError

from headend.files import write_all
from headend.ts.io.targets import PIPE_BYTES, copy_of_descriptor, descriptor_of, is_stream

Tell = Callable[[str], None]
_COPIED_BYTES = 1 << 20


class Source(os.PathLike[str]):
    """An input by its name: a path, `-` or /dev/stdin for standard input, a pipe, a device.

    `tell` gets a line when the input is spooled, and one with what was left out of it. The copy goes to `spool_folder`
    (without one: where TMPDIR says), has no name, and is gone when this is closed, whatever happens.
    """

    def __init__(
        self, path: str | os.PathLike[str], tell: Tell | None = None, spool_folder: Path | None = None
    ) -> None:
        self.path = os.fspath(path)
        self._tell = tell
        self._folder = spool_folder
        self._file: BinaryIO | None = None
        self._once: BinaryIO | None = None
        self._begin = 0
        self._heard: list[str] = []

    def __fspath__(self) -> str:
        return self.path

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for file in (self._file, self._once):
            if file is not None:
                file.close()
        self._file = self._once = None

    def once(self) -> int | None:
        """A descriptor to read from start to end, where that is possible only once; None for what can be read again.

        Raises LocalError for a terminal, OSError.
        """
        if self._file is None and self._once is None:
            file = self._opened()
            if _can_be_read_twice(file):
                self._file, self._begin = file, file.tell()
            else:
                self._once = file
                with suppress(OSError, AttributeError):  # fewer turns between the programs; not every system can
                    fcntl.fcntl(file.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return None if self._once is None else self._once.fileno()

    def spool(self, head: bytes, why: str) -> None:
        """Copy what `once` reads to a file after all, so that it can be read again; `head` was read already."""
        if self._once is not None:
            self._file, self._begin = self._spooled(self._once, head, why), 0

    def open(self) -> tuple[int, int, int]:
        """(descriptor that can be read anywhere, first byte, byte behind the last one there is now).

        Opened once, however often it is called. Raises LocalError for a terminal, OSError.
        """
        if self._file is None and self.once() is not None:
            self.spool(b"", "it is read twice, and can be read only once")
        assert self._file is not None
        handle = self._file.fileno()
        return handle, self._begin, _size(handle)

    def hear(self, notes: list[str]) -> None:
        """What whoever read it has to say of it: goes to `tell`, once."""
        if notes and self._tell is not None and notes != self._heard:
            self._heard = notes
            self._tell(f"{self.path}: {'; '.join(notes)}")

    def _opened(self) -> BinaryIO:
        number = descriptor_of(self.path, 0)
        if number is None:
            return open(self.path, "rb", buffering=0)
        file = open(copy_of_descriptor(number, self.path), "rb", buffering=0)  # noqa: SIM115 - closed by close()
        if file.isatty():
            file.close()
            raise LocalError(f"{self.path} is a terminal; pipe a transport stream into it, or name a file")
        return file

    def _spooled(self, file: BinaryIO, head: bytes, why: str) -> BinaryIO:
        folder = str(self._folder or tempfile.gettempdir())
        if self._tell is not None:
            self._tell(f"{self.path} is first copied to a temporary file in {folder}: {why}")
        spool = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by close()
        try:
            data = head
            while data or (data := os.read(file.fileno(), _COPIED_BYTES)):
                try:
                    write_all(spool.fileno(), data)
                    data = b""
                except OSError as error:
                    error.filename = f"temporary file in {folder}"
                    raise
        except BaseException:
            spool.close()
            raise
        return spool


def spool_folder(target: str | os.PathLike[str]) -> Path | None:
    """Where to spool for an output: beside it, where there must be room anyway; None where it goes into a pipe."""
    return None if is_stream(target) else Path(os.path.realpath(target)).parent


def _can_be_read_twice(file: BinaryIO) -> bool:
    mode = os.fstat(file.fileno()).st_mode
    return stat.S_ISREG(mode) or stat.S_ISBLK(mode)


def _size(handle: int) -> int:
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fstat(handle).st_size
    at = os.lseek(handle, 0, os.SEEK_CUR)
    try:
        return os.lseek(handle, 0, os.SEEK_END)  # a block device has no st_size
    finally:
        os.lseek(handle, at, os.SEEK_SET)
