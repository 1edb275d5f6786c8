"""One title on its way to a player: read for what it is, then made into a copy, piece by piece. Loaded when one goes.

The file is read twice: first for its SHA-256, from which the copy's id and key follow, so that what was cut goes on;
then for its octets. Nothing is held of it but a piece.
"""

import hashlib
from gc import collect

from settop.crypto.hkdf import hkdf
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.titles.look import Look
from settop.titles.portions import NONE
from settop.wire import dock as wire

PIECE_BYTES = 512
_NO_KEY = bytes(wire.KEY_BYTES)


class Transfer:
    """open_file: the board's open(). find_key(kid): of the terminal's own keys (settop.services.titles). way: of
    wire.WAYS.

    `name`: for people; `size`: octets of the title, `codec`, from the end of reading on. `made`: octets of the copy so
    far. `copy`: the copy's id, from `begin` on. `done`: all of the copy was given by `more`.

    LocalError: there is no such file.
    """

    def __init__(self, open_file, path, way, find_key):
        self.way = way
        self.name = path.split("/")[-1][: wire.NAME_CHARS]
        self.size = 0
        self.codec = ""
        self.copy = b""
        self.done = False
        self._load_key = find_key
        self._ahead = None  # the title's key, loaded before the reader asks for it
        self._title = hashlib.sha256()
        self._look = Look()
        self._kid = b""
        self._scheme = NONE
        self._key = bytearray(0)  # for the copy
        self._piece = bytearray(PIECE_BYTES)
        if way == wire.OWN_KEY:
            import settop.titles.recode  # before memory is wanted in large pieces
        elif way == wire.TENTH:
            import settop.titles.tenth_writer  # noqa: F401
        self._out = None  # what makes the copy's octets of the title's
        self._skip = 0  # octets of the copy that the player has
        self.made = 0
        self._digest = None
        try:
            self._file = open_file(path, "rb")
        except OSError as error:
            raise LocalError("there is no title %s here (%s)" % (path, error))

    def read(self):
        """The next piece of the title: whether that was the last. RemoteError: it is none, or cannot go this way.
        OSError: the file cannot be read."""
        count = self._file.readinto(self._piece)
        if not count:
            self._end_reading()
            return True
        self.size += count
        self._title.update(memoryview(self._piece)[:count])
        if self._look is not None:
            self._look.feed(self._piece, 0, count)
            if self._look.over:
                header = self._look.header
                self.codec, self._scheme, self._kid = header.codec, header.scheme, header.kid
                self._look = None
        return False

    def _end_reading(self):
        if self._look is not None:
            raise RemoteError("no title: it has no moov")
        self._title = self._title.digest()
        if self.way == wire.OWN_KEY and self._scheme == NONE:
            raise RemoteError("the title is clear: it goes as bought")
        if self.way == wire.TENTH:
            from settop.titles.tenth_writer import CODECS

            if self.codec not in CODECS:
                raise RemoteError("every tenth octet is encrypted of MP3 alone, and this is %s" % self.codec)
        if self._scheme != NONE:
            key = self._find_key(self._kid)
            if key is None:
                raise RemoteError("there is no key %s on this terminal" % self._kid.hex())
            wipe(key)

    def begin(self, pair):
        """The copy is for the player of this pair, whose key is wiped here."""
        made = hkdf(pair, self._title, wire.copy_info(self.way), wire.COPY_BYTES)
        wipe(pair)
        self.copy = bytes(memoryview(made)[: wire.COPY_ID_BYTES])
        self._wipe_key()
        self._key = made[wire.COPY_ID_BYTES :]
        wipe(made)

    def start(self, place):
        """The player wants octets of the copy from there on. Raises as read."""
        self._drop()
        self.done = False
        self._skip = place
        self.made = 0
        self._file.seek(0)
        if self.way == wire.AS_BOUGHT:
            self._file.seek(place)
            self.made = place
            self._skip = 0
            if place > self.size:
                raise RemoteError("the player has more of the title than there is")
            return
        self._digest = hashlib.sha256()
        if self._scheme != NONE:
            self._ahead = self._load_key(self._kid)
        # What it takes must lie in one piece each, and a board's heap is in many by now.
        collect()
        if self.way == wire.OWN_KEY:
            from settop.titles.recode import Recoder

            copy_key = self._key
            self._out = Recoder(self._find_key, lambda kid: hkdf(copy_key, b"", wire.sample_info(kid), wire.KEY_BYTES))
        else:
            from settop.titles.tenth_writer import TenthWriter

            self._out = TenthWriter(self._find_key, bytearray(self._key))

    def more(self, room):
        """Up to so many octets of the copy (PIECE_BYTES at most), b"" where some must be read before, or it is done.
        Raises as read."""
        room = min(room, PIECE_BYTES)
        view = memoryview(self._piece)
        if self.way == wire.AS_BOUGHT:
            count = self._file.readinto(view[:room])
            self.done = not count
            self.made += count
            return view[:count]
        out = self._out
        if not out.waiting():
            count = self._file.readinto(self._piece)
            if count:
                out.feed(self._piece, 0, count)
            elif not self.done:
                out.finish()
                self.done = not out.waiting()
        while self._skip and out.waiting():
            self._skip -= self._take(out, min(self._skip, PIECE_BYTES))[0]
        if self._skip:
            return b""
        return self._take(out, room)[1]

    def _take(self, out, room):
        octets = out.take(room)
        self._digest.update(octets)
        self.made += len(octets)
        return len(octets), octets

    def end(self):
        """(octets, SHA-256, key id, key) of the copy, behind its last octet; the key for the caller to wipe."""
        if self.way != wire.AS_BOUGHT:
            return self.made, self._digest.digest(), _NO_KEY, bytearray(self._key)
        key = bytearray(_NO_KEY) if self._scheme == NONE else self._find_key(self._kid)
        if key is None:
            raise RemoteError("the title's key is gone")
        return self.size, self._title, self._kid or _NO_KEY, key

    def close(self):
        """It is over: file and keys are given back."""
        self._drop()
        self._wipe_key()
        self._file.close()

    def _drop(self):
        if self._out is not None:
            self._out.close()
            self._out = None
        if self._ahead is not None:
            wipe(self._ahead)
            self._ahead = None

    def _find_key(self, kid):
        """A board's stack is small: where the reader asks, there is little of it left for a keystore."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and kid == self._kid:
            return ahead
        return self._load_key(kid)

    def _wipe_key(self):
        wipe(self._key)
