"""The firmware's crypto against pycryptodome and the standard library, on random input from fixed seeds."""

import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import CMAC, SHA256
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key, key_agreement
from Crypto.Protocol.KDF import HKDF
from settop.crypto import ccm, soft_aes
from settop.crypto.cmac import cmac
from settop.crypto.hkdf import hkdf, hmac_sha256, sha256
from settop.crypto.keywrap import unwrap, wrap
from settop.crypto.x25519 import public_key, shared_secret
from settop.errors import RemoteError

Make = Callable[[bytes], Any]


def soft_ecb(key: bytes) -> Any:
    return soft_aes.aes(key, 1)


@pytest.mark.parametrize("key_bytes", [16, 32])
def test_plain_aes_equals_pycryptodome_in_ecb_and_cbc(key_bytes: int) -> None:
    rng = random.Random(key_bytes)
    for _ in range(20):
        key, iv, data = rng.randbytes(key_bytes), rng.randbytes(16), rng.randbytes(16 * rng.randrange(1, 5))
        assert soft_aes.aes(key, 1).encrypt(data) == AES.new(key, AES.MODE_ECB).encrypt(data)
        assert soft_aes.aes(key, 1).decrypt(data) == AES.new(key, AES.MODE_ECB).decrypt(data)
        assert soft_aes.aes(key, 2, iv).encrypt(data) == AES.new(key, AES.MODE_CBC, iv=iv).encrypt(data)
        assert soft_aes.aes(key, 2, iv).decrypt(data) == AES.new(key, AES.MODE_CBC, iv=iv).decrypt(data)


@pytest.mark.parametrize("make", [bytes, soft_ecb], ids=["cryptolib", "plain"])
def test_ccm_equals_pycryptodome_for_every_nonce_and_tag_length(make: Make) -> None:
    rng = random.Random(38)
    for nonce_len in range(7, 14):
        for tag_len in range(4, 17, 2):
            key, nonce = rng.randbytes(16), rng.randbytes(nonce_len)
            aad, plaintext = rng.randbytes(rng.randrange(40)), rng.randbytes(rng.randrange(60))
            judge = AES.new(key, AES.MODE_CCM, nonce=nonce, mac_len=tag_len)
            judge.update(aad)
            expected = b"".join(judge.encrypt_and_digest(plaintext))
            assert ccm.seal(make(key), nonce, aad, plaintext, tag_len) == expected
            assert ccm.open(make(key), nonce, aad, expected, tag_len) == plaintext


def test_ccm_counts_past_one_byte_of_blocks() -> None:
    key, nonce, plaintext = bytes(range(16)), bytes(13), random.Random(1).randbytes(16 * 300 + 5)
    judge = AES.new(key, AES.MODE_CCM, nonce=nonce, mac_len=16)
    assert ccm.seal(key, nonce, b"", plaintext) == b"".join(judge.encrypt_and_digest(plaintext))


def test_ccm_lets_only_remote_errors_out_of_random_input() -> None:
    rng = random.Random(3610)
    for _ in range(500):
        with pytest.raises(RemoteError):
            ccm.open(bytes(16), bytes(13), rng.randbytes(rng.randrange(20)), rng.randbytes(rng.randrange(80)))


def locals_of_innermost(error: BaseException, function: str) -> dict[str, Any]:
    """The named function's variables when `error` left it."""
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_name == function:
            return step.tb_frame.f_locals
        step = step.tb_next
    raise AssertionError(f"{function} is not in the traceback")


def test_ccm_leaves_no_plaintext_or_stream_behind_a_refusal() -> None:
    sealed = bytearray(ccm.seal(bytes(16), bytes(13), b"", b"plaintext of some length"))
    sealed[-1] ^= 1
    with pytest.raises(RemoteError) as caught:
        ccm.open(bytes(16), bytes(13), b"", sealed)
    left = locals_of_innermost(caught.value, "open")
    assert len(left["out"]) == 24
    for name in ("out", "mac", "mask"):
        assert not any(left[name]), name


def test_key_unwrap_leaves_no_key_behind_a_refusal() -> None:
    wrapped = bytearray(wrap(bytes(16), bytes(range(32))))
    wrapped[0] ^= 1
    with pytest.raises(RemoteError) as caught:
        unwrap(bytes(16), wrapped)
    left = locals_of_innermost(caught.value, "unwrap")
    for name in ("key", "out", "block"):
        assert not any(left[name]), name


@pytest.mark.parametrize("key_bytes", [16, 32])
def test_cmac_equals_pycryptodome(key_bytes: int) -> None:
    rng = random.Random(4493)
    for length in range(70):
        key, data = rng.randbytes(key_bytes), rng.randbytes(length)
        assert cmac(key, data) == CMAC.new(key, data, ciphermod=AES).digest()


def test_hmac_and_hkdf_equal_the_libraries() -> None:
    rng = random.Random(5869)
    for _ in range(100):
        key, data = rng.randbytes(rng.randrange(140)), rng.randbytes(rng.randrange(140))
        assert sha256(data) == hashlib.sha256(data).digest()
        assert hmac_sha256(key, data) == hmac.digest(key, data, "sha256")
    for length in (63, 64, 65):
        assert hmac_sha256(bytes(range(length)), b"m") == hmac.digest(bytes(range(length)), b"m", "sha256")
    for _ in range(30):
        secret, salt, info = (
            rng.randbytes(32),
            rng.randbytes(rng.randrange(70)),
            rng.randbytes(rng.randrange(40)),
        )
        length = rng.randrange(1, 200)
        assert hkdf(secret, salt, info, length) == HKDF(secret, length, salt, SHA256, context=info)


@pytest.mark.parametrize("kek_bytes", [16, 32])
def test_key_wrap_equals_pycryptodome(kek_bytes: int) -> None:
    rng = random.Random(3394)
    for size in range(16, 129, 8):
        kek, key = rng.randbytes(kek_bytes), rng.randbytes(size)
        expected = AES.new(kek, AES.MODE_KW).seal(key)
        assert wrap(kek, key) == expected
        assert unwrap(kek, expected) == key
    for _ in range(200):
        with pytest.raises(RemoteError):
            unwrap(bytes(kek_bytes), rng.randbytes(rng.randrange(160)))


def test_x25519_equals_pycryptodome() -> None:
    rng = random.Random(7748)
    for _ in range(10):
        ours, theirs = rng.randbytes(32), rng.randbytes(32)
        judge = import_x25519_private_key(theirs)
        peer = judge.public_key().export_key(format="raw")
        assert public_key(theirs) == peer
        agreed = key_agreement(
            eph_priv=judge, eph_pub=import_x25519_public_key(public_key(ours)), kdf=lambda secret: secret
        )
        assert shared_secret(ours, peer) == agreed
