"""What a terminal and a portable player say to each other over the dock (docs/protocols/dock.md). Big-endian, each
message in a frame of its own (settop.link.hdlc):

    terminal     kind u8, then                      player       kind u8, then
    HELLO        version u8, id 8, nonce 16         I_AM         version u8, id 8, nonce 16
    PROOF        proof 16                           PROVEN       proof 16
    ASK          counter u32, sealed                ANSWER       counter u32, sealed
    PIECE        place u32, 1 to 128 octets         WANTED       place u32
    WAIT         nothing                            WORKING      nothing
    NO           reason u8                          NO           reason u8

    the pair's key   HKDF-SHA256(IKM = player's device key, no salt, info = pair_info(player, terminal)), PAIR_BYTES
    a contact's keys HKDF-SHA256(IKM = the pair's key, salt = terminal's nonce || player's nonce,
                     info = contact_info(terminal, player)), KEYS_BYTES, see split_keys
    a copy's keys    HKDF-SHA256(IKM = the pair's key, salt = SHA-256 of the title, info = copy_info(way)), COPY_BYTES
    sealed           AES-128-CCM(key of the direction, nonce = counter || 9 zeros, aad = kind || counter, tag 8)
"""

import struct

from settop.errors import LocalError, RemoteError
from settop.wire.ids import TERMINAL_ID_BYTES

VERSION = 1
HELLO, PROOF, ASK, PIECE, WAIT, NO = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
I_AM, PROVEN, ANSWER, WANTED, WORKING, NO_TOO = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86
NONCE_BYTES = 16
PROOF_BYTES = 16
PAIR_BYTES = 16
KEYS_BYTES = 64
TAG_BYTES = 8
SEALED_HEADER_BYTES = 5
BODY_BYTES = 140
"""The most that is sealed at a time: what a frame has room for."""
PIECE_BYTES = 128

# Reasons of NO: a hint for people, which nobody has proved.
UNKNOWN, LEFT, EMPTY, OLD = 1, 2, 3, 4
REASONS = {
    UNKNOWN: "it is not of this household",
    LEFT: "it has left this household",
    EMPTY: "it has no identity, or one that does not open",
    OLD: "it speaks another version of the dock's language",
}

# What the terminal asks; the first octet of what is sealed.
OPEN, PUT, END, LIST, REMOVE, PING = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15
# What the player answers; the same.
OK, FULL, WRONG, NONE, FLASH, CANNOT, HAVE = 0, 1, 2, 3, 4, 5, 6
STATUS = {
    FULL: "there is no room for it on the player",
    WRONG: "it did not come as it was sent",
    NONE: "the player has no such copy",
    FLASH: "the player's flash refuses",
    CANNOT: "the player does not play that",
    HAVE: "the player has it already",
}

AS_BOUGHT, OWN_KEY, TENTH = 1, 2, 3
WAYS = ("", "bought", "own", "tenth")
MEMBER, GONE = 1, 0
COPY_ID_BYTES = 8
DIGEST_BYTES = 32
HOUSEHOLD_BYTES = 8
KEY_BYTES = 16
COPY_BYTES = COPY_ID_BYTES + KEY_BYTES
NAME_CHARS = 24
CODECS_CHARS = 120

_LABEL = b"ringcast dock 1 "


def pair_info(player_id, terminal_id):
    """What a pair's key is for."""
    return _LABEL + b"pair" + bytes(player_id) + bytes(terminal_id)


def contact_info(terminal_id, player_id):
    """What the keys of one contact are for."""
    return _LABEL + b"contact" + bytes(terminal_id) + bytes(player_id)


def copy_info(way):
    """What a copy's id and key are for."""
    return _LABEL + b"copy" + bytes((way,))


def sample_info(kid):
    """What a key of a re-encrypted copy is for: samples that were under the key of that id."""
    return _LABEL + b"samples" + bytes(kid)


def split_keys(keys):
    """(terminal's proof, player's proof, key to the player, key to the terminal), 16 octets each, in bytearrays."""
    if len(keys) != KEYS_BYTES:
        raise LocalError("keys of a contact have %d bytes, not %d" % (KEYS_BYTES, len(keys)))
    return keys[:16], keys[16:32], keys[32:48], keys[48:]


