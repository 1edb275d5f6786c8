"""Key reception during a call: the terminal's protocol core, without IO, clock or randomness of its own.

Bytes of the line go in with `receive`, out with `data_to_send`; what happened comes from `next_event`, one tuple each:

    ("authenticated",)           the centre proved that it knows this terminal's device key
    ("key", portion, key)        key: bytearray of 16, the receiver's to wipe
    ("token", token)             bytearray of 8, the receiver's to wipe: to be stored, and then token_stored() called
    ("refused", reason)          a message was refused; `counters[reason]` went up
    ("closed", reason)           the call's protocol is over; reason: of LOST or wire.FAREWELL_TEXT, "denied: ...", ...

`next_timer()` is the time at which `poll` wants to be called, or None.
"""

from settop.crypto.wipe import wipe, wipe_bytes
from settop.errors import LocalError, RemoteError
from settop.link.hdlc import Deframer, encode
from settop.services.call import states
from settop.services.call.states import TABLE
from settop.states import row_of
from settop.wire import call as wire
from settop.wire.ids import NO_PORTION

HANDSHAKE_RTO_MS = 1500
HANDSHAKE_TRIES = 6
GOODBYE_RTO_MS = 900
GOODBYE_TRIES = 3
# Why a call is over, as `closed` says it; the service dials again after those in LOST.
LINE_LOST = "line lost"
SILENT = "the centre has fallen silent"
UNHEARD = "the centre hears nothing from this terminal"
LOST = (LINE_LOST, SILENT, UNHEARD)
NAK_HOLD_MS = 300  # one NAK for a burst of damage
REASONS_LIMIT = 24  # distinct reasons counted: a hostile line must not fill the heap with them


