import os
import random
import sys

from kit import raises
from settop.errors import LocalError, RemoteError
from settop.keystore.files import SlotFiles
from settop.keystore.keystore import Keystore
from settop.keystore.slots import MAX_RECORD_BYTES, derive_keys, open_slot, seal_slot

LOCK_KEY = bytes(range(32))
DEVICE = b"device-1"
BIT_STRIDE = 1 if sys.implementation.name == "cpython" else 13


class MemoryFiles:
    """Files in a dict, path to bytes; paths in `unreadable` give an IO error."""

    def __init__(self, files=None):
        self.files = {} if files is None else files
        self.unreadable = ()

    def read(self, path, limit):
        if path in self.unreadable:
            raise OSError(5)
        data = self.files.get(path)
        return None if data is None else data[:limit]

    def write(self, path, data):
        self.files[path] = bytes(data)


def _keystore(fs, lock_key=LOCK_KEY, device_id=DEVICE):
    return Keystore("ks", lock_key, device_id, fs)


def _stored(*values):
    fs = MemoryFiles()
    for value in values:
        _keystore(fs).store("rec", value)
    return fs


def test_a_record_comes_back_as_a_bytearray_also_after_a_restart():
    fs = MemoryFiles()
    keystore = _keystore(fs)
    assert keystore.load("rec") is None
    for value in (b"", b"one", bytes(200), bytearray(b"four")):
        keystore.store("rec", value)
        assert keystore.load("rec") == value
        assert _keystore(fs).load("rec") == value
    assert isinstance(keystore.load("rec"), bytearray)
    assert keystore.report() == {"loads": 6, "stores": 4, "damaged_slots": 0, "refused_records": 0}


def test_records_do_not_touch_each_other():
    fs = MemoryFiles()
    keystore = _keystore(fs)
    keystore.store("one", b"1")
    keystore.store("two", b"2")
    keystore.store("one", b"1b")
    assert keystore.load("one") == b"1b"
    assert keystore.load("two") == b"2"
    assert sorted(fs.files) == ["ks/one.a", "ks/one.b", "ks/two.a", "ks/two.b"]


def test_the_slot_layout_is_the_documented_one():
    slot = seal_slot(derive_keys(LOCK_KEY, DEVICE, "rec"), 0x01020304, b"hello")
    assert slot[:11] == b"RCks\x01\x01\x02\x03\x04\x00\x05"
    assert len(slot) == 11 + 13 + 5 + 16
    sequence, data = open_slot(derive_keys(LOCK_KEY, DEVICE, "rec"), slot)
    assert (sequence, data) == (0x01020304, b"hello")


def test_plaintext_never_lies_in_the_files():
    fs = _stored(b"attack at dawn, attack at dawn")
    assert not any(b"dawn" in data for data in fs.files.values())


def test_the_nonce_changes_with_content_and_with_sequence():
    keys = derive_keys(LOCK_KEY, DEVICE, "rec")
    nonces = {seal_slot(keys, sequence, data)[11:24] for sequence in (1, 2, 3) for data in (b"x", b"y", b"")}
    assert len(nonces) == 9


def _refusal(action):
    with raises(RemoteError) as caught:
        action()
    return str(caught.value)


def test_another_lock_key_device_or_name_opens_nothing_and_says_no_more():
    fs = _stored(b"secret of device 1")
    texts = {
        _refusal(lambda: _keystore(fs, lock_key=bytes(32)).load("rec")),
        _refusal(lambda: _keystore(fs, device_id=b"device-2").load("rec")),
        _refusal(lambda: _keystore(fs, device_id=b"").load("rec")),
    }
    for suffix in (".a", ".b"):
        fs.files["ks/rec" + suffix] = bytes(50)
    texts.add(_refusal(lambda: _keystore(fs).load("rec")))
    assert len(texts) == 1
    assert "secret" not in texts.pop()
    renamed = MemoryFiles({path.replace("rec", "other"): data for path, data in _stored(b"x").files.items()})
    _refusal(lambda: _keystore(renamed).load("other"))


def test_device_id_and_name_cannot_run_together():
    assert derive_keys(LOCK_KEY, b"ab", "c") != derive_keys(LOCK_KEY, b"a", "bc")


def test_any_flipped_bit_of_the_current_slot_is_counted_and_the_last_good_one_used():
    fs = _stored(b"old", b"new")
    current = fs.files["ks/rec.a"]  # the first store filled both, the second went to a
    keystore = _keystore(fs)
    assert keystore.load("rec") == b"new"
    bits = range(0, len(current) * 8, BIT_STRIDE)
    for bit in bits:
        damaged = bytearray(current)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        fs.files["ks/rec.a"] = bytes(damaged)
        assert keystore.load("rec") == b"old"
    assert keystore.report()["damaged_slots"] == len(bits)


