"""Boxes of ISO/IEC 14496-12 (4.2): taken apart and put together. Whatever a size says, nothing is read beyond what
holds it.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from settop.errors import RemoteError

HEADER_BYTES = 8
LARGE_BYTES = 16
_USER_TYPE_BYTES = 16
CHILDREN_LIMIT = 10_000
"""Boxes in one box: a film has a dozen tracks, and a fragment a dozen boxes."""
_HEAD = struct.Struct(">I4s")


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies in the octets that it was found in: its body is [body, end). `kind`: four octets."""

    kind: bytes
    start: int
    body: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


def name_of(kind: bytes) -> str:
    """A box's four octets as text for a message."""
    return kind.decode("latin-1") if all(0x20 <= octet < 0x7F for octet in kind) else f"0x{kind.hex()}"


def head_of(data: bytes | memoryview, at: int, end: int, where: str, is_top: bool = False) -> Box:
    """The box whose header begins at `at`. `where`: what it lies in, for messages.

    A size of 0, "to the end", is taken at the top of a file alone. Raises RemoteError where the size lies.
    """
    if end - at < HEADER_BYTES:
        raise RemoteError(f"{where} ends {end - at} bytes into a box header: it is cut, or damaged")
    size, kind = _HEAD.unpack_from(data, at)
    body = at + HEADER_BYTES
    if size == 1:
        if end - at < LARGE_BYTES:
            raise RemoteError(f"{where} ends within the long size of box {name_of(kind)}, at byte {at}: it is cut")
        (size,) = struct.unpack_from(">Q", data, body)
        body = at + LARGE_BYTES
    elif size == 0 and is_top:
        size = end - at
    if kind == b"uuid":
        body += _USER_TYPE_BYTES
    if size < body - at:
        raise RemoteError(f"box {name_of(kind)} at byte {at} of {where} says {size} bytes, fewer than its own header")
    if not is_top and size > end - at:
        raise RemoteError(
            f"box {name_of(kind)} at byte {at} of {where} says {size} bytes, and {end - at} are left: cut, or damaged"
        )
    return Box(bytes(kind), at, body, at + size)


def children(data: bytes, start: int, end: int, where: str) -> list[Box]:
    """The boxes that fill [start, end). Raises RemoteError where they do not, or are more than CHILDREN_LIMIT."""
    found = []
    while start < end:
        # Some writers end a list of boxes with four octets of nothing (QuickTime's user data).
        if end - start == 4 and not any(data[start:end]):
            break
        box = head_of(data, start, end, where)
        found.append(box)
        start = box.end
        if len(found) > CHILDREN_LIMIT:
            raise RemoteError(f"{where} holds more than {CHILDREN_LIMIT} boxes")
    return found


def inside(data: bytes, box: Box, skip: int = 0) -> list[Box]:
    """The boxes in `box`, behind `skip` octets of its own fields. Raises RemoteError."""
    where = f"box {name_of(box.kind)}"
    if box.body + skip > box.end:
        raise RemoteError(f"{where} has {box.end - box.body} bytes, at least {skip} are needed")
    return children(data, box.body + skip, box.end, where)


def find(data: bytes, box: Box, *path: bytes) -> Box | None:
    """The first box at `path` below `box`; None where there is none. Raises RemoteError for damaged ones on the way."""
    here: Box | None = box
    for kind in path:
        assert here is not None
        here = next((one for one in inside(data, here) if one.kind == kind), None)
        if here is None:
            return None
    return here


def need(data: bytes, box: Box, *path: bytes) -> Box:
    """As `find`; raises RemoteError where it is missing."""
    found = find(data, box, *path)
    if found is None:
        raise RemoteError(
            f"box {name_of(box.kind)} has no {'/'.join(name_of(kind) for kind in path)}: not a whole MP4 file"
        )
    return found


class Fields:
    """The numbers of a box, one behind the other. Raises RemoteError where it is over too soon."""

    def __init__(self, data: bytes, box: Box) -> None:
        self._data = data
        self._box = box
        self.at = box.body

    @property
    def left(self) -> int:
        return self._box.end - self.at

    def take(self, count: int) -> bytes:
        if not 0 <= count <= self.left:
            raise RemoteError(
                f"box {name_of(self._box.kind)} is too short: {count} more bytes wanted, {self.left} left"
            )
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    def version_and_flags(self) -> tuple[int, int]:
        """A FullBox's (4.2): its version, its flags."""
        return self.number(1), self.number(3)

    def room_for(self, count: int, octets: int, what: str) -> None:
        """Raises RemoteError where `count` entries of `octets` do not fit what is left: before anything is made for
        them.
        """
        if count * octets > self.left:
            raise RemoteError(
                f"box {name_of(self._box.kind)} says {count} {what}, and has {self.left} bytes for them: it is damaged"
            )


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of these parts. What would need a long size is a LocalError of the caller's: only `mdat` ever does."""
    body = b"".join(parts)
    return _HEAD.pack(HEADER_BYTES + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags (4.2)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


class File:
    """A file of boxes that is read from any place. Raises OSError; RemoteError where octets are wanted that it
    lacks.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._handle = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._handle).st_size
        self.name = os.fspath(path)

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def read(self, at: int, count: int) -> bytes:
        """`count` octets from `at` on."""
        if at < 0 or at + count > self.size:
            raise RemoteError(
                f"the file has {self.size} bytes, and {count} at byte {at} are wanted: it is cut, or damaged"
            )
        parts = []
        while count:
            part = os.pread(self._handle, count, at)
            if not part:
                raise RemoteError(f"the file became shorter while it was read, at byte {at}")
            parts.append(part)
            at, count = at + len(part), count - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def tops(self) -> Iterator[Box]:
        """The boxes at the top of the file, one behind the other; the last one may end beyond the file's end. Raises
        RemoteError where what follows cannot be one.
        """
        at, first = 0, True
        while at < self.size:
            left = self.size - at
            found = head_of(self.read(at, min(LARGE_BYTES, left)), 0, left, f"the file, {at} bytes into it,", True)
            if first and found.kind not in _FIRST:
                raise RemoteError(
                    f"the file begins with {name_of(found.kind)!r}, and an MP4 file with ftyp: is it one? "
                    "`ringcast title pack` makes one of anything else"
                )
            first = False
            yield Box(found.kind, at, at + found.body, at + found.end)
            at += found.end


_FIRST = (
    b"ftyp",
    b"styp",
    b"moov",
    b"moof",
    b"free",
    b"skip",
    b"wide",
    b"mdat",
    b"pnot",
    b"uuid",
    b"sidx",
    b"emsg",
    b"prft",
)
