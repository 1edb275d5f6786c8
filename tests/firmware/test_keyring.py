"""The keys in hand: which are there, and that what goes is wiped."""

import small_stream as air
from settop.player import keyring as module
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


class Wiped:
    """Stands in for a cipher and for what wipes one: `gone` are those that were wiped, in order."""

    def __init__(self, key):
        self.key = bytes(key)


def watched(work):
    """The keys whose ciphers were wiped while `work(keyring)` ran on a ring with portions 3 to 6, and what is left."""
    gone = []
    real = module.aes_ecb, module.wipe_aes
    module.aes_ecb, module.wipe_aes = Wiped, lambda cipher: gone.append(cipher.key)
    try:
        ring = ring_of(3, 4, 5, 6)
        work(ring)
        return gone, ring.held()
    finally:
        module.aes_ecb, module.wipe_aes = real


def test_every_cipher_that_goes_is_wiped_and_no_other_one():
    for work, went in (
        (lambda ring: ring.drop_before(5), (3, 4)),
        (lambda ring: ring.drop_after(4), (5, 6)),
        (lambda ring: ring.wipe(), (3, 4, 5, 6)),
        (lambda ring: ring.drop_before(3), ()),
        (lambda ring: ring.install(4, bytearray(16)), ()),
    ):
        gone, held = watched(work)
        assert sorted(gone) == sorted([air.key_of(portion) for portion in went])
        assert held == [portion for portion in (3, 4, 5, 6) if portion not in went]


def test_whoever_opens_with_it_hears_of_every_change_after_it_has_happened():
    ring = Keyring()
    seen = []
    ring.on_change = lambda: seen.append(ring.held())
    ring.install(3, bytearray(16))
    ring.install(4, bytearray(16))
    ring.drop_before(3)  # nothing goes
    ring.drop_before(4)
    ring.wipe()
    ring.wipe()
    assert seen == [[3], [3, 4], [4], []]


def test_a_key_that_no_cipher_can_be_made_of_is_wiped_all_the_same():
    def no_memory(key):
        raise MemoryError

    real, module.aes_ecb = module.aes_ecb, no_memory
    key = bytearray(air.key_of(3))
    try:
        Keyring().install(3, key)
        raise AssertionError("a cipher out of nothing")
    except MemoryError:
        assert not any(key)
    finally:
        module.aes_ecb = real
