"""The head-end's part of provisioning a board: what it says in turn, and what it makes of the answers (no IO)."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from settop.errors import LocalError, RemoteError
from settop.wire import provision as wire
from settop.wire.console import parse, value
from settop.wire.ids import TERMINAL_ID_BYTES

from headend.crypto.x25519 import public_key, x25519_shared
from headend.provisioning.headend_key import HeadendKey
from headend.provisioning.identities import NewTerminal, Random

_NO_SECRET = bytes(wire.PUBLIC_KEY_BYTES)


@dataclass(frozen=True)
class BoardKey:
    """A board's `provision-key`. terminal_id: of the identity that it has, None for none; damaged: it has one that does
    not open. headend: how the head-end's key begins that it trusts, "none" for none."""

    public: bytes
    headend: str
    terminal_id: bytes | None
    damaged: bool = False

    @property
    def has_identity(self) -> bool:
        return self.damaged or self.terminal_id is not None


def read_board_key(text: str) -> BoardKey:
    """Of the TEXT of `provision-key`, or of the whole line as a person pastes it. Raises RemoteError."""
    found = parse(text)
    words = (found[2] if found is not None and found[1] == wire.KEY else text).split()
    words = words[words[:1] == [wire.KEY] :]
    told = " ".join(words[1:])
    headend, terminal = value(told, wire.WORD_HEADEND), value(told, wire.WORD_TERMINAL)
    public = _octets(words[0], wire.PUBLIC_KEY_BYTES) if words else None
    if public is None:
        raise RemoteError("that is no provision-key: expected 64 hex digits and more, as the board shows them")
    identity = None if terminal in (wire.SAID_NONE, wire.SAID_DAMAGED) else _octets(terminal or "", TERMINAL_ID_BYTES)
    if (
        headend is None
        or terminal is None
        or (identity is None and terminal not in (wire.SAID_NONE, wire.SAID_DAMAGED))
    ):
        raise RemoteError("that provision-key is of another version: flash the board anew, or update ringcast")
    return BoardKey(public, headend, identity, terminal == wire.SAID_DAMAGED)


class Exchange:
    """One provisioning: `ask`, `answer` with the board's key, compare the code, then `bring`.

    headend: our static key; None where there is none (the board must trust none, either).
    """

    def __init__(self, headend: HeadendKey | None, random: Random = secrets.token_bytes) -> None:
        self._headend = headend
        self._random = random
        self._private = random(wire.PUBLIC_KEY_BYTES)
        self._public = public_key(self._private)
        self._sealing = b""
        self._proofs = ("", "")
        self.code = ""
        """The short code, when the board's key is known."""

    def ask(self) -> str:
        """The first line for the board's console."""
        return f"{wire.ASK} {hashlib.sha256(wire.COMMIT_LABEL + self._public).hexdigest()}"

    def answer(
        self,
        board: BoardKey,
        old_device_key: Callable[[bytes], bytes | None],
        replace: bool = False,
        instead_of: bytes | None = None,
    ) -> str:
        """The line that shows the board our key and says by what right.

        old_device_key: the one of a terminal that we know, or None. replace: where we do not know it, the board is to
        ask who is there. instead_of: the identity that the board must have. Raises RemoteError for a board that trusts
        another head-end or has another identity than that, and for a useless key; LocalError where the board has an
        identity that is not ours.
        """
        ours = self._headend.public if self._headend is not None else None
        if board.headend not in (wire.SAID_NONE, wire.print_of(ours)):
            raise RemoteError(
                f"this board trusts another head-end's key ({_shown(board.headend)}...), not {wire.print_of(ours)}...: "
                "use that head-end's key, or flash the board with this one's"
            )
        if instead_of is not None and board.terminal_id != instead_of:
            has = board.terminal_id.hex() if board.terminal_id is not None else "none"
            raise RemoteError(
                f"the board says that its identity is {has}, expected {instead_of.hex()}: nothing was sent"
            )
        trusted = self._headend if board.headend != wire.SAID_NONE else None
        old = old_device_key(board.terminal_id) if board.terminal_id is not None else None
        authority = (
            wire.AUTHORITY_OLD
            if old is not None
            else wire.AUTHORITY_CONSENT
            if board.has_identity
            else wire.AUTHORITY_FIRST
        )
        if authority == wire.AUTHORITY_CONSENT and not replace:
            what = board.terminal_id.hex() if board.terminal_id is not None else "that does not open"
            raise LocalError(
                f"this board has an identity ({what}) which the database does not vouch for (unknown, revoked, or "
                "copied): give it another with --replace, and its consent"
            )
        secret = x25519_shared(self._private, board.public)
        secret += trusted.shared(board.public) if trusted is not None else _NO_SECRET
        secret += old if old is not None else _NO_SECRET
        public = trusted.public if trusted is not None else None
        said = wire.transcript(board.public, self._public, public, authority, board.terminal_id)
        secrets_ = HKDF(secret, wire.SECRETS_BYTES, b"", SHA256, context=said)
        assert isinstance(secrets_, bytes)
        self._sealing = secrets_[: wire.SEALING_KEY_BYTES + wire.SEALING_NONCE_BYTES]
        self._proofs = wire.proofs_of(secrets_)
        self.code = wire.code_of(hashlib.sha256(wire.CODE_LABEL + said).digest())
        line: str = wire.pack_open(self._public, authority)
        return line

    def is_code(self, shown: str) -> bool:
        """Whether that is the code, as the board shows it."""
        return hmac.compare_digest(shown.strip().encode(), self.code.encode())

    def has_taken(self, told: str, terminal: NewTerminal) -> bool:
        """Whether the TEXT of `provisioned` is this board's word, and of this terminal."""
        return hmac.compare_digest(told.strip().encode(), f"{terminal.terminal_id.hex()} {self._proofs[0]}".encode())

    def has_refused(self, told: str) -> bool:
        """Whether the TEXT of `provision-refused` is this board's word."""
        return hmac.compare_digest(told.partition(" ")[0].encode(), self._proofs[1].encode())

    def bring(self, terminal: NewTerminal) -> str:
        """The line that brings the identity. Only after the code was compared, and once."""
        if not self._sealing:
            raise LocalError("answer() first, and bring() once: every identity has a key of its own")
        key, nonce = self._sealing[: wire.SEALING_KEY_BYTES], self._sealing[wire.SEALING_KEY_BYTES :]
        self._sealing = b""
        cipher = AES.new(key, AES.MODE_CCM, nonce=nonce, mac_len=wire.SEALING_TAG_BYTES)
        sealed, tag = cipher.encrypt_and_digest(terminal.content(self._random))
        line: str = wire.pack_set(sealed + tag)
        return line


def _octets(word: str, size: int) -> bytes | None:
    try:
        octets = bytes.fromhex(word)
    except ValueError:
        return None
    return octets if len(octets) == size else None


def _shown(text: str) -> str:
    return "".join(c for c in text[:16] if c.isprintable())
