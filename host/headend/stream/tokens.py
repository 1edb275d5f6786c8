"""Tokens: what one says is known to those who share the key; to everybody else it is so many octets.

    sealed part = AES-SIV (RFC 5297): tag 16, then of 40 octets: expiry Unix ms 8, number 8, title 16, user 8
    secret      = HMAC-SHA256(key, "ringcast stream token", sealed part), its first 16 octets

Title and user are digests of their names, so that every token has one length.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field

from Crypto.Cipher import AES
from settop.errors import LocalError, RemoteError
from settop.media import key_text
from settop.wire import stream as wire

KEY_BYTES = 96
_SIV_BYTES = 64
_TAG = 16
_FORM = ">Q8s16s8s"
_LABEL = b"ringcast stream token"
REFUSED = "a token that does not open this title for this user now"


@dataclass(frozen=True)
class Grant:
    """What a good token says. number: which it is, 8 octets. expires_ms: Unix ms. secret: 16 octets."""

    number: bytes
    expires_ms: int
    secret: bytes = field(repr=False)


class Tokens:
    """key: KEY_BYTES of it, which every server of the same titles has. Raises LocalError for another length."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise LocalError(f"a token key of {len(key)} octets; expected {KEY_BYTES}")
        self._siv, self._mac = key[:_SIV_BYTES], key[_SIV_BYTES:]

    def issue(self, title: str, user: str, expires_ms: int, number: bytes) -> str:
        """The text of a token. number: 8 random octets, by which it is known."""
        plain = struct.pack(_FORM, expires_ms, number, _digest(title, 16), _digest(user, 8))
        sealed, tag = AES.new(self._siv, AES.MODE_SIV).encrypt_and_digest(plain)
        text: str = key_text.pack_token(tag + sealed, self._secret(tag + sealed))
        return text

    def check(self, sealed: bytes, title: str, user: str, now_ms: int) -> Grant:
        """What a sealed part grants. Raises RemoteError, with one text and after the same work, for whatever is wrong
        with it."""
        whole = len(sealed) == wire.SEALED_BYTES
        sealed = sealed if whole else bytes(wire.SEALED_BYTES)
        try:
            plain = AES.new(self._siv, AES.MODE_SIV).decrypt_and_verify(sealed[_TAG:], sealed[:_TAG])
        except ValueError:
            whole, plain = False, bytes(wire.SEALED_BYTES - _TAG)
        expires_ms, number, of_title, of_user = struct.unpack(_FORM, plain)
        good = hmac.compare_digest(of_title, _digest(title, 16))
        good &= hmac.compare_digest(of_user, _digest(user, 8))
        good &= now_ms < expires_ms
        secret = self._secret(sealed)
        if not (whole and good):
            raise RemoteError(REFUSED)
        return Grant(number, expires_ms, secret)

    def _secret(self, sealed: bytes) -> bytes:
        return hmac.digest(self._mac, _LABEL + sealed, "sha256")[: wire.SECRET_BYTES]


def _digest(name: str, count: int) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:count]
