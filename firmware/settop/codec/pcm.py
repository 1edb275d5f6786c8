"""PCM: the chip takes it behind the head of a WAV file."""

from settop.codec import wav
from settop.codec.unit import Unit
from settop.errors import RemoteError

_HIGHEST_RATE = 48000


class PcmUnit(Unit):
    def __init__(self, sink, rate, channels, bits):
        if rate > _HIGHEST_RATE:
            raise RemoteError("PCM at %d Hz: the decoder plays 48,000 at most" % rate)
        Unit.__init__(self, sink)
        self._put(wav.head(rate, channels, bits), wav.HEAD_BYTES)


def make(sink, rate, channels, extra):
    """`extra`: one octet, the bits of a sample: 8 (unsigned) or 16 (signed, low octet first); 16 where there is none.

    RemoteError: other bits, or more than 48,000 Hz.
    """
    bits = extra[0] if extra else 16
    if bits not in (8, 16):
        raise RemoteError("PCM of %d bits: the decoder plays 8 or 16" % bits)
    return PcmUnit(sink, rate, channels, bits)
