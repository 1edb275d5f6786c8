"""MPEG-TS packets by the million: sync check, reading in chunks, header fields as arrays (ISO/IEC 13818-1, 2.4.3)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError
from settop.wire.transport import PACKET_BYTES, SYNC

from headend.ts.io.layout import Layout
from headend.ts.io.sources import Source

PIDS = 0x4000  # 0x2000 of the standard, and those of damaged packets above them (see pids_of)
CHUNK_PACKETS = 16384  # 3 MiB: large enough for few calls, small enough to stay in a last-level cache

HAS_PAYLOAD = 0x10  # bits of the header word
HAS_ADAPTATION = 0x20
IS_START = 0x400000  # payload_unit_start_indicator
IS_DAMAGED = 0x800000  # transport_error_indicator
_PAGE_BYTES = 4096

Packets = npt.NDArray[np.uint8]  # shape (n, 188)
Words = npt.NDArray[np.uint32]  # shape (n,)


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields of n packets, each an array of length n.

    `offset` is the payload's first byte, 4..188; 188 means that there is none. `malformed` marks a reserved
    adaptation_field_control (0) or an adaptation field longer than its packet; such packets have no payload here.
    """

    pid: npt.NDArray[np.uint16]
    tsc: npt.NDArray[np.uint8]
    afc: npt.NDArray[np.uint8]
    cc: npt.NDArray[np.uint8]
    offset: npt.NDArray[np.int64]
    malformed: npt.NDArray[np.bool_]


