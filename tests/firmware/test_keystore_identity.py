import random

from kit import raises
from settop.errors import LocalError, RemoteError
from settop.keystore.identity import (
    Identity,
    load_identity,
    next_boot,
    pack_identity,
    store_identity,
    unpack_identity,
)
from settop.keystore.keystore import Keystore
from settop.modem.dte import NUMBER_CHARS

ID = b"TERM0001"
KEY = bytes(range(100, 132))
NUMBER = "5550100"


class MemoryFiles:
    def __init__(self):
        self.files = {}

    def read(self, path, limit):
        data = self.files.get(path)
        return None if data is None else data[:limit]

    def write(self, path, data):
        self.files[path] = bytes(data)


def _keystore(fs):
    return Keystore("ks", bytes(32), b"device", fs)


def test_the_layout_is_the_documented_one():
    assert pack_identity(Identity(ID, KEY, NUMBER)) == b"\x01" + ID + KEY + b"\x07" + b"5550100"


def test_every_field_comes_back():
    for number in ("0", "0123456789*#ABCD", "#" * 20):
        identity = unpack_identity(pack_identity(Identity(ID, KEY, number)))
        assert (identity.terminal_id, identity.device_key, identity.number) == (ID, KEY, number)


def test_wiping_zeroes_the_device_key_and_not_the_callers():
    key = bytearray(KEY)
    identity = Identity(ID, key, NUMBER)
    identity.wipe()
    assert identity.device_key == bytes(32)
    assert key == KEY


def test_fields_of_other_lengths_or_characters_are_local_errors():
    for terminal_id, key, number in (
        (ID[:7], KEY, NUMBER),
        (ID, KEY[:31], NUMBER),
        (ID, KEY, ""),
        (ID, KEY, "1" * 21),
        (ID, KEY, "555-0100"),
        (ID, KEY, "+4915550100"),
        (ID, KEY, "5550100a"),
        (ID, KEY, "5\n"),
        (ID, KEY, "٣"),
    ):
        with raises(LocalError):
            Identity(terminal_id, key, number)


def test_every_number_that_an_identity_may_hold_can_be_dialled():
    for char in map(chr, range(128)):
        try:
            identity = Identity(ID, KEY, char)
        except LocalError:
            continue
        assert identity.number in NUMBER_CHARS


def test_damaged_records_are_remote_errors_and_never_show_the_key():
    good = bytes(pack_identity(Identity(ID, KEY, NUMBER)))
    bad = [good[:length] for length in range(len(good))] + [good + b"1", b"\x02" + good[1:], good[:-1] + b"x"]
    for data in bad:
        with raises(RemoteError) as caught:
            unpack_identity(data)
        assert KEY[:4].decode() not in str(caught.value)
    random.seed(3)
    for _ in range(300):
        junk = b"\x01" + bytes([random.getrandbits(8) for _ in range(random.randrange(70))])
        try:
            unpack_identity(junk)
        except RemoteError:
            pass


def test_an_identity_survives_in_the_keystore():
    fs = MemoryFiles()
    assert load_identity(_keystore(fs)) is None
    store_identity(_keystore(fs), Identity(ID, KEY, NUMBER))
    identity = load_identity(_keystore(fs))
    assert (identity.terminal_id, identity.device_key, identity.number) == (ID, KEY, NUMBER)
    assert not any(KEY in data for data in fs.files.values())


def test_boots_are_counted_from_one():
    fs = MemoryFiles()
    assert [next_boot(_keystore(fs)) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_boot_number_behind_a_damaged_slot_is_not_given_out_again():
    fs = MemoryFiles()
    numbers = [next_boot(_keystore(fs)) for _ in range(4)]
    newest = max(fs.files, key=lambda path: fs.files[path][5:9])
    fs.files[newest] = b""
    assert next_boot(_keystore(fs)) not in numbers


def test_a_boot_record_of_another_length_is_refused():
    fs = MemoryFiles()
    _keystore(fs).store("boot", b"12345")
    with raises(RemoteError):
        next_boot(_keystore(fs))
