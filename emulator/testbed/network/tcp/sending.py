"""What goes to the other end: kept until it is acknowledged, cut to segments, sent again when it is lost.

Positions count our sequence numbers from our SYN, which is 0, without ever wrapping round: data begins at 1, and the
FIN stands at `end`. No Nagle: a request of a few octets leaves at once.
"""

from dataclasses import dataclass

from testbed.network.tcp.congestion import Congestion
from testbed.network.tcp.timing import Timing


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the stream that is to be sent now."""

    position: int
    data: bytes
    fin: bool = False
    push: bool = False


class Sender:
    """`acknowledged`: the position up to which the other end has everything. `repeats`: segments that were sent again,
    `timeouts` of them for want of an answer."""

    def __init__(self, mss: int, timing: Timing) -> None:
        self.mss = mss
        self.timing = timing
        self.congestion = Congestion(mss)
        self.acknowledged = 0
        self.next = 0  # what is sent next
        self.sent = 0  # the highest that was ever sent
        self.end = 1  # behind the last octet that the user gave
        self.window = 0
        self.repeats = 0
        self.timeouts = 0
        self.due_ns: int | None = None
        self.waiting_since_ns: int | None = None  # when the other end last gave a sign, while something is out
        self._buffer = bytearray()  # what lies before `end` and is not acknowledged
        self._fin = False
        self._widest = 0
        self._updated = (0, 0)  # RFC 9293's SND.WL1 and SND.WL2
        self._probing = False
        self._doubt = 0  # RFC 5682: 1 after a timeout that may have come too early, 2 when the first answer was there
        self._doubted = 0  # what was sent by then
        self._repeated = 0  # behind what was repeated

    @property
    def unsent(self) -> int:
        """Octets that the other end has not acknowledged."""
        return len(self._buffer)

    @property
    def on_their_way(self) -> int:
        return self.next - self.acknowledged

    @property
    def fin_acknowledged(self) -> bool:
        return self._fin and self.acknowledged > self.end

    def give(self, data: bytes) -> None:
        """Queue octets of the user."""
        self._buffer += data
        self.end += len(data)

    def finish(self) -> None:
        """There will be no more: the FIN follows what is queued."""
        self._fin = True

    def syn_sent(self, now_ns: int) -> None:
        """The SYN is out, for the first time or again."""
        if self.sent:
            self.timing.sent_again(1)
            self.repeats += 1
        else:
            self.timing.sent(1, now_ns)
        self.next = self.sent = 1
        self._arm(now_ns)

    def cut(self, mss: int) -> None:
        """The other end, or a router, takes segments of this length at most."""
        self.mss = min(self.mss, mss)
        self.congestion.mss = self.mss

    def opened(self, now_ns: int) -> None:
        """Our SYN is acknowledged."""
        self.timing.acknowledged(1, now_ns)
        self.acknowledged = 1
        self.congestion = Congestion(self.mss)
        if self.repeats:
            self.timing.after_a_lost_syn()
            self.congestion.window = self.mss  # RFC 5681, 3.1
        self._rest()

    def update_window(self, window: int, position: int, upto: int) -> None:
        """What the other end takes, if it is not old news (RFC 9293, 3.10.7.4)."""
        if (position, upto) >= self._updated:
            self._updated = (position, upto)
            if window and self._probing and not self.on_their_way:
                self._probing = False
                self._rest()
            self.window = window
            self._widest = max(self._widest, window)

    def hear(self, upto: int, is_duplicate: bool, now_ns: int) -> bool:
        """An acknowledgement of everything up to `upto`, which is at most `sent`. is_duplicate: it has no data and the
        window of before. True: the segment there is lost, send it `again`."""
        new = upto - self.acknowledged
        if new <= 0:
            if self._probing and not self.on_their_way:
                self.waiting_since_ns = now_ns  # an answer to a probe: there is somebody
            elif new == 0 and self.on_their_way and is_duplicate:
                if self._doubt:
                    self._believe_the_timeout()
                return self.congestion.duplicate(upto, self.sent, self.on_their_way)
            return False
        took_ns = self.timing.acknowledged(upto, now_ns)
        del self._buffer[: min(upto, self.end) - max(self.acknowledged, 1)]
        self.acknowledged = upto
        self.next = max(self.next, upto)
        self._probing = False
        again = self.congestion.acknowledged(new, upto, self.on_their_way)
        self._look_at_doubt(took_ns)
        if self.on_their_way:
            self._arm(now_ns)
            self.waiting_since_ns = now_ns
            return again
        self._rest()
        return False

    def pieces(self, now_ns: int) -> list[Piece]:
        """What may be sent now."""
        found = []
        while (piece := self._piece()) is not None:
            found.append(piece)
            self._out(piece, now_ns)
        if not self.on_their_way and not self.window and self.next < self.end and self.due_ns is None:
            self._probing = True
            self._arm(now_ns)
        return found

    def again(self, now_ns: int) -> Piece:
        """The first segment that is not acknowledged, once more."""
        self.repeats += 1
        piece = self._at(self.acknowledged, self.mss)
        self.timing.sent_again(_end(piece))
        self._arm(now_ns)
        return piece

    def time_out(self, now_ns: int) -> Piece:
        """`due_ns` has come: the oldest segment again, or an octet that the other end has no room for (3.8.6.1)."""
        self.timing.back_off()
        if self._probing and not self.on_their_way:
            piece = self._at(self.acknowledged, 1)
            self.sent = max(self.sent, piece.position + 1)
            self._arm(now_ns)
            return piece
        self.timeouts += 1
        once_more = self._doubt == 1
        hopeless = not once_more and (self.congestion.recovering or self.acknowledged < self._doubted)
        self.congestion.timed_out(self.sent, self.on_their_way, once_more)
        piece = self.again(now_ns)
        self._repeated = _end(piece)
        if hopeless:
            self._believe_the_timeout()
        else:
            self._doubt, self._doubted = 1, self.sent
        return piece

    # --- inside ---------------------------------------------------------------------------------------------------

    def _look_at_doubt(self, took_ns: int) -> None:
        """Something new is acknowledged after a timeout. Once may be the segment that was repeated; twice, with nothing
        else repeated, says that what was out has arrived, and the timeout was too early."""
        if self._doubt == 1 and self.acknowledged < self._doubted:
            self._doubt = 2
            self.congestion.allow_two_more(self.on_their_way)
            self.timing.at_least(took_ns + took_ns // 4)
        elif self._doubt == 2:
            self._doubt = 0
            self.congestion.undo()
        else:
            self._doubt = 0

    def _believe_the_timeout(self) -> None:
        """Whatever else was out is taken for lost and sent again as the window opens; what has arrived is skipped by
        the acknowledgement that says so."""
        self._doubt = 0
        self.congestion.believe()
        self.next = max(self.acknowledged, min(self._repeated, self.next))

    def _piece(self) -> Piece | None:
        if not self.acknowledged:
            return None
        waiting = self.end - self.next
        if waiting <= 0:
            return Piece(self.next, b"", True) if self._fin and waiting == 0 else None
        allowed = min(self.window, self.congestion.window + self.congestion.allowance)
        size = min(self.mss, waiting, self.acknowledged + allowed - self.next)
        if size <= 0:
            return None
        if size < min(self.mss, waiting, self._widest // 2) and self.on_their_way:
            return None  # the silly window (3.8.6.2.1)
        return self._at(self.next, size)

    def _at(self, position: int, limit: int) -> Piece:
        start = position - max(self.acknowledged, 1)
        data = bytes(self._buffer[start : start + limit])
        last = position + len(data) == self.end
        return Piece(position, data, self._fin and last, last and bool(data))

    def _out(self, piece: Piece, now_ns: int) -> None:
        self.next = _end(piece)
        if piece.position < self.sent:
            self.repeats += 1
            self.timing.sent_again(self.next)
        else:
            self.timing.sent(self.next, now_ns)
        self.sent = max(self.sent, self.next)
        if self.due_ns is None:
            self._arm(now_ns)

    def _arm(self, now_ns: int) -> None:
        self.due_ns = now_ns + self.timing.timeout_ns
        if self.waiting_since_ns is None:
            self.waiting_since_ns = now_ns

    def _rest(self) -> None:
        self.due_ns = self.waiting_since_ns = None


def _end(piece: Piece) -> int:
    return piece.position + len(piece.data) + piece.fin
