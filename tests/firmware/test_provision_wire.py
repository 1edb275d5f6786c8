"""Provisioning's fixed vectors: words, labels and the layout of what is wrapped."""

import random

from kit import HEX
from settop.wire import provision as wire

BOARD = bytes(range(32))
HOST = bytes(range(32, 64))


def test_words_and_sizes_are_the_documented_ones():
    assert (wire.ASK, wire.KEY, wire.SET, wire.DONE) == ("provision", "provision-key", "provision-set", "provisioned")
    assert (wire.PUBLIC_KEY_BYTES, wire.HOST_RANDOM_BYTES, wire.KEK_BYTES) == (32, 32, 16)


def test_kek_covers_label_and_both_keys_in_this_order():
    assert wire.kek_info(bytearray(BOARD), memoryview(HOST)) == b"ringcast provision 1" + BOARD + HOST


def test_blob_is_randomness_record_and_zeros_to_a_multiple_of_eight():
    assert wire.pack_blob(b"\xaa" * 32, b"\x01record7") == HEX("aa" * 32) + b"\x01record7"
    assert wire.pack_blob(b"\xaa" * 32, b"\x01record77") == HEX("aa" * 32) + b"\x01record77" + bytes(7)
    assert isinstance(wire.pack_blob(b"", b""), bytearray)  # to be wiped


def test_every_record_comes_back():
    random.seed(1)
    for size in range(1, 80):
        record = bytes([random.getrandbits(8) for _ in range(size - 1)]) + b"7"
        host_random, found = wire.split_blob(wire.pack_blob(bytes(32), record))
        assert (bytes(host_random), bytes(found)) == (bytes(32), record)


def test_a_blob_too_short_for_a_record_has_none():
    for size in (0, 8, 32, 40):
        host_random, record = wire.split_blob(bytes(size))
        assert (len(host_random), len(record)) == (min(size, 32), 0)


def test_parts_are_views_so_that_wiping_the_blob_wipes_them():
    blob = wire.pack_blob(b"\xaa" * 32, b"\x01record7")
    host_random, record = wire.split_blob(blob)
    for at in range(len(blob)):
        blob[at] = 0
    assert bytes(host_random) == bytes(32) and bytes(record) == bytes(8)


def test_the_command_that_brings_the_identity():
    assert wire.pack_set(b"\x01\x02", bytearray(b"\xff\x00")) == "provision-set 0102 ff00"