def test_a_slot_cut_short_emptied_erased_or_with_a_tail_is_counted_and_the_other_used():
    fs = _stored(b"old", b"new")
    current = fs.files["ks/rec.a"]
    bad = [current[:length] for length in range(len(current))]
    bad += [b"\xff" * len(current), b"\xff" * 4096, bytes(len(current)), current + b"\0", current + current]
    bad.append(current + bytes(9000))
    keystore = _keystore(fs)
    for count, data in enumerate(bad):
        fs.files["ks/rec.a"] = data
        assert keystore.load("rec") == b"old"
        assert keystore.report()["damaged_slots"] == count + 1


def test_random_bytes_as_a_slot_are_refused_as_remote_error():
    random.seed(5)
    keys = derive_keys(LOCK_KEY, DEVICE, "rec")
    for _ in range(200):
        junk = bytes([random.getrandbits(8) for _ in range(random.randrange(90))])
        with raises(RemoteError):
            open_slot(keys, junk)
        with raises(RemoteError):
            open_slot(keys, b"RCks\x01" + junk)


def test_after_damage_the_next_store_makes_both_slots_good_again():
    for which in (".a", ".b"):
        fs = _stored(b"1", b"2", b"3")
        fs.files["ks/rec" + which] = b"damaged"
        _keystore(fs).store("rec", b"4")
        for lost in (".a", ".b"):
            files = dict(fs.files)
            files["ks/rec" + lost] = b""
            assert _keystore(MemoryFiles(files)).load("rec") == b"4"


def test_an_unreadable_slot_counts_as_damaged():
    fs = _stored(b"old", b"new")
    fs.unreadable = ("ks/rec.a",)
    keystore = _keystore(fs)
    assert keystore.load("rec") == b"old"
    fs.unreadable = ("ks/rec.a", "ks/rec.b")
    with raises(RemoteError):
        keystore.load("rec")
    assert keystore.report() == {"loads": 2, "stores": 0, "damaged_slots": 3, "refused_records": 1}


def test_a_refused_record_can_be_provisioned_anew():
    fs = _stored(b"of another device")
    keystore = _keystore(fs, lock_key=bytes(32))
    with raises(RemoteError):
        keystore.load("rec")
    keystore.store("rec", b"mine")
    assert keystore.load("rec") == b"mine"


def test_a_medium_that_forgets_what_was_written_is_noticed():
    fs = _stored(b"old")
    fs.write = lambda path, data: None
    with raises(RemoteError):
        _keystore(fs).store("rec", b"new")
    assert _keystore(fs).load("rec") == b"old"


def test_a_full_medium_leaves_the_old_record():
    fs = _stored(b"old")

    def full(path, data):
        raise OSError(28)

    fs.write = full
    keystore = _keystore(fs)
    with raises(OSError):
        keystore.store("rec", b"new")
    assert keystore.load("rec") == b"old"


def test_misuse_is_a_local_error():
    keystore = _keystore(MemoryFiles())
    for name in ("", "a" * 25, "Upper", "a.b", "../x", "a/b", "é"):
        with raises(LocalError):
            keystore.load(name)
        with raises(LocalError):
            keystore.store(name, b"")
    with raises(LocalError):
        keystore.store("rec", bytes(MAX_RECORD_BYTES + 1))
    with raises(LocalError):
        Keystore("ks", bytes(15))
    with raises(LocalError):
        Keystore("ks", LOCK_KEY, bytes(256))
    for sequence in (0, 1 << 32):
        with raises(LocalError):
            seal_slot(derive_keys(LOCK_KEY, b"", "rec"), sequence, b"")


def test_a_closed_keystore_gives_nothing_and_keeps_no_key():
    keystore = _keystore(_stored(b"x"))
    lock_key = keystore._lock_key
    keystore.close()
    keystore.close()
    assert lock_key == bytes(32)
    with raises(LocalError):
        keystore.load("rec")
    with raises(LocalError):
        keystore.store("rec", b"")


def _removed(folder):
    for name in os.listdir(folder):
        os.remove(folder + "/" + name)
    os.rmdir(folder)


def test_on_a_real_file_system_the_folder_is_made_and_records_come_back():
    try:
        from tempfile import mkdtemp

        parent = mkdtemp()
    except ImportError:  # a board's own file system
        parent = "keystore_test"
        os.mkdir(parent)
    folder = parent + "/ks"
    try:
        assert SlotFiles().read(folder + "/rec.a", 10) is None
        keystore = Keystore(folder, LOCK_KEY)
        assert keystore.load("rec") is None
        keystore.store("rec", b"one")
        keystore.store("rec", b"two")
        assert sorted(os.listdir(folder)) == ["rec.a", "rec.b"]
        assert Keystore(folder, LOCK_KEY).load("rec") == b"two"
        assert len(SlotFiles().read(folder + "/rec.a", 10)) == 10
    finally:
        _removed(folder)
        _removed(parent)
