"""One TCP connection (RFC 9293, 3.10), either end, without IO or clock.

Segments come in by `segment`, time by `advance`, the user's wishes by `send`, `close`, `abort` and `recv`; what is to
go out leaves by `emit`, at the latest in `pump`, which whoever holds the connection calls after each of them.
"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from settop.errors import LocalError

from testbed.network.addresses import Endpoint
from testbed.network.allowance import Allowance
from testbed.network.formats.segment import ACK, DEFAULT_MSS, FIN, PSH, RST, SYN, Segment
from testbed.network.tcp import states
from testbed.network.tcp.receiving import Receiver
from testbed.network.tcp.sending import Piece, Sender
from testbed.network.tcp.settings import TcpSettings
from testbed.network.tcp.timing import Timing

MASK = 0xFFFFFFFF
LEAST_MSS = 48
"""Who takes no more than less gets this much all the same: an octet in each packet is no connection."""
CHALLENGES = 10
"""How often a segment that fits nowhere is answered a second, for each connection (RFC 5961, 7)."""


class Service(Protocol):
    """Whoever uses a connection, at either end of it."""

    def opened(self, conn: "Connection") -> None:
        """It stands."""

    def received(self, conn: "Connection", data: bytes) -> None:
        """Octets in order; none of them if `conn.pulls`, where `recv` has them."""

    def closed(self, conn: "Connection") -> None:
        """Nothing more will come, said once. `conn.error` says why, "" if the other end has said all that it had: then
        one may still send, and must close."""


class Connection:
    """One end. `state` is one of testbed.network.tcp.states; `error`: "", "refused", "reset", "silent" or "aborted".
    `user_closed`: nothing more may be sent.

    `pulls`: the user fetches what came with `recv`, and the other end has to wait for that. `on_acknowledged` is called
    whenever the other end has more of what was sent, for who does not want to queue all at once.
    """

    def __init__(
        self,
        here: Endpoint,
        there: Endpoint,
        service: Service,
        settings: TcpSettings,
        emit: Callable[[Segment], None],
        touched: Callable[[], None] = lambda: None,
    ) -> None:
        self.here, self.there = here, there
        self.service = service
        self.state = states.CLOSED
        self.error = ""
        self.pulls = False
        self.on_acknowledged: Callable[[Connection], None] | None = None
        self.sender = Sender(settings.mss, Timing(settings.least_timeout_ns))
        self.receiver = Receiver(settings.window)
        self._settings = settings
        self._first = 0
        self._their_first = 0
        self._emit = emit
        self._touched = touched
        self._now_ns = 0
        self._begun = False
        self._answer = False  # an acknowledgement is due
        self._told_closed = False
        self.user_closed = False
        self._linger_due_ns: int | None = None
        self._challenges = Allowance(Counter(), CHALLENGES, CHALLENGES)
        self._tell_acknowledged = False

    # --- The user -------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Queue octets; nothing bounds them but `unsent`. On a connection that has failed they are lost. LocalError:
        after `close`."""
        if self.user_closed:
            raise LocalError("octets for a connection that was closed before")
        if data and not self.error:
            self.sender.give(data)
            self._touched()

    def close(self) -> None:
        """There is nothing more to send; what is queued still goes. May be called twice."""
        if not self.user_closed:
            self.user_closed = True
            self._happen("close")
            self._touched()

    def abort(self) -> None:
        """End it at once, and let the other end know."""
        self.error = self.error or "aborted"
        self._told_closed = self.user_closed = True
        self._happen("abort")
        self._touched()

    def lose(self) -> None:
        """The way to the other end is gone for good. The service is told: "aborted"."""
        self._begun = self.user_closed = True
        self._fail("aborted")
        self.state = states.CLOSED

    def recv(self, limit: int) -> bytes:
        """Up to `limit` octets that came, if `pulls`."""
        data = bytes(self.receiver.unread[:limit])
        del self.receiver.unread[: len(data)]
        if data:
            self._touched()
        return data

    @property
    def unsent(self) -> int:
        """Octets given to `send` that the other end has not acknowledged."""
        return self.sender.unsent

    @property
    def awaited(self) -> int:
        """The sequence number that the other end's next octet has."""
        return (self._their_first + self.receiver.next) & MASK

    @property
    def finished(self) -> bool:
        """It has begun, and nothing is left of it."""
        return self._begun and self.state == states.CLOSED

    # --- Whoever holds it -----------------------------------------------------------------------------------------

    def open(self, now_ns: int, first_sequence: int) -> None:
        """Call the other end."""
        self._first = first_sequence
        self._now_ns, self._begun = now_ns, True
        self._happen("open")

    def accept(self, segment: Segment, now_ns: int, first_sequence: int) -> None:
        """The other end has called with this SYN."""
        self._first = first_sequence
        self._now_ns, self._begun = now_ns, True
        self._learn(segment)
        self._happen("syn")

    def segment(self, segment: Segment, now_ns: int) -> None:
        """One for this connection. Nothing that comes raises."""
        self._now_ns = now_ns
        if self.state == states.SYN_SENT:
            self._while_calling(segment)
        elif self.state != states.CLOSED:
            self._while_connected(segment)
        self.pump(now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._now_ns = now_ns
        if self._linger_due_ns is not None and now_ns >= self._linger_due_ns:
            self._linger_due_ns = None
            self._happen("timeout")
        sender = self.sender
        while sender.due_ns is not None and now_ns >= sender.due_ns and self.state != states.CLOSED:
            calling = not sender.acknowledged
            patience_ns = self._settings.connect_ns if calling else self._settings.silent_ns
            if sender.waiting_since_ns is not None and now_ns - sender.waiting_since_ns >= patience_ns:
                sender.due_ns = None
                self._happen("silence")
            elif calling:
                sender.timing.back_off()
                self._send_syn()
            else:
                self._put(sender.time_out(now_ns))
        self.pump(now_ns)

    def due_ns(self) -> int | None:
        """When `advance` has something to do; None for never."""
        if self.state == states.CLOSED:
            return None
        times = [at for at in (self.sender.due_ns, self._linger_due_ns) if at is not None]
        return min(times, default=None)

    def pump(self, now_ns: int) -> None:
        """Send what may be sent, and the acknowledgement that is due if nothing else carried it."""
        self._now_ns = now_ns
        if self.state in (states.CLOSED, states.SYN_SENT, states.SYN_RECEIVED):
            return
        if self._tell_acknowledged and self.on_acknowledged is not None:
            self._tell_acknowledged = False
            self.on_acknowledged(self)
        for piece in self.sender.pieces(now_ns):
            self._put(piece)
        if self._answer or (self.pulls and self.receiver.widened() and self.state in states.TAKES_DATA):
            self._say(ACK, self.sender.sent)

    def too_big(self, mss: int) -> None:
        """A router on the way takes segments of this length at most (RFC 1191)."""
        if mss >= LEAST_MSS:
            self.sender.cut(mss)

    # --- Segments -------------------------------------------------------------------------------------------------

    def _while_calling(self, segment: Segment) -> None:
        flags = segment.flags
        answers = bool(flags & ACK) and self._ours(segment.acknowledgement) == 1
        if flags & ACK and not answers:
            if not flags & RST:
                self._reset(segment.acknowledgement)
        elif flags & RST:
            if answers:
                self._happen("reset")
        elif flags & SYN:
            self._learn(segment)
            if answers:
                self.sender.opened(self._now_ns)
                self.sender.update_window(segment.window, 0, 1)
                self._answer = True
                self._happen("syn ack")
            else:
                self._happen("syn")

    def _while_connected(self, segment: Segment) -> None:
        position = self._theirs(segment.sequence)
        flags = segment.flags
        if self.state == states.SYN_RECEIVED and flags & (SYN | RST) == SYN and position == 0:
            if flags & ACK and self._ours(segment.acknowledgement) == 1:
                self._acknowledged(segment, 1)  # both have called at once (RFC 9293, 3.5, figure 8)
            elif self._challenges.take(self._now_ns):
                self._say(SYN | ACK, 0)  # ours was lost
            return
        if not self.receiver.acceptable(position, segment.length):
            if self.state == states.TIME_WAIT and flags & FIN:
                self._happen("fin")
            if not flags & RST:
                self._challenge()
            return
        if flags & RST:
            if position == self.receiver.next:
                self._happen("reset")
            else:
                self._challenge()
            return
        if flags & SYN:
            self._challenge()
            return
        if flags & ACK and self._acknowledged(segment, position) and self.state in states.TAKES_DATA:
            self._take(segment, position)

    def _acknowledged(self, segment: Segment, position: int) -> bool:
        """Whether the segment goes on to be read."""
        sender = self.sender
        upto = self._ours(segment.acknowledgement)
        if self.state == states.SYN_RECEIVED:
            if upto != 1:
                self._reset(segment.acknowledgement)
                return False
            sender.opened(self._now_ns)
            sender.update_window(segment.window, position, upto)
            self._happen("syn acked")
        elif upto > sender.sent:
            self._challenge()
            return False
        before = sender.acknowledged
        is_duplicate = not segment.length and segment.window == sender.window
        lost = sender.hear(upto, is_duplicate, self._now_ns)
        sender.update_window(segment.window, position, upto)
        if lost:
            self._put(sender.again(self._now_ns))
        self._tell_acknowledged |= sender.acknowledged > before
        if sender.fin_acknowledged:
            self._happen("fin acked")
        return True

    def _take(self, segment: Segment, position: int) -> None:
        if not segment.length:
            return
        self._answer = True
        count = self.receiver.take(position, segment.data, bool(segment.flags & FIN))
        if self._linger_due_ns is not None:
            self._wait_for_fin()
        if count:
            data = b""
            if not self.pulls:
                data = bytes(self.receiver.unread)
                self.receiver.unread.clear()
            self.service.received(self, data)
        if self.receiver.finished:
            self._happen("fin")

    def _learn(self, segment: Segment) -> None:
        """From the other end's SYN."""
        self._their_first = segment.sequence
        self.sender.cut(max(segment.mss or DEFAULT_MSS, LEAST_MSS))
        self.sender.window = segment.window

    def _ours(self, number: int) -> int:
        """The position of a sequence number of ours, the one that is nearest to what was sent."""
        return _near(number, self._first, self.sender.sent)

    def _theirs(self, number: int) -> int:
        return _near(number, self._their_first, self.receiver.next)

    def _put(self, piece: Piece) -> None:
        flags = ACK | (FIN if piece.fin else 0) | (PSH if piece.push else 0)
        self._say(flags, piece.position, piece.data)

    def _say(self, flags: int, position: int, data: bytes = b"") -> None:
        acknowledgement = self.awaited if flags & ACK else 0
        window = self.receiver.window()
        mss = self._settings.mss if flags & SYN else 0
        self._answer = False
        sequence = (self._first + position) & MASK
        self._emit(Segment(self.here[1], self.there[1], sequence, acknowledgement, flags, window, data, mss))

    def _reset(self, sequence: int) -> None:
        self._emit(Segment(self.here[1], self.there[1], sequence, 0, RST))

    def _challenge(self) -> None:
        if self._challenges.take(self._now_ns):
            self._answer = True

    # --- States ---------------------------------------------------------------------------------------------------

    def _happen(self, event: str) -> None:
        row = states.TRANSITIONS.get((self.state, event))
        if row is not None:
            action, self.state = row
            if action:
                getattr(self, f"_{action}")()

    def _send_syn(self) -> None:
        self._say(SYN if self.state == states.SYN_SENT else SYN | ACK, 0)
        self.sender.syn_sent(self._now_ns)

    def _tell_opened(self) -> None:
        self.service.opened(self)

    def _queue_fin(self) -> None:
        self.sender.finish()

    def _send_reset(self) -> None:
        self._say(RST | ACK, self.sender.sent)

    def _wait_for_fin(self) -> None:
        self._linger_due_ns = self._now_ns + self._settings.linger_ns

    def _linger(self) -> None:
        self.sender.due_ns = None
        self._linger_due_ns = self._now_ns + self._settings.linger_ns

    def _tell_closed(self) -> None:
        if not self._told_closed:
            self._told_closed = True
            self.service.closed(self)

    def _tell_closed_and_linger(self) -> None:
        self._linger()
        self._tell_closed()

    def _forget(self) -> None:
        if not self.user_closed or self.error:
            self._tell_closed()

    def _fail_refused(self) -> None:
        self._fail("refused")

    def _fail_reset(self) -> None:
        self._fail("reset")

    def _fail_silent(self) -> None:
        self._fail("silent")

    def _fail(self, error: str) -> None:
        self.error = self.error or error
        self._tell_closed()


def _near(number: int, first: int, around: int) -> int:
    """The position whose sequence number this is, within 2^31 of `around`."""
    difference = (number - first - around) & MASK
    return around + (difference - (MASK + 1) if difference > MASK >> 1 else difference)