def header_words(packets: Packets, first_packet: int = 0) -> Words:
    """The four header bytes of each packet as one number, sync byte on top.

    Raises RemoteError where a sync byte is missing; `first_packet` is the index that the message counts from.
    """
    words: Words = packets.reshape(-1).view(">u4")[:: PACKET_BYTES // 4].astype(np.uint32)
    lost = (words >> 24) != SYNC
    if lost.any():
        at = first_packet + int(lost.argmax())
        raise RemoteError(
            f"packet {at}: sync byte 0x47 missing at byte {at * PACKET_BYTES}; remove the damaged part of the file"
        )
    return words


def pids_of(words: Words) -> Words:
    """The PID in each header word. A packet whose transport_error_indicator is set has none that could be believed
    (ISO/IEC 13818-1, 2.4.3.3): 0x2000 is added to it, so that it meets no PID's table entry.
    """
    pids: Words = words >> np.uint32(8) & np.uint32(0x1FFF) | words >> np.uint32(10) & np.uint32(0x2000)
    return pids


def payload_offsets(packets: Packets, words: Words) -> npt.NDArray[np.int64]:
    """First payload byte of each packet, 188 where there is none (also where the packet is malformed)."""
    offsets = np.where(words & HAS_PAYLOAD, 4, PACKET_BYTES).astype(np.int64)
    both = np.flatnonzero((words & (HAS_PAYLOAD | HAS_ADAPTATION)) == HAS_PAYLOAD | HAS_ADAPTATION)
    if both.size:
        offsets[both] = np.minimum(packets[both, 4].astype(np.int64) + 5, PACKET_BYTES)
    return offsets


def headers(packets: Packets, first_packet: int = 0) -> Headers:
    """All header fields of `packets`. Raises RemoteError where a sync byte is missing."""
    words = header_words(packets, first_packet)
    afc = (words >> 4 & 3).astype(np.uint8)
    length = np.where(afc & 2, packets[:, 4], 0)
    malformed = (afc == 0) | (length > np.where(afc == 3, 182, 183))
    return Headers(
        pid=(words >> 8 & 0x1FFF).astype(np.uint16),
        tsc=(words >> 6 & 3).astype(np.uint8),
        afc=afc,
        cc=(words & 15).astype(np.uint8),
        offset=payload_offsets(packets, words),
        malformed=malformed,
    )


def aligned(size: int) -> npt.NDArray[np.uint8]:
    """Fresh memory of `size` bytes from the start of a page: where numpy puts large arrays, 16 bytes behind one, the
    kernel's copies take twice as long on some processors.
    """
    room = np.empty(size + _PAGE_BYTES, np.uint8)
    start = -room.__array_interface__["data"][0] % _PAGE_BYTES
    return room[start : start + size]


class TsFile:
    """The packets of a transport stream, read in order; usable as a context manager.

    Takes the name of a file, or a `Source`. What is between packets of 192, 204 or 208 bytes, before the first, lost
    or damaged on the way, or behind the last whole one is left out, and `notes` says so. Damage within the stream is
    found when `chunks` first comes by: until then `packets` counts it in. What is written to the file after it was
    opened is not read. Raises RemoteError on opening for an empty file and for no transport stream; LocalError,
    OSError.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._source = path if isinstance(path, Source) else Source(path)
        self._is_ours = self._source is not path
        try:
            self._handle, begin, end = self._source.open()
            self._layout = Layout(self._handle, begin, end)
        except BaseException:
            if self._is_ours:
                self._source.close()
            raise
        self._checked = 0  # packets of which the sync byte of the next was seen as well
        self._wide = np.empty(0, np.uint8)

    def __enter__(self) -> "TsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._source.hear(self.notes())
        if self._is_ours:
            self._source.close()

    @property
    def packets(self) -> int:
        """How many packets there are."""
        return self._layout.packets

    @property
    def plain_at(self) -> int | None:
        """The byte of the file at which packets begin that have nothing between them up to the end; None if not so."""
        return self._layout.runs[0][1] if self._layout.plain else None

    def notes(self) -> list[str]:
        """What was left out of the file, in words; complete once `chunks` has come to its end."""
        return self._layout.notes()

    def buffer(self, packets: int) -> Packets:
        """An array for that many packets, or for the whole file if that is smaller."""
        return aligned(min(packets, self.packets) * PACKET_BYTES).reshape(-1, PACKET_BYTES)

    def read_at(self, first: int, packets: Packets) -> None:
        """Fill `packets` from packet `first` on. Raises RemoteError where the file is shorter now."""
        row = 0
        while row < len(packets):
            start, in_step = self._layout.place(first + row)
            count = min(in_step, len(packets) - row)
            part = packets[row : row + count]
            if self._layout.stride == PACKET_BYTES:
                self._read(start, part.reshape(-1))
            else:
                self._read_apart(start, part)
            row += count

    def _read_apart(self, start: int, packets: Packets) -> None:
        stride = self._layout.stride
        size = len(packets) * stride
        if len(self._wide) < size:
            self._wide = aligned(size)
        wide = self._wide[:size]
        self._read(start, wide[: size - stride + PACKET_BYTES])  # the last one's parity may be missing
        packets[:] = wide.reshape(-1, stride)[:, :PACKET_BYTES]

    def _read(self, offset: int, room: npt.NDArray[np.uint8]) -> None:
        view = room.data
        while len(view):
            got = os.preadv(self._handle, [view], offset)
            if not got:
                raise RemoteError("the input became shorter while it was read; run again once it is complete")
            view, offset = view[got:], offset + got

    def chunks(self, packets: int = CHUNK_PACKETS) -> Iterator[tuple[int, Packets]]:
        """(index of the first packet, packets) from the start on; the array is used again for the next chunk."""
        buffer = self.buffer(packets)
        first = 0
        while first < self.packets:
            chunk = buffer[: self.packets - first]
            self.read_at(first, chunk)
            if self._checked < first + len(chunk) and not self._is_in_step(first, chunk):
                continue  # with what was found instead
            yield first, chunk
            first += len(chunk)

    def _is_in_step(self, first: int, chunk: Packets) -> bool:
        lost = chunk[:, 0] != SYNC
        at = first + (int(lost.argmax()) if lost.any() else len(chunk))
        # The packet behind the chunk is looked at, too: where it is missing, this chunk's last one may be damaged.
        if self._layout.is_packet(at) and at == first + len(chunk):
            self._checked = at
            return True
        self._layout.mend(at)
        return False


def whole_stream(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """All packets one behind the other, shape (188 n,): mapped where the file is so. Raises as `TsFile` does."""
    with TsFile(path) as source:
        if source.plain_at is not None:
            return np.memmap(path, np.uint8, "r", offset=source.plain_at, shape=(source.packets * PACKET_BYTES,))
        return np.frombuffer(b"".join(chunk.tobytes() for _, chunk in source.chunks()), np.uint8)
