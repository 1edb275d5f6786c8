"""The index of a title's fragments (`sidx`, ISO/IEC 14496-12, 8.16.3), in front of them: for players that seek, and for
FFmpeg, which up to version 5 decrypts fragments by it alone.

Its room is made before the fragments are known: what is left of it becomes a `free` box, and where there are more
fragments than were expected, several share an entry.
"""

import struct
from dataclasses import dataclass

from headend.titles.boxes import HEADER_BYTES, Fields, box, full_box, need
from headend.titles.movie import Track
from headend.titles.samples import Samples

ENTRY_BYTES = 12
ENTRIES_LIMIT = 0xFFFF
_HEAD_BYTES = 12 + 28
_NOT_SYNC = 0x10000
_PICTURED = b"vide"
_TYPE_1 = 0x90000000
"""Begins with an access point, after which all can be decoded (annex I)."""


@dataclass(slots=True)
class _Entry:
    size: int
    ticks: int
    in_sync: bool


class FragmentIndex:
    """Of fragments as they are written. `track`: whose times count, to be set before the first one."""

    def __init__(self, expected: int) -> None:
        self._most = min(max(expected, 1), ENTRIES_LIMIT)
        self._entries: list[_Entry] = []
        self._each = 1
        self._pending = 0
        self._start_ticks: int | None = None
        self.track: Track | None = None

    def room(self) -> bytes:
        """A `free` box of the size that `boxes` will have."""
        return box(b"free", bytes(_HEAD_BYTES + ENTRY_BYTES * self._most))

    def note(self, samples: list[Samples], size: int) -> None:
        """One more fragment, of `size` octets with all that is in it."""
        assert self.track is not None
        own = [one for one in samples if one.track.id == self.track.id]
        if self._start_ticks is None:
            self._start_ticks = own[0].start_ticks if own else 0
        entry = _Entry(size, sum(one.ticks for one in own), bool(own) and _begins_in_sync(own[0]))
        if self._pending:
            last = self._entries[-1]
            last.size += entry.size
            last.ticks += entry.ticks
            self._pending -= 1
            return
        if len(self._entries) == self._most:
            self._halve()
            self.note(samples, size)
            return
        self._entries.append(entry)
        self._pending = self._each - 1

    def _halve(self) -> None:
        """Two entries become one, and from now on twice as many fragments do."""
        if self._most == 1:
            self._pending = 1
            return
        merged = []
        for at in range(0, len(self._entries), 2):
            pair = self._entries[at : at + 2]
            merged.append(_Entry(sum(one.size for one in pair), sum(one.ticks for one in pair), pair[0].in_sync))
        # An odd one at the end stands for half as many as it will.
        self._pending = self._each if len(self._entries) % 2 else 0
        self._entries = merged
        self._each *= 2

    def boxes(self) -> bytes:
        """`sidx`, and `free` for the rest of the room."""
        assert self.track is not None
        left = self._most - len(self._entries)
        free = HEADER_BYTES + ENTRY_BYTES * left
        head = struct.pack(
            ">IIQQHH", self.track.id, self.track.timescale, self._start_ticks or 0, free, 0, len(self._entries)
        )
        rows = b"".join(
            struct.pack(">III", entry.size, entry.ticks, _TYPE_1 if entry.in_sync else 0) for entry in self._entries
        )
        return full_box(b"sidx", 1, 0, head, rows) + box(b"free", bytes(ENTRY_BYTES * left))


def _begins_in_sync(samples: Samples) -> bool:
    """Whether the first sample can be decoded by itself: sound always can (14496-12, 8.8.3.1)."""
    if samples.track.handler != _PICTURED:
        return True
    fields = Fields(samples.data, need(samples.data, samples.holder, b"trun"))
    _, flags = fields.version_and_flags()
    fields.take(8 if flags & 1 else 4)
    if flags & 4:
        return not fields.number(4) & _NOT_SYNC
    if flags & 0x400:
        fields.take(4 * bool(flags & 0x100) + 4 * bool(flags & 0x200))
        return not fields.number(4) & _NOT_SYNC
    fields = Fields(samples.data, need(samples.data, samples.holder, b"tfhd"))
    _, flags = fields.version_and_flags()
    fields.take(4 + 8 * bool(flags & 1) + 4 * bool(flags & 2) + 4 * bool(flags & 8) + 4 * bool(flags & 16))
    return not (flags & 0x20 and fields.number(4) & _NOT_SYNC)
