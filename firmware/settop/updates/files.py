"""Modules on the board's file system, written piece by piece. A board may have others (its MODULE_FILES)."""

import errno
import os

from settop.keystore.files import SlotFiles

_FULL = 28  # ENOSPC, which MicroPython's errno does not name


class ModuleFiles(SlotFiles):
    """With `remove` and `names` as the keystore's have them. OSError passes through, except where named."""

    def __init__(self):
        self._file = None

    def begin(self, path):
        """An empty file, in place of one that is there. Makes its folder and that one's, where they are missing."""
        self.close()
        try:
            self._file = open(path, "wb")
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            folder = path.rsplit("/", 1)[0]
            for each in (folder.rsplit("/", 1)[0], folder):
                try:
                    os.mkdir(each)
                except OSError as there:
                    if there.errno != errno.EEXIST:
                        raise
            self._file = open(path, "wb")

    def append(self, octets):
        """More of the file that was begun. OSError: the medium is full."""
        if self._file.write(octets) != len(octets):
            raise OSError(_FULL)

    def close(self):
        """Ends what was begun, and returns once it is on the medium, as far as the port can tell."""
        file = self._file
        self._file = None
        if file is None:
            return
        with file:
            file.flush()
            if hasattr(os, "fsync"):
                os.fsync(file.fileno())
        if not hasattr(os, "fsync") and hasattr(os, "sync"):
            os.sync()

    def pieces(self, path, view):
        """Fills `view` again and again from the file and gives how many octets that were; no file: nothing."""
        try:
            file = open(path, "rb")
        except OSError as error:
            if error.errno == errno.ENOENT:
                return
            raise
        with file:
            while True:
                count = file.readinto(view)
                if not count:
                    return
                yield count
