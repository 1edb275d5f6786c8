"""Somebody with a program of his own who speaks with the shop's channel on the wire: with whatever key he has, and also
where the shop does not prove itself."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from headend.crypto import x25519
from headend.crypto.sealing import PRIMITIVES
from settop.errors import RemoteError
from settop.wire import shop as requests
from settop.wire import shop_channel as wire
from settop.wire.sealed import Sealed, transcript_of

REFUSED = "refused"
"""What he is told who is not answered."""


@dataclass(frozen=True)
class Reply:
    """code: of a refusal, or "". wait_ms: of one. values: what was asked for."""

    code: str
    wait_ms: int
    values: bytes


class Caller:
    """ask: carries a message to the shop and its answer back. The rest as HELLO has it; `key` is the secret that he
    believes in. `proven`: the shop has shown that it has the same; `next_key`: what the session agreed on beside.
    """

    def __init__(
        self,
        ask: Callable[[bytes], bytes],
        random: Callable[[int], bytes],
        its_id: bytes,
        number: int,
        key: bytes,
        who: int = wire.CLIENT,
    ) -> None:
        self._ask = ask
        suite = wire.SUITE_X25519 if who == wire.TERMINAL else wire.SUITE_PLAIN
        private = random(wire.KEY_BYTES) if suite else b""
        public = x25519.public_key(private) if suite else b""
        hello = wire.pack_hello(suite, who, its_id, number, random(wire.NONCE_BYTES), public)
        covered, theirs, ticket, proof = wire.unpack_challenge(ask(hello), suite)
        secret = key + (x25519.x25519_shared(private, theirs) if suite else b"")
        transcript: bytes = transcript_of(PRIMITIVES, wire.LABELS, hello, covered)
        more = wire.NEXT_KEY_BYTES if suite else 0
        self._session = Sealed(PRIMITIVES, wire.LABELS, wire.TAG_BYTES, True, secret, transcript, more)
        self.ticket: bytes = ticket
        self.proven = bool(self._session.proves(proof))
        self.next_key = bytes(self._session.more)

    def message(self, what: int, *values: str | int) -> bytes:
        """REQUEST as it is sent."""
        sealed: bytes = self._session.seal(wire.REQUEST, bytes(requests.pack_request(what, *values)))
        return sealed + self.ticket

    def ask(self, what: int, *values: str | int) -> Reply | None:
        """The reply; None: REFUSED, or nothing that was sealed for this session."""
        return self.read(self._ask(self.message(what, *values)))

    def read(self, answer: bytes) -> Reply | None:
        """What an answer says."""
        if answer[:1] != bytes((wire.REPLY,)):
            return None
        try:
            _, body = self._session.unseal(answer, "reply")
        except RemoteError:
            return None
        status = struct.unpack_from(requests.REPLY_HEAD, body)[0]
        reader = requests.Reader(bytes(body), requests.REPLY_HEAD_BYTES)
        if status == requests.OK:
            return Reply("", 0, bytes(body[requests.REPLY_HEAD_BYTES :]))
        return Reply(reader.text(), reader.take(">I")[0], b"")


def registered(
    ask: Callable[[bytes], bytes], random: Callable[[int], bytes], terminal_id: bytes, device_key: bytes
) -> tuple[bytes, bytes]:
    """A new client of a terminal: its id and its first communication key. Raises RemoteError where the shop refuses."""
    caller = Caller(ask, random, terminal_id, 0, device_key, wire.TERMINAL)
    reply = caller.ask(requests.REGISTER)
    if reply is None or reply.code:
        raise RemoteError("the shop has registered no client for this terminal")
    return reply.values, caller.next_key
