"""One title on its way to a viewer: the firmware's cores (control, keys, reception, buffer, reports) put together as a
terminal has them. No socket and no clock.
"""

import hashlib
from collections.abc import Callable
from typing import Any, NoReturn

from settop.errors import RemoteError
from settop.media.buffer import PLAYING, REORDER_MS, SLOT_BYTES, SLOTS, MediaBuffer
from settop.media.feedback import Feedback
from settop.media.guard import SECURE, Guard
from settop.media.reception import Reception
from settop.media.rtsp_client import RtspClient
from settop.wire import rtcp, rtp, rtsp, sdp
from settop.wire import stream as wire
from settop.wire.rtsp_fields import ADAPTATION, Transport, pack_adaptation

from testbed.streaming.faces import Seen, Sink, Wanted

PATIENCE_MS = 5_000
_CLEAR = "RTP/AVP"
_OCTETS_PER_MS = 2_000  # of a buffer: twice what 8 Mbit/s need
_NEAR_MS = 1_000  # so far from its end a title may have its last packet
_REPORT_MS = 5_000  # to a server that does not go by the buffer
_HALF = 1 << 31


class _Played:
    """The sink, and what went into it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.octets = 0
        self.digest = hashlib.sha256()

    def write(self, octets: memoryview) -> int:
        took = self._sink.write(octets)
        self.digest.update(octets[:took])
        self.octets += took
        return took


class Presentation:
    """The owner carries what `client` has to send, gives what comes to `receive` and `packet`, and calls `step`.

    send_report: takes RTCP for the server's port of it. random: n octets. `over`: the title was played to its end.
    Raises RemoteError, for good, where the server refuses it or is of no use any more, or `wanted` has no token.
    """

    def __init__(
        self, wanted: Wanted, sink: Sink, random: Callable[[int], bytes], send_report: Callable[[bytes], None]
    ) -> None:
        self._wanted = wanted
        self._random = random
        self._send_report = send_report
        self.guard = None if wanted.token is None else _guard(wanted.token, wanted, random)
        self.client = RtspClient(
            wanted.url, self._frame if wanted.tcp else None, PATIENCE_MS, 2048, 4096, 2048, guard=self.guard
        )
        low_ms = wanted.buffer_ms // 2
        size = max(wanted.buffer_ms * _OCTETS_PER_MS, 4 * SLOTS * SLOT_BYTES)
        self.buffer = MediaBuffer(size, low_ms, wanted.buffer_ms)
        self.way: Any = None
        self.begun = False
        self._state = "connecting"
        self._played = _Played(sink)
        self._packet = rtp.Packet()
        self._ports: tuple[int, int] | None = None
        self._reception: Any = None
        self._feedback: Any = None
        self._adapts = False
        self._suite: str | None = None
        self._reported_ms = 0
        self._now_ms = 0
        self._heard_ms = 0
        self._bye_ms: int | None = None
        self._sent: int | None = None  # packets, as the server says behind the last one
        self._stamp = 0
        self._reached = 0  # RTP ticks from the first packet on
        self._range_ms: int | None = None
        self._least_ms: int | None = None
        self._most_ms: int | None = None

    def begin(self, ports: tuple[int, int] | None, now_ms: int) -> None:
        """ports: where RTP and RTCP are heard, None: on the connection."""
        self._ports = ports
        self._now_ms = now_ms
        self.client.describe(now_ms)

    @property
    def over(self) -> bool:
        return bool(self._bye_ms is not None and self._reception is not None and self.buffer.over)

    # --- in -------------------------------------------------------------------------------------------------------

    def receive(self, octets: bytes, now_ms: int) -> None:
        """What the connection brought."""
        self._now_ms = now_ms
        self.client.receive(octets, now_ms)
        self._take_events()

    def cut(self, now_ms: int) -> None:
        """The connection is over."""
        self._now_ms = now_ms
        self.client.ended()
        self._take_events()

    def packet(self, is_rtcp: bool, octets: bytes, now_ms: int) -> None:
        """RTP or RTCP from the server; what is none, or another source's, is passed over."""
        self._now_ms = now_ms
        packet, size = bytearray(octets), len(octets)
        if self.guard is not None:
            size = (self.guard.open_report if is_rtcp else self.guard.open)(packet, size)
        if not size:
            return
        try:
            (self._control if is_rtcp else self._media)(packet, size)
        except RemoteError:
            return

    def _frame(self, channel: int, view: memoryview) -> None:
        self._take_events()  # what was answered before it
        if self.way is not None and self.way.channels is not None and channel in self.way.channels:
            self.packet(channel == self.way.channels[1], bytes(view), self._now_ms)

    def _media(self, packet: bytearray, size: int) -> None:
        found = self._packet
        found.read(packet, size)
        if found.payload_type != rtp.MPEG_TS or not self._is_ours(found.ssrc):
            return
        if self._reception is None:
            self._reception = Reception(found.ssrc, found.sequence, 0)
            self._feedback = Feedback(
                int.from_bytes(self._random(4), "big"), self._random(8).hex().encode(), self._reception, self.buffer
            )
            self._stamp = found.timestamp
        if not self._reception.take(found.sequence):
            return
        self._reception.arrived(found.timestamp, self._now_ms * rtp.CLOCK_HZ // 1000 & 0xFFFFFFFF)
        self._heard_ms = self._now_ms
        ahead = ((found.timestamp - self._stamp + _HALF) & 0xFFFFFFFF) - _HALF
        if ahead > 0:
            self._reached += ahead
            self._stamp = found.timestamp
        payload = memoryview(packet)[found.payload_at : found.payload_end]
        self.buffer.put(found.sequence, found.timestamp, payload, self._now_ms)

    def _control(self, packet: bytearray, size: int) -> None:
        for kind, count, at, end in rtcp.unpack(packet, size):
            if kind == rtcp.SR:
                ssrc, seconds, fraction, _, packets, _ = rtcp.sender(packet, at, end)
                if self._is_ours(ssrc) and self._reception is not None:
                    self._reception.heard(seconds, fraction, self._now_ms)
                    self._sent = packets
            elif kind == rtcp.BYE and any(self._is_ours(ssrc) for ssrc in rtcp.goodbye(packet, count, at, end)[0]):
                self._bye()

    def _bye(self) -> None:
        """Nothing more comes, but for what is on its way."""
        if self._bye_ms is None:
            self._bye_ms = self._now_ms

    def _is_ours(self, ssrc: int) -> bool:
        known = self._reception.ssrc if self._reception is not None else self.way.ssrc if self.way is not None else None
        return known in (None, ssrc)

    # --- what the server answers -------------------------------------------------------------------------------------

    def _take_events(self) -> None:
        while (event := self.client.next_event()) is not None:
            kind = event[0]
            if kind == "described":
                self._described(event[1], event[2])
            elif kind == "set_up":
                self._set_up(event[1])
            elif kind == "playing":
                self._playing(event[1], event[2], event[3])
            elif kind == "refused":
                self._fail(self._refusal(event[1], event[2]))
            elif kind == "failed" and self._bye_ms is None:
                where = f", {self._reached_ms / 1000:.1f} s into the title" if self.begun else ""
                self._fail(f"{event[1]}{where}")

    def _described(self, description: Any, base: str) -> None:
        number = str(rtp.MPEG_TS)
        medium = next((one for one in description.media if number in one.formats), None)
        if medium is None:
            self._fail("what is there is no MPEG transport stream by RTP (payload type 33)")
        if self.guard is None and medium.protocol != _CLEAR:
            self._fail(f"the title comes by {medium.protocol}, which needs keys: play it with a token")
        whole = medium.range_ms or description.range_ms
        if whole is not None:
            self._range_ms = whole[1]
        secure = medium.protocol == SECURE
        way = Transport(secure, (0, 1), tcp=True) if self._ports is None else Transport(secure, client=self._ports)
        url = sdp.control_url(base, medium.control)
        self._adapts = sdp.report_every(medium) is not None
        fields = [(ADAPTATION, pack_adaptation(url, self.buffer.size, self.buffer.low_ms))] if self._adapts else []
        self.client.set_up(url, [way], self._now_ms, fields)

    def _set_up(self, way: Any) -> None:
        if (way.channels is None) != (self._ports is not None):
            self._fail("the server chose another way for its media than the one that it was asked for")
        self.way = way
        if self.guard is not None:
            self._suite = wire.suite_of(self.guard.suite)[1]
        self.client.play(self._now_ms)

    def _playing(
        self, start_ms: int | None, end_ms: int | None, info: list[tuple[str, int | None, int | None]]
    ) -> None:
        self.begun = True
        self._state = "filling"
        self._heard_ms = self._reported_ms = self._now_ms
        if end_ms is not None:
            self._range_ms = end_ms - (start_ms or 0)
        if self._reception is None and info and info[0][1] is not None:
            self.buffer.restart(info[0][1])  # so that a first packet that comes late, or not, is seen

    def _refusal(self, method: str, status: int) -> str:
        if status == rtsp.UNAUTHORIZED:
            if self.guard is None:
                return "the title wants a token, and there is none: --token-file FILE or RINGCAST_TOKEN, with --user"
            return (
                "the token is not good: it is another title's or user's, is over, or was changed; "
                "what starts a viewer stands in the shop's window, with token and user"
            )
        if status == rtsp.NOT_FOUND:
            return f"no such title: the server has none at {self._wanted.url}"
        if status == rtsp.NOT_ENOUGH_BANDWIDTH:
            return (
                "the server has as many viewers as it may have, or this user watches already (20 s behind a cut, too)"
            )
        if status == rtsp.UNSUPPORTED_TRANSPORT:
            return "the server does not send by " + ("TCP: leave --tcp out" if self._wanted.tcp else "UDP: try --tcp")
        return f"the server refused {method}: {status} {rtsp.reason(status)}"

    def _fail(self, why: str) -> NoReturn:
        self._state = "failed"
        raise RemoteError(why)

    # --- time -------------------------------------------------------------------------------------------------------

    def step(self, now_ms: int) -> None:
        """Time has come so far. Raises what the sink does, too."""
        self._now_ms = now_ms
        self.client.poll(now_ms)
        self._take_events()
        if not self.begun:
            return
        if self._bye_ms is None:
            self._look_for_silence()
        elif not self.buffer.ended and now_ms - self._bye_ms >= REORDER_MS:
            self._end()
        self.buffer.play(self._played, now_ms)
        playing = self.buffer.state == PLAYING
        self._state = "ended" if self.over else "playing" if playing else "filling"
        if playing and not self.buffer.ended:
            level_ms = self.buffer.level_ms(now_ms)
            self._least_ms = level_ms if self._least_ms is None else min(self._least_ms, level_ms)
            self._most_ms = level_ms if self._most_ms is None else max(self._most_ms, level_ms)
        self._report()

    def next_timer(self) -> int | None:
        """When `step` wants to be called for the sake of what is played."""
        return self.buffer.next_timer()  # type: ignore[no-any-return]

    @property
    def _reached_ms(self) -> int:
        return self._reached * 1000 // rtp.CLOCK_HZ

    @property
    def _expected(self) -> int:
        """Packets, by their sequence numbers."""
        return self._reception.lost + self._reception.received  # type: ignore[no-any-return]

    @property
    def _is_near_end(self) -> bool:
        return self._range_ms is not None and self._reached_ms >= self._range_ms - _NEAR_MS

    def _look_for_silence(self) -> None:
        silent_ms = self._now_ms - self._heard_ms
        if self.buffer.free() < self.buffer.size // 2:
            return  # it may wait for room
        if self._reception is not None and self._is_near_end:
            if silent_ms >= 2 * _NEAR_MS:
                self._bye()  # it was lost, or the server says none
        elif silent_ms >= PATIENCE_MS:
            seconds = PATIENCE_MS // 1000
            if self._reception is not None:
                self._fail(f"nothing came for {seconds} s, {self._reached_ms / 1000:.1f} s into the title")
            hint = "" if self._wanted.tcp else "; where UDP does not come through, --tcp has it over the connection"
            self._fail(f"nothing of the title was received in {seconds} s{hint}")

    def _end(self) -> None:
        """Raises RemoteError where that was not the title's end."""
        if self._reception is None:
            self._fail("the server ended the title before anything of it had come")
        if self._range_ms is not None and not self._is_near_end:
            where = f"at {self._reached_ms / 1000:.1f} of {self._range_ms / 1000:.1f} s"
            missed = (self._sent or 0) - self._expected
            self._fail(
                f"the last {missed} packets are lost, {where}" if missed > 0 else f"the server ended it, {where}"
            )
        self.buffer.end()

    def _report(self) -> None:
        if self._feedback is None or self._bye_ms is not None:
            return
        due = self._feedback.due(self._now_ms) if self._adapts else self._now_ms - self._reported_ms >= _REPORT_MS
        if not due:
            return
        self._reported_ms = self._now_ms
        packet = bytearray(self._feedback.report(self._now_ms))
        if self.guard is not None:
            size = len(packet)
            packet += bytes(self.guard.report_overhead)
            del packet[self.guard.seal_report(packet, size) :]
        if self.way.channels is None:
            self._send_report(bytes(packet))
        else:
            self.client.send_frame(self.way.channels[1], bytes(packet))
            self.client.heard(self._now_ms)

    def seen(self) -> Seen:
        """How it stands."""
        buffer = self.buffer
        lost = 0
        if self._reception is not None:
            sent = self._sent if self._sent is not None and self._bye_ms is not None else 0
            lost = max(self._expected, sent) - (self._reception.received - buffer.doubled)
        return Seen(
            state=self._state,
            transport="tcp" if self._wanted.tcp else "udp",
            suite=self._suite,
            packets=buffer.packets,
            lost=max(lost, 0),
            late=buffer.late,
            doubled=buffer.doubled,
            reordered=buffer.reordered,
            dropped=0 if self.guard is None else self.guard.dropped,
            octets=self._played.octets,
            sha256=self._played.digest.hexdigest(),
            underruns=buffer.underruns,
            overruns=buffer.overruns,
            level_ms=buffer.level_ms(self._now_ms),
            least_ms=self._least_ms,
            most_ms=self._most_ms,
            played_ms=max(self._reached_ms - buffer.level_ms(self._now_ms), 0),
            duration_ms=self._range_ms,
        )


def _guard(token: str, wanted: Wanted, random: Callable[[int], bytes]) -> Any:
    try:
        return Guard(token, wanted.user, wanted.suites, random)
    except (RemoteError, UnicodeError):
        raise RemoteError(
            f"that is no token, it has {len(token)} characters; expected the 96 that stand behind --token in the "
            "shop's window"
        ) from None
