"""The shop's sealed channel (system e), THE definition for both ends; `docs/protocols/shop-channel.md` shows it in hex.

Every message is one HTTP body, or one frame of whatever carries it; big-endian, its first octet the type.

    01 HELLO      terminal  version u8, suite u8, who u8, id 8, key number u32, nonce 16 [, X25519 public key 32]
    02 CHALLENGE  shop      version u8, suite u8, nonce 16 [, X25519 public key 32], ticket, proof 16
    03 REFUSED    shop      nothing
    10 REQUEST    terminal  sealed (settop.wire.sealed): counter u32, ciphertext, tag 16; behind it the ticket
    20 REPLY      shop      sealed, of the same counter

The transcript is that of HELLO and of CHALLENGE without ticket and proof. The secret is the communication key of that
number (CLIENT), or the device key (TERMINAL) [+ X25519 shared secret]. NEXT_KEY_BYTES beside the session's keys are the
communication key that both ends have from then on, where REGISTER or RENEW is asked for: no key is ever sent.
"""

import struct

from settop.errors import RemoteError
from settop.wire.sealed import HEADER_BYTES, PROOF_BYTES

VERSION = 1
SUITE_PLAIN = 0
SUITE_X25519 = 1

HELLO = 0x01
CHALLENGE = 0x02
REFUSED = 0x03
REQUEST = 0x10
REPLY = 0x20

CLIENT = 0  # opened with a client's id and communication key
TERMINAL = 1  # with a terminal's id and device key, to be registered; needs SUITE_X25519

LABELS = (b"ringcast shop 1", b"ringcast shop keys")
ID_BYTES = 8
KEY_BYTES = 32
NEXT_KEY_BYTES = 32
NONCE_BYTES = 16
PUBLIC_KEY_BYTES = 32
TICKET_BYTES = 102
TAG_BYTES = 16
MAX_REQUEST_BODY = 512  # octets of what is sealed
MAX_REPLY_BODY = 1024
MAX_MESSAGE = HEADER_BYTES + MAX_REQUEST_BODY + TAG_BYTES + TICKET_BYTES  # of a terminal's
REFUSAL = bytes((REFUSED,))

_HELLO = ">BBBB8sI16s"
_HELLO_BYTES = 32
_CHALLENGE = ">BBB16s"
_CHALLENGE_BYTES = 19


def pack_hello(suite, who, its_id, number, nonce, public_key=b""):
    """HELLO as sent. who: CLIENT or TERMINAL; its_id 8 octets; number u32: which of its keys, 0 for a device key."""
    return struct.pack(_HELLO, HELLO, VERSION, suite, who, its_id, number, nonce) + public_key


def unpack_hello(message):
    """(suite, who, id, key number, nonce, public key or b""). Raises RemoteError."""
    if len(message) < _HELLO_BYTES:
        raise RemoteError("HELLO of %d bytes" % len(message))
    kind, version, suite, who, its_id, number, nonce = struct.unpack(_HELLO, message[:_HELLO_BYTES])
    public = message[_HELLO_BYTES:]
    if kind != HELLO or version != VERSION or suite > SUITE_X25519 or who > TERMINAL or (who and suite != SUITE_X25519):
        raise RemoteError("HELLO of version %d, suite %d, for %d is not supported" % (version, suite, who))
    if len(public) != (PUBLIC_KEY_BYTES if suite else 0):
        raise RemoteError("HELLO of %d bytes" % len(message))
    return suite, who, bytes(its_id), number, bytes(nonce), bytes(public)


def pack_challenge(suite, nonce, public_key=b""):
    """CHALLENGE without ticket and proof, which are appended to it: what the transcript covers."""
    return struct.pack(_CHALLENGE, CHALLENGE, VERSION, suite, nonce) + public_key


def unpack_challenge(message, suite):
    """(what the transcript covers, public key or b"", ticket, proof), of this suite. Raises RemoteError."""
    covered = _CHALLENGE_BYTES + (PUBLIC_KEY_BYTES if suite else 0)
    if len(message) != covered + TICKET_BYTES + PROOF_BYTES:
        raise RemoteError("CHALLENGE of %d bytes" % len(message))
    if message[0] != CHALLENGE or message[1] != VERSION or message[2] != suite:
        raise RemoteError("CHALLENGE of version %d, suite %d is not supported" % (message[1], message[2]))
    ticket_end = covered + TICKET_BYTES
    return (
        bytes(message[:covered]),
        bytes(message[_CHALLENGE_BYTES:covered]),
        bytes(message[covered:ticket_end]),
        bytes(message[ticket_end:]),
    )


def split_request(message):
    """(sealed message, ticket) of a REQUEST. Raises RemoteError for a size that none has."""
    if not HEADER_BYTES + TAG_BYTES + TICKET_BYTES < len(message) <= MAX_MESSAGE or message[0] != REQUEST:
        raise RemoteError("REQUEST of %d bytes" % len(message))
    return message[:-TICKET_BYTES], message[-TICKET_BYTES:]
