"""One slot: its layout, its keys, and that nothing else opens."""

import random

from kit import raises
from settop.errors import LocalError, RemoteError
from settop.keystore.slots import COUNTED, MAX_RECORD_BYTES, OLD, PLAIN, derive_keys, open_slot, seal_slot

LOCK = bytes(range(32))
DEVICE = b"board 01"


def _keys(name="call-rec"):
    return derive_keys(LOCK, DEVICE, name)


def test_the_layout_is_the_documented_one():
    for kind in (PLAIN, COUNTED):
        slot = seal_slot(_keys(), kind, 0x01020304, b"hello")
        assert slot[:11] == b"RCks" + bytes((kind,)) + b"\x01\x02\x03\x04\x00\x05"
        assert len(slot) == 11 + 13 + 5 + 16
        assert open_slot(_keys(), slot) == (kind, 0x01020304, b"hello")


def test_slots_of_today_are_fixed_vectors():
    for kind, tail in (
        (PLAIN, "1da2295c33f4f7bfbebba887215d8cd1947bd49e388642c1b87c3d3743804a3e8ffc"),
        (COUNTED, "d927bc9a431379bd9530489615f2a5087ce3d982fde50eda1d57d4201d32b2f520dc"),
    ):
        assert seal_slot(_keys(), kind, 7, b"hello")[11:].hex() == tail


def test_a_slot_of_older_firmware_opens_with_the_keys_of_its_label_and_with_no_others():
    # Boot record of the third boot, as firmware of FORMATS 3 left it.
    slot = bytes.fromhex("52436b73010000000400040ac69f5b6f8540e4db8b1f88923922dd39cc03147504f8574cb2fe11fbd9f1f949")
    assert open_slot(derive_keys(LOCK, DEVICE, "boot", b"ringcast keystore 1"), slot) == (OLD, 4, b"\0\0\0\3")
    with raises(RemoteError):
        open_slot(_keys("boot"), slot)


def test_the_nonce_changes_with_content_sequence_and_kind():
    nonces = {
        seal_slot(_keys(), kind, sequence, data)[11:24]
        for kind in (PLAIN, COUNTED)
        for sequence in (1, 2, 3)
        for data in (b"x", b"y", b"")
    }
    assert len(nonces) == 18


def test_device_id_and_name_cannot_run_together():
    assert derive_keys(LOCK, b"ab", "c") != derive_keys(LOCK, b"a", "bc")


def test_random_bytes_as_a_slot_are_refused_as_remote_error():
    random.seed(5)
    keys = _keys()
    for _ in range(200):
        junk = bytes([random.getrandbits(8) for _ in range(random.randrange(90))])
        for data in (junk, b"RCks\x02" + junk, b"RCks\x03" + junk):
            with raises(RemoteError):
                open_slot(keys, data)


def test_misuse_is_a_local_error():
    with raises(LocalError):
        seal_slot(_keys(), PLAIN, 1, bytes(MAX_RECORD_BYTES + 1))
    for sequence in (0, 1 << 32):
        with raises(LocalError):
            seal_slot(_keys(), PLAIN, sequence, b"")
    with raises(LocalError):
        derive_keys(bytes(15), DEVICE, "x")
    with raises(LocalError):
        derive_keys(LOCK, bytes(256), "x")
