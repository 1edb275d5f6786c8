"""A signed module as it travels: a codec unit or a service of the firmware, compiled. Big-endian:

magic 4 octets         "RCup"
format u8              1
kind u8                1: a codec unit, 2: a service
name 16                a-z, 0-9 and _, a letter first; zeros behind it, as behind the next two
codec 16               of a codec unit, as settop.codec.units has it; of a service none
board 12               the board that it is for (NAME in its board.py); none: any whose processor fits
version u32            1 or more, higher than any before of that name
mpy 3                  the second to fourth octet of the .mpy: its version, processor, bits of a small integer; zeros:
                       the module is Python source
length u32             1 to MAX_MODULE_BYTES
digest 32              SHA-256 of the module
signature 64           Ed25519 over LABEL and all before the signature
module                 `length` octets
"""

import struct

from settop.errors import LocalError, RemoteError

LABEL = b"ringcast module 1\x00"
CODEC = 1
SERVICE = 2
KINDS = ("", "codec", "service")
MAX_MODULE_BYTES = 65536
MAX_VERSION = 0xFFFFFFFF
HEAD_BYTES = 93
SIGNATURE_BYTES = 64
SOURCE = b"\x00\x00\x00"
# One text for every cause, so that nobody is led by it from one try to the next; `ringcast update info` says more.
REFUSED = (
    "the update is refused: it is not signed for this terminal, is altered or cut short, is for another board, or is "
    "not newer; what was here runs on"
)
_MAGIC = b"RCup"
_FORMAT = 1
_HEAD = ">4sBB16s16s12sI3sI32s"
_NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_"


class Head:
    """What a signed module says of itself: `kind`, `name`, `codec`, `board`, `version`, `mpy` (3 octets), `length` and
    `digest`, as above; texts without their zeros."""

    def __init__(self, kind, name, codec, board, version, mpy, length, digest):
        self.kind = kind
        self.name = name
        self.codec = codec
        self.board = board
        self.version = version
        self.mpy = mpy
        self.length = length
        self.digest = digest


def pack_head(head):
    """Its octets. LocalError: what no terminal would take."""
    texts = [text.encode() for text in (head.name, head.codec, head.board)]
    for text, room, what in zip(texts, (16, 16, 12), ("name", "codec", "board")):
        if len(text) > room:
            raise LocalError("the %s of a module has at most %d characters" % (what, room))
    if not 0 <= head.version <= MAX_VERSION or not 0 <= head.length <= MAX_VERSION:
        raise LocalError("version and length of a module are numbers of 32 bits")
    out = struct.pack(_HEAD, _MAGIC, _FORMAT, head.kind, *texts, head.version, head.mpy, head.length, head.digest)
    wrong = _wrong(head)
    if wrong:
        raise LocalError(wrong)
    return out


def unpack_head(data):
    """HEAD_BYTES octets to a Head. RemoteError: REFUSED, whatever is wrong."""
    if len(data) != HEAD_BYTES:
        raise RemoteError(REFUSED)
    magic, form, kind, name, codec, board, version, mpy, length, digest = struct.unpack(_HEAD, data)
    name, codec, board = _text(name), _text(codec), _text(board)
    if magic != _MAGIC or form != _FORMAT or None in (name, codec, board):
        raise RemoteError(REFUSED)
    head = Head(kind, name, codec, board, version, mpy, length, digest)
    if _wrong(head):
        raise RemoteError(REFUSED)
    return head


def fits(head, board, abi):
    """Whether it is for a board of that name, which loads .mpy files of `abi`: (version, processor, bits)."""
    if head.board not in ("", board):
        return False
    version, processor, bits = head.mpy
    if head.mpy == SOURCE:
        return True
    # Without machine code in it a module is for any processor.
    return version == abi[0] and processor in (0, abi[1]) and bits <= abi[2]


def is_name(text):
    """Whether a module may be called so."""
    return 1 <= len(text) <= 16 and text[0] in _NAME_CHARS[:26] and all(char in _NAME_CHARS for char in text)


def _wrong(head):
    """What makes it one that nobody takes, or ""."""
    if head.kind not in (CODEC, SERVICE):
        return "a module is a codec unit or a service"
    if not is_name(head.name):
        return "the name of a module has 1 to 16 characters of a-z, 0-9 and _, the first of them a letter"
    if (head.kind == CODEC) != (head.codec != ""):
        return "a codec unit names its codec, and a service none"
    for char in head.codec + head.board:
        if not "!" <= char <= "~":
            return "codec and board are named in plain ASCII without blanks"
    if head.codec != head.codec.lower():
        return "the name of a codec is in lower case"
    if not 1 <= head.version:
        return "the version of a module is 1 or more"
    if not 1 <= head.length <= MAX_MODULE_BYTES:
        return "a module has 1 to %d bytes" % MAX_MODULE_BYTES
    return ""


def _text(field):
    """The characters before the zeros at the end; None where one is no ASCII."""
    text = field.rstrip(b"\x00")
    for octet in text:
        if octet > 0x7E:
            return None
    return text.decode()
