"""The codec of a title that was downloaded: whether there is a unit for it, and one of the shop's on its way to the
service `updates`, which judges it. Loaded when a title is here.
"""

from settop.codec import units
from settop.errors import LocalError, RemoteError
from settop.titles.files import CODEC

PIECE_BYTES = 512
NO_STEM = "/"  # which no file's name begins with
PIECES = 8  # that are read in a turn
NO_UPDATES = "no unit for it came with the firmware, and this board starts no service updates, by which one could come"
NO_USE = "the unit that came does not work here"


class Codec:
    """terminal: see settop.services.face. titles: settop.titles.files.Titles. path: of the title. `missing`: the
    codec, where there is no unit for it, else ""."""

    def __init__(self, terminal, titles, path):
        self.missing = ""
        self._services = terminal.services
        self._titles = titles
        self._files = titles.files
        self._coming = None
        self._path = path
        self._file = self._look = None
        self._piece = bytearray(PIECE_BYTES)

    def look(self):
        """A turn of reading what the title says of itself: "known", "lacking", or "" where that is not yet certain.
        What says nothing is as good as known: whoever plays it is told what is wrong with it."""
        if self._services.get("titles") is None:
            return "known"
        if self._file is None:
            from settop.titles.look import Look

            self._look = Look()
            self._file = self._files.read(self._path)
        try:
            for _ in range(PIECES):
                count = self._file.readinto(self._piece)
                if not count:
                    break
                self._look.feed(self._piece, 0, count)
                if self._look.over:
                    break
            else:
                return ""
        except RemoteError:
            count = 0
        self._end_file()
        codec = self._look.header.codec.lower()
        self._look = None
        if not count or units.knows(codec):
            self._titles.others_go(CODEC, NO_STEM)  # what a power cut left of a unit that is here
            return "known"
        self.missing = codec
        return "lacking"

    def wants(self):
        """What the shop is asked for. LocalError: the board takes no updates."""
        updates = self._services.get("updates")
        if updates is None:
            raise LocalError(NO_UPDATES)
        return updates.wants(self.missing)

    def hand(self, path):
        """A turn of giving the file at `path` to the service: "taken" when the unit runs, else "". The file goes in the
        end. RemoteError: it is refused, or does not work; OSError: the flash is full. What was here runs on."""
        try:
            return self._hand(path)
        except (LocalError, RemoteError, OSError):
            self._coming = None
            self._end_file()
            self._files.remove(path)
            raise

    def close(self):
        """It is given up."""
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.drop()
        self._end_file()

    def _hand(self, path):
        if self._coming is None:
            self._coming = self._services.get("updates").receive()
            self._file = self._files.read(path)
            return ""
        for _ in range(PIECES):
            count = self._file.readinto(self._piece)
            if not count:
                coming, self._coming = self._coming, None
                coming.finish()
                if not units.knows(self.missing):
                    raise RemoteError(NO_USE)
                self._end_file()
                self._files.remove(path)
                return "taken"
            self._coming.write(memoryview(self._piece)[:count])
        return ""

    def _end_file(self):
        file, self._file = self._file, None
        if file is not None:
            file.close()
