"""MPEG transport stream (ISO/IEC 13818-1; EN 300 468 for service information): the numbers that both ends go by.

Viper keeps these as literals (settop.ts.kernels_viper), which a test compares.
"""

PACKET_BYTES = 188
SYNC = 0x47
SDT_PID = 0x11
NULL_PID = 0x1FFF
LOWEST_PID = 0x10  # that a PMT or a stream may have (ISO/IEC 13818-1 table 2-3)
LOWEST_FREE_PID = 0x20  # PIDs below are service information where no PMT says otherwise (EN 300 468, 5.1.3)

TABLE_PAT = 0x00
TABLE_PMT = 0x02
TABLE_SDT = 0x42  # of the transport stream that it is in
# Stream types that are sections themselves (ISO/IEC 13818-1 table 2-34, SCTE 35): never scrambled.
SECTION_STREAM_TYPES = (0x05, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x13, 0x14, 0x16, 0x86, 0x95)

CISSA_IV = b"DVBTMCPTAESCISSA"  # ETSI TS 103 127, 6.2
SCRAMBLING_DESCRIPTOR_TAG = 0x65
SCRAMBLING_MODE_CISSA = 0x10  # EN 300 468 table 86: DVB-CISSA version 1


def pack_scrambling_descriptor():
    """scrambling_descriptor (EN 300 468, 6.2.32) announcing DVB-CISSA."""
    return bytes((SCRAMBLING_DESCRIPTOR_TAG, 1, SCRAMBLING_MODE_CISSA))
