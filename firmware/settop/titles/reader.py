"""Plays a title piece by piece: fragmented MP4 with Common Encryption (docs/titles.md), as it comes. No IO.

Octets go in by `feed`, in pieces of any size; samples go to the codec's unit, which goes on to the decoder chip. What
is held does not grow with the title: a box's few fields, a fragment's tables, a portion that is being decrypted. Of a
sample nothing is put out before it is known where it ends and how it opens.
"""

from settop.codec import units
from settop.errors import LocalError, RemoteError
from settop.titles.boxes import INSIDE, PASS, STREAM, Boxes
from settop.titles.fragment import Fragment
from settop.titles.header import SOUND, Header
from settop.titles.samples import Samples

# What holds it, kind, action, what follows (boxes.py).
ROWS = (
    (b"", b"moov", "begin_movie", INSIDE),
    (b"moov", b"trak", "", INSIDE),
    (b"trak", b"tkhd", "tkhd", PASS),
    (b"trak", b"mdia", "", INSIDE),
    (b"mdia", b"mdhd", "mdhd", PASS),
    (b"mdia", b"hdlr", "hdlr", PASS),
    (b"mdia", b"minf", "", INSIDE),
    (b"minf", b"stbl", "", INSIDE),
    (b"stbl", b"stsd", "stsd", INSIDE),
    (b"stbl", b"sgpd", "group", PASS),
    (b"stbl", b"sbgp", "group", PASS),
    (b"stbl", b"", "table", PASS),
    (b"stsd", b"", "entry", INSIDE),
    (b"entry", b"esds", "esds", PASS),
    (b"entry", b"pcmC", "pcmc", PASS),
    (b"entry", b"sinf", "", INSIDE),
    (b"sinf", b"frma", "frma", PASS),
    (b"sinf", b"schm", "schm", PASS),
    (b"sinf", b"schi", "", INSIDE),
    (b"schi", b"tenc", "tenc", PASS),
    (b"moov", b"mvex", "", INSIDE),
    (b"mvex", b"trex", "trex", PASS),
    (b"", b"moof", "begin_fragment", INSIDE),
    (b"moof", b"traf", "begin_traf", INSIDE),
    (b"traf", b"tfhd", "tfhd", PASS),
    (b"traf", b"trun", "trun", PASS),
    (b"traf", b"senc", "senc", PASS),
    (b"traf", b"saiz", "saiz", PASS),
    (b"traf", b"saio", "saio", PASS),
    (b"traf", b"sgpd", "group", PASS),
    (b"traf", b"sbgp", "group", PASS),
    (b"", b"mdat", "begin_media", STREAM),
)


class TitleReader:
    """keys(kid): the key (bytearray of 16, which is wiped here) for a key id of 16 octets, or None. It is asked when
    the first encrypted sample comes, and again where the key id changes. sink: what the codec's unit writes to
    (settop.codec.vs1053, or another with its `write`). kind: which track, SOUND or FILM. make: makes the unit, as
    settop.codec.units.make does.

    `header`: what moov said (header.Header), from `playing` on. `unit`: the codec's, from then on.
    """

    def __init__(self, keys, sink, kind=SOUND, make=units.make):
        self.header = Header(kind)
        self.playing = False
        self.unit = None
        self._keys = keys
        self._sink = sink
        self._make = make
        self._fragment = Fragment(self.header)
        self._boxes = Boxes(ROWS, self, (self._fragment, self.header))
        self._samples = None
        self._why = ""

    def samples(self):
        """How many samples went to the unit, the one at hand not counted."""
        return self._samples.played if self._samples else 0

    def feed(self, octets, start=0, end=None):
        """Takes octets[start:end] as far as there is room, and gives how many octets that are.

        RemoteError: the title cannot be played, or not from here on; what was good is with the unit. It is said again
        by each further call.
        """
        if end is None:
            end = len(octets)
        if self._why:
            raise RemoteError(self._why)
        try:
            return self._boxes.feed(octets, start, end) if self._move_on() else 0
        except RemoteError as error:
            self._why = str(error)
            raise

    def flush(self):
        """Moves on what waits for room; whether nothing does any more."""
        return self._move_on() and (self.unit is None or self.unit.flush())

    def _move_on(self):
        return self._samples is None or self._samples.move_on()

    def finish(self):
        """The title's octets are all fed and taken, and flushed. RemoteError: it cannot end here, or never began."""
        if not self._why and not self.playing:
            self._why = "the title ends before anything of it could be played: it has no moov"
        if not self._why and not (self._boxes.whole() and self._samples.all_came()):
            self._why = "the title ends in the middle: it is cut"
        if self._why:
            raise RemoteError(self._why)

    def jump(self, place):
        """The next octets are those from `place` of the title on, where a fragment begins (`index.Index`): what waits
        of this one is given up. LocalError: the header was not read yet. RemoteError: the title was refused."""
        if self._why:
            raise RemoteError(self._why)
        if not self.playing:
            raise LocalError("a title is played from its header on; jump() comes later")
        self.unit.drop()
        self._samples.drop()
        self._fragment.begin(place)
        self._samples.begin_fragment()
        self._boxes.jump(place)

    def close(self):
        """It is over here and now: wipes the key and what was decrypted; what waits is given up."""
        if self._samples is not None:
            self._samples.close()
        if self.unit is not None:
            self.unit.drop()
        self._why = self._why or "the title was closed"

    # --- boxes --------------------------------------------------------------------------------------------------------

    def begin_movie(self, step, fields, boxes):
        if self.playing:
            raise RemoteError("a title with two moov")
        return 0

    def begin_fragment(self, step, fields, boxes):
        if not self.playing:
            raise RemoteError("a fragment (moof) before moov")
        if not self._samples.all_came():
            raise RemoteError("a fragment names more octets than came with it")
        self._fragment.begin(boxes.start)
        self._samples.begin_fragment()
        return 0

    def begin_media(self, step, fields, boxes):
        if not self.playing:
            raise RemoteError("media before moov: not a file that can be played as it comes")
        return 0

    def media(self, octets, start, end):
        return self._samples.take(octets, start, end, self._boxes.at, self._boxes.end)

    def end_box(self, kind):
        """A box that holds others is over."""
        if kind == b"entry":
            self.header.end_entry()
        elif kind == b"trak":
            self.header.end_track()
        elif kind == b"moov":
            self._begin_playing()
        elif kind in (b"traf", b"stbl"):
            self._fragment.end_traf()

    def _begin_playing(self):
        header = self.header
        header.end()
        self.unit = self._make(header.codec, self._sink, header.rate, header.channels, header.extra)
        self._samples = Samples(header.scheme, self._fragment, self._keys, self.unit)
        self.playing = True
