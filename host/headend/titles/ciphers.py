"""AES over many samples at once: counter mode (`cenc`) and chained blocks (`cbcs`), ISO/IEC 23001-7, 9 and 10.

A sample's encrypted octets are ranges of a buffer. All of a batch go through AES in one call where the mode lets them:
a cipher object per sample costs more than the encryption of an audio frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from Crypto.Cipher import AES
from numpy.typing import NDArray

from headend.titles.protection import BLOCK, CBCS, Protection

Octets = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Work:
    """One sample to be encrypted or decrypted in place: its IV (8 or 16 octets) and ranges (start, length) in a
    buffer.
    """

    iv: bytes
    ranges: Sequence[tuple[int, int]] = field(repr=False)


class SampleCipher:
    """Encrypts and decrypts samples under one key (16 octets). Its repr tells nothing."""

    def __init__(self, key: bytes) -> None:
        self._ecb = AES.new(key, AES.MODE_ECB)
        self._last = bytes(BLOCK)
        self._cbc = AES.new(key, AES.MODE_CBC, self._last)

    def __repr__(self) -> str:
        return "SampleCipher(hidden)"

    def encrypt(self, data: Octets, protection: Protection, works: Sequence[Work]) -> None:
        """Encrypt these samples where they lie in `data`."""
        if protection.scheme == CBCS:
            self._chain(data, protection, works)
        else:
            self._count(data, works)

    def decrypt(self, data: Octets, protection: Protection, works: Sequence[Work]) -> None:
        """Decrypt these samples where they lie in `data`."""
        if protection.scheme == CBCS:
            self._unchain(data, protection, works)
        else:
            self._count(data, works)

    def _count(self, data: Octets, works: Sequence[Work]) -> None:
        """Counter mode: the key stream runs on from range to range of a sample (23001-7, 9.5); both directions."""
        sizes = [sum(length for _, length in work.ranges) for work in works]
        blocks = np.array([-(-size // BLOCK) for size in sizes], np.int64)
        total = int(blocks.sum())
        if not total:
            return
        starts = np.cumsum(blocks) - blocks
        ivs = np.frombuffer(b"".join(work.iv.ljust(BLOCK, b"\0") for work in works), ">u8").reshape(-1, 2)
        counters = np.empty((total, 2), ">u8")
        counters[:, 0] = np.repeat(ivs[:, 0], blocks)
        # The low eight octets count, and wrap round by themselves.
        within = np.arange(total, dtype=np.uint64) - np.repeat(starts, blocks).astype(np.uint64)
        counters[:, 1] = np.repeat(ivs[:, 1], blocks).astype(np.uint64) + within
        stream = np.frombuffer(self._ecb.encrypt(counters.tobytes()), np.uint8)
        for work, start in zip(works, starts.tolist(), strict=True):
            at = start * BLOCK
            for begin, length in work.ranges:
                piece = data[begin : begin + length]
                np.bitwise_xor(piece, stream[at : at + length], out=piece)
                at += length

    def _chain(self, data: Octets, protection: Protection, works: Sequence[Work]) -> None:
        # One cipher object for all chains: it goes on from its last block, which is taken out of the next one's first.
        for chain in _chains(data, protection, works):
            blocks = chain.take().copy()
            blocks[0] ^= np.frombuffer(chain.iv, np.uint8) ^ np.frombuffer(self._last, np.uint8)
            made = self._cbc.encrypt(blocks.tobytes())
            self._last = made[-BLOCK:]
            chain.put(made)

    def _unchain(self, data: Octets, protection: Protection, works: Sequence[Work]) -> None:
        chains = _chains(data, protection, works)
        if not chains:
            return
        hidden = np.concatenate([chain.take() for chain in chains])
        before = np.empty_like(hidden)
        before[1:] = hidden[:-1]
        ends = np.cumsum([chain.length for chain in chains])
        starts = ends - [chain.length for chain in chains]
        before[starts] = np.frombuffer(b"".join(chain.iv for chain in chains), np.uint8).reshape(-1, BLOCK)
        clear = np.frombuffer(self._ecb.decrypt(hidden.tobytes()), np.uint8).reshape(-1, BLOCK) ^ before
        for chain, start, end in zip(chains, starts.tolist(), ends.tolist(), strict=True):
            chain.put(clear[start:end].tobytes())


@dataclass(frozen=True, slots=True)
class _Chain:
    """Blocks that are chained: `which` of `blocks`, an array of shape (n, 16) that lies in the buffer."""

    iv: bytes
    blocks: Octets
    which: "slice | NDArray[np.intp]"
    length: int

    def take(self) -> Octets:
        return self.blocks[self.which]

    def put(self, data: bytes) -> None:
        self.blocks[self.which] = np.frombuffer(data, np.uint8).reshape(-1, BLOCK)


def _chains(data: Octets, protection: Protection, works: Sequence[Work]) -> list[_Chain]:
    """One for each range, since `cbcs` begins anew in each (23001-7, 10.4); what is no whole block stays as it is."""
    found = []
    crypt, skip = protection.crypt, protection.skip
    for work in works:
        iv = work.iv.ljust(BLOCK, b"\0")
        for start, length in work.ranges:
            count = length // BLOCK
            if not count:
                continue
            blocks = data[start : start + count * BLOCK].reshape(-1, BLOCK)
            if not skip:
                found.append(_Chain(iv, blocks, slice(None), count))
            elif crypt == 1:
                found.append(_Chain(iv, blocks, slice(None, None, 1 + skip), -(-count // (1 + skip))))
            else:
                which = np.flatnonzero(np.arange(count) % (crypt + skip) < crypt)
                found.append(_Chain(iv, blocks, which, len(which)))
    return found
