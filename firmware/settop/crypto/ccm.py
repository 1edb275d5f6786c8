"""AES-CCM, authenticated encryption (SP 800-38C, RFC 3610).

A nonce must never meet the same key with other content. `key` is 16 or 32 bytes, or an ECB cipher object used
for encryption, which stays the caller's.
"""

from settop.crypto.aes import as_cipher, wipe_aes
from settop.crypto.compare import equal
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError

_LONG_AAD = 0xFF00  # from here on SP 800-38C writes the length differently; nothing here is that long


def seal(key, nonce, aad, plaintext, tag_len=16):
    """Ciphertext with its tag behind it, as bytes of len(plaintext) + tag_len.

    `nonce` 7..13 bytes, `aad` (authenticated, not sent) under 65,280 bytes, `tag_len` 4, 6, .. 16. A nonce of
    n bytes leaves 15 - n for the length: 13 allow 65,535 bytes of plaintext. Raises LocalError outside these.
    """
    _check(nonce, aad, len(plaintext), tag_len)
    cipher = as_cipher(key)
    out = bytearray(len(plaintext) + tag_len)
    mac = bytearray(16)
    try:
        _cbc_mac(cipher, nonce, aad, plaintext, tag_len, mac)
        _count(cipher, nonce, plaintext, len(plaintext), out, mac)
        for i in range(tag_len):
            out[len(plaintext) + i] = mac[i]
        return bytes(out)
    finally:
        wipe(mac)
        if cipher is not key:
            wipe_aes(cipher)


def open(key, nonce, aad, sealed, tag_len=16):
    """Plaintext as a bytearray for the caller to wipe.

    Raises RemoteError where `sealed` is shorter than its tag or anything differs from what was sealed; no
    plaintext leaves then and the buffers are wiped. LocalError as in seal.
    """
    length = len(sealed) - tag_len
    if length < 0:
        raise RemoteError("sealed data of %d bytes is shorter than its %d-byte tag" % (len(sealed), tag_len))
    _check(nonce, aad, length, tag_len)
    cipher = as_cipher(key)
    out = bytearray(length)
    mac = bytearray(16)
    mask = bytearray(16)
    genuine = False
    try:
        _count(cipher, nonce, sealed, length, out, mask)
        _cbc_mac(cipher, nonce, aad, out, tag_len, mac)
        for i in range(16):
            mac[i] ^= mask[i]
        genuine = equal(memoryview(mac)[:tag_len], memoryview(sealed)[length:])
    finally:
        wipe(mac)
        wipe(mask)
        if not genuine:
            wipe(out)
        if cipher is not key:
            wipe_aes(cipher)
    if not genuine:
        raise RemoteError("authentication failed: wrong key, or altered nonce, associated data or ciphertext")
    return out


def _check(nonce, aad, length, tag_len):
    if not 7 <= len(nonce) <= 13:
        raise LocalError("CCM nonce of %d bytes, expected 7 to 13" % len(nonce))
    if tag_len not in (4, 6, 8, 10, 12, 14, 16):
        raise LocalError("CCM tag of %d bytes, expected an even number from 4 to 16" % tag_len)
    if length >> 8 * (15 - len(nonce)):
        raise LocalError("%d bytes are too many for a CCM nonce of %d bytes; shorten the nonce" % (length, len(nonce)))
    if len(aad) >= _LONG_AAD:
        raise LocalError("CCM associated data of %d bytes, expected under %d" % (len(aad), _LONG_AAD))


def _cbc_mac(cipher, nonce, aad, plaintext, tag_len, mac):
    """The unmasked tag, into `mac` (SP 800-38C, 6.1 steps 1 to 4 and A.2)."""
    length = len(plaintext)
    mac[0] = 64 * (len(aad) > 0) + 4 * (tag_len - 2) + 14 - len(nonce)
    mac[1 : 1 + len(nonce)] = nonce
    for i in range(15, len(nonce), -1):
        mac[i] = length & 0xFF
        length >>= 8
    cipher.encrypt(mac, mac)
    if len(aad):
        mac[0] ^= len(aad) >> 8
        mac[1] ^= len(aad) & 0xFF
        _absorb(cipher, mac, aad, 2)
    _absorb(cipher, mac, plaintext, 0)


def _absorb(cipher, mac, data, at):
    """CBC-MAC over `data`, zero-padded to a whole block, from byte `at` of the first block."""
    for byte in data:
        mac[at] ^= byte
        at += 1
        if at == 16:
            cipher.encrypt(mac, mac)
            at = 0
    if at:
        cipher.encrypt(mac, mac)


def _count(cipher, nonce, data, length, out, mask):
    """Counter mode: XORs `length` bytes of `data` into `out`, and the block of counter 0 into `mask`."""
    counter = bytearray(16)
    stream = bytearray(16)
    counter[0] = 14 - len(nonce)
    counter[1 : 1 + len(nonce)] = nonce
    cipher.encrypt(counter, stream)
    for i in range(16):
        mask[i] ^= stream[i]
    at = 16
    for i in range(length):
        if at == 16:
            at = 0
            step = 15
            while True:
                counter[step] = counter[step] + 1 & 0xFF
                if counter[step]:
                    break
                step -= 1
            cipher.encrypt(counter, stream)
        out[i] = data[i] ^ stream[at]
        at += 1
    wipe(stream)
