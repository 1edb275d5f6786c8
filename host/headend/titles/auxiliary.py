"""What each sample needs to be opened (ISO/IEC 23001-7, 7): its IV and its map of clear and encrypted parts, from
`senc`, or from where `saiz` and `saio` say, be that in a fragment, in `moov` or among the media.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from settop.errors import RemoteError

from headend.titles.boxes import Box, Fields, inside
from headend.titles.ciphers import Work
from headend.titles.protection import CBCS, Protection
from headend.titles.samples import Numbers, Samples, each_of

_SENC_USER_TYPE = bytes.fromhex("a2394f525a9b4f14a2446c427c648df4")
"""The `uuid` box by which `senc` went before it had a name (PIFF 1.1)."""
_SUBSAMPLES = 0x2
_TYPED = 0x1
Read = Callable[[int, int], bytes]
"""read(at, count): octets of the file."""


def works(samples: Samples, read: Read) -> Iterator[tuple[Protection | None, Work | None]]:
    """For each sample, in their order: how it is encrypted and its Work, with ranges that count from its first octet.
    None and None for clear ones. Raises RemoteError where the file does not say it, or says what cannot be.
    """
    entries = _entries(samples, read)
    sizes = each_of(samples.sizes)
    for count, protection in samples.spans:
        for size in islice(sizes, count):
            fields = next(entries)
            yield protection, None if protection is None else _work(protection, fields, size)


def _work(protection: Protection, fields: tuple[bytes, list[tuple[int, int]] | None], size: int) -> Work:
    iv, parts = fields
    if not iv:
        iv = protection.constant_iv
    if parts is None:
        return Work(iv, ((0, size),))
    if protection.scheme == CBCS and not protection.crypt:
        raise RemoteError(
            "the file has a pattern of 0:0 and samples in parts: it must say how many blocks are encrypted"
        )
    ranges, at = [], 0
    for clear, hidden in parts:
        at += clear
        if hidden:
            ranges.append((at, hidden))
        at += hidden
    if at != size:
        raise RemoteError(f"a sample has {size} bytes, and its map of clear and encrypted parts {at}")
    return Work(iv, ranges)


def _entries(samples: Samples, read: Read) -> Iterator[tuple[bytes, list[tuple[int, int]] | None]]:
    """(IV, [(clear, encrypted)]) of each sample; b"" without an IV of its own, None without a map."""
    boxes = inside(samples.data, samples.holder)
    ivs = [(count, protection.iv_bytes if protection is not None else None) for count, protection in samples.spans]
    if not samples.is_protected:
        return _nothing(ivs)
    for box in boxes:
        if is_senc(samples.data, box):
            return _of_senc(samples, box, ivs)
    sizes = next((box for box in boxes if box.kind == b"saiz" and is_about_encryption(samples.data, box)), None)
    offsets = next((box for box in boxes if box.kind == b"saio" and is_about_encryption(samples.data, box)), None)
    if sizes is not None and offsets is not None:
        return _of_saiz(samples, sizes, offsets, read, ivs)
    if all(not octets for _, octets in ivs):
        return _nothing(ivs)
    raise RemoteError(
        f"track {samples.track.id} has encrypted samples, and neither senc nor saiz and saio with their IVs"
    )


def _nothing(ivs: list[tuple[int, int | None]]) -> Iterator[tuple[bytes, None]]:
    for count, _ in ivs:
        for _ in range(count):
            yield b"", None


def _of_senc(
    samples: Samples, box: Box, ivs: list[tuple[int, int | None]]
) -> Iterator[tuple[bytes, list[tuple[int, int]] | None]]:
    fields = Fields(samples.data, box)
    _, flags = fields.version_and_flags()
    if flags & _TYPED:
        raise RemoteError("senc brings encryption parameters of its own (PIFF, flag 1): not supported")
    count = fields.number(4)
    if count != len(samples.sizes):
        raise RemoteError(f"senc is of {count} samples, and the fragment has {len(samples.sizes)}")
    for span, octets in ivs:
        for _ in range(span):
            # A clear sample among encrypted ones has an entry without an IV.
            iv = fields.take(octets or 0)
            yield iv, _parts(fields) if flags & _SUBSAMPLES else None


def _parts(fields: Fields) -> list[tuple[int, int]]:
    count = fields.number(2)
    fields.room_for(count, 6, "parts of a sample")
    table = fields.take(6 * count)
    return [
        (int.from_bytes(table[at : at + 2], "big"), int.from_bytes(table[at + 2 : at + 6], "big"))
        for at in range(0, 6 * count, 6)
    ]


def is_senc(data: bytes, box: Box) -> bool:
    """By its name, or by the number that it had before."""
    return box.kind == b"senc" or (box.kind == b"uuid" and data[box.body - 16 : box.body] == _SENC_USER_TYPE)


def is_about_encryption(data: bytes, box: Box) -> bool:
    """Whether `saiz` or `saio` is about encryption: of no kind that it names, or of cenc's or cbcs's."""
    fields = Fields(data, box)
    _, flags = fields.version_and_flags()
    return not flags & _TYPED or fields.take(4) in (b"cenc", b"cbcs")


def _of_saiz(
    samples: Samples, sizes_box: Box, offsets_box: Box, read: Read, ivs: list[tuple[int, int | None]]
) -> Iterator[tuple[bytes, list[tuple[int, int]] | None]]:
    fields = Fields(samples.data, sizes_box)
    _, flags = fields.version_and_flags()
    if flags & _TYPED:
        fields.take(8)
    default, count = fields.number(1), fields.number(4)
    if count > len(samples.sizes):
        raise RemoteError(f"saiz is of {count} samples, and there are {len(samples.sizes)}")
    sizes = (
        np.full(count, default, np.int64) if default else np.frombuffer(fields.take(count), np.uint8).astype(np.int64)
    )
    fields = Fields(samples.data, offsets_box)
    version, flags = fields.version_and_flags()
    if flags & _TYPED:
        fields.take(8)
    octets = 8 if version else 4
    runs = fields.number(4)
    fields.room_for(runs, octets, "offsets")
    starts = [samples.base + fields.number(octets) for _ in range(runs)]
    pieces = _pieces(samples, sizes, starts, read)
    for span, iv_octets in ivs:
        for _ in range(span):
            piece = next(pieces, b"")
            if not piece:
                if iv_octets:
                    raise RemoteError("saiz has no entry for an encrypted sample: its IV is missing")
                yield b"", None
                continue
            inner = Fields(piece, Box(b"saiz", 0, 0, len(piece)))
            iv = inner.take(iv_octets or 0)
            yield iv, _parts(inner) if inner.left else None


def _pieces(samples: Samples, sizes: Numbers, starts: list[int], read: Read) -> Iterator[bytes]:
    """The octets of each sample: those of a run or chunk lie one behind the other at its offset."""
    if len(starts) == 1:
        counts = [len(sizes)]
    else:
        counts = samples.runs
        if len(starts) != len(counts):
            raise RemoteError(f"saio has {len(starts)} offsets, and there are {len(counts)} runs of samples")
    first = 0
    for start, count in zip(starts, counts, strict=True):
        own = sizes[first : first + count].tolist()
        block, at = read(start, sum(own)), 0
        for size in own:
            yield block[at : at + size]
            at += size
        first += count
