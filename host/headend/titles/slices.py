"""Which octets of a video sample are encrypted (ISO/IEC 23001-7, 10.2 and 10.6): the slices, behind what a player must
read without the key.
"""

from settop.errors import RemoteError

from headend.titles.protection import BLOCK, CBCS

CLEAR_LEAD = 64
"""Octets of a slice that stay clear, its NAL header among them: more than the slice headers that encoders write."""
_CLEAR_LIMIT = 0xFFFF
H264, HEVC = b"avc1", b"hvc1"
_H264_SLICES = range(1, 6)
_HEVC_SLICES = range(32)
KINDS = {b"avc1": H264, b"avc3": H264, b"hvc1": HEVC, b"hev1": HEVC}
"""Sample entries whose samples are NAL units behind their lengths."""


def length_octets(kind: bytes, configuration: bytes) -> int:
    """Octets of a NAL unit's length, from the body of `avcC` or `hvcC` (14496-15, 5.3.3.1 and 8.3.3.1)."""
    at = 4 if KINDS[kind] == H264 else 21
    if len(configuration) <= at:
        raise RemoteError("the video's configuration (avcC or hvcC) is cut")
    return (configuration[at] & 3) + 1


def parts_of(sample: memoryview, kind: bytes, octets: int, scheme: str) -> list[tuple[int, int]]:
    """[(clear, encrypted)] that together are the sample. Raises RemoteError where it is not NAL units behind
    lengths.
    """
    is_h264 = KINDS[kind] == H264
    found: list[tuple[int, int]] = []
    clear, at, size = 0, 0, len(sample)
    while at < size:
        begin = at + octets
        length = int.from_bytes(sample[at:begin], "big")
        at = begin + length
        if begin > size or at > size:
            raise RemoteError("a video sample is not made of NAL units behind their lengths: cut, or damaged")
        hidden = 0
        if length > CLEAR_LEAD:
            is_slice = sample[begin] & 31 in _H264_SLICES if is_h264 else sample[begin] >> 1 & 63 in _HEVC_SLICES
            hidden = length - CLEAR_LEAD if is_slice else 0
            if scheme != CBCS:
                hidden -= hidden % BLOCK  # the key stream's blocks begin where the parts do (10.2)
        clear += octets + length - hidden
        if hidden:
            while clear > _CLEAR_LIMIT:
                found.append((_CLEAR_LIMIT, 0))
                clear -= _CLEAR_LIMIT
            found.append((clear, hidden))
            clear = 0
    while clear > 0:
        found.append((min(clear, _CLEAR_LIMIT), 0))
        clear -= _CLEAR_LIMIT
    return found
