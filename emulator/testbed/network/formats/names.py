"""The name service's side of the domain name system (RFC 1035): what is asked, and what is answered.

Names are as on the wire, in small letters. How they are read and packed, and the rest of a message, is defined where
the terminal has it: settop.wire.dns.
"""

import struct
from dataclasses import dataclass

from settop.errors import RemoteError
from settop.wire import dns

AAAA = 28
FORMAT_ERROR, SERVER_FAILURE, NOT_IMPLEMENTED, REFUSED = 1, 2, 4, 5
"""Codes beside NO_ERROR and NAME_ERROR (4.1.1)."""

_AVAILABLE, _AUTHORITATIVE = 0x0080, 0x0400
_OPCODE_SHIFT = 11
_HEADER = struct.Struct(">HHHHHH")
_POINTER = 0xC000


@dataclass(frozen=True, slots=True)
class Question:
    """One question. operation: the OPCODE, 0 for a standard one. name: as on the wire."""

    identifier: int
    name: bytes
    kind: int = dns.TYPE_A
    kind_class: int = dns.CLASS_IN
    operation: int = 0
    recursion: bool = True

    @property
    def text(self) -> str:
        """The name without a point at its end; what is no ASCII is replaced."""
        labels, at = [], 0
        while size := self.name[at]:
            labels.append(self.name[at + 1 : at + 1 + size].decode("ascii", "replace"))
            at += 1 + size
        return ".".join(labels)


def unpack_question(data: bytes) -> Question:
    """RemoteError: an answer, not just one question, or no name. What follows the question (EDNS) is left."""
    if len(data) < _HEADER.size:
        raise RemoteError("question without a header")
    identifier, flags, questions, *_ = _HEADER.unpack_from(data)
    if flags & dns.ANSWER:
        raise RemoteError("question that is an answer")
    if questions != 1:
        raise RemoteError("not one question")
    name, at = dns.read_name(data, _HEADER.size)
    if at + 4 > len(data):
        raise RemoteError("question that is cut off")
    kind, kind_class = struct.unpack_from(">HH", data, at)
    return Question(identifier, name, kind, kind_class, (flags & dns.OPCODE) >> _OPCODE_SHIFT, bool(flags & dns.ASK))


def pack_answer(question: Question, code: int, addresses: tuple[bytes, ...] = (), seconds: int = 0) -> bytes:
    """The answer of a server that has the last word, with as many addresses as fit; more of them set TC."""
    asked = question.name + struct.pack(">HH", question.kind, question.kind_class)
    room = (dns.MAX_MESSAGE_BYTES - _HEADER.size - len(asked)) // 16
    flags = dns.ANSWER | _AUTHORITATIVE | _AVAILABLE | question.operation << _OPCODE_SHIFT | code
    flags |= (dns.ASK if question.recursion else 0) | (dns.TRUNCATED if len(addresses) > room else 0)
    given = addresses[:room]
    out = _HEADER.pack(question.identifier, flags, 1, len(given), 0, 0) + asked
    for address in given:
        out += struct.pack(">HHHIH", _POINTER | _HEADER.size, dns.TYPE_A, dns.CLASS_IN, seconds, 4) + address
    return out


def pack_refusal(data: bytes, code: int) -> bytes:
    """The answer to what is no question: its identifier, and the code. RemoteError: not even that can be read."""
    if len(data) < _HEADER.size or data[2] & 0x80:
        raise RemoteError("question without a header")
    return _HEADER.pack(int.from_bytes(data[:2], "big"), dns.ANSWER | code, 0, 0, 0, 0)
