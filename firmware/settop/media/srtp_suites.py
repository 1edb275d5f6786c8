"""What SRTP can be protected with, by the numbers of RFC 5764 (4.1.2) and RFC 7714 (14.2); Triple DES has one of those
that are for private use (RFC 5764, 8)."""

AES_CM_128_HMAC_SHA1_80 = 0x0001
AES_CM_128_HMAC_SHA1_32 = 0x0002
NULL_HMAC_SHA1_80 = 0x0005
AEAD_AES_128_GCM = 0x0007
TDES_EDE3_HMAC_SHA1_80 = 0xFF03

KEY_BYTES = 16
TDES_KEY_BYTES = 24
AUTH_KEY_BYTES = 20
CONTROL_HEADER_BYTES = 8  # of RTCP, which stay in the clear: they say who sends it

# number, name, octets of the master salt, octets of the tag behind RTP, behind RTCP
SUITES = (
    (AES_CM_128_HMAC_SHA1_80, "AES_CM_128_HMAC_SHA1_80", 14, 10, 10),
    (AES_CM_128_HMAC_SHA1_32, "AES_CM_128_HMAC_SHA1_32", 14, 4, 10),
    (NULL_HMAC_SHA1_80, "NULL_HMAC_SHA1_80", 14, 10, 10),
    (AEAD_AES_128_GCM, "AEAD_AES_128_GCM", 12, 16, 16),
    (TDES_EDE3_HMAC_SHA1_80, "TDES_EDE3_HMAC_SHA1_80", 14, 10, 10),
)


def suite(number):
    """Its row of SUITES, or None."""
    for row in SUITES:
        if row[0] == number:
            return row
    return None


def named(name):
    """The number of the suite that has this name, or None."""
    for row in SUITES:
        if row[1] == name:
            return row[0]
    return None


def key_bytes(number):
    """Octets of its master key."""
    return TDES_KEY_BYTES if number == TDES_EDE3_HMAC_SHA1_80 else KEY_BYTES
