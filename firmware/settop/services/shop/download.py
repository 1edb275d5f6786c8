"""A title on its way into flash: what has come stays, what breaks off goes on behind it, and the whole is looked at
before it counts as a title."""

import hashlib

from settop.errors import LocalError, RemoteError
from settop.titles.files import CODEC, PART, UNIT, WHOLE

SYNC_OCTETS = 4096  # a block of a board's flash
PIECE_BYTES = 1024
PIECES = 8  # that are looked at in a turn
SPARE_OCTETS = 16384  # for records, and what the file system keeps of a file
LONGEST_MS = 86400000
FULL = "the flash has room for %d octets more, and the title takes %d"
WRONG = "what came is not the title that was bought: say shop download again"
FULL_FOR_CODEC = "the flash has room for %d octets more, and the codec takes %d"
WRONG_CODEC = "what came is not the codec that the shop has: say shop download again"


class Download:
    """fetch: a settop.net.fetch.Fetch, which is given over. files: settop.titles.files.Titles. title: its
    number, or CODEC; octets, digest: of the whole. `state`: "coming", "looking", "done"; `path`; `begun`: how many
    octets were here already; `here`: how many are.

    Raises LocalError where the flash has no room for it, OSError.
    """

    def __init__(self, fetch, files, title, octets, digest, url, now_ms):
        self.state = "coming"
        self._titles = files
        self._files = files.files
        self._fetch = fetch
        self._digest = digest
        self._octets = octets
        self._file = self._hash = None
        self._unsynced = 0
        self._broken = None
        self._is_codec = title == CODEC
        stem = "%s-%s" % (title, bytes(digest[:4]).hex())
        self._part = files.folder + stem + PART
        self.path = files.folder + stem + (UNIT if self._is_codec else WHOLE)
        if self._files.size(self.path) == octets:
            self.begun = self.here = octets
            self.state = "done"
            return
        files.others_go(title, stem)
        self.begun = self._files.size(self._part) or 0
        if self.begun > octets:
            self._files.remove(self._part)
            self.begun = 0
        self.here = self.begun
        free = self._files.free(files.folder[:-1])
        spare = SPARE_OCTETS + (octets if self._is_codec else 0)  # the service `updates` keeps its own copy
        if free is not None and free < octets - self.begun + spare:
            full = FULL_FOR_CODEC if self._is_codec else FULL
            raise LocalError(full % (max(0, free - spare), octets - self.begun))
        if self.begun == octets:
            self._look()
            return
        self._file = self._files.append(self._part)
        try:
            fetch.get(url, self._take, now_ms, limit=octets, longest_ms=LONGEST_MS, start=self.begun)
        except Exception:
            self.close()
            raise

    def step(self, now_ms):
        """Returns when it wants to be called again, or None. RemoteError: the title does not come, or is another one;
        OSError: the flash refuses."""
        if self.state == "coming":
            due_ms = self._fetch.step(now_ms)
            if self._broken is not None:
                raise self._broken
            if self._fetch.state == "failed":
                raise RemoteError(self._fetch.failure)
            if self._fetch.total is not None and self._fetch.total != self._octets:
                raise RemoteError("the server has %d octets of it, not %d" % (self._fetch.total, self._octets))
            if self._fetch.state != "done":
                return due_ms
            self.close()
            self._look()
        if self.state == "looking":
            self._look_on()
        return now_ms

    def close(self):
        """What has come is on the medium; no more follows."""
        self._fetch.give_up()
        file, self._file = self._file, None
        if file is not None:
            with file:
                self._files.sync(file)

    def _take(self, view, at):
        if self._broken is not None:
            return 0
        try:
            count = self._file.write(view)
            if count != len(view):
                raise OSError(28)  # ENOSPC, which MicroPython's errno does not name
            self.here += count
            self._unsynced += count
            if self._unsynced >= SYNC_OCTETS:
                self._unsynced = 0
                self._files.sync(self._file)
        except OSError as error:
            self._broken = error
            return 0
        return count

    def _look(self):
        self.state = "looking"
        self._piece = bytearray(PIECE_BYTES)
        self._hash = hashlib.sha256()
        self._file = self._files.read(self._part)

    def _look_on(self):
        view = memoryview(self._piece)
        for _ in range(PIECES):
            count = self._file.readinto(self._piece)
            if not count:
                self._judge()
                return
            self._hash.update(view[:count])

    def _judge(self):
        file, self._file = self._file, None
        file.close()
        if self._hash.digest() != bytes(self._digest):
            self._files.remove(self._part)
            raise RemoteError(WRONG_CODEC if self._is_codec else WRONG)
        self._files.rename(self._part, self.path)
        self.state = "done"
