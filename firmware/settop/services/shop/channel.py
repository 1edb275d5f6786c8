"""The shop's sealed channel, the terminal's end, without IO, clock or randomness of its own (settop.wire.shop_channel).

    channel.hello(...)      octets to send; channel.receive(answer) opens it
    channel.request(body)   octets to send; channel.receive(answer) gives the reply's body

Each message has one answer. One that is not genuine closes the channel with RemoteError and the same text, whatever is
wrong with it: the owner opens another. `close()` wipes all keys.
"""

from settop.crypto.sealing import PRIMITIVES
from settop.crypto.wipe import wipe, wipe_bytes
from settop.errors import LocalError, RemoteError
from settop.services.shop import states
from settop.states import row_of
from settop.wire import shop_channel as wire
from settop.wire.sealed import Sealed, transcript_of

NOT_THE_SHOP = "this is not the shop's answer, or it knows this terminal by another key"


class Channel:
    """`random(n)` gives n fresh bytes. `state`: one of states. `next_key`: what REGISTER and RENEW agree on: a
    bytearray while the channel is open, wiped with it."""

    def __init__(self, random):
        self.state = states.CLOSED
        self.next_key = b""
        self._random = random
        self._session = None
        self._private = bytearray()
        self._secret = bytearray()
        self._hello = self._ticket = b""
        self._suite = 0

    def hello(self, who, its_id, number, secret, suite=wire.SUITE_PLAIN):
        """HELLO. who: wire.CLIENT or TERMINAL; secret: the key of that number, of which a copy is kept until the
        challenge."""
        self._move("hello")
        self._secret = bytearray(secret)
        self._suite = suite
        public = b""
        if suite == wire.SUITE_X25519:
            from settop.crypto import x25519  # rare, and large

            drawn = self._random(x25519.KEY_BYTES)
            self._private = bytearray(drawn)
            wipe_bytes(drawn)
            public = x25519.public_key(self._private)
        self._hello = wire.pack_hello(suite, who, its_id, number, self._random(wire.NONCE_BYTES), public)
        return self._hello

    def request(self, body):
        """REQUEST with this body, which is wiped: it may hold a password."""
        self._move("request")
        message = self._session.seal(wire.REQUEST, body) + self._ticket
        wipe(body)
        return message

    def receive(self, message):
        """None for the challenge, a reply's body as a bytearray for the caller to wipe. Raises RemoteError for what is
        neither, or not genuine; the channel is closed then."""
        try:
            if self.state == states.ASKED:
                self._challenged(message)
                self._move("challenge")
                return None
            if self.state != states.WAITING or not len(message) or message[0] != wire.REPLY:
                raise RemoteError(NOT_THE_SHOP)
            counter, body = self._session.unseal(message, "reply")
            if counter != self._session.sent - 1:
                wipe(body)
                raise RemoteError(NOT_THE_SHOP)
            self._move("reply")
            return body
        except RemoteError:
            self._end("wrong")
            raise RemoteError(NOT_THE_SHOP)

    def close(self):
        """Forgets every key."""
        self._end("close")

    def _challenged(self, message):
        covered, public, self._ticket, proof = wire.unpack_challenge(message, self._suite)
        secret, self._secret = self._secret, bytearray()
        shared = b""
        if len(self._private):
            from settop.crypto import x25519

            shared = x25519.shared_secret(self._private, public)
        whole = bytearray(len(secret) + len(shared))
        whole[: len(secret)] = secret
        whole[len(secret) :] = shared
        transcript = transcript_of(PRIMITIVES, wire.LABELS, self._hello, covered)
        more = wire.NEXT_KEY_BYTES if len(shared) else 0
        self._session = Sealed(PRIMITIVES, wire.LABELS, wire.TAG_BYTES, True, whole, transcript, more)
        for used in (whole, secret, shared, self._private):
            wipe(used)
        self._private = bytearray()
        if not self._session.proves(proof):
            raise RemoteError(NOT_THE_SHOP)
        self.next_key = self._session.more

    def _move(self, event):
        row = row_of(states.TABLE, self.state, event)
        if row is None:
            raise LocalError("%s is not possible in state %s of the channel" % (event, self.state))
        self.state = row[2]

    def _end(self, event):
        row = row_of(states.TABLE, self.state, event)
        if row is not None:
            self.state = row[2]
        for secret in (self._secret, self._private):
            wipe(secret)
        self._secret, self._private = bytearray(), bytearray()
        self.next_key = self._ticket = b""
        if self._session is not None:
            self._session.wipe()
            self._session = None
