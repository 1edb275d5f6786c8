"""What reads a player's copy, with the face of settop.titles.reader.TitleReader: as a title, or as MP3 of which every
tenth octet is encrypted."""

from settop.errors import LocalError, RemoteError


class Tenth:
    """The header of MP3 of which every tenth octet is encrypted: what there is to tell."""

    codec = "mp4a.6b"
    rate = 0
    scheme = "tenth"
    kid = b""


class TenthCopy:
    """find_key(kid): the copy's key, asked for when the first octets come. sink: as TitleReader has it."""

    header = Tenth
    playing = True
    damaged = 0  # as the codec's unit has it

    def __init__(self, find_key, sink):
        self.unit = self
        self._find_key = find_key
        self._sink = sink
        self._reader = None

    def samples(self):
        return self._reader.frames if self._reader is not None else 0

    def feed(self, octets, start=0, end=None):
        if self._reader is None:
            from settop.titles.tenth import TenthReader

            self._reader = TenthReader(self._find_key(b""), self._sink)
        return self._reader.feed(octets, start, end)

    def flush(self):
        return self._reader is None or self._reader.flush()

    def finish(self):
        if self._reader is None:
            raise RemoteError("the copy is empty")
        self._reader.finish()

    def jump(self, place):
        raise LocalError("MP3 has no index to seek by")

    def close(self):
        if self._reader is not None:
            self._reader.close()
