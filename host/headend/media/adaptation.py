"""What a viewer says of its buffer when it sets a title up (3GPP TS 26.234, 5.3.2.2)."""

from settop.wire.http import Head
from settop.wire.rtsp_fields import ADAPTATION, parse_adaptation

from headend.media.flow import MIN_SIZE, Flow
from headend.media.sender import RtpSender

REPORT_EVERY = 1
"""In at least every how many of its RTCP packets it is to tell of the buffer (5.3.3.5)."""


def adapt(sender: RtpSender, head: Head, now_ms: int) -> list[tuple[str, str]]:
    """The sender goes by the buffer that a request tells of; the fields of the answer that say so. A buffer without
    size, or too small to go by, is passed over and not acknowledged. Raises Refused for what cannot be read.
    """
    value = head.get(ADAPTATION.lower().encode())
    if value is None:
        return []
    _, size, target_ms = parse_adaptation(value)[0]
    if size is None or size < MIN_SIZE:
        return []
    if sender.flow is None:
        sender.flow = Flow(sender.ssrc, size, target_ms or 0, now_ms)
    else:
        sender.flow.resize(size, target_ms or 0)
    return [(ADAPTATION, value.decode("latin-1"))]
