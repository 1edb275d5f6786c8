"""Session keys of SRTP from a master key (RFC 3711, 4.3), with a key derivation rate of 0: once and for all.

The keys' own work is settop.media.srtp_counter (RFC 3711) and settop.media.srtp_gcm (RFC 7714).
"""

from settop.crypto.aes import aes_ecb, wipe_aes
from settop.crypto.wipe import wipe

# Labels (4.3.2)
ENCRYPTION, AUTHENTICATION, SALT = 0, 1, 2
CONTROL = 3  # is added for SRTCP


def derive(key, salt, label, size):
    """`size` octets (up to 1,048,576) for the purpose of this label, as a bytearray for the caller to wipe.

    key: the master key, 16 or 32 octets; salt: 14, or 12, which two zeros follow (RFC 7714, 11).
    """
    block = bytearray(16)
    block[: len(salt)] = salt
    block[7] ^= label
    out = bytearray(size + 15 & ~15)
    for at in range(0, len(out), 16):
        out[at : at + 16] = block
        out[at + 14] = at >> 12
        out[at + 15] = at >> 4 & 0xFF
    cipher = aes_ecb(key)
    try:
        cipher.encrypt(out, out)
    finally:
        wipe_aes(cipher)
        wipe(block)
    if len(out) == size:
        return out
    result = bytearray(size)
    for at in range(size):
        result[at] = out[at]
    wipe(out)
    return result
