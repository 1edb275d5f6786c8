"""Downloaded titles on the board's file system, in a folder beside the keystore's. A board may have others (its
TITLE_FILES).

    titles/TITLE-DIGEST.part    what has come; DIGEST: how the SHA-256 of the whole begins, 8 hex digits
    titles/TITLE-DIGEST.mp4     the whole, once it was looked at
    titles/codec-DIGEST.part    a codec's unit, likewise; codec-DIGEST.up the whole, until the service `updates` has it

A power cut leaves a part that is shorter, and what comes then goes on behind it. Renaming is what makes it a title.
"""

import errno
import os

PART = ".part"
WHOLE = ".mp4"
CODEC = "codec"  # in a title's place, for a codec's unit
UNIT = ".up"


def files_of(board):
    """The Titles of a board."""
    parent, slash, _ = board.STORAGE.rpartition("/")
    return Titles(getattr(board, "TITLE_FILES", None) or TitleFiles(), parent + slash + "titles/")


class TitleFiles:
    """OSError passes through, except where named."""

    def size(self, path):
        """Octets of the file; None where there is none."""
        try:
            return os.stat(path)[6]
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise

    def append(self, path):
        """The file, to be written on at its end; its folder is made where it is missing."""
        try:
            return open(path, "ab")
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            os.mkdir(path.rsplit("/", 1)[0])
            return open(path, "ab")

    def sync(self, file):
        """Returns once what was written is on the medium, as far as the port can tell."""
        file.flush()
        if hasattr(os, "fsync"):
            os.fsync(file.fileno())

    def read(self, path):
        return open(path, "rb")

    def rename(self, path, other):
        os.rename(path, other)
        if hasattr(os, "sync"):
            os.sync()

    def remove(self, path):
        os.remove(path)

    def names(self, folder):
        """The names of the files in the folder, in any order; none where there is no such folder."""
        try:
            return os.listdir(folder)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return []

    def free(self, folder):
        """Octets that there is room for; None where the port cannot tell."""
        if not hasattr(os, "statvfs"):
            return None
        found = os.statvfs(folder.rpartition("/")[0] or ("/" if folder[:1] == "/" else "."))
        return found[1] * found[3]


class Titles:
    """The titles among these files. folder: with the slash behind it."""

    def __init__(self, files, folder):
        self.files = files
        self.folder = folder

    def all(self):
        """(number, path) of each title that is whole, in order."""
        found = []
        for name in self.files.names(self.folder[:-1]):
            number = name.split("-")[0]
            if name.endswith(WHOLE) and number and not number.strip("0123456789"):
                found.append((int(number), self.folder + name))
        found.sort()
        return found

    def path_of(self, title):
        """The whole title's path, or None."""
        for number, path in self.all():
            if number == title:
                return path
        return None

    def others_go(self, title, stem):
        """What there is of this title, or of CODEC, but for `stem` is removed."""
        for name in self.files.names(self.folder[:-1]):
            if name.startswith("%s-" % title) and not name.startswith(stem):
                self.files.remove(self.folder + name)