class CallTerminal:
    """One call. `identity` has terminal_id and device_key; `random(n)` gives n fresh bytes.

    `forward_secrecy`: mix an ephemeral X25519 exchange in (about a second of a Pico's time on each side of it).
    """

    def __init__(self, identity, random, forward_secrecy=False):
        self.state = states.IDLE
        self.counters = {}
        self._identity = identity
        self._random = random
        self._private = None
        self._forward_secrecy = forward_secrecy
        self._deframer = Deframer()
        self._damaged_seen = 0
        self._out = bytearray()
        self._events = []
        self._hello = b""
        self._session = None
        self._pending = b""  # what is sent again until it is answered
        self._tries = 0
        self._timer_ms = None
        self._nak_after_ms = 0
        self._programme = None  # (programme_id, broadcast_id) asked for
        self._wanted = None
        self._on_air = None
        self._last_words = (wire.GOODBYE, b"")  # kind and body of the message that ends the call
        self._rto_ms = HANDSHAKE_RTO_MS
        self._keys_seen = []  # the last few
        self._highest_key = -1
        self._token_stored = False
        self.call_id = None

    # --- what the owner calls -------------------------------------------------------------------------------------

    def start(self, now_ms):
        """CONNECT has come: open the conversation."""
        self._move("start")
        public = b""
        if self._forward_secrecy:
            from settop.crypto import x25519  # rare, and large

            drawn = self._random(x25519.KEY_BYTES)
            self._private = bytearray(drawn)
            wipe_bytes(drawn)
            public = x25519.public_key(self._private)
        self._hello = wire.pack_hello(
            wire.SUITE_X25519 if self._forward_secrecy else wire.SUITE_PLAIN,
            self._identity.terminal_id,
            self._random(wire.NONCE_BYTES),
            public,
        )
        self._send_until_answered(self._hello, HANDSHAKE_RTO_MS, now_ms)

    def request(self, programme_id, broadcast_id, portion, now_ms, token=wire.NO_TOKEN, max_price=None):
        """Ask for the programme whose `portion` is on air.

        May come before authentication (then it waits for it), and again later: that changes the programme. `token`: the
        one that an earlier call brought; the centre looks at it once in a call. `max_price`: what a portion may cost at
        most, in minor units, or None.
        """
        self._wanted = (programme_id, bytes(broadcast_id), bytes(token), max_price)
        self._on_air = portion
        self._request_if_ready(now_ms)

    def on_air(self, portion):
        """The portion that the tuner sees now, or None: keys of others than it and the next one are refused.

        Where the portion before it had no key either, the centre has gone, although the modem still hears a carrier.
        """
        self._on_air = portion
        if portion is not None and self.state == states.RECEIVING and portion > self._highest_key + 1:
            self._move("line_lost")
            self._close(SILENT)

    def token_stored(self):
        """The token that came is in flash, whatever happens to the power now: the centre may forget the old one."""
        self._token_stored = True
        if self.state in (states.REQUESTED, states.RECEIVING):
            self._acknowledge(NO_PORTION)

    def hang_up(self, last_kept, now_ms):
        """The viewer has pressed the button: say goodbye with the last portion whose key is kept (or NO_PORTION)."""
        if self.state in (states.CLOSED, states.LEAVING):
            return
        self._move("hang_up")
        if self.state == states.CLOSED:
            self._close("hung up before the centre had answered")
            return
        self._last_words = (wire.GOODBYE, wire.pack_portion(last_kept))
        self._send_until_answered(self._reseal(), GOODBYE_RTO_MS, now_ms)

    def dark(self, first, last, cause, now_ms):
        """Portions `first` to `last` had their keys and stayed dark (`cause`: settop.wire.dark): say so and leave.

        Raises LocalError in a state in which no key has come.
        """
        self._move("dark")
        self._last_words = (wire.DARK, wire.pack_dark(first, last, cause))
        self._send_until_answered(self._reseal(), GOODBYE_RTO_MS, now_ms)

    def line_lost(self):
        """The modem says NO CARRIER."""
        if self.state not in (states.CLOSED, states.IDLE):
            self._move("line_lost")
            self._close(LINE_LOST)

    def receive(self, data, now_ms):
        """Bytes from the line. Raises nothing for what a peer may send: it is refused and counted."""
        for payload in self._deframer.feed(data):
            try:
                self._message(payload, now_ms)
            except RemoteError as error:
                self._refuse(str(error))
        if self._deframer.damaged != self._damaged_seen:
            self._damaged_seen = self._deframer.damaged
            self.counters["damaged"] = self._damaged_seen
            self._ask_again(now_ms)

    def poll(self, now_ms):
        """Send again or give up where an answer is overdue."""
        if self._timer_ms is None or now_ms < self._timer_ms:
            return
        limit = GOODBYE_TRIES if self.state == states.LEAVING else HANDSHAKE_TRIES
        if not self._pending or self._tries >= limit:
            self._move("give_up")
            self._close("no answer from the centre")
            return
        if self._pending is not self._hello:
            # Sealed afresh: a counter is never used twice.
            self._pending = self._reseal()
        self._transmit(now_ms)

    def next_timer(self):
        return self._timer_ms

    def data_to_send(self):
        """Bytes for the line; each is handed out once."""
        out = bytes(self._out)
        self._out = bytearray()
        return out

    def next_event(self):
        return self._events.pop(0) if self._events else None

    # --- inside ---------------------------------------------------------------------------------------------------

    def _move(self, event):
        row = row_of(TABLE, self.state, event)
        if row is None:
            raise LocalError("%s is not possible in state %s" % (event, self.state))
        self.state = row[2]

    def _expects(self, event):
        if row_of(TABLE, self.state, event) is None:
            raise RemoteError("unexpected %s" % event)

    def _refuse(self, reason):
        if reason not in self.counters and len(self.counters) >= REASONS_LIMIT:
            reason = "other"
        self.counters[reason] = self.counters.get(reason, 0) + 1
        self._events.append(("refused", reason))

    def _send_until_answered(self, message, rto_ms, now_ms):
        self._pending = message
        self._rto_ms = rto_ms
        self._tries = 0
        self._transmit(now_ms)

    def _transmit(self, now_ms):
        self._tries += 1
        self._out += encode(self._pending)
        self._timer_ms = now_ms + self._rto_ms

    def _reseal(self):
        if self.state == states.LEAVING:
            return self._session.seal(*self._last_words)
        return self._session.seal(wire.REQUEST, wire.pack_request(*self._wanted))

    def _answered(self):
        self._pending = b""
        self._tries = 0
        self._timer_ms = None

    def _close(self, reason):
        self._timer_ms = None
        self._pending = b""
        self._forget_ephemeral()
        if self._session is not None:
            self._session.wipe()
        self._events.append(("closed", reason))

    def _message(self, payload, now_ms):
        if payload[0] == wire.CHALLENGE:
            self._on_challenge(payload, now_ms)
            return
        if payload[0] not in (wire.KEY, wire.DENY, wire.FAREWELL, wire.TOKEN):
            raise RemoteError("unexpected message type 0x%02x" % payload[0])
        if self._session is None:
            raise RemoteError("unexpected %s" % wire.NAMES[payload[0]])
        kind, body = self._session.open(payload)
        try:
            if kind == wire.KEY:
                self._on_key(body, now_ms)
            elif kind == wire.TOKEN:
                self._expects("token")
                self._move("token")
                # The centre has one for each call: said again, our acknowledgement was lost.
                if self._token_stored:
                    self._acknowledge(NO_PORTION)
                else:
                    self._events.append(("token", bytearray(body)))
            elif kind == wire.DENY:
                self._expects("deny")
                self._move("deny")
                self._close("denied: " + wire.text_of(wire.DENY_TEXT, body[0], "reason %d"))
            else:
                self._expects("farewell")
                reason, _ = wire.unpack_farewell(body)
                self._move("farewell")
                if reason == wire.FAREWELL_TERMINAL_SILENT:
                    self._close(UNHEARD)
                else:
                    self._close(wire.text_of(wire.FAREWELL_TEXT, reason, "the centre ended the call, reason %d"))
        finally:
            wipe(body)

    def _on_challenge(self, payload, now_ms):
        if self.state != states.HELLO_SENT:
            # The answer to a HELLO that was sent twice.
            raise RemoteError("unexpected challenge")
        suite, call_id, _, public, proof = wire.unpack_challenge(payload)
        if suite != self._hello[2]:
            raise RemoteError("CHALLENGE for suite %d, offered was %d" % (suite, self._hello[2]))
        shared = b""
        if self._private is not None:
            from settop.crypto import x25519

            shared = x25519.shared_secret(self._private, public)
        from settop.services.call.session import Session  # not before it is needed

        session = Session(self._identity.device_key, self._hello, payload[: -wire.PROOF_BYTES], shared)
        self._forget_ephemeral(shared)
        if not session.proves(proof):
            session.wipe()
            self._move("false_centre")
            self._close("the centre could not prove that it knows this terminal")
            return
        self._session = session
        self.call_id = call_id
        self._move("challenge")
        self._events.append(("authenticated",))
        self._timer_ms = None
        self._pending = b""
        self._request_if_ready(now_ms)

    def _forget_ephemeral(self, shared=b""):
        if self._private is not None:
            wipe(self._private)
            wipe(shared)
            self._private = None

    def _request_if_ready(self, now_ms):
        if self._wanted is None or self.state not in (states.AUTHENTICATED, states.REQUESTED, states.RECEIVING):
            return
        self._move("request")
        self._programme = self._wanted[:2]
        self._keys_seen = []
        self._highest_key = -1
        self._send_until_answered(self._reseal(), HANDSHAKE_RTO_MS, now_ms)

    def _on_key(self, body, now_ms):
        self._expects("key")
        programme_id, broadcast_id, portion, key = wire.unpack_key(body)
        if (programme_id, broadcast_id) != self._programme:
            wipe(key)
            raise RemoteError("key for another broadcast")
        on_air = self._on_air
        if portion == NO_PORTION or (on_air is not None and portion not in (on_air, on_air + 1)):
            wipe(key)
            # An old portion's key is acknowledged all the same, or the centre would send it for ever.
            if on_air is not None and portion < on_air:
                self._acknowledge(portion)
            raise RemoteError("key for another portion")
        self._move("key")
        self._answered()
        self._acknowledge(portion)
        if portion in self._keys_seen:
            wipe(key)
            self.counters["repeated"] = self.counters.get("repeated", 0) + 1
            return
        self._keys_seen = self._keys_seen[-3:] + [portion]
        self._highest_key = max(self._highest_key, portion)
        self._events.append(("key", portion, key))

    def _acknowledge(self, portion):
        self._out += encode(self._session.seal(wire.ACK, wire.pack_portion(portion)))

    def _ask_again(self, now_ms):
        if self.state != states.RECEIVING or now_ms < self._nak_after_ms:
            return
        self._nak_after_ms = now_ms + NAK_HOLD_MS
        self._out += encode(self._session.seal(wire.NAK, wire.pack_portion(self._highest_key + 1)))
