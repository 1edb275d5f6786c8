import random

from crypto_vectors import (
    FIPS197,
    FIPS197_PLAINTEXT,
    SP800_38A_CBC,
    SP800_38A_ECB,
    SP800_38A_IV,
    SP800_38A_KEY,
    SP800_38A_PLAINTEXT,
)
from kit import raises
from settop.crypto import soft_aes
from settop.crypto.aes import Aes128, aes_cbc, aes_ecb, as_cipher, wipe_aes
from settop.errors import LocalError


def _soft_ecb(key):
    return soft_aes.aes(key, 1)


def _soft_cbc(key, iv):
    return soft_aes.aes(key, 2, iv)


def test_fips_197_blocks_encrypt_and_decrypt():
    for ecb in (aes_ecb, _soft_ecb):
        for key, ciphertext in FIPS197:
            assert ecb(key).encrypt(FIPS197_PLAINTEXT) == ciphertext
            assert ecb(key).decrypt(ciphertext) == FIPS197_PLAINTEXT


def test_sp_800_38a_ecb_four_blocks_in_one_call():
    for ecb in (aes_ecb, _soft_ecb, Aes128):
        assert ecb(SP800_38A_KEY).encrypt(SP800_38A_PLAINTEXT) == SP800_38A_ECB
        assert ecb(SP800_38A_KEY).decrypt(SP800_38A_ECB) == SP800_38A_PLAINTEXT


def test_sp_800_38a_cbc_chains_from_call_to_call():
    for cbc in (aes_cbc, _soft_cbc):
        encryptor = cbc(SP800_38A_KEY, SP800_38A_IV)
        decryptor = cbc(SP800_38A_KEY, SP800_38A_IV)
        for start, end in ((0, 16), (16, 64)):
            assert encryptor.encrypt(SP800_38A_PLAINTEXT[start:end]) == SP800_38A_CBC[start:end]
            assert decryptor.decrypt(SP800_38A_CBC[start:end]) == SP800_38A_PLAINTEXT[start:end]


def test_output_may_be_the_input():
    for make in (aes_ecb, _soft_ecb, Aes128):
        buf = bytearray(SP800_38A_PLAINTEXT)
        assert make(SP800_38A_KEY).encrypt(buf, buf) is buf
        assert buf == SP800_38A_ECB
        make(SP800_38A_KEY).decrypt(buf, buf)
        assert buf == SP800_38A_PLAINTEXT
    buf = bytearray(SP800_38A_CBC)
    soft_aes.aes(SP800_38A_KEY, 2, SP800_38A_IV).decrypt(buf, buf)
    assert buf == SP800_38A_PLAINTEXT


def test_the_plain_aes_equals_the_ports_own_on_random_blocks():
    random.seed(197)
    for size in (16, 32):
        for _ in range(4):
            key = bytes([random.getrandbits(8) for _ in range(size)])
            data = bytes([random.getrandbits(8) for _ in range(32)])
            assert _soft_ecb(key).encrypt(data) == aes_ecb(key).encrypt(data)
            assert _soft_ecb(key).decrypt(data) == aes_ecb(key).decrypt(data)


def test_both_refuse_what_the_board_refuses():
    for aes in (soft_aes.aes, type(aes_ecb(bytes(16)))):
        for args in ((bytes(24), 1), (bytes(16), 6), (bytes(16), 2), (bytes(16), 2, bytes(15))):
            with raises(ValueError):
                aes(*args)
        with raises(ValueError):
            aes(bytes(16), 1).encrypt(bytes(15))
        with raises(ValueError):
            aes(bytes(16), 1).encrypt(bytes(32), bytearray(16))


def test_a_key_or_iv_of_another_length_is_a_local_error():
    for size in (0, 15, 17, 24, 33):
        with raises(LocalError):
            aes_ecb(bytes(size))
        with raises(LocalError):
            aes_cbc(bytes(size), bytes(16))
        with raises(LocalError):
            aes_cbc(bytes(16), bytes(size))
        with raises(LocalError):
            Aes128(bytes(size))
    with raises(LocalError):
        Aes128(bytes(32))


def test_as_cipher_makes_one_only_from_a_key():
    cipher = aes_ecb(SP800_38A_KEY)
    assert as_cipher(cipher) is cipher
    assert as_cipher(SP800_38A_KEY).encrypt(SP800_38A_PLAINTEXT) == SP800_38A_ECB


def test_a_wiped_aes128_refuses_work_and_may_be_wiped_again():
    aes = Aes128(SP800_38A_KEY)
    aes.encrypt(bytes(16))
    aes.decrypt(bytes(16))
    aes.wipe()
    aes.wipe()
    with raises(LocalError):
        aes.encrypt(bytes(16))
    with raises(LocalError):
        aes.decrypt(bytes(16))


def test_aes128_keeps_working_when_the_callers_key_is_wiped():
    key = bytearray(SP800_38A_KEY)
    aes = Aes128(key)
    for i in range(16):
        key[i] = 0
    assert aes.encrypt(SP800_38A_PLAINTEXT) == SP800_38A_ECB


def test_a_wiped_soft_cipher_holds_only_zeros():
    cipher = soft_aes.aes(SP800_38A_KEY, 2, SP800_38A_IV)
    cipher.encrypt(SP800_38A_PLAINTEXT)
    wipe_aes(cipher)
    for buf in (cipher._schedule, cipher._chain, cipher._state, cipher._scratch):
        assert not any(buf)
