"""What the terminal knows of a module that came as an update: record NAME of service "update", counted. Big-endian:

    version u8             1
    kind u8                as settop.wire.update has it
    tries u8               how often the new one was started
    floor u32              no version that is not above it is taken any more
    codec 16               zeros behind it
    kept 43 octets         the one that came up last, or 43 zeros
    new 43 octets          the one that has not yet, or 43 zeros

each of these: slot u8 (1: A, 2: B), version u32, mpy 3, length u32 less 1 in 3 octets, digest 32.
"""

import struct

from settop.errors import RemoteError

SERVICE = "update"
_VERSION = 1
_HEAD = ">BBBI16s"
_HEAD_BYTES = 23
_ENTRY = ">BI3sHB32s"
_ENTRY_BYTES = 43
RECORD_BYTES = _HEAD_BYTES + 2 * _ENTRY_BYTES


class Entry:
    """One verified module in flash: `slot` 0 (A) or 1 (B), `version`, `mpy`, `length`, `digest`."""

    def __init__(self, slot, version, mpy, length, digest):
        self.slot = slot
        self.version = version
        self.mpy = mpy
        self.length = length
        self.digest = digest


class Record:
    """`kind`, `codec`, `floor`, `tries`, `kept` and `new` (each an Entry or None)."""

    def __init__(self, kind, codec, floor=0, tries=0, kept=None, new=None):
        self.kind = kind
        self.codec = codec
        self.floor = floor
        self.tries = tries
        self.kept = kept
        self.new = new

    def state(self):
        """In the words of states.py."""
        if self.new is not None:
            return "trying" if self.tries else "stored"
        return "empty" if self.kept is None else "kept"


def pack_record(record):
    head = struct.pack(_HEAD, _VERSION, record.kind, record.tries, record.floor, record.codec.encode())
    return head + _pack_entry(record.kept) + _pack_entry(record.new)


def unpack_record(data):
    """Raises RemoteError for another version or length."""
    if len(data) != RECORD_BYTES or data[0] != _VERSION:
        raise RemoteError("what is known of an update is of another format")
    data = bytes(data)
    _, kind, tries, floor, codec = struct.unpack(_HEAD, data[:_HEAD_BYTES])
    middle = _HEAD_BYTES + _ENTRY_BYTES
    kept = _unpack_entry(data[_HEAD_BYTES:middle])
    return Record(kind, codec.rstrip(b"\x00").decode(), floor, tries, kept, _unpack_entry(data[middle:]))


def _pack_entry(entry):
    if entry is None:
        return bytes(_ENTRY_BYTES)
    length = entry.length - 1
    return struct.pack(_ENTRY, entry.slot + 1, entry.version, entry.mpy, length >> 8, length & 255, entry.digest)


def _unpack_entry(data):
    slot, version, mpy, high, low, digest = struct.unpack(_ENTRY, data)
    return Entry(slot - 1, version, mpy, (high << 8 | low) + 1, digest) if slot else None
