"""A transport stream on disk, in the clear, read in blocks: the file is open no longer than it takes to read one."""

import os
from pathlib import Path

import numpy as np
from settop.errors import RemoteError
from settop.wire.transport import PACKET_BYTES

from headend.ts.packets import TsFile, aligned
from headend.ts.portions import TICKS_PER_MS, programme_clock
from headend.ts.survey import survey

BLOCK_PACKETS = 7 * 64
"""About 84 KB, a whole number of RTP packets (RFC 2250: seven packets of 188 fit an Ethernet frame)."""


class TsSource:
    """The packets of a file and the times at which they are due, by the clock of its first programme.

    Looks through the whole file once. Raises RemoteError where it has no clock, LocalError and OSError as TsFile does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with TsFile(path) as file:
            found = survey(file)
            self.packets = file.packets
            self._plain_at = file.plain_at
        _, self._timeline = programme_clock(found, None)
        self._start_ticks = self._timeline.ticks(0)
        self._mark = _mark(os.stat(path))

    @property
    def duration_ms(self) -> int:
        return max(self._timeline.ticks(self.packets) - self._start_ticks, 0) // TICKS_PER_MS

    def ticks(self, packet: int) -> int:
        """When a packet is due, in ticks of 27 MHz from the first one."""
        return self._timeline.ticks(packet) - self._start_ticks

    def packet_at(self, ms: int) -> int:
        """The first packet that is due then or later; `packets` where there is none."""
        return self._timeline.first_packet_at(ms * TICKS_PER_MS + self._start_ticks)

    def read(self, first: int, count: int) -> bytes:
        """Packets from `first` on, fewer at the end of the file. Raises RemoteError where the file is another one by
        now, grew or became shorter; OSError."""
        count = min(count, self.packets - first)
        if self._plain_at is None:
            return self._read_apart(first, count)
        with open(self.path, "rb", buffering=0) as file:
            self._check(os.fstat(file.fileno()))
            octets = os.pread(file.fileno(), count * PACKET_BYTES, self._plain_at + first * PACKET_BYTES)
        if len(octets) != count * PACKET_BYTES:
            raise _changed(self.path)
        return octets

    def _read_apart(self, first: int, count: int) -> bytes:
        """Of a file with something between its packets."""
        with TsFile(self.path) as file:
            self._check(os.stat(self.path))
            packets = aligned(count * PACKET_BYTES).reshape(-1, PACKET_BYTES)
            file.read_at(first, packets)
        return np.ascontiguousarray(packets).tobytes()

    def _check(self, stat: os.stat_result) -> None:
        if _mark(stat) != self._mark:
            raise _changed(self.path)


def _mark(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _changed(path: Path) -> RemoteError:
    return RemoteError(
        f"{path.name} is not what it was when it was looked at; it is looked at again when it is asked for"
    )
