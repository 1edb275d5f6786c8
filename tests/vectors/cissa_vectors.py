"""ETSI TS 103 127 annex B: DVB-CISSA over four payload lengths (adaptation fields of 0, 7, 8, 9 bytes).

Runs on MicroPython too. Each case: adaptation field bytes (length byte counted), first and last cipher block, the
residue that stays clear.
"""

from binascii import unhexlify as h

KEY = h("00112233445566778899aabbccddeeff")
IV = h("445642544d4350544145534349535341")
CLEAR_HEADER = h("47608011")  # TSC 00, payload only, counter 1
SCRAMBLED_HEADER = h("47608091")  # TSC 10
_TEXT = b"This is the payload used for creating the test vectors for the DVB IPTV scrambler/descrambler. "
_FIRST = h("15ce67e0cb01b53ce76054e57a4ad120")

CASES = (
    (0, _FIRST, h("1e164840303aff838a019bf810a8e0b2"), h("2f6465736372616d")),
    (7, _FIRST, h("1e164840303aff838a019bf810a8e0b2"), h("2f")),
    (8, _FIRST, h("1e164840303aff838a019bf810a8e0b2"), b""),
    (9, _FIRST, h("123f212983936a95317fcb62f4346a1b"), h("42204950545620736372616d626c65")),
)


def packet(adaptation_bytes, header=CLEAR_HEADER):
    """The case's clear packet, or with SCRAMBLED_HEADER the frame that its scrambled payload goes into."""
    field = b""
    if adaptation_bytes:
        header = header[:3] + bytes((header[3] | 0x20,))
        field = bytes((adaptation_bytes - 1, 0)) + b"\xff" * (adaptation_bytes - 2)
    return header + field + (_TEXT * 2)[: 184 - adaptation_bytes]
