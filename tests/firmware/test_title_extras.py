"""Extras and the purchaser's number on the terminal: from any copy, in pieces, and nothing of megabytes is held."""

import gc
import sys

from kit import Skip, raises
from settop.errors import RemoteError
from settop.titles.extras import BINARY, JPEG, TEXT, Extras, Texts
from title_rig import box, inserted, number
from title_vectors import CBCS, CENC, CLEAR

MICROPYTHON = sys.implementation.name == "micropython"


def value(octets, kind=TEXT):
    return box(b"data", number(kind), bytes(4), octets)


def own(name, octets, kind=TEXT, mean=b"ringcast"):
    return box(b"----", box(b"mean", bytes(4), mean), box(b"name", bytes(4), name), value(octets, kind))


HANDLER = box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
COVER = b"\xff\xd8\xff" + bytes(range(256)) * 5
ITEMS = (
    box(b"\xa9nam", value(b"A tune")),
    box(b"\xa9lyr", value("la l\u00e0 \u20ac\n".encode() * 40)),
    box(b"covr", value(COVER, JPEG), value(b"another", JPEG)),
    own(b"score", b"\0\xff" * 9, BINARY),
    own(b"empty", b""),
    own(b"tour", b"May", mean=b"com.apple.iTunes"),
    box(b"\xa9too", value(b"Lavf")),
    own(b"purchaser", b"18446744073709551615"),
)


def udta(*items, quicktime=False):
    return box(b"udta", box(b"name", b"x"), box(b"meta", b"" if quicktime else bytes(4), HANDLER, box(b"ilst", *items)))


def with_items(title, *items, **how):
    return inserted(title, (b"moov",), udta(*items, **how))


class Kept:
    """Keeps what it wants; takes `most` octets at a time."""

    def __init__(self, most=None, wants=None):
        self.found = {}
        self._most = most
        self._wants = wants

    def begin(self, name, kind, size):
        assert name not in self.found
        self._name, self._size = name, size
        if self._wants is not None and name not in self._wants:
            return False
        self.found[name] = (kind, bytearray())
        return True

    def write(self, octets, start, end):
        count = end - start if self._most is None else min(self._most, end - start)
        self.found[self._name][1].extend(octets[start : start + count])
        assert len(self.found[self._name][1]) <= self._size
        return count


def read(title, step=100, sink=None):
    sink = sink or Kept()
    extras = Extras(sink)
    at = 0
    while at < len(title):
        at += extras.feed(title, at, min(len(title), at + step))
    extras.finish()
    return extras, {name: (kind, bytes(octets)) for name, (kind, octets) in sink.found.items()}


WANTED = {
    "title": (TEXT, b"A tune"),
    "lyrics": (TEXT, "la l\u00e0 \u20ac\n".encode() * 40),
    "cover": (JPEG, COVER),
    "score": (BINARY, b"\0\xff" * 9),
    "empty": (TEXT, b""),
}


def test_extras_are_read_from_any_copy():
    for title in (CLEAR, CENC, CBCS):
        for quicktime in (False, True):
            made = with_items(title, *ITEMS, quicktime=quicktime)
            for step in (64, 5000) if MICROPYTHON else (1, 2, 7, 64, 100, 5000):
                extras, found = read(made, step)
                assert found == WANTED and extras.purchaser == (1 << 64) - 1 and extras.done


def test_moov_may_come_last():
    moov = with_items(CLEAR, *ITEMS)[28:]
    moov = moov[: int.from_bytes(moov[:4], "big")]
    assert read(CLEAR[:28] + box(b"mdat", bytes(3000)) + moov)[1] == WANTED
    assert read(CLEAR[:28] + number(1) + b"mdat" + number(20, 8) + bytes(4) + moov)[1] == WANTED


def test_meta_may_begin_with_any_box():
    ilst = box(b"ilst", ITEMS[0])
    for boxes in ((ilst,), (box(b"free"), ilst), (ilst, HANDLER)):
        made = inserted(CLEAR, (b"moov",), box(b"udta", box(b"meta", bytes(4), *boxes)))
        for step in (50, 1) if len(boxes) == 1 else (50,):
            assert read(made, step)[1] == {"title": (TEXT, b"A tune")}
    for empty in (box(b"udta"), box(b"udta", box(b"meta")), box(b"udta", box(b"meta", bytes(4)))):
        extras, found = read(inserted(CLEAR, (b"moov",), empty))
        assert not found and extras.purchaser is None


def test_a_sink_takes_what_it_has_room_for_and_what_it_wants():
    made = with_items(CENC, *ITEMS)
    assert read(made, 100, Kept(1))[1] == WANTED
    assert read(made, 100, Kept(wants=("cover",)))[1] == {"cover": WANTED["cover"]}


def test_what_follows_moov_is_of_no_interest():
    made = with_items(CENC, *ITEMS)
    extras, found = read(made + b"\xff" * 50)
    assert found == WANTED and extras.feed(b"anything") == 8


