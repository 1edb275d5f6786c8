"""Wiping of secrets, also where MicroPython keeps copies that no bytearray shows.

A bytearray is overwritten in place. An immutable bytes object (a digest), a `cryptolib.aes` object (key, then
key schedule) and a `hashlib` object (chaining value of a keyed block) can be reached on MicroPython only by
address: `id()` is the object's address and the collector never moves anything. CPython offers no such way;
there these calls do nothing, and the garbage collector decides.
"""

import sys

_ON_MICROPYTHON = sys.implementation.name == "micropython"
try:
    import uctypes
except ImportError:
    uctypes = None

_WORD = 8 if sys.maxsize > 0x7FFFFFFF else 4


def wipe(buf):
    """Overwrites a bytearray or writable memoryview with zeros, in place."""
    for i in range(len(buf)):
        buf[i] = 0


def wipe_bytes(data):
    """Zeroes the content of the bytes object `data` itself; on CPython does nothing.

    Only for bytes that the caller alone holds and that came from the heap, such as a digest or the result of
    `os.urandom`. Never for a literal, a value kept elsewhere or a key of a dict: whoever shares the object
    sees zeros, and a literal of frozen code lies in flash, where the write is a fault.
    """
    if _ON_MICROPYTHON and uctypes is not None and len(data):
        wipe(uctypes.bytearray_at(uctypes.addressof(data), len(data)))


def wipe_object(obj, start, size):
    """Zeroes `size` bytes from byte `start` of the C struct behind `obj`; on CPython does nothing.

    The caller must know the struct: a wrong size destroys the heap. `obj` must not be used afterwards.
    """
    if _ON_MICROPYTHON and uctypes is not None:
        wipe(uctypes.bytearray_at(id(obj) + start, size))


def wipe_hash(sha256):
    """Zeroes the state of a `hashlib.sha256` object that has hashed a secret; its digest must be taken
    before.

    The struct (extmod/modhashlib.c) is the type pointer, a flag padded to a word, then the context. 104 bytes
    of it exist in every implementation: 64 of data, 8 of length, 32 of state. What crypto-algorithms keeps
    beyond (two of eight state words) gives nothing away.
    """
    wipe_object(sha256, 2 * _WORD, 104)
