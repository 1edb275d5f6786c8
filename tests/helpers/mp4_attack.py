"""Titles changed by somebody who knows what they are: boxes stay well-formed unless that is the change, so that a lie
is believed as far as it can be.
"""

import random
import struct
from collections.abc import Callable

from tests.helpers.mp4_edit import HOLDERS, Node, parse

NUMBERS = (0, 1, 2, 3, 8, 16, 255, 256, 511, 512, 513, 0x7FFF, 0xFFFF, 0x10000, 0x10001, 0x7FFFFFFF, 0x80000000)
NUMBERS += (0xFFFFFFF0, 0xFFFFFFFF)
LONG = (1 << 32, 1 << 63, (1 << 64) - 1)
KINDS = (
    b"trun",
    b"tfhd",
    b"senc",
    b"saiz",
    b"saio",
    b"sbgp",
    b"sgpd",
    b"tenc",
    b"stsd",
    b"stsz",
    b"stsc",
    b"stco",
    b"trex",
)
KINDS += (b"esds", b"schm", b"frma", b"mdhd", b"tkhd", b"hdlr", b"uuid", b"co64")


def parts_of(nodes: list[Node]) -> list[tuple[list[Node], int]]:
    """(the list that a box is in, its place there) of every box."""
    found = []
    for place, node in enumerate(nodes):
        found.append((nodes, place))
        if node.parts:
            found += parts_of(node.parts)
    return found


def copied(node: Node) -> Node:
    return Node(node.kind, node.fields, None if node.parts is None else [copied(part) for part in node.parts])


