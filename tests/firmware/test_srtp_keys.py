"""What SRTP is made of against published values: key derivation, counter mode, GHASH, HMAC-SHA-1."""

from kit import raises
from settop.crypto.counter import STREAM_BYTES, CounterMode
from settop.crypto.ghash import Ghash
from settop.crypto.hmac_sha1 import HmacSha1
from settop.errors import LocalError
from settop.media.srtp_keys import AUTHENTICATION, CONTROL, ENCRYPTION, SALT, derive
from srtp_vectors import (
    AUTH_KEY,
    CIPHER_KEY,
    CIPHER_SALT,
    GHASH,
    GHASH_BLOCK,
    GHASH_KEY,
    HMACS,
    MASTER_KEY,
    MASTER_SALT,
    STREAM_FIRST,
    STREAM_KEY,
    STREAM_LAST,
    STREAM_SALT,
)


def stream():
    return CounterMode(STREAM_KEY, STREAM_SALT, 0)


def test_session_keys_are_those_of_the_rfc():
    assert derive(MASTER_KEY, MASTER_SALT, ENCRYPTION, 16) == CIPHER_KEY
    assert derive(MASTER_KEY, MASTER_SALT, SALT, 14) == CIPHER_SALT
    assert derive(MASTER_KEY, MASTER_SALT, AUTHENTICATION, 94) == AUTH_KEY
    assert derive(MASTER_KEY, MASTER_SALT, AUTHENTICATION, 20) == AUTH_KEY[:20]


def test_every_label_gives_another_key():
    made = {bytes(derive(MASTER_KEY, MASTER_SALT, label + of, 16)) for label in (0, 1, 2) for of in (0, CONTROL)}
    assert len(made) == 6


def test_the_key_stream_is_that_of_the_rfc_from_its_first_block_to_its_last():
    mode = stream()
    octets = bytearray(12 + 48)
    mode.crypt(octets, 0, 0, 12, 60)
    assert octets[12:] == STREAM_FIRST
    octets[12:] = bytes(48)
    mode._crypt_rest(octets, 0xFEFF, 12, 60)
    assert octets[12:] == STREAM_LAST


def test_a_packet_longer_than_the_key_stream_at_hand_goes_on_counting():
    mode = stream()
    long = bytearray(12 + 4 * STREAM_BYTES + 33)  # past 256 blocks
    mode.crypt(long, 0, 0, 12, len(long))
    for at in range(0, len(long) - 12, 16):
        piece = bytearray(16)
        mode._crypt_rest(piece, at // 16, 0, 16)
        count = min(16, len(long) - 12 - at)
        assert long[12 + at : 12 + at + count] == piece[:count]


def test_octets_before_and_behind_stay_and_any_length_and_place_will_do():
    mode = stream()
    for start in (12, 13, 14, 15, 16):
        for size in (0, 1, 3, 4, 15, 16, 17, 31):
            octets = bytearray(b"\x5a" * 60)
            octets[8:12] = bytes(4)
            mode.crypt(octets, 0, 0, start, start + size)
            made = bytes([0x5A ^ octet for octet in STREAM_FIRST[:size]])
            assert octets[start : start + size] == made
            assert octets[12:start] + octets[start + size :] == b"\x5a" * (48 - size)


def test_source_and_index_change_the_stream():
    mode = stream()
    seen = set()
    for source, high, low in (
        (b"\0\0\0\0", 0, 0),
        (b"\0\0\0\1", 0, 0),
        (b"\1\0\0\0", 0, 0),
        (b"\0\0\0\0", 1, 0),
        (b"\0\0\0\0", 0xFFFFFFFF, 0),
        (b"\0\0\0\0", 0, 1),
        (b"\0\0\0\0", 0, 0x8000),
    ):
        octets = bytearray(8) + source + bytes(16)
        mode.crypt(octets, high, low, 12, 28)
        seen.add(bytes(octets[12:]))
    assert len(seen) == 7


def test_ghash_of_a_block_is_the_published_one():
    for rounds in (1, 2):  # and again for the next message
        ghash = Ghash(GHASH_KEY)
        tag = bytearray(16)
        for _ in range(rounds):
            ghash.begin()
            ghash.absorb(b"before" + GHASH_BLOCK, 6, 16)
            tag = bytearray(16)
            ghash.finish(tag, 0, 16)
        assert tag == GHASH


def test_hmacs_are_those_of_the_rfc_however_the_message_is_divided():
    for key, message, wanted in HMACS:
        hmac = HmacSha1(key)
        for at in (0, 1, len(message)):
            assert hmac.tag(message[:at], memoryview(message)[at:]) == wanted


def test_a_key_that_does_not_fit_a_block_is_refused_and_keys_are_wiped():
    with raises(LocalError):
        HmacSha1(bytes(65))
    hmac = HmacSha1(b"\x0b" * 20)
    hmac.close()
    assert not any(hmac._inner) and not any(hmac._outer)
    mode = stream()
    octets = bytearray(40)
    mode.crypt(octets, 0, 0, 12, 40)
    mode.close()
    mode.close()
    assert not any(mode._work) and mode._cipher is None
    ghash = Ghash(GHASH_KEY)
    ghash.close()
    assert not any(ghash._work)
