"""What a PMT's stream entries carry: picture, sound, or sections (which conditional access leaves clear)."""

from settop.errors import RemoteError
from settop.wire.transport import SECTION_STREAM_TYPES

from headend.ts.signal.psi import Pmt, Stream, descriptors_of

# ISO/IEC 13818-1 table 2-34, and for 0x80 upwards the uses that ATSC and SCTE registered.
_VIDEO_TYPES = frozenset(
    (0x01, 0x02, 0x10, 0x1B, 0x1E, 0x1F, 0x20, 0x21, 0x24, 0x25, 0x33, 0x42, 0x80, 0xD1, 0xD2, 0xEA)
)
_AUDIO_TYPES = frozenset((0x03, 0x04, 0x0F, 0x11, 0x1C, 0x2D, 0x2E, 0x81, 0x82, 0x83, 0x84, 0x85, 0x87, 0x88, 0x8A))
# EN 300 468: AC-3, enhanced AC-3, DTS, AAC; extension (AC-4, DTS-UHD and others) named by its second tag.
_AUDIO_TAGS = frozenset((0x6A, 0x7A, 0x7B, 0x7C))
_AUDIO_EXTENSIONS = frozenset((0x0E, 0x15, 0x19, 0x21, 0x80))
_REGISTERED = frozenset(
    (b"AC-3", b"EAC3", b"AC-4", b"DTS1", b"DTS2", b"DTS3", b"Opus", b"BSSD", b"HEVC", b"VC-1", b"drac", b"AV01")
)
_REGISTRATION_TAG = 0x05
_EXTENSION_TAG = 0x7F


def carries_sections(stream: Stream) -> bool:
    return stream.stream_type in SECTION_STREAM_TYPES


def is_picture_or_sound(stream: Stream) -> bool:
    """Video or audio by stream_type, or private data (0x06) whose descriptors say so."""
    if stream.stream_type in _VIDEO_TYPES or stream.stream_type in _AUDIO_TYPES:
        return True
    if stream.stream_type != 0x06:
        return False
    try:
        descriptors = descriptors_of(stream.descriptors)
    except RemoteError:
        return False
    return any(
        descriptor[0] in _AUDIO_TAGS
        or (descriptor[0] == _REGISTRATION_TAG and descriptor[2:6] in _REGISTERED)
        or (descriptor[0] == _EXTENSION_TAG and descriptor[2:3] != b"" and descriptor[2] in _AUDIO_EXTENSIONS)
        for descriptor in descriptors
    )


def has_picture_or_sound(pmt: Pmt) -> bool:
    return any(is_picture_or_sound(stream) for stream in pmt.streams)
