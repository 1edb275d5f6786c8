"""IMA ADPCM as it stands in WAV files, in an MP4 file: the sample entry that QuickTime has for it (QuickTime File
Format, 2001, sound sample descriptions of version 1), which FFmpeg reads and does not write into fragments.
"""

import struct

from settop.errors import RemoteError

from headend.titles.boxes import box

KIND = b"ms\0\x11"
"""A WAVE format tag (0x0011) behind "ms"."""
_FORMAT = 0x11
_BITS = 4
_CHANNELS = 2
_VERSION_1, _COMPRESSED = 1, -2


def block_octets(block_samples: int, channels: int) -> int:
    """Octets of a block of so many samples (of each channel): a first one in a head of four, the rest of four bits
    each.
    """
    return channels * (4 + (block_samples - 1) // 2)


def sample_entry(block_samples: int, channels: int, rate: int) -> bytes:
    """The sample entry, box and all. block_samples: samples in a block, as the WAV header has it; rate in Hz.

    Raises RemoteError for what WAV files do not have, or no entry of version 1 has room for.
    """
    block = block_octets(block_samples, channels)
    if not (1 <= channels <= _CHANNELS and 1 < block_samples <= 0xFFFF and block <= 0xFFFF and 0 < rate <= 0xFFFF):
        raise RemoteError(
            f"IMA ADPCM of {channels} channels, {rate} Hz and {block_samples} samples in a block: not supported"
        )
    per_second = rate * block // block_samples
    wave = struct.pack("<HHIIHHHH", _FORMAT, channels, rate, per_second, block, _BITS, 2, block_samples)
    inner = box(b"wave", box(b"frma", KIND), box(KIND, wave), struct.pack(">II", 8, 0))
    # QuickTime has 16 bits here, whatever they were packed in; FFmpeg believes it where it must not look further.
    head = struct.pack(">6xHHHIHHhHI", 1, _VERSION_1, 0, 0, channels, _BITS, _COMPRESSED, 0, rate << 16)
    return box(KIND, head, struct.pack(">IIII", block_samples, block // channels, block, 2), inner)
