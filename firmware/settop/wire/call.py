"""Messages of a call (system a), THE definition for both ends; `docs/protocols/call.md` shows them in hex.

Every message is the payload of one HDLC frame (settop.link.hdlc), big-endian, its first octet the type.

    01 HELLO      terminal  version u8, suite u8, terminal_id 8, nonce 16 [, X25519 public key 32]
    02 CHALLENGE  centre    version u8, suite u8, call_id u32, nonce 16 [, X25519 public key 32], proof 16
    then sealed ones: type u8, counter u32, AES-CCM ciphertext, tag 8; the first five octets are the AAD
    10 REQUEST    terminal  programme_id u32, broadcast_id 8, token 8 [, max_price u32]
    11 ACK        terminal  portion u32, or NO_PORTION: the token of TOKEN is stored
    12 NAK        terminal  portion u32: the earliest one still wanted
    13 GOODBYE    terminal  last_kept u32
    14 DARK       terminal  first u32, last u32: portions that were paid for and not clear; cause u8 (settop.wire.dark)
    20 KEY        centre    programme_id u32, broadcast_id 8, portion u32, control word 16
    21 DENY       centre    reason u8
    22 FAREWELL   centre    reason u8, portions charged u32
    23 TOKEN      centre    token 8: what the terminal shows in its next call

Key schedule, proof and sealed messages are those of settop.wire.sealed, with LABELS, between HELLO and CHALLENGE; the
secret is the device key [+ X25519 shared secret].
"""

import struct

from settop.errors import RemoteError
from settop.wire.sealed import HEADER_BYTES, PROOF_BYTES

VERSION = 1
SUITE_PLAIN = 0  # the device key alone
SUITE_X25519 = 1  # with an ephemeral exchange mixed in: forward secrecy

HELLO = 0x01
CHALLENGE = 0x02
REQUEST = 0x10
ACK = 0x11
NAK = 0x12
GOODBYE = 0x13
DARK = 0x14
KEY = 0x20
DENY = 0x21
FAREWELL = 0x22
TOKEN = 0x23

NAMES = {
    HELLO: "HELLO",
    CHALLENGE: "CHALLENGE",
    REQUEST: "REQUEST",
    ACK: "ACK",
    NAK: "NAK",
    GOODBYE: "GOODBYE",
    DARK: "DARK",
    KEY: "KEY",
    DENY: "DENY",
    FAREWELL: "FAREWELL",
    TOKEN: "TOKEN",
}

NONCE_BYTES = 16
PUBLIC_KEY_BYTES = 32
TAG_BYTES = 8
TOKEN_BYTES = 8
NO_TOKEN = bytes(TOKEN_BYTES)  # of a terminal that has never had one

LABELS = (b"ringcast call 1", b"ringcast call keys")

DENY_NO_PROGRAMME = 1
DENY_NOT_ON_AIR = 2
DENY_NO_CREDIT = 3
DENY_TOO_DEAR = 4
DENY_CLONE = 5
DENY_WITHDRAWN = 6
DENY_TOO_OFTEN = 7
# By reason. Tuples of literals stay in a frozen image's flash, a dictionary lies on the heap.
DENY_TEXT = (
    "",
    "the subscription does not cover this programme",
    "the programme is not on air",
    "no credit left",
    "a portion costs more than the viewer accepts",
    "a copy of this terminal is in use",
    "this identity is withdrawn: provision again",
    "the key of this portion was fetched too often",
)

FAREWELL_GOODBYE = 0
FAREWELL_PROGRAMME_OVER = 1
FAREWELL_TERMINAL_SILENT = 2
FAREWELL_SUPERSEDED = 3
FAREWELL_DARK = 4
FAREWELL_TEXT = (
    "goodbye",
    "the programme is over",
    "the terminal has fallen silent",
    "superseded by another call",
    "what was paid for stayed dark",
)

_HELLO = ">BBB8s16s"
_CHALLENGE = ">BBBI16s"
_REQUEST = ">I8s8s"
_REQUEST_BYTES = 20
# (kind, the sizes that its body may have)
_SEALED_SIZES = (
    (0x10, (20, 24)),
    (0x11, (4,)),
    (0x12, (4,)),
    (0x13, (4,)),
    (0x14, (9,)),
    (0x20, (32,)),
    (0x21, (1,)),
    (0x22, (5,)),
    (0x23, (8,)),
)


def _check(message, expected, kind, version, suite):
    if len(message) != expected:
        raise RemoteError("%s of %d bytes, expected %d" % (kind, len(message), expected))
    if version != VERSION or suite not in (SUITE_PLAIN, SUITE_X25519):
        raise RemoteError("%s of version %d, suite %d is not supported" % (kind, version, suite))


def pack_hello(suite, terminal_id, nonce, public_key=b""):
    """HELLO as sent: terminal_id 8 bytes, nonce 16, public_key 32 with SUITE_X25519, else empty."""
    return struct.pack(_HELLO, HELLO, VERSION, suite, terminal_id, nonce) + public_key


