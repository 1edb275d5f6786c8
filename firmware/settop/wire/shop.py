"""What a terminal asks the shop for within its channel (settop.wire.shop_channel), THE definition for both ends.

    request    what u8, then by WHAT
    reply      status u8, Unix ms u64, flags u8, then by what was asked for; of a refusal code TEXT, wait ms u32, TEXT

TEXT is a length u8 and UTF-8. Of lists there comes a part: `next` u16 is what `after` is in the request for the rest, 0
where there is none. A line of a list goes as far as the next one.

    what        request                          reply
    REGISTER    -                                client id 8
    RENEW       -                                -
    SIGN_UP     login TEXT, password TEXT        balance u64
    SIGN_IN     login TEXT, password TEXT        balance u64
    SIGN_OUT    -                                -
    BALANCE     -                                balance u64
    REDEEM      card TEXT                        units u32
    TASTES      after u16                        next u16, lines: price u32, member u8, name TEXT
    JOIN        name TEXT, price u32             balance u64
    LEAVE       name TEXT                        balance u64
    LIST        after u16, taste, words TEXT     next u16, lines: title u32, price u32, bought u8, name TEXT, taste TEXT
    BUY         title u32, price u32             a right: title u32, new u8, key id 16, key 16, terms, name TEXT
    RESTORE     after u16                        next u16, lines: rights
    CONTENT     title u32                        octets u64, SHA-256 32, path TEXT
    ORDER       units u32                        order 16
    HOUSEHOLD   serial u32                       the household's list (settop.wire.household), or nothing
    ADD         player u64                       the same
    REMOVE      player u64                       the same
    OFFERS      after u16, title u32             next u16, lines: offer u32, price u32, begins, ends u64, holds s u32
    RENT        title, offer, price u32          a right, as BUY's
    CODEC       codec, board TEXT, version,      version u32, octets u64, SHA-256 32, path TEXT
                processor, bits u8, floor u32

BUY, JOIN, RENT: price is what the viewer has seen, or ANY_PRICE. JOIN and LEAVE: of a subscription by its name.
HOUSEHOLD: serial is that of the list that is here, 0: none; there comes nothing where it is the newest. ADD, REMOVE:
by its id. CODEC: a signed unit (settop.wire.update) for titles of that codec, for a board of that name which loads such
.mpy files (settop.updates.loading), of a version above `floor`. Terms: right u32, begins and ends Unix ms u64, holds s
u32 from the first play on; 0: not limited.
"""

import struct

from settop.errors import RemoteError

REGISTER = 1
RENEW = 2
SIGN_UP = 3
SIGN_IN = 4
SIGN_OUT = 5
BALANCE = 6
REDEEM = 7
TASTES = 8
JOIN = 9
LEAVE = 10
LIST = 11
BUY = 12
RESTORE = 13
CONTENT = 14
ORDER = 15
HOUSEHOLD = 16
ADD = 17
REMOVE = 18
OFFERS = 19
RENT = 20
CODEC = 21
OF_PLAYERS = (HOUSEHOLD, ADD, REMOVE)

# What a request has behind its first octet, by its number: numbers as struct has them, and T for a TEXT.
WHAT = (
    "", "", "", "TT", "TT", "", "", "T", "H", "TI", "T", "HTT", "II", "H", "I", "I", "I", "Q", "Q", "HI", "III",
    "TTBBBI",
)  # fmt: skip

OK = 0
NO = 1
RENEWAL_DUE = 1  # of the flags
HOUSEHOLD_DUE = 2  # the shop has a newer list, as far as it knows

ANY_PRICE = 0xFFFFFFFF
MAX_TEXT = 255
RIGHT_HEAD = ">IB16s16s"
TERMS = ">IQQI"
OFFER = ">IIQQI"
CODEC_HEAD = ">IQ"
REPLY_HEAD = ">BQB"
REPLY_HEAD_BYTES = 10
MALFORMED = "a request or reply that does not hold what it should"


def pack_text(text):
    """A TEXT; what is longer than MAX_TEXT octets is cut at a whole character."""
    octets = text.encode()
    if len(octets) > MAX_TEXT:
        end = MAX_TEXT
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        octets = octets[:end]
    return bytes((len(octets),)) + octets


def pack_request(what, *values):
    """The body of a REQUEST: `values` by WHAT."""
    out = bytearray((what,))
    for kind, value in zip(WHAT[what], values):
        out.extend(pack_text(value) if kind == "T" else struct.pack(">" + kind, value))
    return out


def unpack_request(body):
    """[what, values by WHAT ...]. Raises RemoteError."""
    if not len(body) or not 1 <= body[0] < len(WHAT):
        raise RemoteError(MALFORMED)
    reader = Reader(body, 1)
    found = [body[0]]
    for kind in WHAT[body[0]]:
        found.append(reader.text() if kind == "T" else reader.take(">" + kind)[0])
    reader.end()
    return found


def pack_refusal(code, wait_ms, text):
    """What follows the head of a reply of status NO."""
    return pack_text(code) + struct.pack(">I", wait_ms) + pack_text(text)


class Reader:
    """Takes a message apart from octet `at` on. Raises RemoteError where it ends too early."""

    def __init__(self, octets, at=0):
        self._octets = octets
        self.at = at

    def more(self):
        """Whether there is anything left."""
        return self.at < len(self._octets)

    def take(self, form):
        """Values as struct has them."""
        end = self.at + struct.calcsize(form)
        if end > len(self._octets):
            raise RemoteError(MALFORMED)
        found = struct.unpack(form, memoryview(self._octets)[self.at : end])
        self.at = end
        return found

    def key(self, size):
        """So many octets as a bytearray, which is the caller's to wipe."""
        if self.at + size > len(self._octets):
            raise RemoteError(MALFORMED)
        self.at += size
        return bytearray(memoryview(self._octets)[self.at - size : self.at])

    def text(self):
        """A TEXT."""
        octets = self.key(self.take(">B")[0])
        try:
            return str(octets, "utf-8")
        except ValueError:  # MicroPython has no other for it
            raise RemoteError(MALFORMED)

    def rest(self):
        """All that is left."""
        octets = bytes(memoryview(self._octets)[self.at :])
        self.at = len(self._octets)
        return octets

    def end(self):
        """Raises RemoteError where something is left."""
        if self.more():
            raise RemoteError(MALFORMED)
