"""What the shop hands a client with its challenge and gets back with every request: so it remembers nobody that has
only said HELLO.

Sealed by AES-SIV (RFC 5297) under 64 octets that all processes of a shop share; to the client it is so many octets.
"""

import secrets
import struct
from dataclasses import dataclass, field

from Crypto.Cipher import AES
from settop.errors import RemoteError
from settop.wire import shop_channel as wire
from sqlalchemy import Engine

from headend.accounts.vault import Vault, shared_secret

KEY_ID = b"shop channel key"
LIFE_MS = 60 * 60 * 1000
"""How long a session may be used."""
_FORM = ">BB8sIQ32s32s"
_TAG = 16


@dataclass(frozen=True)
class Ticket:
    """Of a session. `who`, `its_id`, `number`: as HELLO has them. `shared`: the X25519 secret, zeros without one."""

    suite: int
    who: int
    its_id: bytes
    number: int
    issued_ms: int
    transcript: bytes
    shared: bytes = field(repr=False)

    @property
    def peer(self) -> bytes:
        """By what the database knows the other end."""
        return bytes((self.who,)) + self.its_id


class Tickets:
    """Seals and opens them."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._key = shared_secret(engine, vault, KEY_ID, secrets.token_bytes(64))

    def seal(self, ticket: Ticket) -> bytes:
        """The octets of a ticket."""
        plain = struct.pack(
            _FORM,
            ticket.suite,
            ticket.who,
            ticket.its_id,
            ticket.number,
            ticket.issued_ms,
            ticket.transcript,
            ticket.shared,
        )
        sealed, tag = AES.new(self._key, AES.MODE_SIV).encrypt_and_digest(plain)
        return tag + sealed

    def open(self, octets: bytes, now_ms: int) -> Ticket:
        """The ticket. Raises RemoteError for what is none of this shop's, and for one that is too old."""
        if len(octets) != wire.TICKET_BYTES:
            raise RemoteError(f"a ticket of {len(octets)} octets")
        try:
            plain = AES.new(self._key, AES.MODE_SIV).decrypt_and_verify(octets[_TAG:], octets[:_TAG])
        except ValueError:
            raise RemoteError("a ticket that is not this shop's") from None
        ticket = Ticket(*struct.unpack(_FORM, plain))
        if now_ms - ticket.issued_ms > LIFE_MS:
            raise RemoteError("a ticket that is too old")
        return ticket
