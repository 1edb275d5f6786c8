"""The shop's sealed channel, its own end: one answer to each message, whatever carries it (settop.wire.shop_channel).

Nothing is kept of who says HELLO, and of who has asked genuinely one row: any process of a shop answers any message.
"""

import secrets
from collections.abc import Callable

from settop.errors import RemoteError
from settop.wire import shop_channel as wire
from settop.wire.sealed import Sealed, transcript_of

from headend.accounts.engine import transaction
from headend.accounts.master_key import MasterKey
from headend.accounts.vault import Vault
from headend.crypto import x25519
from headend.crypto.sealing import PRIMITIVES
from headend.shop.channel_requests import Caller, DeviceKey, Locate, PlaceUnit, Requests
from headend.shop.core import Shop
from headend.shop.places import SESSION_BYTES, Place, advance, next_issue
from headend.shop.tickets import KEY_ID, Ticket, Tickets

_NO_SHARED = bytes(32)


class Channel:
    """Over a shop and the master key of its database. `device_key`: whose terminals may register; `locate`: where the
    copies of titles are had, `place`: codec units (headend.shop.channel_requests). `random(n)` gives n fresh octets.
    """

    def __init__(
        self,
        shop: Shop,
        master_key: MasterKey,
        device_key: DeviceKey,
        locate: Locate,
        random: Callable[[int], bytes] = secrets.token_bytes,
        place: PlaceUnit = lambda unit: unit.path,
    ) -> None:
        self._shop = shop
        self._vault = Vault(shop.engine, master_key)
        self._tickets = Tickets(shop.engine, self._vault)
        self._device_key = device_key
        self._requests = Requests(shop, locate, device_key, place)
        self._random = random
        self._nobodys = secrets.token_bytes(wire.KEY_BYTES)

    def answer(self, octets: bytes, now_ms: int) -> bytes:
        """What a terminal's message is answered with: a challenge, a sealed reply, or wire.REFUSAL for all that is not
        genuine, whatever is wrong with it, after the same work.

        Raises LedgerError where the database fails: nothing is known to have happened then. `now_ms`: Unix ms.
        """
        try:
            if octets[:1] == bytes((wire.HELLO,)):
                return self._challenge(octets, now_ms)
            return self._reply(octets, now_ms)
        except RemoteError:
            return wire.REFUSAL

    def _challenge(self, hello: bytes, now_ms: int) -> bytes:
        suite, who, its_id, number, _, theirs = wire.unpack_hello(hello)
        ours, shared = b"", _NO_SHARED
        if suite == wire.SUITE_X25519:
            ours, shared = x25519.x25519_answer(self._random(wire.KEY_BYTES), theirs)
        covered = wire.pack_challenge(suite, self._random(wire.NONCE_BYTES), ours)
        transcript = bytes(transcript_of(PRIMITIVES, wire.LABELS, hello, covered))
        with transaction(self._shop.engine) as connection:
            issued_ms = next_issue(connection, bytes((who,)) + its_id, now_ms)
        ticket = Ticket(suite, who, its_id, number, issued_ms, transcript, shared)
        proof: bytes = self._session(ticket)[0].proof
        return bytes(covered) + self._tickets.seal(ticket) + proof

    def _reply(self, message: bytes, now_ms: int) -> bytes:
        sealed, octets = wire.split_request(message)
        ticket = self._tickets.open(octets, now_ms)
        session, known = self._session(ticket)
        counter, body = session.unseal(sealed, "request")
        if not known:
            raise RemoteError("a request under a key that nobody has")  # nobody seals under it
        with transaction(self._shop.engine) as connection:
            place = Place(ticket.issued_ms, ticket.transcript[:SESSION_BYTES], counter)
            if not advance(connection, ticket.peer, place):
                raise RemoteError("a request that was there before")
        caller = Caller(ticket.who, ticket.its_id, ticket.number, bytes(session.more))
        reply = self._requests.answer(caller, bytes(body), now_ms)
        return bytes(session.seal_at(counter, wire.REPLY, reply))

    def _session(self, ticket: Ticket) -> tuple[Sealed, bool]:
        """The keys of a session, and whether the other end can have them."""
        secret = self._secret(ticket)
        exchanged = ticket.suite == wire.SUITE_X25519
        whole = (secret or self._nobodys) + (ticket.shared if exchanged else b"")
        more = wire.NEXT_KEY_BYTES if exchanged else 0
        session = Sealed(PRIMITIVES, wire.LABELS, wire.TAG_BYTES, False, whole, ticket.transcript, more)
        return session, secret is not None

    def _secret(self, ticket: Ticket) -> bytes | None:
        """The key that opens it; None, after opening another one, where there is none."""
        if ticket.who == wire.TERMINAL:
            return self._device_key(ticket.its_id)
        found = self._shop.client_keys(ticket.its_id)
        if not found:
            with transaction(self._shop.engine) as connection:
                self._vault.get(connection, KEY_ID)
        return next((one.key for one in found if one.number == ticket.number), None)
