"""IMA ADPCM as in WAV files (format 0x11; IMA, Recommended Practices for Enhancing Digital Audio Compatibility, 1992),
decoded here: the chip is given PCM.

A block begins with four octets for each channel: its first sample, the step's index, 0. Then come groups of four octets
for each channel, eight samples each, low half first. What is held is a group or a few, whatever the block's size.
"""

from array import array

from settop.codec.kernels import copy, decode
from settop.codec.pcm import PcmUnit
from settop.errors import RemoteError

# fmt: off
_STEPS = (
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88,
    97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658,
    724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660,
    4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818,
    18500, 20350, 22385, 24623, 27086, 29794, 32767,
)
# fmt: on
_LAST_STEP = len(_STEPS) - 1
_IN_BYTES = 128
_OUT_BYTES = 4 * _IN_BYTES  # half an octet becomes two
_LONGEST_BLOCK = 0x7FFF
_LONGEST_SAMPLE = 0xFFFF


def new_state():
    """For `decode`: two channels' predictors and indices, and the steps."""
    return array("i", (0, 0, 0, 0) + _STEPS)


class AdpcmUnit(PcmUnit):
    """block: the octets of a block. The last block of a title may be shorter."""

    def __init__(self, sink, rate, channels, block):
        PcmUnit.__init__(self, sink, rate, channels, 16)
        self._channels = channels
        self._block = block
        self._left = 0  # octets of the block that are still to come
        self._more = 0  # octets of the sample behind this block
        self._state = new_state()
        self._in = bytearray(_IN_BYTES)
        self._have = 0
        self._want = 0
        self._samples = bytearray(_OUT_BYTES)
        self._opened = False  # the block's head was read
        self._silent = False

    def begin(self, size):
        """A sample holds blocks, the last of which may be a part of one: WAV files are packed some blocks at a time."""
        if not 0 < size <= _LONGEST_SAMPLE:
            raise RemoteError("a sample of %d octets, in blocks of %d" % (size, self._block))
        PcmUnit.begin(self, size)
        self._more = size
        self._begin_block()

    def _begin_block(self):
        self._left = min(self._block, self._more)
        self._more -= self._left
        self._have = 0
        self._opened = False
        self._want = 4 * self._channels

    def _take(self, octets, start, end):
        at = start
        while at < end and self.flush():
            count = min(end - at, self._want - self._have)
            copy(octets, at, self._in, count | self._have << 16)
            at += count
            self._have += count
            self._left -= count
            if self._have == self._want:
                self._decode()
        return at - start

    def _decode(self):
        """The whole head of a block, or some whole groups, are there."""
        first = 4 * self._channels
        if not self._opened:
            self._open_block()
        else:
            groups = self._have // first
            decode(self._in, self._samples, self._state, groups | self._channels << 8)
            self._put_samples(groups * 16 * self._channels)
        if not self._left and self._more:
            self._begin_block()
            return
        self._have = 0
        self._want = min(_IN_BYTES, self._left // first * first) or first

    def _open_block(self):
        state = self._state
        head = self._in
        self._opened = True
        self._silent = False
        for channel in range(self._channels):
            at = 4 * channel
            value = head[at] | head[at + 1] << 8
            state[2 * channel] = value ^ 0x8000
            state[2 * channel + 1] = head[at + 2]
            self._silent = self._silent or head[at + 2] > _LAST_STEP
            self._samples[2 * channel] = head[at]
            self._samples[2 * channel + 1] = head[at + 1]
        if self._silent:
            self.damaged += 1
            for i in range(4):
                state[i] = 0
        self._put_samples(2 * self._channels)

    def _put_samples(self, count):
        if self._silent:
            for i in range(count):
                self._samples[i] = 0
        self._put(self._samples, count)


def make(sink, rate, channels, extra):
    """`extra`: the octets of a block (nBlockAlign), in two, the low one first. RemoteError: no block has so many."""
    block = extra[0] | extra[1] << 8 if len(extra) >= 2 else 0
    first = 4 * channels
    if not first < block <= _LONGEST_BLOCK or block % first:
        raise RemoteError("blocks of %d octets for %d channels" % (block, channels))
    return AdpcmUnit(sink, rate, channels, block)
