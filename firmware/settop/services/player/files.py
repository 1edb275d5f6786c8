"""A player's copies on its file system, piece by piece. A board may have others (its COPIES)."""

import errno
import os

_FULL = 28  # ENOSPC, which MicroPython's errno does not name


class CopyFiles:
    """folder: where they lie; it is made where it is missing. OSError passes through, except where named."""

    def __init__(self, folder):
        self._folder = folder
        self._file = None

    def names(self):
        """Of the files that there are, in any order."""
        try:
            return os.listdir(self._folder)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return []

    def size(self, name):
        """Octets of a file; None where there is none."""
        try:
            return os.stat(self._path(name))[6]
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return None

    def free(self):
        """Octets that there is room for."""
        folder = self._folder.rpartition("/")[0]
        found = os.statvfs(folder or ("/" if self._folder[:1] == "/" else "."))
        return found[0] * found[3]

    def begin(self, name):
        """What is appended goes behind what this file has; one that is not there is made."""
        self.close()
        try:
            self._file = open(self._path(name), "ab")
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            os.mkdir(self._folder)
            self._file = open(self._path(name), "ab")

    def append(self, octets):
        """OSError: the medium is full."""
        if self._file.write(octets) != len(octets):
            raise OSError(_FULL)

    def sync(self):
        """What was appended outlives the power from here on, as far as the port can tell."""
        self._file.flush()
        if hasattr(os, "fsync"):
            os.fsync(self._file.fileno())
        elif hasattr(os, "sync"):
            os.sync()

    def close(self):
        """Ends what was begun."""
        file = self._file
        if file is not None:
            try:
                self.sync()
            finally:
                self._file = None
                file.close()

    def open(self, name, mode="rb"):
        """The file, to be read and closed."""
        return open(self._path(name), "rb")

    def remove(self, name):
        """Takes the file away; one that is not there is no error."""
        try:
            os.remove(self._path(name))
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise

    def _path(self, name):
        return self._folder + "/" + name