class Attack:
    """Changes of a title that was taken apart; `done`: their names, in order."""

    def __init__(self, rng: random.Random, title: bytes) -> None:
        self._rng = rng
        self.tops = parse(title)
        self.done: list[str] = []
        self._sizes: dict[int, int] = {}
        self._long: set[int] = set()

    def run(self) -> bytes:
        changes: tuple[Callable[[], None], ...] = (
            self.number,
            self.number,
            self.number,
            self.long_number,
            self.twice,
            self.swap,
            self.move,
            self.leave_out,
            self.cut_fields,
            self.lengthen,
            self.size,
            self.long_size,
            self.kind,
            self.run_again,
            self.groups,
            self.nest,
            self.flags,
            self.media,
        )
        for _ in range(self._rng.choice((1, 1, 1, 2, 2, 3, 5))):
            if not self.tops:
                break  # left out, all of it
            change = self._rng.choice(changes)
            self.done.append(change.__name__)
            change()
        data = b"".join(self._pack(node) for node in self.tops)[:300_000]
        return data[: self._rng.randrange(len(data) + 1)] if not self._rng.randrange(12) else data

    def _pack(self, node: Node) -> bytes:
        body = node.fields + b"".join(self._pack(part) for part in node.parts or ())
        size = self._sizes.get(id(node))
        if id(node) in self._long:
            return struct.pack(">I4sQ", 1, node.kind, 16 + len(body) if size is None else size) + body
        return struct.pack(">I4s", 8 + len(body) if size is None else size & 0xFFFFFFFF, node.kind) + body

    def _one(self, *kinds: bytes) -> tuple[list[Node], int]:
        found = parts_of(self.tops)
        chosen = [one for one in found if one[0][one[1]].kind in kinds] if kinds else found
        return self._rng.choice(chosen or found)

    def _fielded(self) -> Node:
        nodes, place = self._one(*KINDS)
        return nodes[place]

    def number(self) -> None:
        node = self._fielded()
        self.done[-1] += f" {node.kind!r}"
        if len(node.fields) >= 4:
            at = self._rng.randrange(0, min(len(node.fields), 64) - 3)
            if self._rng.randrange(4):
                at &= ~3
            value = self._rng.choice(NUMBERS)
            if not self._rng.randrange(3):
                (old,) = struct.unpack_from(">I", node.fields, at)
                value = (old + self._rng.choice((-16, -1, 1, 7, 64))) & 0xFFFFFFFF
            node.fields = node.fields[:at] + struct.pack(">I", value) + node.fields[at + 4 :]

    def long_number(self) -> None:
        node = self._fielded()
        at = self._rng.choice((4, 8, 12))
        node.fields = b"\x01" + node.fields[1:at] + struct.pack(">Q", self._rng.choice(LONG)) + node.fields[at + 8 :]

    def twice(self) -> None:
        nodes, place = self._one()
        self.done[-1] += f" {nodes[place].kind!r}"
        for _ in range(self._rng.choice((1, 1, 2, 20))):
            nodes.insert(place, copied(nodes[place]))

    def swap(self) -> None:
        nodes, place = self._one()
        other = self._rng.randrange(len(nodes))
        nodes[place], nodes[other] = nodes[other], nodes[place]

    def move(self) -> None:
        nodes, place = self._one()
        others, at = self._one()
        node = copied(nodes[place])
        holder = others[at]
        if holder.parts is not None:
            holder.parts.insert(self._rng.randrange(len(holder.parts) + 1), node)
        else:
            others.insert(at, node)

    def leave_out(self) -> None:
        nodes, place = self._one()
        self.done[-1] += f" {nodes[place].kind!r}"
        del nodes[place]

    def cut_fields(self) -> None:
        node = self._fielded()
        node.fields = node.fields[: self._rng.randrange(len(node.fields) + 1)]

    def lengthen(self) -> None:
        node = self._fielded()
        node.fields += self._rng.randbytes(self._rng.choice((1, 4, 8, 100, 5000)))

    def size(self) -> None:
        nodes, place = self._one()
        self._sizes[id(nodes[place])] = self._rng.choice((*NUMBERS, *LONG))

    def long_size(self) -> None:
        nodes, place = self._one()
        self._long.add(id(nodes[place]))

    def kind(self) -> None:
        nodes, place = self._one()
        nodes[place].kind = self._rng.choice((*KINDS, *HOLDERS))

    def run_again(self) -> None:
        """Runs over each other, or in front of everything."""
        nodes, place = self._one(b"trun")
        node = copied(nodes[place])
        if len(node.fields) >= 12:
            offset = self._rng.choice((-1, 0, 1, 100, -(1 << 31), (1 << 31) - 1))
            node.fields = node.fields[:8] + struct.pack(">i", offset) + node.fields[12:]
        nodes.insert(place + self._rng.randrange(2), node)

    def groups(self) -> None:
        """Keys that change, defined and used at random."""
        rng = self._rng
        entries = [
            bytes((0, rng.choice((0, 0x10, 0x19, 0x09, 0xFF)), rng.choice((0, 1, 1, 2)), rng.choice((0, 8, 16, 7))))
            + rng.choice((bytes(range(0xA0, 0xB0)), bytes(16)))
            + rng.choice((b"", b"\x10" + bytes(16), b"\x08" + bytes(8)))
            for _ in range(rng.randrange(4))
        ]
        length = rng.choice((0, 20, len(entries[0]) if entries else 20))
        data = b"".join(entries if length else [struct.pack(">I", len(one)) + one for one in entries])
        head = struct.pack(">B3x4sII", rng.choice((0, 1, 1, 1, 2)), b"seig", length, rng.choice((len(entries), 0, 17)))
        pairs = [(rng.choice((0, 1, 2, 4)), rng.choice((0, 1, 0x10001, 0x10002))) for _ in range(rng.randrange(4))]
        spans = b"".join(struct.pack(">II", *pair) for pair in pairs)
        made = [Node(b"sgpd", head + data), Node(b"sbgp", bytes(4) + b"seig" + struct.pack(">I", len(pairs)) + spans)]
        nodes, place = self._one(b"traf", b"stbl", b"traf")
        parts = nodes[place].parts
        for node in made if parts is not None else ():
            parts.insert(rng.randrange(len(parts) + 1), node)

    def nest(self) -> None:
        nodes, place = self._one()
        node = nodes[place]
        for _ in range(self._rng.choice((1, 11, 13, 60))):
            node = Node(self._rng.choice((b"moov", b"trak", node.kind)), b"", [node])
        nodes[place] = node

    def flags(self) -> None:
        nodes, place = self._one(b"tfhd", b"trun", b"senc", b"saiz", b"saio")
        node = nodes[place]
        node.fields = node.fields[:1] + self._rng.randbytes(3) + node.fields[4:]

    def media(self) -> None:
        """Another way of media: none, two, or to the file's end."""
        nodes, place = self._one(b"mdat")
        node = nodes[place]
        half = len(node.fields) // 2
        nodes[place : place + 1] = self._rng.choice(
            ([], [Node(b"mdat", node.fields[:half]), Node(b"mdat", node.fields[half:])], [node, copied(node)])
        )
