"""Three-key Triple DES against published values, in a chain, both ways."""

from kit import HEX, raises
from settop.crypto.tdes import Tdes
from settop.errors import LocalError

# SP 800-67, appendix B.1: each block by itself
KEY = HEX("0123456789abcdef 23456789abcdef01 456789abcdef0123")
CLEAR = b"The qufck brown fox jump"
HIDDEN = HEX("a826fd8ce53b855f cce21c8112256fe6 68d5c05dd9b6b900")
ZERO = bytes(8)


def made(data, iv=ZERO, decrypts=False, key=KEY):
    cipher = Tdes(key, iv, decrypts)
    buffer = bytearray(data)
    cipher.crypt(buffer, 0, len(buffer))
    return bytes(buffer)


def test_the_standards_blocks_come_out_both_ways():
    for at in (0, 8, 16):
        assert made(CLEAR[at : at + 8]) == HIDDEN[at : at + 8]
        assert made(HIDDEN[at : at + 8], decrypts=True) == CLEAR[at : at + 8]


def test_three_keys_that_are_one_are_des():
    # FIPS 81's example of DES
    key = HEX("0123456789abcdef") * 3
    assert made(b"Now is t", key=key) == HEX("3fa40e8a984d4815")
    other = bytes([octet ^ 1 for octet in key])  # parity counts for nothing
    assert made(b"Now is t", key=other) == HEX("3fa40e8a984d4815")


def test_blocks_are_chained_from_call_to_call_and_the_rest_stays():
    iv = HEX("fedcba9876543210")
    first = made(CLEAR[:8], iv)
    second = made(CLEAR[8:16], first)
    cipher = Tdes(KEY, iv, False)
    buffer = bytearray(b"odd" + CLEAR + b"end")
    cipher.crypt(buffer, 3, 11)
    cipher.crypt(buffer, 11, 27)
    assert buffer[:3] + buffer[27:] == b"oddend"
    assert buffer[3:19] == first + second
    opener = Tdes(KEY, iv, True)
    for _ in range(2):
        again = bytearray(buffer)
        opener.crypt(again, 3, 19)
        opener.crypt(again, 19, 27)
        assert again == b"odd" + CLEAR + b"end"
        opener.restart(iv)


def test_what_cannot_be_is_a_local_error_and_keys_are_wiped():
    for key, iv in ((KEY[:16], ZERO), (KEY, ZERO[:7])):
        with raises(LocalError):
            Tdes(key, iv, False)
    cipher = Tdes(KEY, ZERO, False)
    with raises(LocalError):
        cipher.crypt(bytearray(9), 0, 9)
    cipher.close()
    assert not any(cipher._work)
