"""DVB-CISSA in bulk (ETSI TS 103 127): AES-128-CBC over each packet's payload, fixed IV, the residue left clear.

CBC is sequential inside a packet but not across packets. The j-th blocks of many packets are laid side by side,
xored with the ciphertext of blocks j-1 and encrypted by one ECB call; a tile of packets stays in the cache meanwhile.
Decryption needs no order at all: one ECB call over a whole tile, then one xor.
"""

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
from Crypto.Cipher import AES
from settop.errors import LocalError

from headend.ts.packets import PACKET_BYTES, Packets, header_words, payload_offsets

CISSA_IV = b"DVBTMCPTAESCISSA"
BLOCK_BYTES = 16
KEY_BYTES = 16
TSC_EVEN = 2
TSC_ODD = 3
_MAX_BLOCKS = (PACKET_BYTES - 4) // BLOCK_BYTES
_FULL_OFFSET = 4
_TILE_PACKETS = 4096  # 0.7 MiB of blocks: few calls, and still in the cache
_IV64 = np.frombuffer(CISSA_IV, np.uint64)
_BLOCK = np.dtype("V16")  # copied as one item of 16 bytes, whatever its alignment

Mask = npt.NDArray[np.bool_]


def scramble_packets(packets: Packets, key: bytes, parity: int, selected: Mask | None = None) -> int:
    """Scramble in place every packet that has a payload, and set its TSC (parity 0: 10, parity 1: 11).

    `packets` is a C-contiguous uint8 array of shape (n, 188); `selected`, shape (n,), restricts the work to some of
    them. Returns the number of packets scrambled. A payload under 16 bytes stays as it is, its TSC is set all the
    same. Raises LocalError for another key length, parity or array shape.
    """
    if parity not in (0, 1):
        raise LocalError("parity must be 0 (even) or 1 (odd)")
    return _apply(packets, key, selected, TSC_EVEN + parity)


def descramble_packets(packets: Packets, key: bytes, selected: Mask | None = None) -> int:
    """Undo `scramble_packets` in place with `key`: payloads opened, TSC 00. Same arguments, result and errors."""
    return _apply(packets, key, selected, 0)


def _apply(packets: Packets, key: bytes, selected: Mask | None, tsc: int) -> int:
    if packets.ndim != 2 or packets.shape[1] != PACKET_BYTES or not packets.flags.c_contiguous:
        raise LocalError("packets must be a contiguous uint8 array of shape (n, 188)")
    if len(key) != KEY_BYTES:
        raise LocalError(f"a CISSA key has {KEY_BYTES} bytes, got {len(key)}")
    if not len(packets):
        return 0
    offsets = payload_offsets(packets, header_words(packets))
    if selected is not None:
        offsets[~selected] = PACKET_BYTES
    control = packets[:, 3]
    chosen = offsets < PACKET_BYTES
    control[chosen] = control[chosen] & 0x3F | tsc << 6
    cipher = _Cipher(key, bool(tsc))
    odd: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(packets), _TILE_PACKETS):
        tile = slice(start, start + _TILE_PACKETS)
        odd.append(_full_payloads(packets[tile], offsets[tile], cipher) + start)
    rows = np.concatenate(odd)
    for start in range(0, len(rows), _TILE_PACKETS):
        some = rows[start : start + _TILE_PACKETS]
        _odd_payloads(packets, some, offsets[some], cipher)
    return int(np.count_nonzero(chosen))


def _full_payloads(packets: Packets, offsets: npt.NDArray[np.int64], cipher: "_Cipher") -> npt.NDArray[np.int64]:
    """Treat the packets with 184 bytes of payload; returns the rows of the others that have at least one block."""
    others = np.flatnonzero(offsets != _FULL_OFFSET)
    if others.size * 2 >= len(packets):
        return np.flatnonzero(offsets <= PACKET_BYTES - BLOCK_BYTES)
    # Nearly all are full: run the tile as if all were, and put the few others back.
    saved = packets[others]
    blocks: npt.NDArray[Any] = np.ndarray(
        (len(packets), _MAX_BLOCKS), _BLOCK, packets, _FULL_OFFSET, (PACKET_BYTES, BLOCK_BYTES)
    )
    work = cipher.work(len(packets))
    work[...] = blocks.T
    cipher.run(work.nbytes)
    blocks.T[...] = work
    packets[others] = saved
    return others[offsets[others] <= PACKET_BYTES - BLOCK_BYTES]


def _odd_payloads(
    packets: Packets, rows: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64], cipher: "_Cipher"
) -> None:
    """Packets `rows` with payloads of any length: gather their blocks, run them all as if of full length."""
    flat = packets.reshape(-1)
    # A block may start at any byte, hence the stride of 1.
    anywhere: npt.NDArray[Any] = np.ndarray((flat.size - BLOCK_BYTES + 1,), _BLOCK, flat, 0, (1,))
    step = np.arange(_MAX_BLOCKS, dtype=np.int64)[:, None]
    places = rows * PACKET_BYTES + offsets + step * BLOCK_BYTES
    real = step < (PACKET_BYTES - offsets) // BLOCK_BYTES
    work = cipher.work(len(rows))
    work[...] = anywhere[np.where(real, places, 0)]
    cipher.run(work.nbytes)
    anywhere[places[real]] = work[real]


class _Scratch(threading.local):
    """Work space, one per thread: fresh memory for every call would cost more than the cipher."""

    def __init__(self) -> None:
        size = _MAX_BLOCKS * _TILE_PACKETS * BLOCK_BYTES
        self.work = np.empty(size, np.uint8)
        self.out = np.empty(size, np.uint8)


_scratch = _Scratch()


class _Cipher:
    """CBC with the CISSA IV over `work()`, an array (11, n) of blocks whose columns are independent chains."""

    def __init__(self, key: bytes, encrypt: bool) -> None:
        self._aes = AES.new(key, AES.MODE_ECB)
        self._encrypt = encrypt
        self._work = _scratch.work
        self._out = _scratch.out

    def work(self, columns: int) -> npt.NDArray[Any]:
        """A work array for that many packets, at most _TILE_PACKETS."""
        used = self._work[: _MAX_BLOCKS * columns * BLOCK_BYTES]
        return used.view(_BLOCK).reshape(_MAX_BLOCKS, columns)

    def run(self, size: int) -> None:
        """Encrypt or decrypt in place the first `size` bytes of the work array."""
        lanes = self._work[:size].view(np.uint64).reshape(_MAX_BLOCKS, -1, 2)
        if self._encrypt:
            row_bytes = size // _MAX_BLOCKS
            view = self._work.data
            lanes[0] ^= _IV64
            for j in range(_MAX_BLOCKS):
                if j:
                    lanes[j] ^= lanes[j - 1]
                row = view[j * row_bytes : (j + 1) * row_bytes]
                self._aes.encrypt(row, output=row)
        else:
            self._aes.decrypt(self._work.data[:size], output=self._out.data[:size])
            opened = self._out[:size].view(np.uint64).reshape(_MAX_BLOCKS, -1, 2)
            opened[0] ^= _IV64
            opened[1:] ^= lanes[:-1]
            lanes[...] = opened