def test_a_title_without_a_number_has_none_and_the_first_one_counts():
    assert read(CLEAR)[0].purchaser is None
    assert read(with_items(CLEAR, own(b"purchaser", b"7"), own(b"purchaser", b"8")))[0].purchaser == 7
    # Of another's name it is an extra of no interest.
    assert read(with_items(CLEAR, own(b"purchaser", b"7", mean=b"somebody")))[0].purchaser is None


def test_a_number_that_is_none_is_refused():
    for text in (
        b"",
        b"-1",
        b"+1",
        b"4 2",
        b"0x10",
        b"1.5",
        b"18446744073709551616",
        b"9" * 20,
        b"1" * 21,
        b"\xd9\xa1",
    ):
        sink = Kept()
        extras = Extras(sink)
        with raises(RemoteError) as caught:
            extras.feed(with_items(CLEAR, own(b"purchaser", text)))
        assert "64 bits" in str(caught.value) and extras.purchaser is None
        with raises(RemoteError):
            extras.feed(b"more")
        with raises(RemoteError):
            extras.finish()


def test_names_that_cannot_be_are_passed_over():
    for name in (b"", b"n" * 65, b"n" * 200, b"\x1b[2J", b"\xc3\xa4", b"a\nb"):
        assert read(with_items(CLEAR, own(name, b"text")))[1] == {}
    assert list(read(with_items(CLEAR, own(b"n" * 64, b"text")))[1]) == ["n" * 64]


def test_a_title_that_is_cut_or_lies_says_so():
    made = with_items(CENC, *ITEMS)
    end = made.index(b"sidx") - 4
    for cut in range(0, end, 211 if MICROPYTHON else 3):
        with raises(RemoteError):
            read(made[:cut])
    for kind in (b"udta", b"meta", b"ilst", b"covr", b"data", b"mean", b"name"):
        at = made.index(kind, made.rindex(b"udta")) - 4
        for size in (0, 0xFFFFFFFF) if MICROPYTHON else (0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF):
            if (kind, size) == (b"meta", 1):
                continue  # what follows is a size that can be
            with raises(RemoteError):
                read(made[:at] + number(size) + made[at + 4 :])
    with raises(RemoteError):
        read(b"RIFF\0\0\0\0WAVEfmt ")


def test_texts_are_kept_as_far_as_there_is_room():
    made = with_items(CENC, *ITEMS)
    for step in (50,) if MICROPYTHON else (1, 50, 5000):
        for most in (6, 7, 8, 9, 10, 11, 200):
            texts = Texts(("title", "lyrics"), most)
            read_into(made, texts, step)
            whole = "la l\u00e0 \u20ac\n" * 40
            assert texts.cut == ["lyrics"] and texts.get("title") == "A tune"
            text = texts.get("lyrics")
            assert whole.startswith(text) and most - 3 <= len(text.encode()) <= most
    texts = Texts()
    read_into(made, texts, 50)
    assert texts.get("title") == "A tune" and not texts.get("lyrics") and not texts.get("cover") and not texts.cut


def read_into(made, sink, step):
    extras = Extras(sink)
    for at in range(0, len(made), step):
        count = min(step, len(made) - at)
        assert extras.feed(made, at, at + count) == count


def test_texts_do_nothing_to_a_console():
    made = with_items(
        CLEAR, box(b"\xa9nam", value(b"\x1b[2J\r\x07a\x7f\n\xc2\x9bb")), box(b"\xa9ART", value(b"\xff\xfea"))
    )
    texts = Texts()
    read_into(made, texts, 50)
    assert texts.get("title") == "?[2J??a?\n?b" and texts.get("artist") == "??a"


class Swallows:
    octets = 0

    def begin(self, name, kind, size):
        return True

    def write(self, octets, start, end):
        self.octets += end - start
        return end - start


def test_a_cover_of_megabytes_takes_no_memory():
    if not MICROPYTHON:
        raise Skip("tests/link/test_title_extras_on_terminal.py measures CPython")
    size = 2 << 20 if sys.platform == "linux" else 60_000
    made = inserted(CLEAR, (b"moov",), udta(box(b"covr", value(b"", JPEG))))
    at = made.index(b"data", made.index(b"covr"))
    path = (b"moov", b"udta", b"meta", b"ilst", b"covr", b"data")
    head = bytearray(made[: at + 12])
    for kind in path:
        place = head.rindex(kind) - 4 if kind != b"moov" else head.index(kind) - 4
        head[place : place + 4] = number(int.from_bytes(head[place : place + 4], "big") + size)
    sink = Swallows()
    extras = Extras(sink)
    extras.feed(bytes(head))
    piece = bytes(500)
    gc.collect()
    before = gc.mem_alloc()
    left = size
    while left:
        left -= extras.feed(piece, 0, min(500, left))
    gc.collect()
    assert sink.octets == size and gc.mem_alloc() - before < 256
    extras.feed(made[at + 12 :])
    assert extras.done
