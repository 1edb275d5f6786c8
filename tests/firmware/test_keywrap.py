from crypto_vectors import KEY_WRAP
from kit import raises
from settop.crypto.aes import Aes128, aes_ecb
from settop.crypto.keywrap import unwrap, wrap
from settop.errors import LocalError, RemoteError


def test_rfc_3394_examples():
    for kek, key, wrapped in KEY_WRAP:
        assert wrap(kek, key) == wrapped
        unwrapped = unwrap(kek, wrapped)
        assert isinstance(unwrapped, bytearray)
        assert unwrapped == key


def test_every_allowed_length_comes_back_and_no_other_is_taken():
    kek = bytes(range(16))
    for length in range(153):
        key = bytes(range(length))
        if length % 8 == 0 and 16 <= length <= 128:
            assert unwrap(kek, wrap(kek, bytearray(key))) == key
        else:
            with raises(LocalError):
                wrap(kek, key)
        if length % 8 or not 24 <= length <= 136:
            with raises(RemoteError):
                unwrap(kek, key)


def test_any_flipped_bit_or_another_kek_is_refused():
    kek, _, wrapped = KEY_WRAP[0]
    for bit in range(len(wrapped) * 8):
        altered = bytearray(wrapped)
        altered[bit >> 3] ^= 1 << (bit & 7)
        with raises(RemoteError):
            unwrap(kek, altered)
    with raises(RemoteError):
        unwrap(bytes(16), wrapped)


def test_a_cipher_of_the_callers_is_used_in_one_direction():
    kek, key, wrapped = KEY_WRAP[0]
    assert wrap(aes_ecb(kek), key) == wrapped
    assert unwrap(aes_ecb(kek), wrapped) == key


def test_a_cipher_of_the_callers_survives():
    kek, key, wrapped = KEY_WRAP[0]
    cipher = Aes128(kek)
    for _ in range(2):
        assert wrap(cipher, key) == wrapped
        assert unwrap(cipher, wrapped) == key


def test_a_kek_of_another_length_is_a_local_error():
    with raises(LocalError):
        wrap(bytes(24), bytes(16))
    with raises(LocalError):
        unwrap(bytes(8), bytes(24))