def unpack_hello(message):
    """(suite, terminal_id, nonce, public_key or b""). Raises RemoteError."""
    size = struct.calcsize(_HELLO)
    if len(message) < size:
        raise RemoteError("HELLO of %d bytes, expected %d or more" % (len(message), size))
    _, version, suite, terminal_id, nonce = struct.unpack(_HELLO, message[:size])
    _check(message, size + (PUBLIC_KEY_BYTES if suite == SUITE_X25519 else 0), "HELLO", version, suite)
    return suite, bytes(terminal_id), bytes(nonce), bytes(message[size:])


def pack_challenge(suite, call_id, nonce, public_key=b""):
    """CHALLENGE without its proof: what the transcript covers. The proof (16 bytes) is appended to it."""
    return struct.pack(_CHALLENGE, CHALLENGE, VERSION, suite, call_id, nonce) + public_key


def unpack_challenge(message):
    """(suite, call_id, nonce, public_key or b"", proof). Raises RemoteError."""
    size = struct.calcsize(_CHALLENGE)
    if len(message) < size + PROOF_BYTES:
        raise RemoteError("CHALLENGE of %d bytes, expected %d or more" % (len(message), size + PROOF_BYTES))
    _, version, suite, call_id, nonce = struct.unpack(_CHALLENGE, message[:size])
    public = PUBLIC_KEY_BYTES if suite == SUITE_X25519 else 0
    _check(message, size + public + PROOF_BYTES, "CHALLENGE", version, suite)
    return suite, call_id, bytes(nonce), bytes(message[size : size + public]), bytes(message[size + public :])


def text_of(texts, reason, other):
    """What DENY_TEXT or FAREWELL_TEXT has for this reason u8; `other`, with the number in it, for an unknown one."""
    return (texts[reason] if reason < len(texts) else "") or other % reason


def check_sealed(message):
    """The kind of a sealed message. Raises RemoteError for a kind or size that no sealed message has."""
    kind = message[0] if message else 0
    for its_kind, sizes in _SEALED_SIZES:
        if its_kind == kind:
            break
    else:
        raise RemoteError("unknown message type 0x%02x" % kind)
    if len(message) - HEADER_BYTES - TAG_BYTES not in sizes:
        expected = " or ".join([str(HEADER_BYTES + size + TAG_BYTES) for size in sizes])
        raise RemoteError("%s of %d bytes, expected %s" % (NAMES[kind], len(message), expected))
    return kind


def pack_request(programme_id, broadcast_id, token=NO_TOKEN, max_price=None):
    """Body of REQUEST: programme_id u32, broadcast_id and token 8 bytes. `max_price` u32: the most that a portion may
    cost, in minor units; None takes no octets and sets no limit."""
    body = struct.pack(_REQUEST, programme_id, broadcast_id, token)
    return body if max_price is None else body + struct.pack(">I", max_price)


def unpack_request(body):
    """(programme_id, broadcast_id, token, max_price or None)."""
    programme_id, broadcast_id, token = struct.unpack(_REQUEST, body[:_REQUEST_BYTES])
    limit = struct.unpack(">I", body[_REQUEST_BYTES:])[0] if len(body) > _REQUEST_BYTES else None
    return programme_id, bytes(broadcast_id), bytes(token), limit


def pack_dark(first, last, cause):
    """Body of DARK: portions u32, cause u8 (settop.wire.dark)."""
    return struct.pack(">IIB", first, last, cause)


def unpack_dark(body):
    """(first portion that stayed dark, last one, cause)."""
    return struct.unpack(">IIB", body)


def pack_portion(portion):
    """Body of ACK, NAK and GOODBYE: u32."""
    return struct.pack(">I", portion)


def unpack_portion(body):
    """The portion of ACK, NAK or GOODBYE; like every body here, its size was checked by check_sealed."""
    return struct.unpack(">I", body)[0]


def pack_key(programme_id, broadcast_id, portion, control_word):
    """Body of KEY: broadcast_id 8 bytes, control_word 16, the others u32."""
    return struct.pack(">I8sI16s", programme_id, broadcast_id, portion, control_word)


def unpack_key(body):
    """(programme_id, broadcast_id, portion, control word as a bytearray, so that it can be wiped)."""
    programme_id, broadcast_id, portion = struct.unpack(">I8sI", memoryview(body)[:16])
    # Through a view: a slice of a bytearray would leave a copy of the key on a board's heap.
    return programme_id, bytes(broadcast_id), portion, bytearray(memoryview(body)[16:])


def pack_farewell(reason, charged):
    """Body of FAREWELL: reason u8, charged u32."""
    return struct.pack(">BI", reason, charged)


def unpack_farewell(body):
    """(reason, portions charged)."""
    return struct.unpack(">BI", body)
