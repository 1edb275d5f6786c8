"""Transport stream files as rows of 188 bytes, also where bytes were lost on the way."""

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError
from settop.wire.transport import PACKET_BYTES, SYNC

Rows = npt.NDArray[np.uint8]

# A sync byte counts when the next ones stand where they should, as far as the file goes.
_SYNCS_TO_LOCK = 4


@dataclasses.dataclass(frozen=True)
class PacketFile:
    """`rows` (n, 188), and how many bytes belonged to no whole packet."""

    rows: Rows
    skipped_bytes: int


def read_packets(path: Path, may_be_empty: bool = False) -> PacketFile:
    """The packets of a file (ISO/IEC 13818-1, 2.4.3.2), mapped, not read, where it is whole.

    Where sync is lost it is found again, and the bytes between are counted. A packet whose sync byte alone is
    wrong is kept. Raises RemoteError when the file holds no packet, unless `may_be_empty`.
    """
    size = path.stat().st_size
    data: Rows = np.memmap(path, dtype=np.uint8, mode="r") if size else np.zeros(0, dtype=np.uint8)
    whole = size // PACKET_BYTES * PACKET_BYTES
    rows = data[:whole].reshape(-1, PACKET_BYTES)
    if not bool((rows[:, 0] == SYNC).all()):
        rows = _resynchronise(data)
    if not len(rows) and not may_be_empty:
        raise RemoteError(f"{path.name}: no MPEG-TS packet; expected 188-byte packets that begin with 0x47")
    return PacketFile(rows, size - rows.size)


def _resynchronise(data: Rows) -> Rows:
    parts = []
    at = _next_lock(data, 0)
    while at + PACKET_BYTES <= len(data):
        count = (len(data) - at) // PACKET_BYTES
        rows = data[at : at + count * PACKET_BYTES].reshape(count, PACKET_BYTES)
        bad = np.flatnonzero(rows[:, 0] != SYNC)
        # A lone wrong sync byte is damage inside one packet, not lost sync.
        lost = next((int(row) for row in bad if row + 1 >= count or rows[row + 1, 0] != SYNC), count)
        if lost == count:
            parts.append(rows)
            break
        # The packet before may have lost its tail: then the next lock lies inside it and it is no packet.
        start = at + lost * PACKET_BYTES
        found = _next_lock(data, start - PACKET_BYTES + 1 if lost else start + 1)
        parts.append(rows[: lost - 1 if found < start else lost])
        at = found
    return np.concatenate(parts) if parts else np.zeros((0, PACKET_BYTES), dtype=np.uint8)


def _next_lock(data: Rows, start: int) -> int:
    """The first offset from `start` on where packets follow one another, or the length of `data`."""
    while start < len(data):
        window = data[start : start + 64 * PACKET_BYTES]
        for offset in np.flatnonzero(window == SYNC).tolist():
            syncs = data[start + offset :: PACKET_BYTES][:_SYNCS_TO_LOCK]
            if start + offset + PACKET_BYTES <= len(data) and bool((syncs == SYNC).all()):
                return int(start + offset)
        start += len(window)
    return len(data)
