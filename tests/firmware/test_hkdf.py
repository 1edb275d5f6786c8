from crypto_vectors import HKDF, HMAC_SHA256, SHA256_ABC
from kit import raises
from settop.crypto.hkdf import hkdf, hkdf_expand, hkdf_extract, hmac_sha256, sha256
from settop.errors import LocalError


def test_sha_256_of_abc_in_any_parts():
    assert sha256(b"abc") == SHA256_ABC
    assert sha256(b"a", b"", bytearray(b"bc")) == SHA256_ABC


def test_rfc_4231_hmac_sha_256():
    for key, message, tag in HMAC_SHA256:
        assert hmac_sha256(key, message) == tag
        assert hmac_sha256(key, message[:5], message[5:]) == tag


def test_a_key_of_exactly_one_block_is_not_hashed():
    # The padding with zeros makes these one and the same key (RFC 2104, 2); a hashed one would differ.
    assert hmac_sha256(b"k" * 63 + b"\0", b"m") == hmac_sha256(b"k" * 63, b"m")


def test_rfc_5869_examples():
    for secret, salt, info, prk, okm in HKDF:
        assert hkdf_extract(salt, secret) == prk
        assert hkdf_expand(prk, info, len(okm)) == okm
        assert hkdf(secret, salt, info, len(okm)) == okm


def test_a_shorter_output_is_a_prefix_of_a_longer_one():
    prk = bytes(range(32))
    longest = hkdf_expand(prk, b"x", 97)
    for length in (1, 31, 32, 33, 64, 65, 96):
        assert hkdf_expand(prk, b"x", length) == longest[:length]


def test_lengths_outside_the_standard_are_local_errors():
    for length in (-1, 0, 8161):
        with raises(LocalError):
            hkdf_expand(bytes(32), b"", length)


def test_results_are_bytearrays_that_can_be_wiped():
    for result in (sha256(b""), hmac_sha256(b"", b""), hkdf(b"s", b"", b"", 16)):
        assert isinstance(result, bytearray)
