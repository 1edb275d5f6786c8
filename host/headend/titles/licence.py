"""A licence as Clear Key JSON (W3C Encrypted Media Extensions, 9.1.4), the request for one (9.1.3), the message that
gives one back (9.1.5) and its acknowledgement (9.1.6)."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from settop.errors import LocalError, RemoteError

from headend.titles.protection import KEY_BYTES, KID_BYTES

TEMPORARY, PERSISTENT = "temporary", "persistent-license"
TYPES = (TEMPORARY, PERSISTENT)
KEYS_LIMIT = 10_000
LICENCE_LIMIT = 4 << 20


@dataclass(frozen=True, slots=True)
class Licence:
    """Keys by key id, 16 octets each; `type`: one of TYPES. Its repr has no key. Raises LocalError for other
    lengths.
    """

    keys: Mapping[bytes, bytes] = field(repr=False)
    type: str = TEMPORARY

    def __post_init__(self) -> None:
        if not self.keys:
            raise LocalError("a licence has one key at least")
        for kid, key in self.keys.items():
            if len(kid) != KID_BYTES or len(key) != KEY_BYTES:
                raise LocalError(f"keys and key ids of a licence have {KEY_BYTES} bytes, not {len(key)} and {len(kid)}")
        if self.type not in TYPES:
            raise LocalError(f"a licence is {' or '.join(TYPES)}, not {self.type!r}")

    def text(self, session: str = "", end_ms: int | None = None) -> bytes:
        """The JSON, in UTF-8. Secret. A session's id and its end (since 1970) are members of our own: players pass
        them over, pages may read them.
        """
        keys = [{"kty": "oct", "k": _text(key), "kid": _text(kid)} for kid, key in self.keys.items()]
        found: dict[str, Any] = {"keys": keys, "type": self.type}
        if session:
            found["session"] = session
        if end_ms is not None:
            found["end"] = end_ms
        return _written(found)


def request_text(kids: Sequence[bytes], kind: str = TEMPORARY) -> bytes:
    """A request for the keys of these ids, as a player sends it."""
    return _written({"kids": [_text(kid) for kid in kids], "type": kind})


def release_text(kids: Sequence[bytes]) -> bytes:
    """What a player sends that has destroyed a persistent licence, and what acknowledges it: they are alike."""
    return _written({"kids": [_text(kid) for kid in kids]})


def read_licence(data: bytes) -> Licence:
    """A licence from its JSON. Members that are not known are passed over, as 9.1.4 wants it.

    Raises RemoteError for what is none; it never repeats what may be a key.
    """
    found = _object(data, "licence")
    keys: dict[bytes, bytes] = {}
    for entry in _list(found, "keys", "licence"):
        if not isinstance(entry, dict) or entry.get("kty") != "oct":
            raise RemoteError('the licence has an entry that is no symmetric key: each needs "kty":"oct"')
        kid, key = _octets(entry, "kid"), _octets(entry, "k")
        if len(kid) != KID_BYTES or len(key) != KEY_BYTES:
            raise RemoteError(
                f"the licence has a key id of {len(kid)} bytes and a key of {len(key)}: both have {KEY_BYTES}"
            )
        if keys.get(kid, key) != key:
            raise RemoteError(f"the licence has two keys for key id {kid.hex()}")
        keys[kid] = key
    if not keys:
        raise RemoteError("the licence has no keys")
    return Licence(keys, _type(found, "licence"))


def read_request(data: bytes) -> tuple[list[bytes], str]:
    """(key ids, type) of a licence request. Raises RemoteError for what is none."""
    found = _object(data, "request")
    return _kids(found, "request"), _type(found, "request")


def read_message(data: bytes) -> tuple[list[bytes], str | None]:
    """(key ids, type) of a player's message; the type is None for a release, which has none.

    Raises RemoteError for what is neither, and for a record of usage (with firstTime): no licence here keeps one.
    """
    found = _object(data, "message")
    if "firstTime" in found or "latestTime" in found:
        raise RemoteError("the message is a record of usage: only persistent licences are released")
    return _kids(found, "message"), _type(found, "message") if "type" in found else None


def _kids(found: dict[str, Any], what: str) -> list[bytes]:
    """Each once."""
    kids = [_octets({"kid": one}, "kid") for one in _list(found, "kids", what)]
    if not kids or any(len(kid) != KID_BYTES for kid in kids):
        raise RemoteError(f"the {what} has no key ids, or some that are not of {KID_BYTES} bytes")
    return list(dict.fromkeys(kids))


def _written(found: dict[str, Any]) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


def _object(data: bytes, what: str) -> dict[str, Any]:
    if len(data) > LICENCE_LIMIT:
        raise RemoteError(f"the {what} has {len(data)} bytes; up to {LICENCE_LIMIT} are read")
    try:
        found = json.loads(data.decode())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RemoteError(f"the {what} is not a JSON object in UTF-8")
    return found


def _list(found: dict[str, Any], name: str, what: str) -> list[Any]:
    entries = found.get(name)
    if not isinstance(entries, list) or len(entries) > KEYS_LIMIT:
        raise RemoteError(f'the {what} has no list "{name}", or one of more than {KEYS_LIMIT} entries')
    return entries


def _type(found: dict[str, Any], what: str) -> str:
    kind = found.get("type", TEMPORARY)
    if kind not in TYPES:
        raise RemoteError(f'the {what}\'s "type" is not {" or ".join(TYPES)}')
    return str(kind)


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(entry: dict[str, Any], name: str) -> bytes:
    """base64url without padding (RFC 7515, 2)."""
    text = entry.get(name)
    try:
        # b64decode would take + and / beside - and _, and pass over what is in no alphabet.
        if not isinstance(text, str) or not set(text) <= _ALPHABET or len(text) % 4 == 1:
            raise ValueError
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        raise RemoteError(f'"{name}" is not base64url without padding') from None


_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