# --- before the proofs ------------------------------------------------------------------------------------------------


def pack_greeting(kind, own_id, nonce):
    """HELLO or I_AM."""
    if len(own_id) != TERMINAL_ID_BYTES or len(nonce) != NONCE_BYTES:
        raise LocalError("an id has %d bytes and a nonce %d" % (TERMINAL_ID_BYTES, NONCE_BYTES))
    return bytes((kind, VERSION)) + bytes(own_id) + bytes(nonce)


def unpack_greeting(message):
    """(version, id, nonce); of another version the first alone. RemoteError: it is none."""
    if len(message) < 2:
        raise RemoteError("a greeting of %d octets" % len(message))
    if message[1] != VERSION:
        return message[1], b"", b""
    if len(message) != 2 + TERMINAL_ID_BYTES + NONCE_BYTES:
        raise RemoteError("a greeting of %d octets" % len(message))
    return VERSION, bytes(message[2:10]), bytes(message[10:])


def pack_proof(kind, proof):
    """PROOF or PROVEN."""
    return bytes((kind,)) + bytes(proof)


def unpack_proof(message):
    if len(message) != 1 + PROOF_BYTES:
        raise RemoteError("a proof of %d octets" % len(message))
    return bytes(message[1:])


def pack_no(kind, reason):
    """NO, of either end."""
    return bytes((kind, reason))


def unpack_no(message):
    """Why, in words."""
    if len(message) != 2:
        raise RemoteError("a refusal of %d octets" % len(message))
    return REASONS.get(message[1], "for reason %d" % message[1])


# --- sealed, and pieces -----------------------------------------------------------------------------------------------


def sealed_header(kind, counter):
    return struct.pack(">BI", kind, counter)


def sealed_nonce(counter):
    return struct.pack(">I", counter) + bytes(9)


def split_sealed(message):
    """(counter, what is sealed). RemoteError: too short for either."""
    if len(message) <= SEALED_HEADER_BYTES + TAG_BYTES:
        raise RemoteError("a sealed message of %d octets" % len(message))
    return struct.unpack(">I", message[1:5])[0], message[SEALED_HEADER_BYTES:]


def pack_piece(place, octets):
    return struct.pack(">BI", PIECE, place) + bytes(octets)


def unpack_piece(message):
    """(place, octets)"""
    if not 5 < len(message) <= 5 + PIECE_BYTES:
        raise RemoteError("a piece of %d octets" % (len(message) - 5))
    return struct.unpack(">I", message[1:5])[0], message[5:]


def pack_wanted(place):
    return struct.pack(">BI", WANTED, place)


def unpack_wanted(message):
    if len(message) != 5:
        raise RemoteError("WANTED of %d octets" % len(message))
    return struct.unpack(">I", message[1:])[0]


# --- what is asked, and answered --------------------------------------------------------------------------------------


def pack_open(household, standing):
    return bytes((OPEN,)) + bytes(household) + bytes((standing,))


def unpack_open(body):
    """(household, MEMBER or GONE)"""
    if len(body) != 2 + HOUSEHOLD_BYTES or body[9] not in (MEMBER, GONE):
        raise RemoteError("OPEN of %d octets, or of no known standing" % len(body))
    return bytes(body[1:9]), body[9]


def pack_opened(ways, free, copies, gone, codecs):
    """ways: bits 1 << way of what is played; free: octets; copies: how many are there; gone: how many lost their keys
    at this contact; codecs: their names (settop.codec.units)."""
    text = ",".join(codecs).encode()
    if len(text) > CODECS_CHARS:
        raise LocalError("names of codecs have %d characters together at most" % CODECS_CHARS)
    return struct.pack(">BBIBB", OK, ways, min(free, 0xFFFFFFFF), min(copies, 255), min(gone, 255)) + text


