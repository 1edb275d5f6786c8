"""The head-end's key wrap: RFC 3394's own vectors, pycryptodome's octets, and nothing else opens."""

import random

import pytest
from Crypto.Cipher import AES
from headend.crypto.keywrap import unwrap, wrap

KEK = bytes(range(32))
DATA = bytes.fromhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")
RFC = (  # 4.1, 4.3, 4.5 and 4.6
    (KEK[:16], DATA[:16], "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
    (KEK, DATA[:16], "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"),
    (KEK, DATA[:24], "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"),
    (KEK, DATA, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"),
)


@pytest.mark.parametrize(("kek", "secret", "wrapped"), RFC)
def test_rfc_3394_says_the_same(kek, secret, wrapped):
    assert wrap(kek, secret).hex() == wrapped and unwrap(kek, bytes.fromhex(wrapped)) == secret


def test_pycryptodome_gives_the_same_octets_and_opens_them(cases):
    rng = random.Random(20)
    for _ in cases(100):
        kek, secret = rng.randbytes(rng.choice((16, 24, 32))), rng.randbytes(8 * rng.randrange(2, 12))
        wrapped = wrap(kek, secret)
        assert wrapped == AES.new(kek, AES.MODE_KW).seal(secret) and unwrap(kek, wrapped) == secret


def test_whatever_is_altered_does_not_open():
    wrapped = wrap(KEK, DATA)
    for bit in range(8 * len(wrapped)):
        altered = bytearray(wrapped)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="unwrap failed"):
            unwrap(KEK, bytes(altered))
    with pytest.raises(ValueError, match="unwrap failed"):
        unwrap(KEK[::-1], wrapped)


@pytest.mark.parametrize("size", [0, 8, 15, 17, 23, 25])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="octets"):
        unwrap(KEK, bytes(size))
    if size % 8 or size < 16:
        with pytest.raises(ValueError, match="octets"):
            wrap(KEK, bytes(size))
