from crypto_vectors import CCM
from kit import raises
from settop.crypto import ccm
from settop.crypto.aes import Aes128, aes_ecb
from settop.errors import LocalError, RemoteError


def test_sp_800_38c_and_rfc_3610_examples():
    for key, nonce, aad, plaintext, tag_len, sealed in CCM:
        assert ccm.seal(key, nonce, aad, plaintext, tag_len) == sealed
        opened = ccm.open(key, nonce, aad, sealed, tag_len)
        assert isinstance(opened, bytearray)
        assert opened == plaintext


def test_a_cipher_of_the_callers_survives():
    for make in (aes_ecb, Aes128):
        for key, nonce, aad, plaintext, tag_len, sealed in CCM:
            cipher = make(key)
            for _ in range(2):
                assert ccm.seal(cipher, nonce, aad, plaintext, tag_len) == sealed
                assert ccm.open(cipher, nonce, aad, sealed, tag_len) == plaintext


def test_every_length_from_nothing_to_three_blocks_comes_back():
    key = bytes(range(16))
    for length in range(49):
        plaintext = bytes(range(length))
        sealed = ccm.seal(key, bytes(13), plaintext[: length // 2], plaintext)
        assert len(sealed) == length + 16
        assert ccm.open(key, bytes(13), plaintext[: length // 2], memoryview(sealed)) == plaintext


def _refused(key, nonce, aad, sealed, tag_len):
    try:
        ccm.open(key, nonce, aad, sealed, tag_len)
    except RemoteError as error:
        return str(error)
    raise AssertionError("opened")


def test_any_flipped_bit_is_refused_with_one_and_the_same_error():
    texts = set()
    key, nonce, aad, _, tag_len, sealed = CCM[1]
    for which in range(4):
        for bit in range(0, len((sealed, nonce, aad, key)[which]) * 8, 1 if which == 0 else 5):
            fields = [bytearray(sealed), bytearray(nonce), bytearray(aad), bytearray(key)]
            fields[which][bit >> 3] ^= 1 << (bit & 7)
            texts.add(_refused(fields[3], fields[1], fields[2], fields[0], tag_len))
    assert len(texts) == 1


def test_truncated_or_extended_data_is_refused():
    key, nonce, aad, _, tag_len, sealed = CCM[3]
    for length in range(len(sealed)):
        _refused(key, nonce, aad, sealed[:length], tag_len)
    _refused(key, nonce, aad, sealed + b"\0", tag_len)


class _Recording:
    """Keeps the buffers that ccm hands to the cipher, to look at them afterwards."""

    def __init__(self, key):
        self.cipher = aes_ecb(key)
        self.buffers = []

    def encrypt(self, data, out):
        self.buffers.append(out)
        return self.cipher.encrypt(data, out)


def test_keystream_and_mac_buffers_are_wiped_after_success_and_refusal():
    key, nonce, aad, plaintext, tag_len, sealed = CCM[2]
    for data in (sealed, b"\0" + sealed[1:]):
        recording = _Recording(key)
        try:
            ccm.open(recording, nonce, aad, data, tag_len)
        except RemoteError:
            pass
        assert recording.buffers
        assert not any(any(buf) for buf in recording.buffers)
    recording = _Recording(key)
    ccm.seal(recording, nonce, aad, plaintext, tag_len)
    assert not any(any(buf) for buf in recording.buffers)


def test_parameters_outside_the_standard_are_local_errors():
    key = bytes(16)
    for nonce_len in (0, 6, 14):
        with raises(LocalError):
            ccm.seal(key, bytes(nonce_len), b"", b"")
        with raises(LocalError):
            ccm.open(key, bytes(nonce_len), b"", bytes(16))
    for tag_len in (0, 2, 3, 5, 18):
        with raises(LocalError):
            ccm.seal(key, bytes(13), b"", b"", tag_len)
    with raises(LocalError):
        ccm.seal(bytes(24), bytes(13), b"", b"")
    with raises(LocalError):
        ccm.seal(key, bytes(13), bytes(0xFF00), b"")
    with raises(LocalError):
        ccm.seal(key, bytes(13), b"", bytes(0x10000))
