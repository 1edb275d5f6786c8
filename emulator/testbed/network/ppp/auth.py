"""Who is at the other end: PAP (RFC 1334) and CHAP with MD5 (RFC 1994), both sides of each, without IO.

One object is one side of one negotiation. A name that is not known costs the same work as a wrong password, and gets
the same answer.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

PAP, CHAP = 0xC023, 0xC223
PROTOCOLS = {"pap": PAP, "chap": CHAP}
REPEAT_NS = 3_000_000_000
TRIES = 5
CHALLENGE_BYTES = 16

_REQUEST, _ACK, _NAK = 1, 2, 3
_CHALLENGE, _RESPONSE, _SUCCESS, _FAILURE = 1, 2, 3, 4
_HEADER = struct.Struct(">BBH")
_NOBODY = b"a password of nobody"


@dataclass(frozen=True)
class Credentials:
    """Who we say that we are. At most 255 octets each."""

    name: bytes
    secret: bytes = field(repr=False)


Accounts = Callable[[bytes], bytes | None]
"""The secret of a name, or None if there is no such name. An empty one is none."""


class Side(Protocol):
    """`verdict`: None while nothing is decided, True, or False. `name`: who the other end has proven to be."""

    verdict: bool | None
    name: bytes

    def start(self, now_ns: int) -> None: ...
    def receive(self, code: int, identifier: int, data: bytes, now_ns: int) -> None: ...
    def advance(self, now_ns: int) -> None: ...
    def due_ns(self) -> int | None: ...


class _Repeating:
    """What both sides that speak first have: the same packet again, a few times, until there is a verdict."""

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self.verdict: bool | None = None
        self.name = b""
        self._emit = emit
        self._identifier = 1
        self._tries = 0
        self._due_ns: int | None = None

    def start(self, now_ns: int) -> None:
        self._tries = TRIES
        self._say(now_ns)

    def advance(self, now_ns: int) -> None:
        if self._due_ns is not None and now_ns >= self._due_ns:
            self._tries -= 1
            if self._tries:
                self._say(now_ns)
            else:
                self._decide(False)

    def due_ns(self) -> int | None:
        return self._due_ns

    def _say(self, now_ns: int) -> None:
        self._due_ns = now_ns + REPEAT_NS
        self._put()

    def _put(self) -> None:
        raise NotImplementedError

    def _decide(self, verdict: bool) -> None:
        self.verdict = verdict
        self._due_ns = None


class _Patient:
    """What both sides that are spoken to have: an end to waiting."""

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self.verdict: bool | None = None
        self.name = b""
        self._emit = emit
        self._due_ns: int | None = None

    def start(self, now_ns: int) -> None:
        self._due_ns = now_ns + TRIES * REPEAT_NS

    def advance(self, now_ns: int) -> None:
        if self._due_ns is not None and now_ns >= self._due_ns:
            self._decide(False)

    def due_ns(self) -> int | None:
        return self._due_ns

    def _decide(self, verdict: bool) -> None:
        self.verdict = verdict
        self._due_ns = None


class PapClient(_Repeating):
    """Says name and password, in the clear as PAP does, until it is answered."""

    def __init__(self, credentials: Credentials, emit: Callable[[bytes], None]) -> None:
        super().__init__(emit)
        self._credentials = credentials

    def _put(self) -> None:
        who = self._credentials
        _packet(self._emit, _REQUEST, self._identifier, _counted(who.name) + _counted(who.secret))

    def receive(self, code: int, identifier: int, data: bytes, now_ns: int) -> None:
        if identifier == self._identifier and code in (_ACK, _NAK) and self.verdict is None:
            self._decide(code == _ACK)


class PapServer(_Patient):
    """Waits for name and password; `name` is who it was."""

    def __init__(self, accounts: Accounts, emit: Callable[[bytes], None]) -> None:
        super().__init__(emit)
        self._accounts = accounts

    def receive(self, code: int, identifier: int, data: bytes, now_ns: int) -> None:
        if code != _REQUEST:
            return
        if self.verdict is None:
            name, rest = _uncounted(data)
            secret, _ = _uncounted(rest)
            known = self._accounts(name) or None
            right = hmac.compare_digest(_digest(known), _digest(secret)) and known is not None
            self.name = name if right else b""
            self._decide(right)
        # A repeated question is one whose answer was lost.
        _packet(self._emit, _ACK if self.verdict else _NAK, identifier, b"\0")


class ChapClient(_Patient):
    """Answers challenges, also those that come later."""

    def __init__(self, credentials: Credentials, emit: Callable[[bytes], None]) -> None:
        super().__init__(emit)
        self._credentials = credentials
        self._answered = -1

    def receive(self, code: int, identifier: int, data: bytes, now_ns: int) -> None:
        if code == _CHALLENGE:
            challenge, _ = _uncounted(data)
            if challenge:
                self._answered = identifier
                value = chap_value(identifier, self._credentials.secret, challenge)
                _packet(self._emit, _RESPONSE, identifier, _counted(value) + self._credentials.name)
        elif code in (_SUCCESS, _FAILURE) and identifier == self._answered:
            self._decide(code == _SUCCESS)


class ChapServer(_Repeating):
    """Challenges, and looks at the response; `name` is who it was."""

    def __init__(self, accounts: Accounts, emit: Callable[[bytes], None], ours: bytes, challenge: bytes) -> None:
        super().__init__(emit)
        self._accounts = accounts
        self._ours = ours
        self._challenge = challenge

    def _put(self) -> None:
        _packet(self._emit, _CHALLENGE, self._identifier, _counted(self._challenge) + self._ours)

    def receive(self, code: int, identifier: int, data: bytes, now_ns: int) -> None:
        if code != _RESPONSE or identifier != self._identifier:
            return
        if self.verdict is None:
            value, name = _uncounted(data)
            known = self._accounts(name) or None
            wanted = chap_value(identifier, known if known is not None else _NOBODY, self._challenge)
            right = hmac.compare_digest(value, wanted) and known is not None
            self.name = name if right else b""
            self._decide(right)
        _packet(self._emit, _SUCCESS if self.verdict else _FAILURE, identifier, b"")


def chap_value(identifier: int, secret: bytes, challenge: bytes) -> bytes:
    """The response of RFC 1994, 4.1."""
    return hashlib.md5(bytes((identifier,)) + secret + challenge, usedforsecurity=False).digest()


def unpack(packet: bytes) -> tuple[int, int, bytes] | None:
    """(code, identifier, data), or None for what is no packet of either protocol."""
    if len(packet) < _HEADER.size:
        return None
    code, identifier, length = _HEADER.unpack_from(packet)
    if not _HEADER.size <= length <= len(packet):
        return None
    return code, identifier, packet[_HEADER.size : length]


def _packet(emit: Callable[[bytes], None], code: int, identifier: int, data: bytes) -> None:
    emit(_HEADER.pack(code, identifier, _HEADER.size + len(data)) + data)


def _counted(value: bytes) -> bytes:
    return bytes((len(value),)) + value


def _uncounted(data: bytes) -> tuple[bytes, bytes]:
    """(the value, what follows). A length that lies gives an empty value, which is right nowhere."""
    size = data[0] if data else 0
    if 1 + size > len(data):
        return b"", b""
    return data[1 : 1 + size], data[1 + size :]


def _digest(secret: bytes | None) -> bytes:
    """One length for all, so that comparing takes as long for each."""
    return hashlib.sha256(_NOBODY if secret is None else secret).digest()
