"""As much of an MP4 file's moov box (ISO/IEC 14496-12) as a decoder chip needs: which AAC, how long each sample is."""

from collections.abc import Iterator
from typing import NamedTuple

from testbed.machines.codec.headers import AAC_RATES

MOVIE_BYTES = 1 << 20
"""A moov box may have so many octets; what the real chip has room for is not documented."""
_LOW_COMPLEXITY = (2, 5, 29)  # the latter with spectral band replication, parametric stereo
_CONFIG_TAG, _DECODER_TAG, _STREAM_TAG = 5, 4, 3  # ISO/IEC 14496-1, 7.2.2.1


class Mp4Error(ValueError):
    """It is not what the chip reads."""


class Movie(NamedTuple):
    """The first track with AAC: its AudioSpecificConfig, rate in Hz, channels; the octets of each sample."""

    config: bytes
    rate: int
    channels: int
    sizes: list[int]


def read_movie(body: bytes) -> Movie:
    """Mp4Error: there is no track of AAC of low complexity, or the boxes lie."""
    try:
        for track in _all(body, b"trak"):
            table = _path(track, b"mdia", b"minf", b"stbl")
            if table is None:
                continue
            config = _config(_path(table, b"stsd") or b"")
            if config is not None:
                return _movie(config, _path(table, b"stsz") or b"")
    except (IndexError, RecursionError) as error:
        raise Mp4Error("a box ends early") from error
    raise Mp4Error("no track of AAC")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            raise Mp4Error("a box's size lies")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _all(data: bytes, kind: bytes) -> Iterator[bytes]:
    return (body for name, body in _boxes(data) if name == kind)


def _path(data: bytes, *kinds: bytes) -> bytes | None:
    for kind in kinds:
        found = next(_all(data, kind), None)
        if found is None:
            return None
        data = found
    return data


def _config(descriptions: bytes) -> bytes | None:
    """The AudioSpecificConfig of the first mp4a entry in an stsd box."""
    entry = _path(descriptions[8:], b"mp4a")
    if entry is None:
        return None
    stream = _path(entry[28:], b"esds")
    if stream is None:
        return None
    elementary = _descriptor(stream[4:], _STREAM_TAG)
    flags, at = elementary[2], 3
    at += (2 if flags & 0x80 else 0) + (1 + elementary[at] if flags & 0x40 else 0) + (2 if flags & 0x20 else 0)
    decoder = _descriptor(elementary[at:], _DECODER_TAG)
    return _descriptor(decoder[13:], _CONFIG_TAG)


def _descriptor(data: bytes, tag: int) -> bytes:
    if data[0] != tag:
        raise Mp4Error("another descriptor")
    size, at = 0, 1
    while True:
        size = size << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return data[at : at + size]


def _movie(config: bytes, sizes: bytes) -> Movie:
    index, channels = (config[0] & 7) << 1 | config[1] >> 7, config[1] >> 3 & 15
    if config[0] >> 3 not in _LOW_COMPLEXITY or index >= len(AAC_RATES) or not 1 <= channels <= 2:
        raise Mp4Error("not AAC of low complexity with one or two channels")
    alike, count = int.from_bytes(sizes[4:8], "big"), int.from_bytes(sizes[8:12], "big")
    if alike:
        return Movie(config, AAC_RATES[index], channels, [alike] * min(count, MOVIE_BYTES))
    table = sizes[12 : 12 + 4 * count]
    return Movie(
        config, AAC_RATES[index], channels, [int.from_bytes(table[i : i + 4], "big") for i in range(0, len(table), 4)]
    )
