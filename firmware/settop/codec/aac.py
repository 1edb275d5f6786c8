"""AAC: the chip reads it as ADTS (ISO/IEC 13818-7, 6.2), so each sample gets a header of seven octets in front."""

from settop.codec.unit import Unit
from settop.errors import RemoteError

_HEAD_BYTES = 7
_MOST = 8184  # octets of a sample: thirteen bits count them, with the header
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_LOW_COMPLEXITY = 2
_WITH_BANDS = (5, 29)  # spectral band replication, with parametric stereo: low complexity below, of half the rate


class AacUnit(Unit):
    """index: of the sampling frequency; channels: 1 or 2."""

    def __init__(self, sink, index, channels):
        Unit.__init__(self, sink)
        self._head = bytearray((0xFF, 0xF1, 0x40 | index << 2, channels << 6, 0, 0, 0xFC))
        self._pending = False

    def begin(self, size):
        if not 0 < size <= _MOST:
            raise RemoteError("a sample of %d octets: an AAC frame has 1 to %d" % (size, _MOST))
        Unit.begin(self, size)
        self._pending = True
        self._length = size + _HEAD_BYTES

    def _take(self, octets, start, end):
        if self._pending:
            # Only now: the head of the sample before may have been waiting until now.
            head = self._head
            head[3] = head[3] & 0xC0 | self._length >> 11
            head[4] = self._length >> 3 & 0xFF
            head[5] = (self._length & 7) << 5 | 0x1F
            self._pending = False
            self._put(head, _HEAD_BYTES)
            if not self.flush():
                return 0
        return self._sink.write(octets, start, end)


def make(sink, rate, channels, extra):
    """`extra`: the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), or nothing, for low complexity at `rate`.

    RemoteError: the chip does not read such AAC.
    """
    if len(extra) >= 2:
        kind = extra[0] >> 3
        index = (extra[0] & 7) << 1 | extra[1] >> 7
        channels = extra[1] >> 3 & 15
        if kind != _LOW_COMPLEXITY and kind not in _WITH_BANDS:
            raise RemoteError("AAC of object type %d: the decoder reads low complexity" % kind)
    else:
        index = _RATES.index(rate) if rate in _RATES else 15
    if index >= len(_RATES) or not 1 <= channels <= 2:
        raise RemoteError("AAC with sampling index %d and channel configuration %d" % (index, channels))
    return AacUnit(sink, index, channels)
