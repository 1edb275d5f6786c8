"""A portable player's end of the dock: its protocol core, without IO, clock or randomness of its own.

Octets of the line go in with `receive`, out with `data_to_send`; what happened comes from `next_event`, one tuple each:

    ("turned_away", reason)           the terminal does not want this player, in words that nobody has proved
    ("met", terminal_id)              it has shown that it knows the pair's key
    ("asked", body, ticket)           bytearray; to be answered by `answer` with the ticket, and wiped
    ("piece", place, octets)          more of a copy; `wanted` says how far it came
    ("left",)                         the contact is over
    ("refused", reason)               a message was refused; `refused` went up
"""

from settop.crypto.wipe import wipe
from settop.dock.contact import Contact, pair_key
from settop.dock.end import End
from settop.errors import LocalError, RemoteError
from settop.services.player.states import TABLE
from settop.wire import dock as wire

SILENCE_MS = 8000


class DockPlayer(End):
    """identity: the player's own (terminal_id, device_key), or None. random(n): n fresh bytes."""

    def __init__(self, identity, random):
        super().__init__(TABLE)
        self._identity = identity
        self._random = random
        self._terminal_id = self._theirs = self._own = b""
        self._proof = b""  # that was taken
        self._counter = 0  # of the question at hand, or the last one
        self._answer = b""  # what it was answered with
        self._ticket = 0  # of the last question of all contacts
        self._opened = False
        self._timer_ms = None

    # --- what the owner calls ---------------------------------------------------------------------------------------

    def answer(self, ticket, body):
        """To the question of that ticket; where the contact ended meanwhile, nobody waits for it. LocalError: it was
        answered."""
        if ticket != self._ticket or self._contact is None or not self._counter:
            return
        if self._answer:
            raise LocalError("what was asked is answered")
        self._answer = self._contact.seal(self._counter, body)
        self._send(self._answer)

    def wanted(self, place):
        """How far the copy came."""
        self._send(wire.pack_wanted(place))

    def poll(self, now_ms):
        """Time has passed."""
        self._now_ms = now_ms
        if self._timer_ms is not None and now_ms >= self._timer_ms:
            self._move("silent")

    def next_timer(self):
        return self._timer_ms

    # --- messages ---------------------------------------------------------------------------------------------------

    def _take(self, message):
        kind = message[0] if message else 0
        if kind == wire.HELLO:
            version, terminal_id, nonce = wire.unpack_greeting(message)
            if version != wire.VERSION or self._identity is None:
                self._send(wire.pack_no(wire.NO_TOO, wire.EMPTY if version == wire.VERSION else wire.OLD))
                return
            if self.state != "greeted" or nonce != self._theirs:
                self._own = self._random(wire.NONCE_BYTES)
            self._terminal_id = terminal_id
            self._theirs = nonce
            self._move("hello")
        elif kind == wire.PROOF:
            self._take_proof(wire.unpack_proof(message))
        elif kind == wire.ASK and self._contact is not None and self.state == "met":
            counter, self._asked = self._contact.open(message)
            self._heard()
            if counter == self._counter:
                wipe(self._asked)
                self._send(self._answer or bytes((wire.WORKING,)))
            elif counter != self._counter + 1 or not (self._answer or not self._counter):
                wipe(self._asked)
                raise RemoteError("a question out of its turn")
            elif not self._opened and self._asked[0] != wire.OPEN:
                wipe(self._asked)
                raise RemoteError("a question before the contact is open")
            else:
                self._counter = counter
                self._move("ask")
        elif kind == wire.PIECE and self._opened:
            self._place, self._octets = wire.unpack_piece(message)
            self._heard()
            self._move("piece")
        elif kind == wire.WAIT and len(message) == 1 and self.state == "met":
            self._heard()
        elif kind == wire.NO:
            self._events.append(("turned_away", wire.unpack_no(message)))
        elif kind not in (wire.ASK, wire.PIECE, wire.WAIT):
            raise RemoteError("a message of no known kind")

    def _take_proof(self, proof):
        if self.state == "met":
            if proof == self._proof:
                self._move("again")
        elif self.state == "greeted":
            identity = self._identity
            pair = pair_key(identity.device_key, identity.terminal_id, self._terminal_id)
            try:
                nonces = self._theirs + self._own
                self._contact = Contact(pair, self._terminal_id, identity.terminal_id, nonces, True)
            finally:
                wipe(pair)
            self._proof = proof
            if self._contact.proves(proof):
                self._move("proof")
            else:
                self._move("wrong")
                raise RemoteError("a terminal that does not know this player's key")

    # --- actions ----------------------------------------------------------------------------------------------------

    def _greet(self):
        self._heard()
        self._send(wire.pack_greeting(wire.I_AM, self._identity.terminal_id, self._own))

    def _meet_anew(self):
        self._leave()
        self._greet()

    def _prove(self):
        self._heard()
        self._counter = 0
        self._answer = b""
        self._opened = False
        self._prove_again()
        self._events.append(("met", self._terminal_id))

    def _prove_again(self):
        self._send(wire.pack_proof(wire.PROVEN, self._contact.proof))

    def _ask(self):
        self._answer = b""
        self._opened = True
        self._ticket += 1
        self._events.append(("asked", self._asked, self._ticket))

    def _piece(self):
        self._events.append(("piece", self._place, self._octets))

    def _leave(self):
        self._forget()
        self._events.append(("left",))

    def _forget(self):
        if self._contact is not None:
            self._contact.wipe()
            self._contact = None
        self._opened = False
        self._counter = 0
        self._answer = b""
        self._timer_ms = None

    # --- inside -----------------------------------------------------------------------------------------------------

    def _heard(self):
        self._timer_ms = self._now_ms + SILENCE_MS
