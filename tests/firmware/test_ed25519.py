import sys

from ed25519_vectors import RFC_8032, TAMING, WYCHEPROOF, WYCHEPROOF_KEY, WYCHEPROOF_R, WYCHEPROOF_S
from kit import raises
from settop.crypto.ed25519 import check_key, verify
from settop.errors import LocalError, RemoteError

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
ON_A_COMPUTER = sys.implementation.name == "cpython"  # a board verifies two in a second


def _bytes(number):
    return number.to_bytes(32, "little")


def test_rfc_8032_signatures():
    for key, message, signature in RFC_8032:
        verify(key, signature, message)


def test_wycheproof_signatures():
    for message, signature in WYCHEPROOF:
        verify(WYCHEPROOF_KEY, signature, message)


def test_parts_are_one_message_and_may_be_views():
    key, message, signature = RFC_8032[3]
    verify(bytearray(key), memoryview(signature), memoryview(message)[:10], b"", bytearray(message[10:]))


def test_one_bit_more_or_less_anywhere_and_it_is_refused():
    key, message, signature = RFC_8032[2]
    for at in range(0, 8 * len(signature), 7 if ON_A_COMPUTER else 170):
        wrong = bytearray(signature)
        wrong[at >> 3] ^= 1 << (at & 7)
        with raises(RemoteError):
            verify(key, wrong, message)
    with raises(RemoteError):
        verify(key, signature, message + b"\x00")
    with raises(RemoteError):
        verify(RFC_8032[1][0], signature, message)


def test_special_values_of_r_and_s_are_refused():
    for r in WYCHEPROOF_R if ON_A_COMPUTER else WYCHEPROOF_R[:1]:
        for s in WYCHEPROOF_S:
            with raises(RemoteError):
                verify(WYCHEPROOF_KEY, r + s, b"?")


def test_s_of_l_or_more_is_no_second_form_of_a_signature():
    key, message, signature = RFC_8032[1]
    s = int.from_bytes(signature[32:], "little")
    for more in (_L, 2 * _L, 8 * _L):
        with raises(RemoteError):
            verify(key, signature[:32] + _bytes(s + more), message)


def test_the_edges_on_which_verifiers_differ():
    for number, (key, message, signature, refused) in enumerate(TAMING):
        if refused == "good":
            verify(key, signature, message)
            continue
        with raises(LocalError if refused == "key" else RemoteError):
            verify(key, signature, message)
            raise AssertionError("case %d was taken" % number)


def test_signatures_that_are_cut_or_longer_are_refused():
    key, message, signature = RFC_8032[0]
    for wrong in (b"", signature[:32], signature[:63], signature + b"\x00"):
        with raises(RemoteError):
            verify(key, wrong, message)


def test_keys_of_small_order_are_refused_also_in_their_second_forms():
    # x = 0, y = 1 and -1; the two of order 4; one of order 8, and its negative
    order_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
    sign = 1 << 255
    for y in (1, _P - 1, 0, sign, order_8, order_8 | sign, _P - order_8, (_P - order_8) | sign):
        with raises(LocalError):
            check_key(_bytes(y))
    for y in (_P, _P + 1, _P | sign, sign | 1, sign | _P - 1):
        with raises(LocalError):
            check_key(_bytes(y))


def test_keys_that_are_no_point_or_not_its_one_encoding_are_refused():
    for y in (2, _P + 3, _P + 18):
        with raises(LocalError):
            check_key(_bytes(y))
    for size in (0, 31, 33):
        with raises(LocalError):
            check_key(bytes(size))
    check_key(RFC_8032[0][0])
