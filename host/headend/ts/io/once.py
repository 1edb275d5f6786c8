"""Packets out of octets as they come: for streams that are read once, from start to end."""

import os
import time
from collections.abc import Iterator

import numpy as np
from settop.wire.transport import PACKET_BYTES, SYNC

from headend.ts.packets import Packets

BLOCK_BYTES = 1 << 20
_PROBE_PACKETS = 64
_LOOK_S = 0.1  # between two looks at a file that may grow
_IN_STEP = 5  # sync octets in a row that make a beginning


class PacketCutter:
    """Cuts octets into packets of 188. Where octets were lost or damaged it goes on with the next packet that others
    follow in step; `skipped` counts the octets that were left out, `places` how often.
    """

    def __init__(self) -> None:
        self._rest = b""
        self.skipped = 0
        self.places = 0

    def cut(self, data: bytes, last: bool = False) -> Packets:
        """The whole packets that are there now, shape (n, 188). One that others should follow waits for them, unless
        this is the `last` call.
        """
        data = self._rest + data
        pieces, start = [], 0
        while True:
            count = (len(data) - start) // PACKET_BYTES
            rows = np.frombuffer(data, np.uint8, count * PACKET_BYTES, start).reshape(-1, PACKET_BYTES)
            lost = np.flatnonzero(rows[:, 0] != SYNC)
            if not lost.size:
                pieces.append(rows)
                start += rows.size
                break
            # The packet before is not whole: octets are missing from it, or something was put into it.
            good = max(int(lost[0]) - 1, 0)
            pieces.append(rows[:good])
            start += good * PACKET_BYTES
            follows = self._next(data, start + 1, last)
            if follows is None:
                break
            self.skipped += follows - start
            self.places += 1
            start = follows
        self._rest = b"" if last else data[start:]
        if last and start < len(data):
            self.skipped += len(data) - start
        return np.concatenate(pieces)

    def _next(self, data: bytes, start: int, last: bool) -> int | None:
        """The first octet from `start` on at which packets begin in step; None where that cannot be told yet."""
        reach = (_IN_STEP - 1) * PACKET_BYTES
        at = data.find(SYNC, start)
        while at >= 0:
            steps = data[at : at + reach + 1 : PACKET_BYTES]
            if at + reach >= len(data) and not last:
                return None
            if len(steps) > 1 and steps.count(SYNC) == len(steps):
                return at
            at = data.find(SYNC, at + 1)
        return None


class OncePackets:
    """The packets that a descriptor gives, block by block; `head` keeps what was read until `begun` is said.

    `follow_s`: at the end of a file wait for more, until it has not grown for so long.
    """

    def __init__(self, handle: int, follow_s: float = 0.0) -> None:
        self._handle = handle
        self._follow_s = follow_s
        self._cutter = PacketCutter()
        self._head: list[bytes] | None = []

    @property
    def head(self) -> bytes:
        return b"".join(self._head or ())

    def begun(self) -> None:
        """What was read is not needed again."""
        self._head = None

    def is_plain(self) -> bool:
        """Whether the stream begins with packets of 188 octets, one behind the other. Reads as much as that needs."""
        assert self._head is not None
        wanted = _PROBE_PACKETS * PACKET_BYTES
        while len(self.head) < wanted and (data := self._read()):
            self._head.append(data)
        start = self.head[:wanted]
        return len(start) >= PACKET_BYTES and all(octet == SYNC for octet in start[::PACKET_BYTES])

    def __iter__(self) -> Iterator[Packets]:
        if self._head:
            yield self._cutter.cut(self.head)
        while data := self._read():
            if self._head is not None:
                self._head.append(data)
            yield self._cutter.cut(data)
        yield self._cutter.cut(b"", last=True)

    def _read(self) -> bytes:
        end_s = time.monotonic() + self._follow_s
        while not (data := os.read(self._handle, BLOCK_BYTES)) and time.monotonic() < end_s:
            time.sleep(min(_LOOK_S, self._follow_s))
        return data

    def notes(self) -> list[str]:
        """What was left out, in words."""
        if not self._cutter.skipped:
            return []
        return [f"{self._cutter.skipped} damaged bytes skipped at {max(self._cutter.places, 1)} places"]
