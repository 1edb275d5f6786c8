"""Signed modules at the head-end: made, read, judged. The format is settop.wire.update's."""

import hashlib
from dataclasses import dataclass

from settop.errors import LocalError, RemoteError
from settop.wire.update import (
    CODEC,
    HEAD_BYTES,
    LABEL,
    MAX_MODULE_BYTES,
    SERVICE,
    SIGNATURE_BYTES,
    SOURCE,
    Head,
    pack_head,
    unpack_head,
)

from headend.updates.signing_key import SigningKey, verify

FRONT_BYTES = HEAD_BYTES + SIGNATURE_BYTES
MAX_BYTES = FRONT_BYTES + MAX_MODULE_BYTES
_MPY_MAGIC = ord("M")


@dataclass(frozen=True, slots=True)
class SignedModule:
    """A module and what it says of itself. `kind` 1: a codec unit, 2: a service; `mpy`: three octets of the .mpy's own
    head, or zeros for Python source; `version` 1 to 2^32 - 1."""

    kind: int
    name: str
    codec: str
    board: str
    version: int
    mpy: bytes
    module: bytes
    signature: bytes

    @property
    def head(self) -> bytes:
        """What is signed, without the label. LocalError: no terminal takes such a module."""
        digest = hashlib.sha256(self.module).digest()
        head = Head(self.kind, self.name, self.codec, self.board, self.version, self.mpy, len(self.module), digest)
        return bytes(pack_head(head))

    def octets(self) -> bytes:
        """As it travels."""
        return self.head + self.signature + self.module

    def judge(self, signer: bytes) -> None:
        """RemoteError: the signature is not that of this public key. LocalError: that is none."""
        verify(signer, self.signature, LABEL + self.head)


def mpy_of(module: bytes) -> bytes:
    """The octets that say which boards load a .mpy; zeros for Python source."""
    if module[:1] == b"M" and len(module) >= 4 and module[1] < ord(" "):
        return module[1:4]
    return bytes(SOURCE)


def sign(key: SigningKey, name: str, version: int, module: bytes, codec: str = "", board: str = "") -> SignedModule:
    """A codec unit where `codec` is named, else a service. LocalError: no terminal takes such a module."""
    mpy = mpy_of(module)
    if mpy == SOURCE:
        try:
            compile(module.decode("utf-8"), name, "exec", dont_inherit=True)
        except (UnicodeDecodeError, SyntaxError, ValueError) as error:
            raise LocalError(f"the module is neither a .mpy nor Python: {error}") from None
    kind = CODEC if codec else SERVICE
    bare = SignedModule(kind, name, codec, board, version, mpy, module, b"")
    made = SignedModule(kind, name, codec, board, version, mpy, module, key.sign(LABEL + bare.head))
    made.judge(key.public)
    return made


def read(data: bytes) -> SignedModule:
    """A signed module from its octets; its signature is not judged.

    RemoteError: it is cut short, goes on behind its end, its digest is not that of the module, or it is none at all.
    """
    if len(data) < FRONT_BYTES:
        raise RemoteError(f"cut short: {len(data)} bytes, where the head of a signed module alone has {FRONT_BYTES}")
    try:
        head = unpack_head(data[:HEAD_BYTES])
    except RemoteError:
        raise RemoteError("no signed module of ringcast, or one of a newer format") from None
    module = data[FRONT_BYTES:]
    if len(module) != head.length:
        raise RemoteError(f"a module of {head.length} bytes, of which {len(module)} are there")
    if hashlib.sha256(module).digest() != head.digest:
        raise RemoteError("altered: the SHA-256 of the module is not the one that is signed")
    if head.mpy != mpy_of(module):
        raise RemoteError("the module is not of the kind that its head says")
    signature = data[HEAD_BYTES:FRONT_BYTES]
    return SignedModule(head.kind, head.name, head.codec, head.board, head.version, head.mpy, module, signature)
