"""Slot files on the board's file system. A board may have others (its FILES), and the tests have some that fail."""

import errno
import os


class SlotFiles:
    """Slot files on a real file system. OSError passes through, except where named."""

    def read(self, path, limit):
        """At most `limit` bytes of the file; None where there is no such file."""
        try:
            file = open(path, "rb")
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        with file:
            size = file.seek(0, 2)  # read() takes a piece of memory as large as it is told: a call has none of 4 KB
            file.seek(0)
            return file.read(min(size, limit))

    def write(self, path, data):
        """Replaces the file's content and returns once it is on the medium, as far as the port can tell.

        Makes the folder where it is missing (its parent must exist).
        """
        try:
            file = open(path, "wb")
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            os.mkdir(path.rsplit("/", 1)[0])
            file = open(path, "wb")
        with file:
            file.write(data)
            file.flush()
            if hasattr(os, "fsync"):
                os.fsync(file.fileno())
        if not hasattr(os, "fsync") and hasattr(os, "sync"):
            os.sync()

    def remove(self, path):
        """Takes the file away; one that is not there is no error."""
        try:
            os.remove(path)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise

    def names(self, folder):
        """The names of the files in the folder, in any order; none where there is no such folder."""
        try:
            return os.listdir(folder)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return []
