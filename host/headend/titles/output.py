"""Where a title goes: a file that is being written, in which a place at its beginning is filled at the end."""

import os
from typing import Protocol

from headend.files import Pending


class Output(Protocol):
    """Where the title goes."""

    def write(self, data: bytes | bytearray) -> object:
        """Append all of `data`."""

    def rewrite(self, at: int, data: bytes) -> object:
        """Put `data` in the place of what was written at octet `at`."""


class FileOutput:
    """A file that takes its name when it is whole."""

    def __init__(self, file: Pending) -> None:
        self._file = file

    def write(self, data: bytes | bytearray) -> None:
        """Append all of `data`. Raises OSError."""
        self._file.write(data)

    def rewrite(self, at: int, data: bytes) -> None:
        """Put `data` in the place of what was written at octet `at`. Raises OSError."""
        left = memoryview(data)
        while left:
            done = os.pwrite(self._file.handle, left, at)
            left, at = left[done:], at + done
