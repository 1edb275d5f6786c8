"""Who gets a title that is not in the clear: who has a token for it, and proves so (`docs/protocols/stream.md`).

Whatever is wrong with what a viewer shows, he gets one answer, and the connection ends.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from settop.errors import RemoteError
from settop.media import key_text
from settop.wire import rtsp
from settop.wire import stream as wire
from settop.wire.http import Head
from settop.wire.rtsp import Refused

from headend.crypto.sealing import PRIMITIVES, wipe
from headend.crypto.x25519 import public_key, x25519_shared
from headend.media.protection import Protection

SCHEME = "Ringcast"
CHALLENGE = [("WWW-Authenticate", f'{SCHEME} realm="titles"'), ("Connection", "close")]
"""Fields of the one answer (RFC 2326 7.1.2: a 401 has to say what would have been wanted)."""
GIVES_WAY_MS = 20_000
"""A session that has said nothing for so long ends where its user comes with another one."""
_MOST_ANSWER = 128


@dataclass(frozen=True)
class Pass:
    """What a good token says. user: whose it is. expires_ms: Unix ms. secret: the token's, 16 octets."""

    user: str
    expires_ms: int
    secret: bytes = field(repr=False)


class Gate(Protocol):
    """Who knows good tokens."""

    def admit(self, title: str, sealed: bytes, user: str, unix_ms: int) -> Pass:
        """Raises RemoteError, with the same work whatever is wrong."""


class Offer:
    """What a description offered: good for one SETUP on the same connection. url: as DESCRIBE had it."""

    def __init__(
        self, title: str, sealed: bytes, url: bytes, suites: tuple[int, ...], random: Callable[[int], bytes]
    ) -> None:
        self.title, self.sealed = title, sealed
        self._url = url
        self._suites = suites
        self._scalar = bytearray(random(32))
        self.octets: bytes = wire.pack_offer(random(wire.NONCE_BYTES), public_key(bytes(self._scalar)), suites)

    def conclude(self, octets: bytes, secret: bytes) -> wire.Keys:
        """The keys that this answer agrees upon. Raises RemoteError for one that proves nothing."""
        suite, public, bare, proof = wire.parse_answer(octets)
        if suite not in self._suites:
            raise RemoteError("a suite that was not offered")
        whole = bytearray(secret + x25519_shared(bytes(self._scalar), public))
        keys = wire.Keys(PRIMITIVES, whole, self.sealed, self._url, self.octets, bare)
        wipe(whole)
        if not keys.proves_viewer(proof):
            keys.wipe()
            raise RemoteError("a proof that is none")
        return keys

    def forget(self) -> None:
        """It is of no use any more."""
        wipe(self._scalar)


class Access:
    """gate None: nobody has a token. random: n octets. epoch_ms: as the server has it."""

    def __init__(self, gate: Gate | None, random: Callable[[int], bytes], epoch_ms: int) -> None:
        self._gate = gate
        self._random = random
        self._epoch_ms = epoch_ms

    def admit(self, head: Head, title: str, now_ms: int) -> tuple[bytes, Pass]:
        """(the token's sealed part, what it says) of who asks for this title. Raises Refused."""
        sealed, user = _shown(head)
        if self._gate is None:
            refuse()
        try:
            return sealed, self._gate.admit(title, sealed, user, self._epoch_ms + now_ms)
        except RemoteError:
            refuse()

    def offer(self, head: Head, title: str, suites: tuple[int, ...], now_ms: int) -> Offer:
        """For the description of this title. Raises Refused."""
        sealed, _ = self.admit(head, title, now_ms)
        return Offer(title, sealed, bytes(head.target), suites, self._random)

    def conclude(self, head: Head, title: str, offer: Offer | None, passed: Pass) -> tuple[Protection, tuple[str, str]]:
        """(what protects the session, the field that proves us) for who was admitted and answers `offer`, which is used
        up. Raises Refused."""
        if offer is None:
            refuse()
        try:
            value = head.get(b"keymgmt")
            octets = None if value is None else key_text.parse_field(value, _MOST_ANSWER)
            if octets is None or offer.title != title or offer.sealed != _shown(head)[0]:
                refuse()
            keys = offer.conclude(octets, passed.secret)
        except RemoteError:
            refuse()
        finally:
            offer.forget()
        proof = bytes(keys.server_proof)
        return Protection(keys), ("KeyMgmt", key_text.pack_field(head.target.decode(), proof))

    def check_still(self, passed: Pass, now_ms: int) -> None:
        """Raises Refused where the token's time is over."""
        if self._epoch_ms + now_ms >= passed.expires_ms:
            refuse()


def refuse() -> NoReturn:
    """The one answer to whatever is wrong."""
    raise Refused("no token that opens this title for this user now", rtsp.UNAUTHORIZED) from None


def _shown(head: Head) -> tuple[bytes, str]:
    """(the token's sealed part, the user) as the viewer shows them, empty where there is none that can be read."""
    try:
        value = head.get(b"authorization") or b""
        user = (head.get(b"from") or b"").decode()
        scheme, _, text = value.partition(b" ")
        if scheme.lower() != SCHEME.lower().encode():
            return b"", user
        return bytes(key_text.parse_sealed(text.strip())), user
    except (RemoteError, UnicodeDecodeError):
        return b"", ""
