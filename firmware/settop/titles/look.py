"""What a title's header says, for who does not play it: without the places that a reader keeps for fragments."""

from settop.titles.boxes import Boxes
from settop.titles.header import SOUND, Header
from settop.titles.reader import ROWS


def _is_wanted(row):
    """Whether a row is of `moov`, and no table of samples or groups."""
    if row[0] == b"":
        return row[1] == b"moov"
    return row[0] not in (b"moof", b"traf") and row[2] not in ("group", "table")


class Look:
    """Octets of the title's beginning go in by `feed`, in pieces of any size, until `over`: then `header` is known
    (settop.titles.header.Header)."""

    def __init__(self):
        self.header = Header(SOUND)
        self.over = False
        self._boxes = Boxes([row for row in ROWS if _is_wanted(row)], self, (self.header,))

    def feed(self, octets, start, end):
        """octets[start:end]. RemoteError: no title, or none that could be played."""
        if not self.over:
            self._boxes.feed(octets, start, end)

    def begin_movie(self, step, fields, boxes):
        return 0

    def end_box(self, kind):
        """As TitleReader has it."""
        if self.over:
            return
        if kind == b"entry":
            self.header.end_entry()
        elif kind == b"trak":
            self.header.end_track()
        elif kind == b"moov":
            self.header.end()
            self.over = True
