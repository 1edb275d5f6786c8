"""One title on its way to one viewer: blocks from the source, RTP packets when they are due (RFC 2250, RFC 3550)."""

from settop.wire import rtcp, rtp
from settop.wire.transport import PACKET_BYTES

from headend.media.source import BLOCK_PACKETS, TsSource
from headend.ts.portions import TICKS_PER_MS

PER_PACKET = 7
_TICKS_PER_UNIT = 300
_NTP_OFFSET_S = 2_208_988_800  # from 1900 to 1970


class RtpSender:
    """Packets of one SSRC. RTP time runs with the clock of the caller, also while nothing is sent, so that it never
    goes back and a sender report is true of any title and any place in it.

    ssrc, sequence, base: 32, 16, 32 bits, at random (RFC 3550 5.1). epoch_ms: the time of day at now_ms 0, in
    ms since 1970.
    """

    def __init__(self, source: TsSource, ssrc: int, sequence: int, base: int, now_ms: int, epoch_ms: int = 0) -> None:
        self.source = source
        self.ssrc = ssrc
        self.sequence = sequence
        self.sent_packets = self.sent_octets = 0
        self._base = base
        self._made_ms = now_ms
        self._epoch_ms = epoch_ms
        self._next = self._end = 0  # packets of the source
        self._start_ms = now_ms
        self._start_ticks = 0
        self._block: list[tuple[int, memoryview]] = []  # (due in ticks from the start of play, payload), the last first
        self._due_ms: int | None = None

    @property
    def at_ms(self) -> int:
        """Where in the title the next packet lies."""
        return self.source.ticks(self._place) // TICKS_PER_MS

    @property
    def _place(self) -> int:
        """The next packet of the source that was not sent."""
        waiting = sum(len(payload) for _, payload in self._block) // PACKET_BYTES
        return self._next - waiting

    def rtp_time(self, now_ms: int) -> int:
        """The RTP time of an instant."""
        return (self._base + (now_ms - self._made_ms) * rtp.CLOCK_HZ // 1000) & 0xFFFFFFFF

    def play(self, now_ms: int, start_ms: int | None = None, end_ms: int | None = None) -> None:
        """From `start_ms` (None: where it is) up to `end_ms` (None: the end) of the title."""
        place = self._place if start_ms is None else self.source.packet_at(start_ms)
        self._block = []
        self._next = place
        self._end = self.source.packets if end_ms is None else self.source.packet_at(end_ms)
        self._start_ms = now_ms
        self._start_ticks = self.source.ticks(place)
        self._due_ms = now_ms

    def pause(self) -> None:
        """Nothing more goes until play()."""
        self._due_ms = None

    def next_timer(self) -> int | None:
        """When the next packet is due; None: paused, or all has gone."""
        return self._due_ms

    @property
    def ended(self) -> bool:
        """Whether all that was to play has gone."""
        return not self._block and self._next >= self._end

    def due(self, now_ms: int, most: int = 64) -> list[bytes]:
        """RTP packets that are due by now, `most` at a time. Raises RemoteError and OSError as TsSource.read does."""
        out: list[bytes] = []
        if self._due_ms is None:
            return out
        limit = (now_ms - self._start_ms) * TICKS_PER_MS
        while len(out) < most:
            if not self._block and not self._load():
                self._due_ms = None
                return out
            ticks, payload = self._block[-1]
            if ticks > limit:
                break
            self._block.pop()
            out.append(self._packet(ticks, payload))
        else:
            ticks = self._block[-1][0] if self._block else limit
        self._due_ms = self._start_ms + -(-max(ticks, 0) // TICKS_PER_MS)
        return out

    def _load(self) -> bool:
        count = min(BLOCK_PACKETS, self._end - self._next)
        if count <= 0:
            return False
        view = memoryview(self.source.read(self._next, count))
        step = PER_PACKET * PACKET_BYTES
        self._block = [
            (self.source.ticks(self._next + at // PACKET_BYTES) - self._start_ticks, view[at : at + step])
            for at in range(0, len(view), step)
        ][::-1]
        self._next += count
        return True

    def _packet(self, ticks: int, payload: memoryview) -> bytes:
        started = (self._start_ms - self._made_ms) * rtp.CLOCK_HZ // 1000
        time = (self._base + started + ticks // _TICKS_PER_UNIT) & 0xFFFFFFFF
        packet = bytearray(rtp.HEADER_BYTES + len(payload))
        rtp.write_header(packet, rtp.MPEG_TS, self.sequence, time, self.ssrc)
        packet[rtp.HEADER_BYTES :] = payload
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.sent_packets += 1
        self.sent_octets += len(payload)
        return bytes(packet)

    def report(self, now_ms: int, bye: bool = False) -> bytes:
        """A compound of RTCP: what has been sent so far and when now is (RFC 3550 6.4.1), the name (6.5), and, in the
        end, that it is over (6.6)."""
        seconds, part_ms = divmod(self._epoch_ms + now_ms, 1000)
        ntp = (seconds + _NTP_OFFSET_S) & 0xFFFFFFFF, (part_ms << 32) // 1000
        out = rtcp.pack_sender(self.ssrc, *ntp, self.rtp_time(now_ms), self.sent_packets, self.sent_octets)
        out += rtcp.pack_description(self.ssrc, b"%08x" % self.ssrc)
        return bytes(out + rtcp.pack_goodbye((self.ssrc,)) if bye else out)
