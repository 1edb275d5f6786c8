"""Frame headers of MP3 (ISO/IEC 11172-3 2.4.2.3, 13818-3) and of ADTS (ISO/IEC 13818-7 6.2)."""

from typing import NamedTuple

MP3_HEADER_BYTES = 4
ADTS_HEADER_BYTES = 7
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_RATES = (44_100, 48_000, 32_000)
_LAYER_3 = 1
AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_LOW_COMPLEXITY = 1


class Header(NamedTuple):
    """Of one frame: its octets with the header, the samples of each channel, Hz; `kind` is alike in all frames of a
    stream."""

    octets: int
    samples: int
    rate: int
    channels: int
    kind: int


def mp3_header(data: bytes) -> Header | None:
    """Of the four octets that a frame of layer III begins with; None for anything else (free format included)."""
    first, second, third = data[1], data[2], data[3]
    version = first >> 3 & 3  # 3: MPEG-1, 2: MPEG-2, 0: the extension to lower rates that is called MPEG-2.5
    if data[0] != 0xFF or first & 0xE0 != 0xE0 or version == 1 or first >> 1 & 3 != _LAYER_3:
        return None
    bits, step = second >> 4, second >> 2 & 3
    if bits in (0, 15) or step == 3:
        return None
    rate = _MP3_RATES[step] >> {3: 0, 2: 1, 0: 2}[version]
    kbits, per_slot, samples = (_KBITS_1, 144, 1152) if version == 3 else (_KBITS_2, 72, 576)
    octets = per_slot * kbits[bits] * 1000 // rate + (second >> 1 & 1)
    return Header(octets, samples, rate, 1 if third >> 6 == 3 else 2, first & 0xFE | step << 8)


def adts_header(data: bytes) -> Header | None:
    """Of the seven octets that a frame of ADTS begins with: low complexity, one or two channels; None for others."""
    if data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return None
    index, channels = data[2] >> 2 & 15, (data[2] & 1) << 2 | data[3] >> 6
    octets = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    least = ADTS_HEADER_BYTES + (0 if data[1] & 1 else 2)
    if data[2] >> 6 != _LOW_COMPLEXITY or index >= len(AAC_RATES) or not 1 <= channels <= 2 or data[6] & 3:
        return None
    if octets <= least:
        return None
    return Header(octets, 1024, AAC_RATES[index], channels, data[1] << 8 | data[2])
