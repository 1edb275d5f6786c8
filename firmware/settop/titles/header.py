"""What `moov` says of the track that is played: codec, clock, how it is encrypted, under which key (ISO/IEC 14496-12,
8; 23001-7, 8). Its actions are those of `reader.ROWS`.
"""

from settop.errors import RemoteError
from settop.titles.boxes import FIELDS_BYTES, PASS_OVER, name_of, number
from settop.titles.portions import CBCS, CENC, NONE

SOUND, FILM = b"soun", b"vide"
LOCK_BYTES = 37
"""The longest that a lock is in a box."""
_ENTRY_BYTES = {SOUND: 28, FILM: 78}
_DESCRIPTIONS = 4
_PLAIN_LOCK_BYTES = 20
_IV_SIZES = (8, 16)
# Octets that a sound description of QuickTime's version 1 has behind its fields.
_VERSION_1_BYTES = 16
_NAMES = {b"ms\0\x11": "ms.0011", b".mp3": "mp4a.6b"}
_AAC = 0x40
_ES, _CONFIG, _SPECIFIC = 3, 4, 5


def read_lock(fields, at, end, patterned):
    """How samples are encrypted, from fields[at:end], as it stands in `tenc` and `seig` (23001-7, 8.2 and 6), from
    the octet in front of the pattern on. patterned: whether that is one. RemoteError: what cannot be.

    (key id, octets of each sample's IV, IV of all where that is 0, encrypted blocks of the pattern, clear ones); None:
    they are clear.
    """
    protected, iv_bytes = fields[at + 2], fields[at + 3]
    if protected > 1 or (protected and iv_bytes and iv_bytes not in _IV_SIZES):
        raise RemoteError("tenc or seig says what cannot be: encrypted %d, IVs of %d octets" % (protected, iv_bytes))
    if not protected:
        return None
    kid = bytes(fields[at + 4 : at + _PLAIN_LOCK_BYTES])
    pattern = fields[at + 1] if patterned else 0
    if pattern & 15 and not pattern >> 4:
        raise RemoteError("a pattern in which nothing is encrypted")
    iv = b""
    if not iv_bytes:
        at += _PLAIN_LOCK_BYTES
        count = fields[at] if at < end else 0
        if count not in _IV_SIZES or at + 1 + count > end:
            raise RemoteError("a constant IV of %d octets: it must have 8 or 16" % count)
        iv = bytes(fields[at + 1 : at + 1 + count])
    return kid, iv_bytes, iv, pattern >> 4, pattern & 15


