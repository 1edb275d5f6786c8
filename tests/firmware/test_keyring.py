"""The keys in hand: which are there, and that what goes is wiped."""

import small_stream as air
from settop.player.keyring import Keyring


def ring_of(*portions):
    ring = Keyring()
    for portion in portions:
        ring.install(portion, bytearray(air.key_of(portion)))
    return ring


def test_install_wipes_the_key_that_it_was_given():
    key = bytearray(air.key_of(3))
    ring = Keyring()
    ring.install(3, key)
    assert not any(key)
    assert ring.held() == [3]


def test_a_second_key_for_a_portion_is_wiped_and_the_first_stays():
    ring = ring_of(3)
    cipher = ring.cipher(3)
    other = bytearray(b"\x55" * 16)
    ring.install(3, other)
    assert ring.cipher(3) is cipher and not any(other)


def test_the_cipher_is_that_of_the_portions_key():
    import cryptolib

    block = cryptolib.aes(air.key_of(4), 1).encrypt(b"sixteen octets..")
    assert ring_of(3, 4).cipher(4).decrypt(block) == b"sixteen octets.."
    assert ring_of(3).cipher(4) is None


def test_portions_that_are_over_or_taken_back_go():
    ring = ring_of(5, 3, 4)
    assert ring.held() == [3, 4, 5]
    ring.drop_before(4)
    assert ring.held() == [4, 5]
    ring.drop_after(4)
    assert ring.held() == [4]
    ring.wipe()
    assert ring.held() == [] and ring.cipher(4) is None
    ring.wipe()
