"""Every tenth octet of an MP3 file encrypted (docs/titles.md): what who changes it and who undoes it must both know."""

LABEL = b"tenth 1\0"
"""The first eight octets of each counter block; no title's IV begins so but by chance."""
STEP = 10
HEADER_BYTES = 4
FRAME_LIMIT = 2048
"""No frame of layer III is as long."""
_RATES = ((11_025, 12_000, 8_000), None, (22_050, 24_000, 16_000), (44_100, 48_000, 32_000))
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def frame_bytes(header, at=0):
    """How long the MPEG layer III frame is (ISO/IEC 11172-3, 2.4.2.3; 13818-3) whose four octets of header are at
    header[at]; 0 where they are none, or do not say it.
    """
    if len(header) < at + HEADER_BYTES or header[at] != 0xFF or header[at + 1] & 0xE6 != 0xE2:
        return 0
    version = header[at + 1] >> 3 & 3
    kbits, rate, padding = header[at + 2] >> 4, header[at + 2] >> 2 & 3, header[at + 2] >> 1 & 1
    if version == 1 or kbits in (0, 15) or rate == 3:
        return 0
    if version == 3:
        return 144_000 * _KBITS_1[kbits] // _RATES[3][rate] + padding
    return 72_000 * _KBITS_2[kbits] // _RATES[version][rate] + padding
