import random

from keystore_rig import KEY, provisioned, started
from kit import raises
from settop.errors import LocalError, RemoteError
from settop.keystore.identity import Identity, load_identity, pack_identity, unpack_identity
from settop.keystore.keystore import Records

ID = b"TERM0001"


def test_the_layout_is_the_documented_one():
    assert pack_identity(Identity(ID, KEY)) == b"\x02" + ID + KEY


def test_every_field_comes_back():
    identity = unpack_identity(pack_identity(Identity(ID, KEY)))
    assert (identity.terminal_id, identity.device_key) == (ID, KEY)


def test_wiping_zeroes_the_device_key_and_not_the_callers():
    key = bytearray(KEY)
    identity = Identity(ID, key)
    identity.wipe()
    assert identity.device_key == bytes(32)
    assert key == KEY


def test_fields_of_other_lengths_are_local_errors():
    for terminal_id, key in ((ID[:7], KEY), (ID + b"1", KEY), (ID, KEY[:31]), (ID, KEY + b"1"), (b"", b"")):
        with raises(LocalError):
            Identity(terminal_id, key)


def test_damaged_records_are_remote_errors_and_never_show_the_key():
    good = bytes(pack_identity(Identity(ID, KEY)))
    for data in [good[:length] for length in range(len(good))] + [good + b"1", b"\x01" + good[1:], b"\x03" + good[1:]]:
        with raises(RemoteError) as caught:
            unpack_identity(data)
        assert KEY[:4].decode() not in str(caught.value)
    random.seed(3)
    for _ in range(300):
        junk = bytes([random.getrandbits(8) for _ in range(random.randrange(70))])
        try:
            unpack_identity(b"\x02" + junk)
        except RemoteError:
            pass


def test_an_identity_survives_in_the_keystore_and_is_none_without():
    flash = provisioned()
    identity = load_identity(Records(started(flash)[0], "terminal"))
    assert (identity.terminal_id, identity.device_key) == (b"terminal", KEY)
    assert not any(KEY in data for data in flash.files.values())
    flash.locks = []
    assert load_identity(Records(started(flash)[0], "terminal")) is None
