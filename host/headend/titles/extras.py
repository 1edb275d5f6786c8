"""What a title brings beside its sound: lyrics, cover, composer, score, and its purchaser's number; in `moov`, in
clear, so that it can be read from any copy.

They are items of `udta/meta/ilst`, as iTunes and FFmpeg have them. What no tool has a name for is a `----` item: `mean`
says whose name it is, `name` the name.
"""

import struct
from collections.abc import Mapping

from settop.errors import LocalError, RemoteError

from headend.titles.boxes import Box, Fields, box, find, full_box, inside
from headend.titles.movie import Movie

MEANING = b"ringcast"
PURCHASER = "purchaser"
PURCHASER_LIMIT = 1 << 64
EXTRA_LIMIT = 32 << 20
NAMED = {
    "title": b"\xa9nam",
    "artist": b"\xa9ART",
    "album": b"\xa9alb",
    "composer": b"\xa9wrt",
    "lyrics": b"\xa9lyr",
    "cover": b"covr",
}
"""Extras that other programs know by a name of theirs."""
_NAMES = {kind: name for name, kind in NAMED.items()}
_BINARY, _TEXT, _JPEG, _PNG = 0, 1, 13, 14
_PICTURES = ((b"\xff\xd8\xff", _JPEG), (b"\x89PNG\r\n\x1a\n", _PNG))


def check_extras(extras: Mapping[str, bytes], purchaser: int | None) -> None:
    """Raises LocalError for what cannot be packed."""
    for name, value in extras.items():
        _item(name, value)
    if purchaser is not None and not 0 <= purchaser < PURCHASER_LIMIT:
        raise LocalError("a purchaser's number is 0 to 18446744073709551615 (64 bits)")


def _item(name: str, value: bytes) -> bytes:
    if not (name and name.isascii() and name.isprintable() and len(name) <= 64):
        raise LocalError(f"an extra is named by up to 64 printable ASCII characters, such as lyrics: not {name!r}")
    if name == PURCHASER:
        raise LocalError("the purchaser is no extra: say --purchaser N")
    if len(value) > EXTRA_LIMIT:
        raise LocalError(f"extra {name} has {len(value)} bytes; up to {EXTRA_LIMIT} are carried")
    if name == "cover":
        kinds = [kind for magic, kind in _PICTURES if value.startswith(magic)]
        if not kinds:
            raise LocalError("the cover must be a JPEG or PNG file")
        return box(NAMED[name], _value(kinds[0], value))
    try:
        value.decode()
        kind = _TEXT
    except UnicodeDecodeError:
        kind = _BINARY
    if name in NAMED:
        if kind != _TEXT:
            raise LocalError(f"extra {name} must be text in UTF-8")
        return box(NAMED[name], _value(_TEXT, value))
    return _free_item(name, kind, value)


def _free_item(name: str, kind: int, value: bytes) -> bytes:
    parts = full_box(b"mean", 0, 0, MEANING), full_box(b"name", 0, 0, name.encode()), _value(kind, value)
    return box(b"----", *parts)


def _value(kind: int, value: bytes) -> bytes:
    return box(b"data", struct.pack(">II", kind, 0), value)


def with_extras(data: bytes, udta: Box | None, extras: Mapping[str, bytes], purchaser: int | None) -> bytes:
    """`udta` of a `moov` anew, with these items in place of those that have their names; b"" for none."""
    fresh = {name: _item(name, value) for name, value in extras.items()}
    if purchaser is not None:
        fresh[PURCHASER] = _free_item(PURCHASER, _TEXT, str(purchaser).encode())
    kept, others = [], []
    if udta is not None:
        others = [data[one.start : one.end] for one in inside(data, udta) if one.kind != b"meta"]
        for item in _items(data, udta):
            if _name(data, item) not in fresh:
                kept.append(data[item.start : item.end])
    if not kept and not fresh:
        return box(b"udta", *others) if others else b""
    handler = full_box(b"hdlr", 0, 0, bytes(4), b"mdirappl", bytes(9))
    return box(b"udta", *others, full_box(b"meta", 0, 0, handler, box(b"ilst", *kept, *fresh.values())))


def _items(data: bytes, udta: Box) -> list[Box]:
    meta = find(data, udta, b"meta")
    if meta is None:
        return []
    # QuickTime's has no version: its first box begins at once.
    skip = 0 if data[meta.body + 4 : meta.body + 8] == b"hdlr" else 4
    lists = [one for one in inside(data, meta, skip) if one.kind == b"ilst"]
    return inside(data, lists[0]) if lists else []


def _name(data: bytes, item: Box) -> str | None:
    if item.kind in _NAMES:
        return _NAMES[item.kind]
    if item.kind != b"----":
        return None
    parts = {one.kind: one for one in inside(data, item)}
    mean, name = parts.get(b"mean"), parts.get(b"name")
    if mean is None or name is None or data[mean.body + 4 : mean.end] != MEANING:
        return None
    return data[name.body + 4 : name.end].decode("ascii", "replace")


def read_extras(movie: Movie) -> dict[str, bytes]:
    """The extras by name, the purchaser's number not among them. Raises RemoteError for damaged boxes."""
    found = {}
    udta = find(movie.data, movie.box, b"udta")
    for item in _items(movie.data, udta) if udta is not None else ():
        name = _name(movie.data, item)
        value = next((one for one in inside(movie.data, item) if one.kind == b"data"), None)
        if name is not None and value is not None and name not in found:
            fields = Fields(movie.data, value)
            fields.take(8)
            found[name] = fields.take(fields.left)
    found.pop(PURCHASER, None)
    return found


def read_purchaser(movie: Movie) -> int | None:
    """The number of whoever bought this copy; None where it does not say. Raises RemoteError where it is none."""
    udta = find(movie.data, movie.box, b"udta")
    for item in _items(movie.data, udta) if udta is not None else ():
        if _name(movie.data, item) == PURCHASER:
            value = next((one for one in inside(movie.data, item) if one.kind == b"data"), None)
            text = b"" if value is None else movie.data[value.body + 8 : value.end]
            if not (text.isdigit() and len(text) <= 20 and int(text) < PURCHASER_LIMIT):
                raise RemoteError("the purchaser's number of this title is not a number of 64 bits")
            return int(text)
    return None
