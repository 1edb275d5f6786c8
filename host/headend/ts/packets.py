"""MPEG-TS packets by the million: sync check, reading in chunks, header fields as arrays (ISO/IEC 13818-1, 2.4.3)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError

PACKET_BYTES = 188
SYNC_BYTE = 0x47
NULL_PID = 0x1FFF
PIDS = 0x4000  # 0x2000 of the standard, and those of damaged packets above them (see pids_of)
CHUNK_PACKETS = 16384  # 3 MiB: large enough for few calls, small enough to stay in a last-level cache

HAS_PAYLOAD = 0x10  # bits of the header word
HAS_ADAPTATION = 0x20
IS_START = 0x400000  # payload_unit_start_indicator
IS_DAMAGED = 0x800000  # transport_error_indicator
_SYNC_PROBE_PACKETS = 5
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
    lost = (words >> 24) != SYNC_BYTE
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
    """A transport stream file of 188-byte packets, read in order; usable as a context manager.

    Raises RemoteError on opening for an empty file, no transport stream, packets of 192 or 204 bytes, a start inside
    a packet, a truncated last packet; OSError where the file cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        try:
            size = os.fstat(self._file.fileno()).st_size
            _check_sync(self._file.read(204 * (_SYNC_PROBE_PACKETS + 1)), size)
        except BaseException:
            self._file.close()
            raise
        self.packets = size // PACKET_BYTES

    def __enter__(self) -> "TsFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def buffer(self, packets: int) -> Packets:
        """An array for that many packets, or for the whole file if that is smaller."""
        return aligned(min(packets, self.packets) * PACKET_BYTES).reshape(-1, PACKET_BYTES)

    def read_at(self, first: int, packets: Packets) -> None:
        """Fill `packets` from packet `first` of the file on. Raises RemoteError where the file is shorter now."""
        view = packets.reshape(-1).data
        offset = first * PACKET_BYTES
        while len(view):
            got = os.preadv(self._file.fileno(), [view], offset)
            if not got:
                raise RemoteError("the input became shorter while it was read; run again once it is complete")
            view, offset = view[got:], offset + got

    def chunks(self, packets: int = CHUNK_PACKETS) -> Iterator[tuple[int, Packets]]:
        """(index of the first packet, packets) from the start on; the array is used again for the next chunk."""
        buffer = self.buffer(packets)
        for first in range(0, self.packets, packets):
            chunk = buffer[: self.packets - first]
            self.read_at(first, chunk)
            yield first, chunk


def _check_sync(head: bytes, size: int) -> None:
    if not size:
        raise RemoteError("the input is empty; expected an MPEG transport stream of 188-byte packets")
    if not _in_step(head, 0, PACKET_BYTES):
        for stride, start, name in ((192, 4, "M2TS (192-byte packets)"), (204, 0, "a 204-byte packet stream")):
            if len(head) > start + stride and _in_step(head, start, stride):
                raise RemoteError(f"the input is {name}; convert it to 188-byte packets: ffmpeg -i IN -c copy OUT.ts")
        for start in range(1, PACKET_BYTES):
            if len(head) > start + 2 * PACKET_BYTES and _in_step(head, start, PACKET_BYTES):
                raise RemoteError(f"the input starts inside a packet; remove its first {start} bytes")
        raise RemoteError("the input is no MPEG transport stream: no sync byte 0x47 every 188 bytes")
    rest = size % PACKET_BYTES
    if rest:
        raise RemoteError(
            f"the last packet is truncated: {rest} of 188 bytes; cut the file to {size - rest} bytes or fetch it again"
        )


def _in_step(head: bytes, start: int, stride: int) -> bool:
    return all(byte == SYNC_BYTE for byte in head[start::stride][:_SYNC_PROBE_PACKETS])
