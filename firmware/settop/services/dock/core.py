"""The terminal's end of the dock: its protocol core, without IO, clock or randomness of its own.

Octets of the line go in with `receive`, out with `data_to_send`; what happened comes from `next_event`, one tuple each:

    ("turned_away", player_id, reason)    it is not opened; reason: of wire.UNKNOWN and the others
    ("docked", player_id, standing, ways, free, copies, gone, codecs)    see wire.pack_opened
    ("place", place)                      yes to `put`: octets are wanted from there on, by `give`
    ("answer", verb, body)                yes to another question
    ("denied", verb, status)              no; status: of wire.STATUS
    ("lost",)                             the player does not answer any more, or began anew
    ("refused", reason)                   a message was refused; `refused` went up

`next_timer()` is the time at which `poll` wants to be called.
"""

from settop.crypto.wipe import wipe
from settop.dock.contact import Contact
from settop.dock.end import End
from settop.errors import LocalError, RemoteError
from settop.services.dock.states import TABLE
from settop.wire import dock as wire

GREETING_MS = 1000
AGAIN_MS = 500
PING_MS = 2000
TRIES = 8
WINDOW_BYTES = 4 * wire.PIECE_BYTES


class DockTerminal(End):
    """identity: has terminal_id. random(n): n fresh bytes. find(player_id): (household, standing, the pair's key in a
    bytearray that is wiped here), or None for a player that is not of this household."""

    def __init__(self, identity, random, find):
        super().__init__(TABLE)
        self.player_id = b""
        self._identity = identity
        self._random = random
        self._find = find
        self._nonce = b""
        self._opening = b""  # the body of the first question
        self._standing = wire.GONE
        self._body = b""  # the question at hand
        self._verb = 0
        self._counter = 0
        self._message = b""  # what is sent again until it is answered
        self._tries = 0
        self._timer_ms = 0
        self._window = bytearray(WINDOW_BYTES)
        self._have = 0  # octets in it
        self._base = 0  # the place of the first one
        self._sent = 0  # of them
        self._rewound = False

    # --- what the owner calls ---------------------------------------------------------------------------------------

    def put(self, way, copy, room, codec, name, now_ms):
        """A copy is to come; ("place", ...) says from where on. LocalError unless the state is "docked"."""
        self.ask(wire.pack_put(way, copy, room, codec, name), now_ms)

    def ask(self, body, now_ms):
        """One of wire.LIST, REMOVE; also in the midst of a copy, which is given up. LocalError: no player, or busy."""
        self._now_ms = now_ms
        if self.state not in ("docked", "sending"):
            raise LocalError("no player is docked" if self.state != "asking" else "the player is busy")
        self._body = body
        self._move("ask")

    def end(self, size, digest, kid, key, now_ms):
        """All of the copy was given and came. LocalError: it is not."""
        self._now_ms = now_ms
        if self.state != "sending" or self._have:
            raise LocalError("a copy that is not whole")
        self._body = wire.pack_end(size, digest, kid, key)
        self._move("end")

    def abandon(self, now_ms):
        """The copy that is being sent is given up."""
        if self.state == "sending":
            self.ask(bytes((wire.PING,)), now_ms)

    def room(self):
        """How many octets `give` takes."""
        return WINDOW_BYTES - self._have if self.state == "sending" else 0

    def give(self, octets, now_ms):
        """More of the copy. LocalError: more than there is room for."""
        if len(octets) > self.room():
            raise LocalError("%d octets of a copy, and room for %d" % (len(octets), self.room()))
        self._now_ms = now_ms
        if not self._have:
            self._wait()
        self._window[self._have : self._have + len(octets)] = octets
        self._have += len(octets)
        self._send_pieces(False)

    def all_came(self):
        """Whether the player has all that was given."""
        return self.state == "sending" and not self._have

    def flush(self, now_ms):
        """Nothing follows for now: what is less than a piece goes out too."""
        self._now_ms = now_ms
        if self.state == "sending":
            self._send_pieces(True)

    def poll(self, now_ms):
        """Time has passed."""
        self._now_ms = now_ms
        if now_ms < self._timer_ms:
            return
        if self.state == "alone":
            if not self._nonce:
                self._nonce = self._random(wire.NONCE_BYTES)
            self._send(wire.pack_greeting(wire.HELLO, self._identity.terminal_id, self._nonce))
            self._timer_ms = now_ms + GREETING_MS
        elif self.state == "docked":
            self._body = bytes((wire.PING,))
            self._move("ask")
        elif self.state == "sending" and not self._have:
            self._send(bytes((wire.WAIT,)))  # it is the owner who is slow
            self._timer_ms = now_ms + PING_MS
        elif self._tries >= TRIES:
            self._move("silent")
        else:
            self._tries += 1
            self._timer_ms = now_ms + AGAIN_MS
            if self.state == "sending":
                self._sent = 0
                self._send_pieces(True)
            else:
                self._send(self._message)

    def next_timer(self):
        return self._timer_ms

    def start_anew(self, now_ms):
        """Greets again: who may be opened has changed. What was asked is given up, as with a player that is lost."""
        self._now_ms = now_ms
        if self.state != "alone":
            self.state = "alone"
            self._lose()
        self._nonce = b""
        self._timer_ms = now_ms

    # --- messages ---------------------------------------------------------------------------------------------------

    def _take(self, message):
        kind = message[0] if message else 0
        if kind == wire.I_AM:
            self._take_name(message)
        elif kind == wire.PROVEN:
            proof = wire.unpack_proof(message)
            if self.state == "greeted":
                self._move("proven" if self._contact.proves(proof) else "wrong")
        elif kind == wire.ANSWER and self._contact is not None:
            counter, body = self._contact.open(message)
            if counter == self._counter and self.state == "asking":
                self._answer = body
                self._move("granted" if self._verb == wire.PUT and body[0] == wire.OK else "answer")
        elif kind == wire.WANTED and self.state == "sending":
            self._wanted = wire.unpack_wanted(message)
            self._move("wanted")
        elif kind == wire.WORKING and len(message) == 1 and self.state == "asking":
            self._tries = 0
        elif kind == wire.NO_TOO:
            self._reason = message[1] if wire.unpack_no(message) else 0
            self._move("no")
        elif kind not in (wire.ANSWER, wire.WANTED, wire.WORKING):
            raise RemoteError("a message of no known kind")

    def _take_name(self, message):
        version, player_id, nonce = wire.unpack_greeting(message)
        if self.state != "alone" or not self._nonce:
            return  # it was on its way while another was taken
        self.player_id = player_id
        self._reason = wire.OLD
        found = None
        if version == wire.VERSION:
            self._reason = wire.UNKNOWN
            found = self._find(player_id)
        if found is None:
            self._move("other")
            return
        household, self._standing, pair = found
        try:
            own = self._identity.terminal_id
            self._contact = Contact(pair, own, player_id, self._nonce + nonce, False)
        finally:
            wipe(pair)
        self._opening = wire.pack_open(household, self._standing)
        self._move("i_am")

    # --- actions ----------------------------------------------------------------------------------------------------

    def _prove(self):
        self._begin_asking(wire.pack_proof(wire.PROOF, self._contact.proof))

    def _turn_away(self):
        self._send(wire.pack_no(wire.NO, self._reason))
        self._events.append(("turned_away", self.player_id, self._reason))
        self._nonce = b""

    def _hear_no(self):
        self._events.append(("turned_away", b"", self._reason))

    def _distrust(self):
        self._refuse("a player that does not know its own key")
        self._lose()

    def _open(self):
        self._counter = 0
        self._body = self._opening
        self._ask()

    def _ask(self):
        self._counter += 1
        self._verb = self._body[0]
        self._have = self._sent = 0
        try:
            self._begin_asking(self._contact.seal(self._counter, self._body))
        finally:
            if isinstance(self._body, bytearray):
                wipe(self._body)
            self._body = b""

    def _begin_asking(self, message):
        self._message = message
        self._send(message)
        self._wait()

    def _answered(self):
        body = self._answer
        verb = self._verb
        self._timer_ms = self._now_ms + PING_MS
        if body[0] != wire.OK:
            self._events.append(("denied", verb, body[0]))
        elif verb == wire.OPEN:
            self._events.append(("docked", self.player_id, self._standing) + wire.unpack_opened(body))
        elif verb != wire.PING:
            self._events.append(("answer", verb, body))

    def _begin(self):
        self._base = wire.unpack_place(self._answer)
        self._have = self._sent = 0
        self._rewound = False
        self._wait()
        self._events.append(("place", self._base))

    def _move_on(self):
        place = self._wanted
        count = place - self._base
        if not 0 <= count <= self._have:
            raise RemoteError("a place is wanted that was not sent")
        if count:
            window = memoryview(self._window)
            window[: self._have - count] = bytes(window[count : self._have])
            self._have -= count
            self._sent = max(0, self._sent - count)
            self._base = place
            self._rewound = False
            self._wait()
            self._send_pieces(False)
        elif self._sent and not self._rewound:
            # One was lost: from there on again, once for all that were on their way behind it.
            self._rewound = True
            self._sent = 0
            self._send_pieces(False)

    def _lose(self):
        self._forget()
        self._events.append(("lost",))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _forget(self):
        if self._contact is not None:
            self._contact.wipe()
            self._contact = None
        wipe(self._window)
        self._have = self._sent = 0
        self._message = self._nonce = b""
        self._timer_ms = self._now_ms + GREETING_MS

    def _wait(self):
        self._tries = 0
        self._timer_ms = self._now_ms + AGAIN_MS

    def _send_pieces(self, all_of_it):
        while self._sent < self._have:
            count = min(wire.PIECE_BYTES, self._have - self._sent)
            if count < wire.PIECE_BYTES and not all_of_it:
                break
            piece = memoryview(self._window)[self._sent : self._sent + count]
            self._send(wire.pack_piece(self._base + self._sent, piece))
            self._sent += count
