"""The names of records, and the bytes of the list that names them all (keystore.py beside). Big-endian:

version u8             1
base u32               the boot's number is base + the list's sequence
length u8              bytes of `pending`
pending                what the next start takes away: file names without .a and .b, a blank between
entries of 10 bytes    6 of the SHA-256 of SERVICE-NAME, u32: the sequence of a counted record's slot, 0: a plain one
"""

import struct

from settop.crypto.hkdf import sha256
from settop.errors import LocalError, RemoteError

MAX_NAME_CHARS = 24
MAX_SERVICE_CHARS = 10
LIST = "list"  # its own name, which no SERVICE-NAME can be
UNKNOWN_BASE = 0x80000000  # no number from here on has been given out by counting from a known base
ENTRY_BYTES = 10
_NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_"
_MARK_BYTES = 6
_VERSION = 1
_HEAD = ">BIB"
_HEAD_BYTES = 6


def stem_of(service, name):
    """SERVICE-NAME. Raises LocalError for other characters or lengths."""
    for text, most, what in ((service, MAX_SERVICE_CHARS, "service"), (name, MAX_NAME_CHARS, "record")):
        if not 1 <= len(text) <= most or any(char not in _NAME_CHARS for char in text):
            raise LocalError("the name of a %s has 1 to %d characters of a-z, 0-9 and _" % (what, most))
    return service + "-" + name


def entry_of(stem, value):
    """One record's entry."""
    return bytes(memoryview(sha256(stem.encode()))[:_MARK_BYTES]) + value.to_bytes(4, "big")


def find_entry(entries, stem):
    """(where it begins, its value); (None, None) where there is none."""
    mark = entry_of(stem, 0)[:_MARK_BYTES]
    for at in range(0, len(entries), ENTRY_BYTES):
        if entries[at : at + _MARK_BYTES] == mark:
            return at, int.from_bytes(entries[at + _MARK_BYTES : at + ENTRY_BYTES], "big")
    return None, None


def with_entry(entries, stem, value):
    """`entries` with this record's as `value`, or without it where that is None."""
    at = find_entry(entries, stem)[0]
    if at is not None:
        entries = entries[:at] + entries[at + ENTRY_BYTES :]
    return entries if value is None else entries + entry_of(stem, value)


def pack_list(base, pending, entries):
    return struct.pack(_HEAD, _VERSION, base, len(pending)) + pending.encode() + entries


def unpack_list(data):
    """(base, pending, entries). Raises RemoteError for another version or length."""
    if len(data) >= _HEAD_BYTES:
        version, base, length = struct.unpack_from(_HEAD, data)
        at = _HEAD_BYTES + length
        if version == _VERSION and len(data) >= at and (len(data) - at) % ENTRY_BYTES == 0:
            try:
                return base, bytes(data[_HEAD_BYTES:at]).decode(), bytes(data[at:])
            except UnicodeError:
                pass
    raise RemoteError("the keystore's list is of another format: update the firmware, or provision again")