def unpack_opened(body):
    """(ways, free, copies, gone, codecs)"""
    if not 8 <= len(body) <= 8 + CODECS_CHARS:
        raise RemoteError("an answer to OPEN of %d octets" % len(body))
    _, ways, free, copies, gone = struct.unpack(">BBIBB", body[:8])
    text = _text(body[8:])
    return ways, free, copies, gone, text.split(",") if text else []


def pack_put(way, copy, room, codec, name):
    """A copy is to come. room: octets that it has at most; name: for people."""
    codec, name = codec.encode(), _printable(name[:NAME_CHARS]).encode()
    if len(copy) != COPY_ID_BYTES or len(codec) > 16 or way not in (AS_BOUGHT, OWN_KEY, TENTH):
        raise LocalError("a copy has an id of %d bytes, a codec of 16 characters and a way" % COPY_ID_BYTES)
    return struct.pack(">BB8sIB", PUT, way, bytes(copy), room, len(codec)) + codec + name


def unpack_put(body):
    """(way, copy, room, codec, name)"""
    if len(body) < 15 or not 0 <= body[14] <= 16 or len(body) < 15 + body[14]:
        raise RemoteError("PUT of %d octets" % len(body))
    _, way, copy, room, length = struct.unpack(">BB8sIB", body[:15])
    name = _text(body[15 + length :])
    if way not in (AS_BOUGHT, OWN_KEY, TENTH) or not room or not 0 < len(name) <= NAME_CHARS:
        raise RemoteError("PUT of no known way, of nothing, or without a name")
    return way, copy, room, _text(body[15 : 15 + length]), name


def pack_place(place):
    """Yes to PUT: what comes goes on from there."""
    return struct.pack(">BI", OK, place)


def unpack_place(body):
    if len(body) != 5:
        raise RemoteError("an answer to PUT of %d octets" % len(body))
    return struct.unpack(">I", body[1:])[0]


def pack_end(size, digest, kid, key):
    """The copy is whole: so many octets with this SHA-256, and the key for it; zeros for the key's id where its way
    needs none."""
    if len(digest) != DIGEST_BYTES or len(kid) != KEY_BYTES or len(key) != KEY_BYTES:
        raise LocalError("a digest has %d bytes, a key and its id %d" % (DIGEST_BYTES, KEY_BYTES))
    out = bytearray(5 + DIGEST_BYTES + 2 * KEY_BYTES)
    struct.pack_into(">BI", out, 0, END, size)
    out[5:37] = digest
    out[37:53] = kid
    out[53:] = key
    return out


def unpack_end(body):
    """(size, digest, kid, key); the key in a bytearray for the caller to wipe."""
    if len(body) != 5 + DIGEST_BYTES + 2 * KEY_BYTES:
        raise RemoteError("END of %d octets" % len(body))
    return struct.unpack(">I", body[1:5])[0], bytes(body[5:37]), bytes(body[37:53]), bytearray(body[53:])


def pack_list(number):
    """Which copy is the number-th?"""
    return bytes((LIST, number))


def pack_copy(copy, way, size, name):
    return struct.pack(">B8sBI", OK, bytes(copy), way, size) + name.encode()


def unpack_copy(body):
    """(copy, way, size, name)"""
    if not 14 <= len(body) <= 14 + NAME_CHARS:
        raise RemoteError("an answer to LIST of %d octets" % len(body))
    _, copy, way, size = struct.unpack(">B8sBI", body[:14])
    if way not in (AS_BOUGHT, OWN_KEY, TENTH):
        raise RemoteError("a copy of no known way")
    return copy, way, size, _text(body[14:])


def pack_remove(copy):
    return bytes((REMOVE,)) + bytes(copy)


def copy_of(body):
    """Of REMOVE."""
    if len(body) != 1 + COPY_ID_BYTES:
        raise RemoteError("REMOVE of %d octets" % len(body))
    return bytes(body[1:])


def _printable(text):
    return "".join([c if " " <= c < "\x7f" else "?" for c in text])


def _text(octets):
    for octet in octets:
        if not 0x20 <= octet < 0x7F:
            raise RemoteError("a name that is no printable ASCII")
    return bytes(octets).decode()
