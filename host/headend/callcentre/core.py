"""One call at the centre: authentication, keys in sequence and in step with the broadcast. No IO, no clock of its own.

Bytes of the line go in with `receive`, out with `data_to_send`; `poll(now_ms)` must be called at `next_timer()`
and whenever the broadcaster has announced a portion. What happened comes from `next_event`.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from settop.errors import RemoteError
from settop.link.hdlc import Deframer, encode
from settop.wire import call as wire
from settop.wire import dark
from settop.wire.ids import DEVICE_KEY_BYTES, NO_PORTION

from headend.accounts.errors import LedgerError
from headend.broadcast.schedule import Schedule
from headend.callcentre import states
from headend.callcentre.ledger import SUPERSEDED, Ledger, Subscriber, Superseded
from headend.callcentre.session import Session
from headend.callcentre.timing import Event, Timing
from headend.callcentre.tokens import Rolling, fresh_token
from headend.callcentre.watching import Watching
from headend.crypto.x25519 import x25519_answer
from headend.ts.keys import control_word

__all__ = ("CentreCall", "Event", "Timing")

HANDSHAKE_LIMIT_MS = 20_000
REFUSALS_LIMIT = 20
"""Messages refused before the centre hangs up."""
_SEALED = (wire.REQUEST, wire.ACK, wire.NAK, wire.GOODBYE, wire.DARK)
REASONS_LIMIT = 64
"""Distinct reasons counted; the rest is "other"."""


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
        self._watching: Watching | None = None
        self._rolling: Rolling | None = None
        self._ended: list[int] = []  # records of this call that are over
        self._opened_ms: int | None = None

    # --- what the owner calls -----------------------------------------------------------------------------------

    def receive(self, data: bytes, now_ms: int) -> None:
        """Bytes from the line; whatever a peer may send is answered, or refused and counted."""
        self.poll(now_ms)
        for payload in self._deframer.feed(data):
            if self.state == states.CLOSED:
                return
            with self._guarded(now_ms):
                self._message(payload, now_ms)

    def poll(self, now_ms: int) -> None:
        """Send the keys that are due, again those that were not acknowledged, or give up."""
        if self._opened_ms is None:
            self._opened_ms = now_ms
        if self._watching is not None and self.state == states.SERVING:
            with self._guarded(now_ms):
                self._serve(self._watching, now_ms)
        elif self.state != states.CLOSED and now_ms >= self._opened_ms + HANDSHAKE_LIMIT_MS:
            self._move("give_up")
            self._close("no valid request from the terminal", now_ms)

    def next_timer(self) -> int | None:
        """When `poll` is wanted next, in ms; None when the call is over or has not begun."""
        if self.state == states.CLOSED or self._opened_ms is None:
            return None
        if self._watching is None or self._rolling is None:
            return self._opened_ms + HANDSHAKE_LIMIT_MS
        timers = (self._watching.next_timer(), self._rolling.next_timer())
        return min((timer for timer in timers if timer is not None), default=None)

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
        if self._session is None or payload[0] not in _SEALED:
            raise RemoteError(f"unexpected message type 0x{payload[0]:02x}")
        kind, body = self._session.open(payload)
        if self._subscriber is None:
            # Not reachable without the dummy key drawn below; refused exactly as a wrong tag is.
            raise RemoteError(f"{wire.NAMES[kind]} with a wrong tag")
        watching = self._watching
        if watching is not None:
            watching.heard()
        self._expects(wire.NAMES[kind].lower())
        if kind == wire.REQUEST:
            self._on_request(self._subscriber, body, now_ms)
        elif kind == wire.GOODBYE:
            self._on_goodbye(wire.unpack_portion(body), now_ms)
        elif watching is not None and kind == wire.DARK:
            self._on_dark(watching, body, now_ms)
        elif watching is not None and kind == wire.ACK:
            portion = wire.unpack_portion(body)
            if portion == NO_PORTION:
                self._on_token_stored(watching, now_ms)
            else:
                self._on_ack(watching, portion, now_ms)
        elif watching is not None:
            self._repeat(watching, now_ms, wire.unpack_portion(body))

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
        device_key = subscriber.device_key if subscriber else self._random(DEVICE_KEY_BYTES)
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

    def _on_request(self, subscriber: Subscriber, body: bytes, now_ms: int) -> None:
        programme_id, broadcast_id, token, max_price = wire.unpack_request(body)
        watching = self._watching
        if watching is None:
            self._event("authenticated", now_ms, text=subscriber.terminal_id.hex())
        broadcast = self._schedule.find(programme_id)
        on_air = broadcast is not None and broadcast.position is not None and broadcast.broadcast_id == broadcast_id
        if watching is not None and not on_air:
            # A forged ECM may be the cause: the call goes on, but nothing is sold until the terminal asks again.
            if watching.elsewhere_since_ms is None:
                watching.elsewhere_since_ms = now_ms
            raise RemoteError("REQUEST for a programme that is not on air")
        if watching is not None and watching.broadcast is broadcast:
            watching.asked_again()
            self._repeat(watching, now_ms)
            self._serve(watching, now_ms)
            return
        if watching is not None:
            if now_ms < watching.since_ms + self._timing.rto_ms // 2:
                raise RemoteError("REQUEST for another programme too soon after the last one")
            # The terminal has wiped its keyring: a portion that has not begun stays dark.
            self._ledger.withdraw_after(watching.record, watching.begun(now_ms))
        if not self._ledger.may_watch(subscriber, programme_id):
            self._deny(wire.DENY_NO_PROGRAMME, now_ms)
        elif broadcast is None or not on_air:
            self._deny(wire.DENY_NOT_ON_AIR, now_ms)
        else:
            wanted = (programme_id, broadcast_id, now_ms)
            if watching is None:
                record = self._begin(subscriber, wanted, token, max_price)
            else:
                record = self._change(subscriber, watching, wanted, max_price)
            if record is None:
                return
            self._watching = Watching(broadcast, record, self._timing, now_ms)
            if self._rolling is not None and self._rolling.unfinished:
                self._watching.hold(now_ms)
            self._event("request", now_ms, text=f"programme {programme_id}")
            self._move("request")
            self._serve(self._watching, now_ms)

    def _begin(
        self, subscriber: Subscriber, wanted: tuple[int, bytes, int], token: bytes, max_price: int | None
    ) -> int | None:
        """The first record of this call, or None where it is denied. Its token is looked at once, here."""
        fresh = fresh_token(self._random)
        opening = self._ledger.begin_call(subscriber, *wanted, token, fresh, max_price)
        if opening.alarm:
            self._event("alarm", wanted[2], text=opening.alarm)
        if opening.record is None:
            self._deny(opening.denied, wanted[2])
        else:
            self._rolling = Rolling(opening.token, opening.unfinished, self._timing)
        return opening.record

    def _change(
        self, subscriber: Subscriber, watching: Watching, wanted: tuple[int, bytes, int], max_price: int | None
    ) -> int | None:
        """The record of another programme, or None where it is denied."""
        if not self._ledger.close_call(watching.record, wanted[2], "programme changed"):
            raise Superseded(SUPERSEDED)
        self._ended.append(watching.record)
        record = self._ledger.open_call(subscriber, *wanted, max_price, watching.record)
        if record is None:
            self._deny(wire.DENY_TOO_DEAR, wanted[2])
        return record

    def _on_token_stored(self, watching: Watching, now_ms: int) -> None:
        """From now on a call that shows the token before is a copy's."""
        rolling = self._rolling
        if rolling is None or not rolling.owed:
            return
        self._ledger.keep_token(watching.record, rolling.token)
        rolling.stored, rolling.unfinished = True, False
        watching.release()
        self._event("token_stored", now_ms)
        self._serve(watching, now_ms)

    def _on_ack(self, watching: Watching, portion: int, now_ms: int) -> None:
        if watching.acknowledged(portion):
            rolling = self._rolling
            owed = rolling.token if rolling is not None and rolling.owed else None
            self._ledger.acknowledge(watching.record, portion, now_ms, owed)
            self._event("key_acknowledged", now_ms, portion)

    def _on_goodbye(self, last_kept: int, now_ms: int) -> None:
        if self._watching is not None:
            kept = -1 if last_kept == NO_PORTION else last_kept
            self._ledger.withdraw_after(self._watching.record, max(kept, self._watching.begun(now_ms, graceful=True)))
        self._farewell("goodbye", wire.FAREWELL_GOODBYE, "goodbye", now_ms)

    def _on_dark(self, watching: Watching, body: bytes, now_ms: int) -> None:
        """What stayed dark is not charged, as far as our own clock agrees and within the ledger's limit; then the call
        ends, for a terminal that cannot open what it is sold has no use for more of it."""
        first, last, cause = wire.unpack_dark(body)
        position = watching.broadcast.position
        if first > last or position is None or last > position.portion + 1:
            raise RemoteError("DARK of portions that have not been on air")
        self._ledger.withdraw_after(watching.record, watching.owed_when_dark(first, now_ms))
        reason = dark.TEXTS[cause] if 0 < cause < len(dark.TEXTS) else f"cause {cause}"
        self._event("dark", now_ms, first, reason)
        self._farewell("dark", wire.FAREWELL_DARK, f"dark: {reason}", now_ms)

    # --- keys ---------------------------------------------------------------------------------------------------

    def _serve(self, watching: Watching, now_ms: int) -> None:
        if watching.broadcast.position is None:
            self._farewell("programme_over", wire.FAREWELL_PROGRAMME_OVER, "programme over", now_ms)
            return
        watching.forget_past()
        unstored = self._rolling is not None and self._rolling.given_up(now_ms)
        if unstored or watching.given_up(now_ms):
            reason = "the terminal has fallen silent"
            if unstored:
                reason += ": its token is not stored"
            self._farewell("terminal_silent", wire.FAREWELL_TERMINAL_SILENT, reason, now_ms)
            return
        while (due := watching.next_due()) is not None and due[1] <= now_ms:
            start_ms = watching.start_ms(due[0])
            delivered = self._ledger.deliver(watching.record, due[0], now_ms, self._ended, start_ms)
            if not delivered:
                if delivered.alarm:
                    self._event("alarm", now_ms, due[0], delivered.alarm)
                self._deny(delivered.denied, now_ms)
                return
            self._transmit(watching, due[0], now_ms)
        for portion in watching.again(now_ms, self._timing.rto_ms):
            self._transmit(watching, portion, now_ms)
        self._roll(watching, now_ms)

    def _roll(self, watching: Watching, now_ms: int) -> None:
        """The next token leaves behind the first keys, or before them where the last one never arrived."""
        rolling = self._rolling
        if rolling is not None and rolling.due(watching.room_for_token(now_ms), now_ms):
            self._seal(wire.TOKEN, rolling.token)
            self._event("token_sent", now_ms)

    def _repeat(self, watching: Watching, now_ms: int, first: int = 0) -> None:
        """The terminal asks for keys again; however often it does, they keep half of rto_ms between them."""
        watching.forget_past()
        for portion in watching.again(now_ms, self._timing.rto_ms // 2, first):
            self._transmit(watching, portion, now_ms)

    def _transmit(self, watching: Watching, portion: int, now_ms: int) -> None:
        air = watching.broadcast
        word = control_word(air.programme_secret, air.programme_id, air.broadcast_id, portion)
        self._seal(wire.KEY, wire.pack_key(air.programme_id, air.broadcast_id, portion, word))
        watching.sent(portion, now_ms)
        self._event("key_sent", now_ms, portion)

    # --- the end ------------------------------------------------------------------------------------------------

    @contextmanager
    def _guarded(self, now_ms: int) -> Iterator[None]:
        """What the peer or the ledger does wrong ends here: this call bears it, and no other."""
        try:
            try:
                yield
            except RemoteError as error:
                self._refuse(str(error), now_ms)
            except Superseded:
                self._farewell("superseded", wire.FAREWELL_SUPERSEDED, SUPERSEDED, now_ms)
        except LedgerError as error:
            self._event("ledger_failed", now_ms, text=str(error))
            self._move("ledger_failed")
            self._close("the ledger failed", now_ms)

    def _farewell(self, event: str, reason: int, text: str, now_ms: int) -> None:
        charged = self._ledger.charged(self._watching.record) if self._watching is not None else 0
        self._move(event)
        self._seal(wire.FAREWELL, wire.pack_farewell(reason, charged))
        self._close(text, now_ms)

    def _deny(self, reason: int, now_ms: int) -> None:
        self._move("denied")
        self._seal(wire.DENY, bytes((reason,)))
        self._close("denied: " + wire.DENY_TEXT[reason], now_ms)

    def _close(self, reason: str, now_ms: int) -> None:
        if self._watching is not None:
            try:
                self._ledger.close_call(self._watching.record, now_ms, reason)
            except LedgerError as error:
                # The record stays open until the subscriber's next call supersedes it.
                self._event("ledger_failed", now_ms, text=str(error))
        if self._session is not None:
            self._session.wipe()
        self._event("closed", now_ms, text=reason)

    # --- small things -------------------------------------------------------------------------------------------

    def _seal(self, kind: int, body: bytes) -> None:
        assert self._session is not None
        self._out += encode(self._session.seal(kind, body))

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

    def _event(self, kind: str, at_ms: int, portion: int = -1, text: str = "") -> None:
        self._events.append(Event(kind, at_ms, portion, text))
