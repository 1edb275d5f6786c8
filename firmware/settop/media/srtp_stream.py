"""What an end of SRTP knows of one source: its place among the packets, which of the last it has had (RFC 3711, 3.3).

Indices are estimated and the window moved as libsrtp does it, which differs from the RFC's appendix A where nothing can
be before a first packet: in the first half cycle every number counts as ahead or behind within that cycle.
"""

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
        self.following = -1  # the sequence number behind the highest one, within the same cycle
        self._seen = bytearray(size)
        self._nothing = bytes(size)
        self._last = size - 1

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
        return ahead <= 0 and (ahead < -self._last or self._seen[number & self._last] != 0)

    def add(self, number, ahead, cycles):
        """It has been."""
        last = self._last
        if ahead > 0:
            if ahead > last:
                self._seen[:] = self._nothing
            elif ahead > 1:
                for between in range(number - ahead + 1, number):
                    self._seen[between & last] = 0
            self.highest = number
            self.cycles = cycles
        self._seen[number & last] = 1
        self._told = False
        self.following = self.highest + 1 if self.highest < 0xFFFF else -1


class Stream:
    """One source. name: its SSRC's four octets; window: how many of the last packets are remembered; cycles: Window's."""

    def __init__(self, name, window, cycles=None):
        self.name = name
        self.direction = UNKNOWN
        self.seen = Window(window, cycles)
        self.seen_control = Window(window)
        self.sent_control = 0  # the index of the last RTCP packet that went out: as libsrtp, the first is 1
