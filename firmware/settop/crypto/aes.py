"""AES over `cryptolib`, or over settop.crypto.soft_aes where a port has none.

A `cryptolib.aes` object works in one direction, fixed by its first use, and keeps the key or its schedule in
RAM until the collector hands the memory on. So every object made here must end in `wipe_aes`.
"""

import gc
import sys

from settop.crypto.wipe import wipe, wipe_object
from settop.errors import LocalError

try:
    from cryptolib import aes as _aes

    _WORD = 8 if sys.maxsize > 0x7FFFFFFF else 4
except ImportError:
    from settop.crypto.soft_aes import aes as _aes  # type: ignore[assignment]

    _WORD = 0  # the stand-in wipes itself

BLOCK_BYTES = 16
_MODE_ECB = 1
_MODE_CBC = 2


def aes_ecb(key):
    """One-direction AES-ECB object with `.encrypt(data[, out])` or `.decrypt(data[, out])`.

    `key` of 16 or 32 bytes; `data` holds whole blocks; `out` may be `data`. Raises LocalError for any other
    key length.
    """
    _check_key(key)
    return _aes(key, _MODE_ECB)


def aes_cbc(key, iv):
    """One-direction AES-CBC object, chained from call to call; key of 16 or 32 bytes, `iv` of 16."""
    _check_key(key)
    if len(iv) != BLOCK_BYTES:
        raise LocalError("AES-CBC IV of %d bytes, expected 16" % len(iv))
    return _aes(key, _MODE_CBC, iv)


def wipe_aes(cipher):
    """Zeroes the key material of an object from aes_ecb or aes_cbc, which must not be used afterwards.

    Also takes an Aes128. On CPython a `cryptolib` shim keeps its key until it is collected.
    """
    if hasattr(cipher, "wipe"):
        cipher.wipe()
    elif _WORD:
        wipe_object(cipher, _WORD, _context_bytes())


def as_cipher(key):
    """`key` itself if it is a cipher already, else aes_ecb(key), which the caller wipes in the end."""
    return key if hasattr(key, "encrypt") else aes_ecb(key)


class Aes128:
    """AES-128-ECB in both directions. Copies its 16-byte key; raises LocalError for another length."""

    def __init__(self, key):
        if len(key) != 16:
            raise LocalError("AES-128 key of %d bytes, expected 16" % len(key))
        self._key = bytearray(key)
        self._encryptor = None
        self._decryptor = None

    def encrypt(self, data, out=None):
        """Whole blocks of `data`, as bytes, or into `out` and returned. Raises LocalError after wipe()."""
        if self._encryptor is None:
            self._encryptor = self._new()
        return self._encryptor.encrypt(data) if out is None else self._encryptor.encrypt(data, out)

    def decrypt(self, data, out=None):
        """The inverse of encrypt."""
        if self._decryptor is None:
            self._decryptor = self._new()
        return self._decryptor.decrypt(data) if out is None else self._decryptor.decrypt(data, out)

    def wipe(self):
        """Zeroes the key and both schedules; may be called twice."""
        for cipher in (self._encryptor, self._decryptor):
            if cipher is not None:
                wipe_aes(cipher)
        if self._key is not None:
            wipe(self._key)
        self._key = self._encryptor = self._decryptor = None

    def _new(self):
        if self._key is None:
            raise LocalError("this AES key has been wiped; make a new Aes128")
        return aes_ecb(self._key)


def _check_key(key):
    if len(key) not in (16, 32):
        raise LocalError("AES key of %d bytes, expected 16 or 32" % len(key))


# Bytes behind the type pointer of a cryptolib.aes object that hold the key, its schedule and the IV
# (extmod/modcryptolib.c), by the size of the whole object as the heap counts it:
#   mbedtls: rounds, offset, 68 words, IV    (304 of 32-bit, 320 of 64-bit)
#   axTLS:   2 shorts, 120 words, IV         (512)
# In any other build (an AES peripheral's driver) the struct holds at least the staged key, its size and the
# IV.
_LAYOUTS = {
    (4, 304): 4 + 4 + 272 + 16,
    (8, 320): 8 + 8 + 272 + 16,
    (4, 512): 4 + 480 + 16,
    (8, 512): 4 + 480 + 16,
}
_SMALLEST_CONTEXT = 33 + 15
_measured = 0


def _context_bytes():
    """How much of an object may be zeroed. Measured once, because a wrong size would destroy the heap."""
    global _measured
    if not _measured and hasattr(gc, "mem_alloc"):
        for _ in range(4):  # an interrupt's own allocation can spoil one measurement, hardly four
            _measured = _LAYOUTS.get((_WORD, _allocated_bytes(bytes(16))), _SMALLEST_CONTEXT)
            if _measured != _SMALLEST_CONTEXT:
                break
    return _measured


def _allocated_bytes(key):
    enabled = gc.isenabled()
    gc.collect()  # with the collector off there must be room without it
    gc.disable()
    before = gc.mem_alloc()
    probe = _aes(key, _MODE_ECB)
    size = gc.mem_alloc() - before
    del probe
    if enabled:
        gc.enable()
    return size
