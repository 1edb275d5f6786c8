"""One call at the centre: authentication, keys in sequence and in step with the broadcast. No IO, no clock of its own.

Bytes of the line go in with `receive`, out with `data_to_send`; `poll(now_ms)` must be called at `next_timer()`
and whenever the broadcaster has announced a portion. What happened comes from `next_event`.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from settop.errors import RemoteError
from settop.link.hdlc import Deframer, encode
from settop.wire import call as wire

from headend.callcentre import states
from headend.callcentre.clock import Broadcast, Schedule
from headend.callcentre.ledger import Ledger, Subscriber
from headend.callcentre.session import Session, x25519_answer
from headend.ts.keys import control_word

HANDSHAKE_LIMIT_MS = 20_000
REFUSALS_LIMIT = 20
"""Messages refused before the centre hangs up."""
REASONS_LIMIT = 64
"""Distinct reasons counted; the rest is "other"."""


@dataclass(frozen=True)
class Timing:
    """When keys leave. The key of portion n+1 is sent at max(start(n), start(n+1) - lead_max_ms)."""

    lead_max_ms: int = 10_000
    lead_min_ms: int = 500
    rto_ms: int = 1_000
    """A key that is not acknowledged after this long is sent again."""
    tries: int = 8
    goodbye_grace_ms: int = 3_000
    """How long a goodbye may be on its way: a portion that began longer ago is charged, whatever it says."""


@dataclass(frozen=True)
class Event:
    """`kind`: authenticated, request, key_sent, key_acknowledged, refused or closed."""

    kind: str
    at_ms: int
    portion: int = -1
    text: str = ""


@dataclass
class _Outstanding:
    portion: int
    sent_ms: int
    tries: int = 1


@dataclass
class _Watching:
    """What an authenticated terminal asked for."""

    broadcast: Broadcast
    record: int
    outstanding: list[_Outstanding] = field(default_factory=list)
    highest_sent: int = -1


class CentreCall:
    """One answered call. `random(n)` gives n bytes; it defaults to the operating system's."""

    def __init__(
        self,
        ledger: Ledger,
        schedule: Schedule,
        timing: Timing | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.state = states.ANSWERED
        self.refused: dict[str, int] = {}
        self._ledger = ledger
        self._schedule = schedule
        self._timing = timing or Timing()
        self._random = random
        self._deframer = Deframer()
        self._out = bytearray()
        self._events: list[Event] = []
        self._hello = b""
        self._challenge = b""
        self._session: Session | None = None
        self._subscriber: Subscriber | None = None
        self._watching: _Watching | None = None
        self._opened_ms: int | None = None

    # --- what the owner calls -----------------------------------------------------------------------------------

    def receive(self, data: bytes, now_ms: int) -> None:
        """Bytes from the line; whatever a peer may send is answered, or refused and counted."""
        self.poll(now_ms)
        for payload in self._deframer.feed(data):
            if self.state == states.CLOSED:
                return
            try:
                self._message(payload, now_ms)
            except RemoteError as error:
                self._refuse(str(error), now_ms)

    def poll(self, now_ms: int) -> None:
        """Send the keys that are due, again those that were not acknowledged, or give up."""
        if self._opened_ms is None:
            self._opened_ms = now_ms
        if self.state == states.SERVING:
            self._serve(now_ms)
        elif self.state != states.CLOSED and now_ms >= self._opened_ms + HANDSHAKE_LIMIT_MS:
            self._move("give_up")
            self._close("no valid request from the terminal", now_ms)

    def next_timer(self) -> int | None:
        """When `poll` is wanted next, in ms; None when the call is over or has not begun."""
        if self.state == states.CLOSED or self._opened_ms is None:
            return None
        if self._watching is None:
            return self._opened_ms + HANDSHAKE_LIMIT_MS
        times = [o.sent_ms + self._timing.rto_ms for o in self._watching.outstanding]
        due = self._next_due()
        if due is not None:
            times.append(due[1])
        return min(times, default=None)

    def data_to_send(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def next_event(self) -> Event | None:
        return self._events.pop(0) if self._events else None

    def line_lost(self, now_ms: int) -> None:
        """The modem says NO CARRIER: what was sent stays charged."""
        if self.state != states.CLOSED:
            self._move("line_lost")
            self._close("line lost", now_ms)

    # --- messages -----------------------------------------------------------------------------------------------

    def _message(self, payload: bytes, now_ms: int) -> None:
        if payload[0] == wire.HELLO:
            self._on_hello(payload)
            return
        if self._session is None or payload[0] not in (wire.REQUEST, wire.ACK, wire.NAK, wire.GOODBYE):
            raise RemoteError(f"unexpected message type 0x{payload[0]:02x}")
        kind, body = self._session.open(payload)
        if self._subscriber is None:
            # Not reachable without the dummy key drawn below; refused exactly as a wrong tag is.
            raise RemoteError(f"{wire.NAMES[kind]} with a wrong tag")
        if kind == wire.REQUEST:
            self._on_request(body, now_ms)
        elif kind == wire.ACK:
            self._expects("ack")
            self._on_ack(wire.unpack_portion(body), now_ms)
        elif kind == wire.NAK:
            self._expects("nak")
            for outstanding in self._watching.outstanding if self._watching else ():
                self._transmit(outstanding.portion, now_ms)
                outstanding.sent_ms = now_ms
        else:
            self._on_goodbye(wire.unpack_portion(body), now_ms)

    def _on_hello(self, payload: bytes) -> None:
        self._expects("hello")
        if payload == self._hello:
            self._out += encode(self._challenge)  # our answer was lost: the same one again
            return
        if self._hello:
            raise RemoteError("second HELLO with other content")
        suite, terminal_id, _, public = wire.unpack_hello(payload)
        subscriber = self._ledger.find(terminal_id)
        # An unknown terminal gets a challenge under a key that nobody knows: the same work and the same answer.
        device_key = subscriber.device_key if subscriber else self._random(wire.DEVICE_KEY_BYTES)
        ours, shared = b"", b""
        if suite == wire.SUITE_X25519:
            ours, shared = x25519_answer(self._random(32), public)
        call_id = int.from_bytes(self._random(4), "big")
        challenge = wire.pack_challenge(suite, call_id, self._random(wire.NONCE_BYTES), ours)
        self._session = Session(device_key, payload, challenge, shared)
        self._subscriber = subscriber
        self._hello = payload
        self._challenge = challenge + self._session.proof
        self._move("hello")
        self._out += encode(self._challenge)

    def _on_request(self, body: bytes, now_ms: int) -> None:
        self._expects("request")
        assert self._subscriber is not None
        programme_id, broadcast_id, _, _ = wire.unpack_request(body)
        if self._watching is None:
            self._event("authenticated", now_ms, text=self._subscriber.terminal_id.hex())
        broadcast = self._schedule.find(programme_id)
        if not self._ledger.may_watch(self._subscriber, programme_id):
            self._deny(wire.DENY_NO_PROGRAMME, now_ms)
            return
        if broadcast is None or broadcast.position is None or broadcast.broadcast_id != broadcast_id:
            self._deny(wire.DENY_NOT_ON_AIR, now_ms)
            return
        watching = self._watching
        if watching is None or watching.broadcast is not broadcast:
            if watching is not None:
                # The terminal has wiped its keyring: a portion that has not begun stays dark.
                self._ledger.withdraw_after(watching.record, self._last_begun(now_ms, grace_ms=0))
                self._ledger.close_call(watching.record, now_ms, "programme changed")
            record = self._ledger.open_call(self._subscriber, programme_id, broadcast_id, now_ms)
            self._watching = _Watching(broadcast, record)
            position = broadcast.position
            if not position.last and position.next_ms - now_ms < self._timing.lead_min_ms:
                # The running portion would be over before its key is there: nobody pays for that.
                self._watching.highest_sent = position.portion
            self._event("request", now_ms, text=f"programme {programme_id}")
        else:
            # The same request again: its answer was lost.
            watching.highest_sent = -1
            watching.outstanding.clear()
        self._move("request")
        self._serve(now_ms)

    def _on_ack(self, portion: int, now_ms: int) -> None:
        assert self._watching is not None
        for outstanding in self._watching.outstanding:
            if outstanding.portion == portion:
                self._watching.outstanding.remove(outstanding)
                self._ledger.acknowledge(self._watching.record, portion, now_ms)
                self._event("key_acknowledged", now_ms, portion)
                return

    def _on_goodbye(self, last_kept: int, now_ms: int) -> None:
        self._expects("goodbye")
        charged = 0
        if self._watching is not None:
            kept = -1 if last_kept == wire.NONE else last_kept
            begun = self._last_begun(now_ms, self._timing.goodbye_grace_ms)
            self._ledger.withdraw_after(self._watching.record, max(kept, begun))
            charged = self._ledger.charged(self._watching.record)
        self._move("goodbye")
        self._seal(wire.FAREWELL, wire.pack_farewell(wire.FAREWELL_GOODBYE, charged))
        self._close("goodbye", now_ms)

    def _last_begun(self, now_ms: int, grace_ms: int) -> int:
        """The last portion that has been on air for more than `grace_ms`: it could be watched (-1: none)."""
        assert self._watching is not None
        position = self._watching.broadcast.position
        if position is None:
            return self._watching.highest_sent
        return position.portion if now_ms >= position.start_ms + grace_ms else position.portion - 1

    # --- keys ---------------------------------------------------------------------------------------------------

    def _next_due(self) -> tuple[int, int] | None:
        """(portion, time) of the key that leaves next, as far as the broadcaster's announcements reach."""
        assert self._watching is not None
        position = self._watching.broadcast.position
        if position is None:
            return None
        if self._watching.highest_sent < position.portion:
            return position.portion, position.start_ms
        if self._watching.highest_sent == position.portion and not position.last:
            return position.portion + 1, max(position.start_ms, position.next_ms - self._timing.lead_max_ms)
        return None

    def _serve(self, now_ms: int) -> None:
        watching = self._watching
        assert watching is not None
        position = watching.broadcast.position
        if position is None:
            self._move("programme_over")
            charged = self._ledger.charged(watching.record)
            self._seal(wire.FAREWELL, wire.pack_farewell(wire.FAREWELL_PROGRAMME_OVER, charged))
            self._close("programme over", now_ms)
            return
        # A portion that has gone by needs no key any more.
        watching.outstanding = [o for o in watching.outstanding if o.portion >= position.portion]
        while (due := self._next_due()) is not None and due[1] <= now_ms:
            portion = due[0]
            if not self._ledger.deliver(watching.record, portion, now_ms):
                self._deny(wire.DENY_NO_CREDIT, now_ms)
                return
            watching.highest_sent = portion
            watching.outstanding.append(_Outstanding(portion, now_ms))
            self._transmit(portion, now_ms)
        for outstanding in watching.outstanding:
            if now_ms < outstanding.sent_ms + self._timing.rto_ms:
                continue
            if outstanding.tries >= self._timing.tries:
                self._move("terminal_silent")
                self._seal(wire.FAREWELL, wire.pack_farewell(wire.FAREWELL_TERMINAL_SILENT, 0))
                self._close("the terminal has fallen silent", now_ms)
                return
            outstanding.tries += 1
            outstanding.sent_ms = now_ms
            self._transmit(outstanding.portion, now_ms)

    def _transmit(self, portion: int, now_ms: int) -> None:
        assert self._watching is not None
        air = self._watching.broadcast
        word = control_word(air.programme_secret, air.programme_id, air.broadcast_id, portion)
        self._seal(wire.KEY, wire.pack_key(air.programme_id, air.broadcast_id, portion, word))
        self._event("key_sent", now_ms, portion)

    # --- small things -------------------------------------------------------------------------------------------

    def _seal(self, kind: int, body: bytes) -> None:
        assert self._session is not None
        self._out += encode(self._session.seal(kind, body))

    def _deny(self, reason: int, now_ms: int) -> None:
        self._move("denied")
        self._seal(wire.DENY, bytes((reason,)))
        self._close("denied: " + wire.DENY_TEXT[reason], now_ms)

    def _move(self, event: str) -> None:
        self.state = states.TRANSITIONS[self.state, event]

    def _expects(self, event: str) -> None:
        if (self.state, event) not in states.TRANSITIONS:
            raise RemoteError(f"unexpected {event}")

    def _refuse(self, reason: str, now_ms: int) -> None:
        if reason not in self.refused and len(self.refused) >= REASONS_LIMIT:
            reason = "other"
        self.refused[reason] = self.refused.get(reason, 0) + 1
        self._event("refused", now_ms, text=reason)
        if sum(self.refused.values()) >= REFUSALS_LIMIT and self.state in (states.ANSWERED, states.CHALLENGED):
            self._move("give_up")
            self._close("too many refused messages", now_ms)

    def _close(self, reason: str, now_ms: int) -> None:
        if self._watching is not None:
            self._ledger.close_call(self._watching.record, now_ms, reason)
        if self._session is not None:
            self._session.wipe()
        self._event("closed", now_ms, text=reason)

    def _event(self, kind: str, at_ms: int, portion: int = -1, text: str = "") -> None:
        self._events.append(Event(kind, at_ms, portion, text))
