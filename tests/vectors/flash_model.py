"""Flash whose power goes in the middle of a program or an erase, for tests on every interpreter.

A cell is 0, 1, or weak: it was being programmed or erased when the power went, and reads as `weak_reads` says ("0",
"1", or a random generator) until it is programmed or its block is erased.
"""


class PowerCut(Exception):
    """The power is gone."""


class Flash:
    """`cut_at`: the number of the program or erase, from 0, in which the power goes.

    `cut(flash, block, at, data)` does what is done of it by then, through `put` and `weaken`; data None: an erase.
    """

    def __init__(self, numbers, block_bytes=1024):
        self.block_bytes = block_bytes
        self.blocks = {number: bytearray(b"\xff" * block_bytes) for number in numbers}
        self.weak = {}  # (block, octet): mask of the weak cells
        self.weak_reads = "0"
        self.operations = self.erasures = 0
        self.cut_at = self.cut = None
        self.stuck = ()  # blocks that do not erase any more

    def copy(self):
        """The same content, weak cells too, with nothing done yet."""
        other = Flash((), self.block_bytes)
        other.blocks = {number: bytearray(data) for number, data in self.blocks.items()}
        other.weak = dict(self.weak)
        other.stuck = self.stuck
        return other

    def read(self, block, at, view):
        data = self.blocks[block]
        assert at + len(view) <= len(data)
        view[:] = data[at : at + len(view)]
        for octet in range(at, at + len(view)) if self.weak else ():
            mask = self.weak.get((block, octet), 0)
            if mask:
                zeros = mask if self.weak_reads == "0" else 0
                if not isinstance(self.weak_reads, str):
                    zeros = mask & self.weak_reads.getrandbits(8)
                view[octet - at] = view[octet - at] & ~mask | mask & ~zeros

    def program(self, block, at, data):
        assert len(data) and at // 256 == (at + len(data) - 1) // 256, "within one page"
        data = bytes(data)
        self._step(block, at, data)
        for offset, octet in enumerate(data):
            self.put(block, at + offset, self.blocks[block][at + offset] & octet, ~octet & 0xFF)

    def erase(self, block):
        self.erasures += 1
        self._step(block, 0, None)
        if block not in self.stuck:
            for octet in range(self.block_bytes):
                self.blocks[block][octet] = 0xFF
            for key in [key for key in self.weak if key[0] == block]:
                del self.weak[key]

    def put(self, block, octet, value, firm=0xFF):
        """An octet's cells as they now are; those of the mask `firm` are weak no longer."""
        self.blocks[block][octet] = value
        mask = self.weak.pop((block, octet), 0) & ~firm
        if mask:
            self.weak[block, octet] = mask

    def weaken(self, block, octet, mask):
        """These cells are neither 0 nor 1."""
        if mask:
            self.weak[block, octet] = self.weak.get((block, octet), 0) | mask

    def _step(self, block, at, data):
        if self.operations == self.cut_at:
            self.cut(self, block, at, data)
            raise PowerCut()
        self.operations += 1


# --- what is done of an operation when the power goes: functions for Flash.cut --------------------------------------


def _change(flash, block, at, data):
    """(octet, mask of the cells that change) of the operation."""
    content = flash.blocks[block]
    if data is None:
        return [(octet, ~content[octet] & 0xFF) for octet in range(len(content)) if content[octet] != 0xFF]
    return [(at + i, content[at + i] & ~data[i] & 0xFF) for i in range(len(data))]


def _done(flash, block, octet, mask, erasing):
    old = flash.blocks[block][octet]
    flash.put(block, octet, old | mask if erasing else old & ~mask & 0xFF, mask)


def first(count, weak):
    """The first `count` of the octets that change are done, and the cells of `weak` more are weak."""

    def cut(flash, block, at, data):
        change = _change(flash, block, at, data)
        for octet, mask in change[:count]:
            _done(flash, block, octet, mask, data is None)
        for octet, mask in change[count : count + weak]:
            flash.weaken(block, octet, mask)

    return cut


def scattered(rng):
    """Each cell that changes is done, weak, or as it was."""

    def cut(flash, block, at, data):
        for octet, mask in _change(flash, block, at, data):
            done = mask & rng.getrandbits(8)
            _done(flash, block, octet, done, data is None)
            flash.weaken(block, octet, mask & ~done & rng.getrandbits(8))

    return cut


ALL = 1 << 20


def cuts(octets, stride, rng, random_cuts):
    """Ways in which an operation over `octets` octets is cut: at every `stride`th, with and without weak cells."""
    for count in range(0, octets + 1, stride):
        yield first(count, 0)
        yield first(count, 1)
    yield first(0, ALL)  # nothing is certain
    yield first(octets // 2, ALL)
    yield first(ALL, 0)  # all is done, and nobody was told
    for _ in range(random_cuts):
        yield scattered(rng)
