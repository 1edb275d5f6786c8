"""What a receiver knows of one source of RTP packets: whether it is one, how many cycles its sequence numbers have
run, what was lost, and the report that says so (RFC 3550, appendices A.1, A.3, A.8)."""

MAX_DROPOUT = 3000
MAX_MISORDER = 100
MIN_SEQUENTIAL = 2
_MODULUS = 0x10000
_NONE = _MODULUS + 1  # no sequence number


class Reception:
    """One source, from its first packet on, which is `take`n too. ssrc: its 32 bits; sequence: of that packet;
    min_sequential: so many packets in order make a source of it, 0 where something else did (a key that opens them, an
    SSRC that RTSP told)."""

    def __init__(self, ssrc, sequence, min_sequential=MIN_SEQUENTIAL):
        self.ssrc = ssrc
        self._probation = self._needed = min_sequential
        self._start(sequence)
        self.highest = (sequence - 1) & 0xFFFF
        self._transit = None
        self._jitter = 0  # in 16ths, as in A.8
        self._sr_middle = self._sr_ms = 0

    def _start(self, sequence):
        self._base = self.highest = sequence
        self._bad = _NONE
        self.cycles = 0
        self.received = 0
        self._expected_before = self._received_before = 0

    def take(self, sequence):
        """Whether a packet of this number counts: False in probation, and for a leap that no second one confirmed. A
        packet that comes late or twice counts."""
        ahead = (sequence - self.highest) & 0xFFFF
        if self._probation:
            self._probation = (self._probation if ahead == 1 else self._needed) - 1
            self.highest = sequence
            if self._probation:
                return False
            self._start(sequence)
        elif not self.received:
            self._start(sequence)
        elif ahead < MAX_DROPOUT:
            if sequence < self.highest:
                self.cycles = (self.cycles + 1) & 0xFFFF
            self.highest = sequence
        elif ahead <= _MODULUS - MAX_MISORDER:
            if sequence != self._bad:
                self._bad = (sequence + 1) & 0xFFFF
                return False
            self._start(sequence)  # two in a row: the other side has begun anew
        self.received += 1
        return True

    @property
    def extended(self):
        """The highest sequence number, with its cycles above the 16 bits."""
        return self.cycles << 16 | self.highest

    @property
    def lost(self):
        """Packets that did not come; negative where some came twice."""
        return self.extended - self._base + 1 - self.received

    def arrived(self, timestamp, now):
        """For the jitter: a packet of this RTP timestamp came at `now`, in the same units, 32 bits of it."""
        transit = (now - timestamp) & 0xFFFFFFFF
        if self._transit is not None:
            difference = (transit - self._transit) & 0xFFFFFFFF
            if difference >> 31:
                difference = 0x100000000 - difference
            self._jitter += difference - (self._jitter + 8 >> 4)
        self._transit = transit

    def heard(self, seconds, fraction, now_ms):
        """An SR of this source, sent at that NTP time, came."""
        self._sr_middle = (seconds & 0xFFFF) << 16 | fraction >> 16
        self._sr_ms = now_ms

    def report(self, now_ms):
        """The block of the next RR, as settop.wire.rtcp.blocks has it; what its share lost tells begins anew."""
        expected = self.extended - self._base + 1
        received = self.received
        expected_now = expected - self._expected_before
        lost_now = expected_now - (received - self._received_before)
        self._expected_before = expected
        self._received_before = received
        share = (lost_now << 8) // expected_now if expected_now > 0 and lost_now > 0 else 0
        since = ((now_ms - self._sr_ms) << 16) // 1000 & 0xFFFFFFFF if self._sr_middle else 0
        return (
            self.ssrc,
            min(share, 255),
            expected - received,
            self.extended & 0xFFFFFFFF,
            self._jitter >> 4,
            self._sr_middle,
            since,
        )
