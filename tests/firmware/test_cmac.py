from crypto_vectors import CMAC, SP800_38A_KEY, SP800_38A_PLAINTEXT
from kit import raises
from settop.crypto.aes import Aes128, aes_ecb
from settop.crypto.cmac import cmac
from settop.errors import LocalError


def test_rfc_4493_examples():
    for length, tag in CMAC:
        assert cmac(SP800_38A_KEY, SP800_38A_PLAINTEXT[:length]) == tag


def test_parts_count_as_their_concatenation():
    for length, tag in CMAC:
        for cut in (0, 1, 15, 16, 17, 33):
            cut = min(cut, length)
            assert cmac(SP800_38A_KEY, SP800_38A_PLAINTEXT[:cut], b"", SP800_38A_PLAINTEXT[cut:length]) == tag


def test_a_cipher_of_the_callers_survives():
    for cipher in (aes_ecb(SP800_38A_KEY), Aes128(SP800_38A_KEY)):
        for length, tag in CMAC:
            assert cmac(cipher, SP800_38A_PLAINTEXT[:length]) == tag


def test_a_key_of_another_length_is_a_local_error():
    with raises(LocalError):
        cmac(bytes(15), b"")
