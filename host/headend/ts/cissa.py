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
from settop.wire.transport import CISSA_IV, PACKET_BYTES

from headend.ts.packets import HAS_ADAPTATION, HAS_PAYLOAD, Packets, aligned

BLOCK_BYTES = 16
KEY_BYTES = 16
TSC_EVEN = 2
TSC_ODD = 3
_MAX_BLOCKS = (PACKET_BYTES - 4) // BLOCK_BYTES
_FULL_OFFSET = 4
_TILE_PACKETS = 16384  # few calls: each to the cipher costs 6 µs; the 3 MiB of blocks still fit a last-level cache
_IV64 = np.frombuffer(CISSA_IV, np.uint64)
_BLOCK = np.dtype("V16")  # copied as one item of 16 bytes, whatever its alignment
_STEPS = np.arange(0, _MAX_BLOCKS * BLOCK_BYTES, BLOCK_BYTES)[:, None]

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
    cipher = _Cipher(key, bool(tsc))
    done = 0
    for start in range(0, len(packets), _TILE_PACKETS):
        tile = slice(start, start + _TILE_PACKETS)
        done += _tile(packets[tile], None if selected is None else selected[tile], cipher, tsc)
    return done


def _tile(packets: Packets, selected: Mask | None, cipher: "_Cipher", tsc: int) -> int:
    """At most _TILE_PACKETS packets. Columns of the work array: all packets as if full, then those that are not."""
    control = packets[:, 3].copy()
    chosen: Mask = control & HAS_PAYLOAD != 0
    if selected is not None:
        chosen &= selected
    adapted: Mask = control & HAS_ADAPTATION != 0
    odd = np.flatnonzero(chosen & adapted)
    starts = packets[odd, 4].astype(np.int64) + 5
    beyond = starts >= PACKET_BYTES  # no payload after all, or malformed
    if beyond.any():
        chosen[odd[beyond]] = False
        odd, starts = odd[~beyond], starts[~beyond]
    if not chosen.any():
        return 0
    packets[:, 3] = np.where(chosen, control & 0x3F | tsc << 6, control)
    others = np.flatnonzero(~chosen | adapted)
    full = len(packets)
    if others.size * 2 >= full:  # running all as if full would waste more than picking blocks one by one costs
        full = 0
        odd = np.flatnonzero(chosen)
        starts = np.where(adapted[odd], packets[odd, 4].astype(np.int64) + 5, _FULL_OFFSET)
    work = cipher.work(full + odd.size)
    blocks: npt.NDArray[Any] = np.ndarray(
        (full, _MAX_BLOCKS), _BLOCK, packets, _FULL_OFFSET, (PACKET_BYTES, BLOCK_BYTES)
    )
    flat = packets.reshape(-1)
    # A block may start at any byte, hence the stride of 1.
    anywhere: npt.NDArray[Any] = np.ndarray((flat.size - BLOCK_BYTES + 1,), _BLOCK, flat, 0, (1,))
    step = _STEPS + starts
    real = step <= PACKET_BYTES - BLOCK_BYTES
    places = (step + odd * PACKET_BYTES)[real]

    work[:, :full] = blocks.T
    work[:, full:][real] = anywhere[places]  # what is not real is run too, but never read
    saved = packets[others] if full else packets[:0]
    cipher.run(work.nbytes)
    blocks.T[...] = work[:, :full]
    if full:
        packets[others] = saved
    anywhere[places] = work[:, full:][real]
    return int(np.count_nonzero(chosen))


class _Scratch(threading.local):
    """Work space, one per thread: fresh memory for every call would cost more than the cipher."""

    def __init__(self) -> None:
        size = _MAX_BLOCKS * _TILE_PACKETS * 3 // 2 * BLOCK_BYTES  # at most half of a tile has columns of its own
        self.work = aligned(size)
        self.out = aligned(size)


_scratch = _Scratch()


class _Cipher:
    """CBC with the CISSA IV over `work()`, an array (11, n) of blocks whose columns are independent chains."""

    def __init__(self, key: bytes, encrypt: bool) -> None:
        self._aes = AES.new(key, AES.MODE_ECB)
        self._encrypt = encrypt
        self._work = _scratch.work
        self._out = _scratch.out

    def work(self, columns: int) -> npt.NDArray[Any]:
        """A work array for that many packets, at most 3/2 of _TILE_PACKETS."""
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
