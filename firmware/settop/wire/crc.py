"""CRC-32/MPEG-2 (ISO/IEC 13818-1 annex A) and the RFC 1662 FCS-16, by nibble tables to spare a board's heap."""

_CRC32 = (
    0x00000000, 0x04C11DB7, 0x09823B6E, 0x0D4326D9, 0x130476DC, 0x17C56B6B, 0x1A864DB2, 0x1E475005,
    0x2608EDB8, 0x22C9F00F, 0x2F8AD6D6, 0x2B4BCB61, 0x350C9B64, 0x31CD86D3, 0x3C8EA00A, 0x384FBDBD,
)  # fmt: skip
_FCS16 = (
    0x0000, 0x1081, 0x2102, 0x3183, 0x4204, 0x5285, 0x6306, 0x7387,
    0x8408, 0x9489, 0xA50A, 0xB58B, 0xC60C, 0xD68D, 0xE70E, 0xF78F,
)  # fmt: skip

FCS16_INIT = 0xFFFF
FCS16_GOOD = 0xF0B8  # RFC 1662 appendix C.2: the register after a good frame with its FCS


def crc32_mpeg2(data, crc=0xFFFFFFFF):
    """CRC over `data`; 0 over a section with its CRC appended means undamaged."""
    for byte in data:
        crc = (crc << 4 & 0xFFFFFFFF) ^ _CRC32[(crc >> 28) ^ (byte >> 4)]
        crc = (crc << 4 & 0xFFFFFFFF) ^ _CRC32[(crc >> 28) ^ (byte & 15)]
    return crc


def fcs16(data, fcs=FCS16_INIT):
    """The FCS register after `data`; the FCS sent is its complement, low byte first."""
    for byte in data:
        fcs = (fcs >> 4) ^ _FCS16[(fcs ^ byte) & 15]
        fcs = (fcs >> 4) ^ _FCS16[(fcs ^ (byte >> 4)) & 15]
    return fcs
