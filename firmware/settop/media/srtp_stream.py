"""What an end of SRTP knows of one source: its place among the packets, which of the last it has had (RFC 3711, 3.3).

Indices are estimated and the window moved as libsrtp does it, which differs from the RFC's appendix A where nothing can
be before a first packet: in the first half cycle every number counts as ahead or behind within that cycle.
"""

import struct

from settop.crypto.packet_kernels import follow

_HALF, _WHOLE = 0x8000, 0x10000
MAX_CYCLES = 0xFFFFFFFF
MAX_CONTROL_INDEX = 0x7FFFFFFF
UNKNOWN, SENDS, RECEIVES = 0, 1, 2


class Window:
    """Which of the last `size` numbers have been, a power of two of them.

    Of RTP a number is a sequence number, with `cycles`, the roll-over counter, above it; of RTCP it is the index, and
    cycles stay 0. cycles: as the key management told them, None where nobody did.
    """

    def __init__(self, size, cycles=None):
        self.highest = 0
        self.cycles = cycles or 0
        self._told = cycles is not None  # and there has been no packet
        self.slots = bytearray(size)
        self._nothing = bytes(size)
        self.last = size - 1

    def guess(self, sequence):
        """(roll-over counter, how far ahead of the highest) of a packet with this sequence number. The counter is -1 or
        MAX_CYCLES + 1 where there can be no such packet."""
        highest = self.highest
        cycles = self.cycles
        ahead = sequence - highest
        if (cycles or highest > _HALF) and not self._told:
            if highest < _HALF:
                if ahead > _HALF:
                    return cycles - 1, ahead - _WHOLE
            elif highest - _HALF > sequence:
                return cycles + 1, ahead + _WHOLE
        return cycles, ahead

    def had(self, number, ahead):
        """Whether it has been, or is older than can be told. ahead: of `highest`, negative for a late one."""
        return ahead <= 0 and (ahead < -self.last or self.slots[number & self.last] != 0)

    def add(self, number, ahead, cycles):
        """It has been."""
        last = self.last
        if ahead > 0:
            if ahead > last:
                self.slots[:] = self._nothing
            elif ahead > 1:
                for between in range(number - ahead + 1, number):
                    self.slots[between & last] = 0
            self.highest = number
            self.cycles = cycles
        self.slots[number & last] = 1
        self._told = False


class Stream:
    """One source. name: its SSRC's four octets; window: how many of the last packets are remembered; cycles: as Window
    has them."""

    def __init__(self, name, window, cycles=None):
        self.expected = bytearray(7)  # its name, and the packet that is the usual one (packet_kernels.usual)
        self.expected[:4] = name
        self.direction = UNKNOWN
        self.seen = Window(window, cycles)
        self.seen_control = Window(window)

    def add(self, sequence, ahead, cycles):
        """An RTP packet has been."""
        seen = self.seen
        seen.add(sequence, ahead, cycles)
        struct.pack_into(">HB", self.expected, 4, seen.highest + 1 & 0xFFFF, 1 if seen.highest < 0xFFFF else 0)

    def follow(self, sequence):
        """The expected RTP packet has been, which had this number."""
        seen = self.seen
        seen.highest = sequence
        follow(self.expected, seen.slots, seen.last)