class Header:
    """Reads the first track of `kind`, SOUND or FILM. After `moov`: `track` (its number, 0: there is none), `codec` (as
    settop.codec.units has it), `rate` in Hz, `channels`, `extra` (for the codec's unit), `timescale` in ticks a second,
    `scheme` ("none", "cenc", "cbcs"), `kid` (16 octets, b"" where no description is encrypted), `locks` (of each
    description, see read_lock; False: of another codec than the first one), `description` and `size` (of `trex`: what
    samples have that say nothing else)."""

    def __init__(self, kind):
        self._kind = kind
        self.track = self.size = 0
        self.description = 1
        self._number = 0
        self._mine = False  # the track at hand is of that kind
        self._forget()

    def _forget(self):
        self._entries = 0
        self._first = None
        self.locks = []
        self.scheme = NONE
        self.kid = b""
        self.timescale = 0
        self._begin_entry()

    def _begin_entry(self):
        self.codec = ""
        self.rate = self.channels = 0
        self.extra = b""
        self._lock = None
        self._scheme = NONE
        self._encrypted = self._told = False
        self._block = self._bits = 0

    def tkhd(self, step, fields, boxes):
        if not step:
            return 24
        self._number = number(fields, 20 if fields[0] else 12)
        return 0

    def mdhd(self, step, fields, boxes):
        if not step:
            return 24
        if not self.track:
            self.timescale = number(fields, 20 if fields[0] else 12)
        return 0

    def hdlr(self, step, fields, boxes):
        if not step:
            return 12
        if self.takes():
            raise RemoteError("a track that says twice what it is (hdlr)")
        self._mine = not self.track and bytes(fields[8:12]) == self._kind
        self._entries = 0
        return 0

    def end_track(self):
        """A `trak` is over: whether it is the one that is played."""
        if self.takes():
            self.track = self._number
            if not self.timescale or not self.track:
                raise RemoteError("the title's track has no number, or no clock")
        elif not self.track:
            self._forget()
        self._mine = False
        self._number = 0

    def stsd(self, step, fields, boxes):
        return 0 if step else 8

    def entry(self, step, fields, boxes):
        """A sample description."""
        if not step:
            self._entries += self._mine
            if not self.takes() or self._entries > _DESCRIPTIONS:
                return PASS_OVER
            self._begin_entry()
            self._encrypted = boxes.kind in (b"enca", b"encv")
            self._name(boxes.kind)
            return _ENTRY_BYTES[self._kind]
        if step == 1 and self._kind == SOUND:
            version = number(fields, 8, 2)
            self.channels = number(fields, 16, 2)
            self._bits = number(fields, 18, 2)
            self.rate = number(fields, 24, 2)
            if version > 1:
                raise RemoteError("a sound description of version %d" % version)
            return _VERSION_1_BYTES if version else 0
        if step == 2:
            self._block = number(fields, 8)
        return 0

    def end_entry(self):
        """A sample description is over. RemoteError: what it says cannot be, or is not known here."""
        if self._told and not self._encrypted:
            raise RemoteError("the title says that it is clear, and how it is encrypted")
        if self._encrypted:
            if not self._told or self._scheme == NONE:
                raise RemoteError("the title is encrypted, and does not say how (sinf with frma, schm and tenc)")
            if self._scheme not in (CENC, CBCS):
                raise RemoteError("a title of scheme %s: this terminal opens cenc and cbcs" % self._scheme)
            if self.scheme not in (NONE, self._scheme):
                raise RemoteError("a title of two schemes")
            self.scheme = self._scheme
            if self._lock and not self.kid:
                self.kid = self._lock[0]
        if self.codec == "ms.0011":
            self.extra = bytes((self._block & 0xFF, self._block >> 8 & 0xFF))
        elif self.codec == "sowt":
            self.extra = bytes((self._bits & 0xFF,))
        found = (self.codec, self.rate, self.channels, self.extra)
        if self._first is None:
            self._first = found
        self.locks.append(self._lock if found == self._first else False)

    def esds(self, step, fields, boxes):
        """What an `mp4a` is (ISO/IEC 14496-14, 5.6): descriptors in descriptors."""
        if step < 2:
            self._length = min(boxes.rest(), FIELDS_BYTES)
            return self._length if step else 4
        at = 0
        kind = None
        while at + 2 <= self._length and kind != _SPECIFIC:
            kind = fields[at]
            at, size = self._descriptor(fields, at + 1)
            if kind == _ES:
                flags = fields[at + 2] if at + 2 < self._length else 0xFF
                if flags & 0xE0:
                    raise RemoteError("esds depends on another stream, or names a place")
                at += 3
            elif kind == _CONFIG and at + 13 <= self._length:
                self.codec = "mp4a.%x" % fields[at]
                at += 13
            elif kind == _SPECIFIC:
                self.extra = bytes(fields[at : min(self._length, at + size)])
            else:
                at += size
        if self.codec == "mp4a.%x" % _AAC:
            if not self.extra:
                raise RemoteError("AAC without its configuration")
            self.codec = "mp4a.40.%d" % (self.extra[0] >> 3)
        return 0

    def _descriptor(self, fields, at):
        """(where its body begins, its size)"""
        size = 0
        for _ in range(4):
            if at >= self._length:
                break
            octet = fields[at]
            at += 1
            size = size << 7 | octet & 0x7F
            if octet < 0x80:
                break
        return at, size

    def pcmc(self, step, fields, boxes):
        """How PCM lies (ISO/IEC 23003-5, 4.4)."""
        if not step:
            return 6
        if not fields[4] & 1 and fields[5] > 8:
            raise RemoteError("PCM with the high octet first")
        self.extra = bytes((fields[5],))
        return 0

    def frma(self, step, fields, boxes):
        if not step:
            return 4
        if self.codec in ("enca", "encv"):  # else esds has said more
            self._name(bytes(fields[:4]))
        return 0

    def schm(self, step, fields, boxes):
        if not step:
            return 8
        self._scheme = name_of(fields[4:8])
        return 0

    def tenc(self, step, fields, boxes):
        """How samples are encrypted where nothing else is said (23001-7, 8.2)."""
        if not step:
            self._length = max(24, min(boxes.rest(), 4 + LOCK_BYTES))
            return self._length
        if fields[0] > 1:
            raise RemoteError("tenc of version %d: 0 and 1 are known" % fields[0])
        self._lock = read_lock(fields, 4, self._length, fields[0])
        self._told = True
        return 0

    def trex(self, step, fields, boxes):
        if not step:
            return 24
        if number(fields, 4) == self.track:
            self.description = number(fields, 8)
            self.size = number(fields, 16)
        return 0

    def end(self):
        """`moov` is over. RemoteError: it has no track that could be played."""
        if not self.track:
            raise RemoteError("the title has no track of kind %s" % name_of(self._kind))
        self.codec, self.rate, self.channels, self.extra = self._first

    def takes(self):
        """Whether the track at hand is the one that is played, as far as it was read."""
        return self._mine and self._entries > 0

    def _name(self, kind):
        self.codec = _NAMES.get(kind) or name_of(kind)
