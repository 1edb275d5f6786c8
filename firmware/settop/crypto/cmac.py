"""AES-CMAC (RFC 4493, SP 800-38B)."""

from settop.crypto.aes import as_cipher, wipe_aes
from settop.crypto.wipe import wipe


def cmac(key, *parts):
    """16-byte tag, as bytes, over the parts' concatenation.

    `key`: 16 or 32 bytes, or an ECB cipher object used for encryption, which stays the caller's. Compare tags
    with settop.crypto.compare.equal.
    """
    cipher = as_cipher(key)
    subkey = bytearray(16)
    mac = bytearray(16)
    try:
        cipher.encrypt(subkey, subkey)
        filled = 0
        for part in parts:
            for byte in part:
                if filled == 16:  # only once more follows: the last block is masked first
                    cipher.encrypt(mac, mac)
                    filled = 0
                mac[filled] ^= byte
                filled += 1
        _double(subkey)
        if filled < 16:
            _double(subkey)
            mac[filled] ^= 0x80
        for i in range(16):
            mac[i] ^= subkey[i]
        cipher.encrypt(mac, mac)
        return bytes(mac)
    finally:
        wipe(subkey)
        wipe(mac)
        if cipher is not key:
            wipe_aes(cipher)


def _double(block):
    """Multiplies by x in GF(2^128), in place (RFC 4493, 2.3)."""
    carry = 0
    for i in range(15, -1, -1):
        shifted = block[i] << 1 | carry
        block[i] = shifted & 0xFF
        carry = shifted >> 8
    block[15] ^= 0x87 * carry
