"""AES key wrap (RFC 3394, SP 800-38F KW).

`kek` is 16 or 32 bytes, or an ECB cipher object, which stays the caller's.
"""

from settop.crypto.aes import as_cipher, wipe_aes
from settop.crypto.compare import equal
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError

_CHECK_VALUE = b"\xa6" * 8  # RFC 3394, 2.2.3.1


def wrap(kek, key):
    """The wrapped key, as bytes, 8 longer than `key`. `key`: 16, 24, .. 128 bytes, else LocalError."""
    if len(key) % 8 or not 16 <= len(key) <= 128:
        raise LocalError("key of %d bytes, expected 16 to 128 in steps of 8" % len(key))
    cipher = as_cipher(kek)
    block = bytearray(16)
    out = bytearray(8) + key
    block[:8] = _CHECK_VALUE
    step = 0
    try:
        for _ in range(6):
            for at in range(8, len(out), 8):
                step += 1
                for i in range(8):
                    block[8 + i] = out[at + i]
                cipher.encrypt(block, block)
                for i in range(8):
                    out[at + i] = block[8 + i]
                block[7] ^= step  # at most 96: one byte of the standard's 64-bit counter
        out[:8] = memoryview(block)[:8]
        return bytes(out)
    finally:
        wipe(block)
        if cipher is not kek:
            wipe_aes(cipher)


def unwrap(kek, wrapped):
    """The key, as a bytearray for the caller to wipe.

    Raises RemoteError for a length that wrap cannot give (24, 32, .. 136 can) and where kek or data are not
    those of wrap.
    """
    if len(wrapped) % 8 or not 24 <= len(wrapped) <= 136:
        raise RemoteError("wrapped key of %d bytes, expected 24 to 136 in steps of 8" % len(wrapped))
    cipher = as_cipher(kek)
    block = bytearray(16)
    out = bytearray(wrapped)
    key = bytearray(len(wrapped) - 8)
    genuine = False
    try:
        for i in range(8):
            block[i] = out[i]
        step = 6 * (len(out) // 8 - 1)
        for _ in range(6):
            for at in range(len(out) - 8, 0, -8):
                block[7] ^= step
                step -= 1
                for i in range(8):
                    block[8 + i] = out[at + i]
                cipher.decrypt(block, block)
                for i in range(8):
                    out[at + i] = block[8 + i]
        genuine = equal(memoryview(block)[:8], _CHECK_VALUE)
        if genuine:
            for i in range(len(key)):
                key[i] = out[8 + i]
    finally:
        wipe(block)
        wipe(out)
        if cipher is not kek:
            wipe_aes(cipher)
    if not genuine:
        raise RemoteError("key unwrap failed: wrong wrapping key or altered data")
    return key
