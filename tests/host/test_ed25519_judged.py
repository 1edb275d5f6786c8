"""The firmware's Ed25519 and SHA-512 against pycryptodome and hashlib; tests/peers has OpenSSL."""

import hashlib
import random

import pytest
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from settop.crypto import ed25519
from settop.crypto.sha512 import sha512
from settop.errors import RemoteError


def taken(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        ed25519.verify(public, signature, message)
    except RemoteError:
        return False
    return True


def test_sha_512_is_hashlib_s_for_every_length_of_three_blocks():
    rng = random.Random(512)
    for length in range(400):
        data = rng.randbytes(length)
        assert sha512(data) == hashlib.sha512(data).digest(), length


def test_pycryptodome_s_signatures_are_taken_and_altered_ones_are_by_neither(cases):
    rng = random.Random(8032)
    for number in cases(20):
        key = ECC.construct(curve="Ed25519", seed=rng.randbytes(32))
        public = key.public_key().export_key(format="raw")
        message = rng.randbytes(number % 300)
        signature = eddsa.new(key, "rfc8032").sign(message)
        assert taken(public, signature, message)
        altered = bytearray(signature)
        altered[rng.randrange(64)] ^= 1 << rng.randrange(8)
        assert not taken(public, bytes(altered), message)
        with pytest.raises(ValueError):
            eddsa.new(key.public_key(), "rfc8032").verify(message, bytes(altered))
