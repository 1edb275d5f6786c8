"""MP4 files taken apart into nested lists, changed, and put together again with the places that they name put right.

Written apart from `headend.titles.boxes`, so that the two do not share a mistake. For whole files of one track.
"""

import struct
from pathlib import Path

HOLDERS = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"mvex": 0, b"moof": 0, b"traf": 0, b"udta": 0}
HOLDERS |= {b"stsd": 8, b"enca": 28, b"encv": 78, b"mp4a": 28, b"avc1": 78, b"sinf": 0, b"schi": 0, b"edts": 0}


class Node:
    """A box: `fields` of its own, then `parts` (None for one that is not taken apart)."""

    def __init__(self, kind: bytes, fields: bytes = b"", parts: "list[Node] | None" = None) -> None:
        self.kind = kind
        self.fields = fields
        self.parts = parts

    def pack(self) -> bytes:
        body = self.fields + b"".join(part.pack() for part in self.parts or ())
        return struct.pack(">I4s", 8 + len(body), self.kind) + body

    def first(self, *path: bytes) -> "Node":
        """The first box at that path; KeyError where there is none."""
        here = self
        for kind in path:
            found = [part for part in here.parts or () if part.kind == kind]
            if not found:
                raise KeyError(kind)
            here = found[0]
        return here

    def take(self, *kinds: bytes) -> "list[Node]":
        """Remove the boxes of these kinds."""
        assert self.parts is not None
        taken = [part for part in self.parts if part.kind in kinds]
        self.parts = [part for part in self.parts if part.kind not in kinds]
        return taken


def parse(data: bytes) -> list[Node]:
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        at += size
        if kind in HOLDERS:
            skip = HOLDERS[kind]
            found.append(Node(kind, body[:skip], parse(body[skip:])))
        else:
            found.append(Node(kind, body))
    return found


class Edited:
    """A title of one track, taken apart. After changes `save` moves its runs' offsets by what the fragments grew, and
    `saio` to where `senc` is, where both are there.
    """

    def __init__(self, path: Path) -> None:
        self.tops = parse(path.read_bytes())
        self._sizes = {id(node): len(node.pack()) for node in self.moofs()}
        self.offsets_follow = True

    def moofs(self) -> list[Node]:
        return [node for node in self.tops if node.kind == b"moof"]

    def trafs(self) -> list[Node]:
        return [node.first(b"traf") for node in self.moofs()]

    @property
    def table(self) -> Node:
        """`stbl` of the only track."""
        return self._top(b"moov").first(b"trak", b"mdia", b"minf", b"stbl")

    @property
    def entry(self) -> Node:
        stsd = self.table.first(b"stsd")
        assert stsd.parts is not None
        return stsd.parts[0]

    @property
    def moov(self) -> Node:
        return self._top(b"moov")

    def _top(self, kind: bytes) -> Node:
        return next(node for node in self.tops if node.kind == kind)

    def save(self, path: Path) -> Path:
        for moof in self.moofs():
            grown = len(moof.pack()) - self._sizes[id(moof)]
            run = moof.first(b"traf", b"trun")
            (offset,) = struct.unpack_from(">i", run.fields, 8)
            run.fields = run.fields[:8] + struct.pack(">i", offset + grown) + run.fields[12:]
            kinds = [part.kind for part in moof.first(b"traf").parts or ()]
            if self.offsets_follow and b"saio" in kinds and b"senc" in kinds:
                place = moof.pack().index(b"senc") + 12
                saio = moof.first(b"traf", b"saio")
                saio.fields = saio.fields[:8] + struct.pack(">I", place)
        path.write_bytes(b"".join(node.pack() for node in self.tops))
        return path
