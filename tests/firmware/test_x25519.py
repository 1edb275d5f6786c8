import sys

from crypto_vectors import X25519, X25519_1000_TIMES, X25519_ALICE, X25519_BOB, X25519_ONCE, X25519_SHARED
from kit import raises
from settop.crypto.x25519 import public_key, shared_secret
from settop.errors import LocalError, RemoteError

_P = 2**255 - 19


def _bytes(number):
    return number.to_bytes(32, "little")


def test_rfc_7748_scalar_multiplications():
    for scalar, u, result in X25519:
        assert shared_secret(scalar, u) == result


def test_rfc_7748_iterations():
    # A thousand take a board minutes; CPython does them for all.
    times, expected = (1000, X25519_1000_TIMES) if sys.implementation.name == "cpython" else (1, X25519_ONCE)
    scalar = u = b"\x09" + bytes(31)
    for count in range(times):
        scalar, u = bytes(shared_secret(scalar, u)), scalar
        assert count or scalar == X25519_ONCE
    assert scalar == expected


def test_rfc_7748_key_agreement():
    assert public_key(X25519_ALICE[0]) == X25519_ALICE[1]
    assert public_key(X25519_BOB[0]) == X25519_BOB[1]
    secret = shared_secret(X25519_ALICE[0], X25519_BOB[1])
    assert isinstance(secret, bytearray)
    assert secret == X25519_SHARED


def test_points_that_force_an_all_zero_secret_are_refused():
    for u in (0, 1, _P - 1, _P, _P + 1, 1 << 255):
        with raises(RemoteError):
            shared_secret(X25519_ALICE[0], _bytes(u))


def test_the_top_bit_and_unreduced_values_of_a_public_key_are_accepted_as_the_rfc_asks():
    bob = bytearray(X25519_BOB[1])
    bob[31] |= 0x80
    assert shared_secret(X25519_ALICE[0], bob) == X25519_SHARED
    assert shared_secret(X25519_ALICE[0], _bytes(_P + 9)) == X25519_ALICE[1]


def test_wrong_lengths_are_refused_as_the_fault_of_whose_they_are():
    for size in (0, 31, 33):
        with raises(LocalError):
            public_key(bytes(size))
        with raises(RemoteError):
            shared_secret(X25519_ALICE[0], bytes(size))
