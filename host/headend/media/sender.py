"""One title on its way to one viewer: blocks from the source, RTP packets when they are due (RFC 2250, RFC 3550), or
where the viewer tells of its buffer, when that has room.
"""

from collections.abc import Sequence

from settop.wire import rtcp, rtp
from settop.wire.transport import PACKET_BYTES

from headend.media.flow import Flow
from headend.media.source import BLOCK_PACKETS, TsSource
from headend.media.variants import Choice, set_discontinuity
from headend.ts.portions import TICKS_PER_MS

PER_PACKET = 7
_TICKS_PER_UNIT = 300
_NTP_OFFSET_S = 2_208_988_800  # from 1900 to 1970


class RtpSender:
    """Packets of one SSRC. RTP time runs with the clock of the caller, also while nothing is sent, so that it never
    goes back and a sender report is true of any title and any place in it. A packet that goes ahead of its time has the
    RTP time when it is due.

    lighter: the same title in fewer octets, the lightest last. flow: the viewer's buffer, None: by the title's clock.
    play_time: the RTP time of where play began. ssrc, sequence, base: 32, 16, 32 bits, at random (RFC 3550 5.1).
    epoch_ms: the time of day at now_ms 0, in ms since 1970.
    """

    def __init__(
        self,
        source: TsSource,
        ssrc: int,
        sequence: int,
        base: int,
        now_ms: int,
        epoch_ms: int = 0,
        lighter: Sequence[TsSource] = (),
    ) -> None:
        self._choice = Choice((source, *lighter))
        self.flow: Flow | None = None
        self.ssrc = ssrc
        self.sequence = sequence
        self.sent_packets = self.sent_octets = 0
        self._base = base
        self._made_ms = now_ms
        self._epoch_ms = epoch_ms
        self._next = self._end = 0  # packets of the source
        self._end_ms: int | None = None
        self._start_ms = now_ms
        self._start_ticks = 0
        self._start_time = self._last_time = 0  # RTP's, from `base` on, not cut to 32 bits
        self._block: list[tuple[int, memoryview]] = []  # (due in ticks from the start of play, payload), the last first
        self._due_ms: int | None = None

    @property
    def source(self) -> TsSource:
        """What it reads now."""
        return self._choice.source

    @property
    def play_time(self) -> int:
        return (self._base + self._start_time) & 0xFFFFFFFF

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
        return (self._base + self._time(now_ms)) & 0xFFFFFFFF

    def _time(self, now_ms: int) -> int:
        return (now_ms - self._made_ms) * rtp.CLOCK_HZ // 1000

    def play(self, now_ms: int, start_ms: int | None = None, end_ms: int | None = None) -> None:
        """From `start_ms` (None: where it is) up to `end_ms` (None: the end) of the title."""
        place = self._place if start_ms is None else self.source.packet_at(start_ms)
        if self.flow is not None:
            if place == self._place and self.sent_packets:
                self.flow.resume(now_ms)
            else:
                self.flow.begin(now_ms)
        self._choice.stay()
        self._block = []
        self._next = place
        self._end_ms = end_ms
        self._end = self.source.packets if end_ms is None else self.source.packet_at(end_ms)
        self._start_ms = now_ms
        self._start_ticks = self.source.ticks(place)
        self._start_time = max(self._time(now_ms), self._last_time)
        self._due_ms = now_ms

    def pause(self, now_ms: int) -> None:
        """Nothing more goes until play()."""
        self._due_ms = None
        if self.flow is not None:
            self.flow.pause(now_ms)

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
            if not self._block and not self._load(now_ms):
                self._due_ms = None
                return out
            ticks, payload = self._block[-1]
            if self.flow is None:
                if ticks > limit:
                    break
            elif not self.flow.ready(len(payload), ticks // TICKS_PER_MS, now_ms):
                self._due_ms = self.flow.next_ms(now_ms)
                return out
            self._block.pop()
            if self.flow is not None:
                self.flow.sent(self.sequence, len(payload), ticks // TICKS_PER_MS, now_ms)
            out.append(self._packet(ticks, payload))
        else:
            ticks = self._block[-1][0] if self._block else limit
        if self.flow is not None:
            self._due_ms = self.flow.next_ms(now_ms)
        else:
            self._due_ms = self._start_ms + -(-max(ticks, 0) // TICKS_PER_MS)
        return out

    def heard(self, data: bytes, now_ms: int) -> None:
        """A compound of RTCP came from the viewer."""
        if self.flow is not None:
            self.flow.report(data, now_ms)
            if self._due_ms is not None:
                self._due_ms = min(self._due_ms, self.flow.next_ms(now_ms))

    def _load(self, now_ms: int) -> bool:
        if self.flow is not None:
            self._next = self._choice.turn(self.flow, self._next, now_ms)
            self._end = self.source.packets if self._end_ms is None else self.source.packet_at(self._end_ms)
        count = min(BLOCK_PACKETS, self._choice.until(self._end) - self._next)
        if count <= 0:
            return False
        view = memoryview(bytearray(self.source.read(self._next, count)))
        if self._next == self._choice.begins:
            set_discontinuity(view)
            self._choice.begins = None
        step = PER_PACKET * PACKET_BYTES
        self._block = [
            (self.source.ticks(self._next + at // PACKET_BYTES) - self._start_ticks, view[at : at + step])
            for at in range(0, len(view), step)
        ][::-1]
        self._next += count
        return True

    def _packet(self, ticks: int, payload: memoryview) -> bytes:
        self._last_time = max(self._start_time + ticks // _TICKS_PER_UNIT, self._last_time)
        time = (self._base + self._last_time) & 0xFFFFFFFF
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
