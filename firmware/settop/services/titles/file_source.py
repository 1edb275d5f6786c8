"""A title's octets from the board's file system, piece by piece."""

from settop.errors import LocalError

PIECE_BYTES = 512


class FileSource:
    """open_file: the board's open(). piece[at:end]: what is to be taken next; whoever takes it moves `at` on. `done`:
    no more follows; `why`: what went wrong, or "".

    LocalError: there is no such file.
    """

    def __init__(self, open_file, path):
        self.piece = bytearray(PIECE_BYTES)
        self.at = self.end = 0
        self.done = False
        self.why = ""
        try:
            self._file = open_file(path, "rb")
        except OSError as error:
            raise LocalError("there is no title %s here (%s)" % (path, error))

    def begin(self, place, now_ms):
        """From octet `place` on."""
        self.at = self.end = 0
        self.done = False
        try:
            self._file.seek(place)
        except OSError as error:
            self._fail(error)

    def step(self, now_ms):
        """The next piece, where the last was taken. Returns when it wants to be called again, or None."""
        if self.at == self.end and not self.done and not self.why:
            self.at = self.end = 0
            try:
                self.end = self._file.readinto(self.piece)
            except OSError as error:
                self._fail(error)
            self.done = not self.end
        return None

    def close(self, now_ms):
        self._file.close()

    def _fail(self, error):
        self.why = "the file cannot be read: %s" % error
