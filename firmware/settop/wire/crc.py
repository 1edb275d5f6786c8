"""CRC-32/MPEG-2 (ISO/IEC 13818-1 annex A) and the RFC 1662 FCS-16, by nibble tables to spare a board's heap."""

# The register in two halves: MicroPython's integers of more than 30 bits are objects on the heap, ten for each octet.
_CRC32_HIGH = (
    0x0000, 0x04C1, 0x0982, 0x0D43, 0x1304, 0x17C5, 0x1A86, 0x1E47,
    0x2608, 0x22C9, 0x2F8A, 0x2B4B, 0x350C, 0x31CD, 0x3C8E, 0x384F,
)  # fmt: skip
_CRC32_LOW = (
    0x0000, 0x1DB7, 0x3B6E, 0x26D9, 0x76DC, 0x6B6B, 0x4DB2, 0x5005,
    0xEDB8, 0xF00F, 0xD6D6, 0xCB61, 0x9B64, 0x86D3, 0xA00A, 0xBDBD,
)  # fmt: skip
_FCS16 = (
    0x0000, 0x1081, 0x2102, 0x3183, 0x4204, 0x5285, 0x6306, 0x7387,
    0x8408, 0x9489, 0xA50A, 0xB58B, 0xC60C, 0xD68D, 0xE70E, 0xF78F,
)  # fmt: skip

FCS16_INIT = 0xFFFF
FCS16_GOOD = 0xF0B8  # RFC 1662 appendix C.2: the register after a good frame with its FCS


def crc32_mpeg2(data, crc=0xFFFFFFFF):
    """CRC over `data`; 0 over a section with its CRC appended means undamaged."""
    high = crc >> 16
    low = crc & 0xFFFF
    for byte in data:
        at = (high >> 12) ^ (byte >> 4)
        high = (high << 4 & 0xFFF0 | low >> 12) ^ _CRC32_HIGH[at]
        low = (low << 4 & 0xFFF0) ^ _CRC32_LOW[at]
        at = (high >> 12) ^ (byte & 15)
        high = (high << 4 & 0xFFF0 | low >> 12) ^ _CRC32_HIGH[at]
        low = (low << 4 & 0xFFF0) ^ _CRC32_LOW[at]
    return high << 16 | low


def fcs16(data, fcs=FCS16_INIT):
    """The FCS register after `data`; the FCS sent is its complement, low byte first."""
    for byte in data:
        fcs = (fcs >> 4) ^ _FCS16[(fcs ^ byte) & 15]
        fcs = (fcs >> 4) ^ _FCS16[(fcs ^ (byte >> 4)) & 15]
    return fcs
