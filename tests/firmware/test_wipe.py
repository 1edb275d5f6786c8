"""On MicroPython these read the objects' memory by address; on CPython only what CPython can show."""

import gc
import hashlib
import sys
from binascii import unhexlify

from kit import raises
from settop.crypto.aes import aes_cbc, aes_ecb, wipe_aes
from settop.crypto.wipe import wipe, wipe_bytes, wipe_hash

ON_MICROPYTHON = sys.implementation.name == "micropython"
WORD = 8 if sys.maxsize > 0x7FFFFFFF else 4
KEY = unhexlify("2b7e151628aed2a6abf7158809cf4f3c")
# FIPS 197 A.1: the last round key, as the schedule holds it (words of the port's own byte order,
# little-endian here)
LAST_ROUND_KEY = unhexlify("d014f9a8c9ee2589e13f0cc8b6630ca6")


def _memory(obj, size):
    import uctypes

    return bytes(uctypes.bytearray_at(id(obj), size))


def test_wipe_zeroes_a_bytearray_and_part_of_one():
    buf = bytearray(b"secret")
    wipe(memoryview(buf)[3:])
    assert buf == b"sec\0\0\0"
    wipe(buf)
    assert buf == bytes(6)
    wipe(bytearray())


def test_wipe_refuses_immutable_bytes():
    with raises(TypeError):
        wipe(b"constant")


def test_a_digest_is_zeroed_where_the_port_allows_it():
    digest = hashlib.sha256(b"of a secret").digest()
    before = bytes(bytearray(digest))
    wipe_bytes(digest)
    assert digest == (bytes(32) if ON_MICROPYTHON else before)
    wipe_bytes(b"")


def test_no_key_or_schedule_stays_in_a_wiped_cipher():
    for use in (None, "encrypt", "decrypt"):
        for make in (lambda: aes_ecb(KEY), lambda: aes_cbc(KEY, KEY)):
            cipher = make()
            if use:
                getattr(cipher, use)(bytes(16))
            if not ON_MICROPYTHON:
                wipe_aes(cipher)
                continue
            before = _memory(cipher, 32 * WORD)
            assert KEY in before or LAST_ROUND_KEY in _memory(cipher, 208)
            wipe_aes(cipher)
            after = _memory(cipher, 296 if WORD == 4 else 304)
            assert after[:WORD] == before[:WORD]  # the type pointer: the collector and repr still need it
            assert not any(after[WORD:])


def test_the_heap_survives_wiping_ciphers_between_other_objects():
    fence = []
    ciphers = []
    for i in range(20):
        fence.append(bytearray([i] * 40))
        ciphers.append(aes_ecb(KEY))
        ciphers[-1].encrypt(bytes(16))
    for cipher in ciphers:
        wipe_aes(cipher)
    assert all(buf == bytearray([i] * 40) for i, buf in enumerate(fence))
    ciphers = None
    gc.collect()
    assert aes_ecb(KEY).encrypt(bytes(16)) == aes_ecb(KEY).encrypt(bytes(16))


def test_no_trace_of_the_message_or_state_stays_in_a_wiped_hash():
    state = hashlib.sha256(b"p" * 80)
    digest = state.digest()
    assert len(digest) == 32
    wipe_hash(state)
    if ON_MICROPYTHON:
        assert not any(_memory(state, 2 * WORD + 104)[2 * WORD :])
