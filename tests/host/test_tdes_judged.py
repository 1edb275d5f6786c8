"""The firmware's Triple DES against pycryptodome's."""

import random

from Crypto.Cipher import DES3
from settop.crypto.tdes import Tdes


def test_chains_under_random_keys_are_pycryptodomes(cases):
    rng = random.Random(800)
    for _ in cases(40)[:2_000]:
        key, iv, clear = (
            DES3.adjust_key_parity(rng.randbytes(24)),
            rng.randbytes(8),
            rng.randbytes(8 * rng.randrange(9)),
        )
        buffer = bytearray(clear)
        Tdes(key, iv, False).crypt(buffer, 0, len(buffer))
        assert buffer == DES3.new(key, DES3.MODE_CBC, iv=iv).encrypt(clear)
        Tdes(key, iv, True).crypt(buffer, 0, len(buffer))
        assert buffer == clear
