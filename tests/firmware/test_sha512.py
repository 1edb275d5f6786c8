from kit import HEX
from settop.crypto.sha512 import Sha512, sha512

# FIPS 180-4's examples (NIST, SHA512.pdf), and the empty message
ABC = HEX(
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)
TWO_BLOCKS = (
    b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
)
TWO_BLOCKS_DIGEST = HEX(
    "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
    "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
)
EMPTY = HEX(
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
)


def test_the_standard_s_examples():
    assert sha512(b"abc") == ABC
    assert sha512(TWO_BLOCKS) == TWO_BLOCKS_DIGEST
    assert sha512() == EMPTY


def test_pieces_of_any_size_are_one_message():
    message = bytes([(7 * i) & 255 for i in range(300)])
    whole = sha512(message)
    for size in (1, 63, 64, 127, 128, 129, 299):
        state = Sha512()
        for at in range(0, len(message), size):
            state.update(memoryview(message)[at : at + size])
        assert state.digest() == whole


def test_each_length_about_a_block_s_end_has_its_own_padding():
    # Digest of the digests, by Python's hashlib: lengths 108 to 132 and 236 to 260
    state = Sha512()
    for first in (108, 236):
        for length in range(first, first + 25):
            state.update(sha512(bytes([length & 255]) * length))
    assert state.digest() == HEX(
        "9a202edd481bac033538a721d0f720804cf8522dd45f721d8067531b34458b0f"
        "d42a0c0443089d610fd8200793c6a038d445b08d18bb8add98d8cdb9e91ffc9b"
    )
