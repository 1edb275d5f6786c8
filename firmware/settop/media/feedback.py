"""What a viewer tells of its reception (RFC 3550, 6.4.2) and its buffer (3GPP TS 26.234, 6.2.3.2), and when."""

from settop.wire import rtcp

EVERY_MS = 500
SOONEST_MS = 200
LOW_MS = 300
_FILLED, _FALLEN = 8, 16


class Feedback:
    """reception, buffer: of the source that is told of. ssrc: our own; name: our canonical name as octets.

    A report is due every EVERY_MS, every LOW_MS below the low mark; with an eighth of the buffer filled anew, when it
    has fallen by a sixteenth (the sender may wait for a report that was lost), at the fall below the low mark, and
    where play begins or stops, already after SOONEST_MS. All of it is 1 % of a title of 200 kbit/s.
    """

    def __init__(self, ssrc, name, reception, buffer):
        self._ssrc = ssrc
        self._name = name
        self._reception = reception
        self._buffer = buffer
        self._told_ms = None
        self._octets = self._level = 0
        self._low = True
        self._state = buffer.state

    def next_timer(self):
        """When the next one is due if nothing happens; None: at once, when something has come."""
        return None if self._told_ms is None else self._told_ms + EVERY_MS

    def due(self, now_ms):
        """Whether one is to be sent now; never before a packet has come."""
        buffer = self._buffer
        if not buffer.packets:
            return False
        if self._told_ms is None:
            return True
        since_ms = now_ms - self._told_ms
        if since_ms >= EVERY_MS or since_ms < SOONEST_MS:
            return since_ms >= EVERY_MS
        if buffer.octets - self._octets >= buffer.size // _FILLED or buffer.state != self._state:
            return True
        if self._level - buffer.level >= buffer.size // _FALLEN:
            return True
        return (not self._low or since_ms >= LOW_MS) and buffer.level_ms(now_ms) < buffer.low_ms

    def report(self, now_ms):
        """The compound packet, of one moment: RR, SDES, and the next unit."""
        buffer = self._buffer
        self._told_ms = now_ms
        self._octets = buffer.octets
        self._level = buffer.level
        self._state = buffer.state
        self._low = buffer.level_ms(now_ms) < buffer.low_ms
        source = self._reception.ssrc
        out = rtcp.pack_receiver(self._ssrc, (self._reception.report(now_ms),))
        out += rtcp.pack_description(self._ssrc, self._name)
        sequence, delay_ms = buffer.next_unit(now_ms)
        return out + rtcp.pack_next_unit(self._ssrc, source, delay_ms, sequence, buffer.free())
