"""The cable: named channels (settop.link.channels) in frames on one serial line, without IO. docs/protocols/cable.md.

A frame: sync, channel, length, link, check | position (2), payload, FCS-16 (2). `length` counts what follows the
header, so it is 4 at least. Octet 03 would interrupt MicroPython, so the sender may hide each one (`hide`): `link` is
the index in the frame of the first, in whose place the index of the next stands, and so on; 0 ends the chain. No other
header octet can be 03.

`position` is where the payload begins in its channel, modulo 65,536. The receiver of a channel grants credit as the
position up to which it has room, so a lost frame costs its octets and no credit.

Each end has channels of its own, numbered here from 0 (`line`) as it names them in HELLO or WELCOME. What only one of
the two has gets no credit.
"""

from array import array

from settop.errors import LocalError
from settop.link.inflow import MAX_WINDOW_BYTES, Inflow
from settop.link.mux_kernels import missing, seal, unseal
from settop.wire.crc import fcs16

SYNC = 0xA5
CONTROL = 0x40  # @
HEADER_BYTES = 5
OVERHEAD_BYTES = 9
MAX_PAYLOAD_BYTES = 240
FRAME_BYTES = MAX_PAYLOAD_BYTES + OVERHEAD_BYTES
VERSION = 0x32  # as text, "2"
# Kinds of control messages: the first octet of the payload.
HELLO = 0x48  # host: version, session (2), its channels: letter, credit (2) each
WELCOME = 0x57  # board: the same
CREDIT = 0x43  # both: credits (2 each), in the order of its HELLO or WELCOME
LIST = 4  # where the channels begin in HELLO and WELCOME
MAX_CHANNELS = 26  # as many as letters
INTERRUPT = 0x03
IDLE = bytes(FRAME_BYTES)  # ends whatever frame was begun; a REPL ignores it
NOTICE = b"# ringcast cable %c\r\n" % VERSION  # the board, in plain text: there is no session, a host may say hello

STRAY = 0x3F  # what `Mux.handle` says of data without a session
FOREIGN = 0x56  # and of a HELLO in another version
PAYLOAD = 7  # index in the frame

_NOBODY = 0xFF
_FIRST, _LAST = 0x61, 0x7A  # letters
_MODULUS_MASK = 0xFFFF

TABLE = array("H", [0])
for _bit in range(8):  # the FCS is linear, so eight values give all
    TABLE.extend(array("H", [fcs16((1 << _bit,), 0) ^ fcs for fcs in TABLE]))


def check_of(channel, length, link):
    """The header's check octet, never 03."""
    return channel + 5 * length + 3 * link & 0x7F | 0x80


def hide(frame, total):
    """Take every 03 out of the sealed `frame` of `total` octets (see above); for frames that go to a board."""
    last = 3
    at = HEADER_BYTES
    while at < total:
        if frame[at] == INTERRUPT:
            frame[last] = at
            last = at
        at += 1
    frame[last] = 0
    frame[4] = check_of(frame[1], frame[2], frame[3])


class Receiver:
    """Finds frames in what a line delivers. Memory is one frame, whatever comes.

    Bring `missing` octets to view[have:] (fewer will do), add them to `have` and call `ready()`; if it says True, a
    good frame of `total` octets lies in `frame`: use it, then call `done()`.

    `damaged`: frames with a wrong FCS or chain; `resyncs`: headers that were none. Octets between frames go to `text`.
    """

    def __init__(self):
        self.frame = bytearray(FRAME_BYTES)
        self.view = memoryview(self.frame)
        self.have = 0
        self.missing = 1
        self.total = 0
        self.damaged = 0
        self.resyncs = 0

    def text(self, octets, fresh):
        """Octets (a memoryview, valid during the call) outside frames; not `fresh`: they were taken for a frame."""

    def ready(self):
        frame = self.frame
        while True:
            have = self.have
            if not have:
                self.missing = 1
                return False
            if frame[0] != SYNC:
                self._skip(True)
                continue
            if have < HEADER_BYTES:
                self.missing = HEADER_BYTES - have
                return False
            length = missing(frame)
            if not length:
                self.resyncs += 1
                self._skip(False)
                continue
            total = HEADER_BYTES + length
            if have < total:
                self.missing = total - have
                return False
            if unseal(frame, total, TABLE):
                self.total = total
                return True
            self.damaged += 1
            self._skip(False)

    def done(self):
        """The frame has been used."""
        self._drop(self.total)

    def give_up(self):
        """The rest of an unfinished frame will not come: go on behind its sync octet. False if there is none."""
        if not self.have:
            return False
        self.resyncs += 1
        self._skip(False)
        return True

    def _skip(self, fresh):
        """Drop the first octet and all up to the next sync octet."""
        at = 1
        while at < self.have and self.frame[at] != SYNC:
            at += 1
        self.text(self.view[:at], fresh)
        self._drop(at)

    def _drop(self, count):
        left = self.have - count
        if left:
            self.view[:left] = bytes(self.view[count : self.have])
        self.have = left


class Mux:
    """What both ends have: frames in by `receiver`, `inflows` by line, frames out by `build`.

    letters: of this end's channels, by line, as text. windows: the sizes of the inflows, by line. LocalError for
    letters that are not a to z, come twice, or are not as many as the windows.

    `session`: its number, or None. `refused`: frames without credit or session, and messages that make no sense.
    `asked`: the other end has repeated its credits, as it does when nothing comes; it wants to hear ours. Frames are
    built in `out`, one at a time.
    """

    def __init__(self, letters, windows, receiver):
        self.receiver = receiver
        self.inflows = [Inflow(size) for size in windows]
        self.session = None
        self.refused = 0
        self.asked = False
        self.out = bytearray(FRAME_BYTES)
        self.out[0] = SYNC
        count = len(letters)
        self._letters = letters.encode()
        self._line_of = {}
        for letter in self._letters:
            if not _FIRST <= letter <= _LAST or letter in self._line_of:
                raise LocalError("channels %r, expected letters from a to z, each once" % letters)
            self._line_of[letter] = len(self._line_of)
        if not 0 < count == len(self.inflows):
            raise LocalError("%d channels with %d windows" % (count, len(self.inflows)))
        self._positions = [0] * count  # of what we send
        self._limits = [0] * count
        self._shared = 0  # a bit for each line: the other end has it too
        self._named = 0  # channels that the other end has
        self._order = bytearray(MAX_CHANNELS)  # the other end's, as lines
        self._hello = bytearray(LIST + 3 * count)
        self._hello[1] = VERSION
        for line in range(count):
            self._hello[LIST + 3 * line] = self._letters[line]
        self._credit = bytearray(1 + 2 * count)
        self._credit[0] = CREDIT

    def restart(self, session):
        """Begin a session: all positions are 0, nothing is granted yet in either direction, no channel is shared."""
        self.session = session
        self._named = self._shared = 0
        for line in range(len(self.inflows)):
            self.inflows[line].restart()
            self._positions[line] = self._limits[line] = 0

    def join(self):
        """Take channels and credits of the HELLO or WELCOME in the receiver, which `handle` has found good.

        Once in a session.
        """
        frame = self.receiver.frame
        self._named = (self.receiver.total - OVERHEAD_BYTES - LIST) // 3
        at = PAYLOAD + LIST
        for i in range(self._named):
            line = self._line_of.get(frame[at], _NOBODY)
            self._order[i] = line
            if line != _NOBODY:
                self._shared |= 1 << line
            at += 3
        self._take_credit(PAYLOAD + LIST + 1, 3)

    def carries(self, line):
        """Whether there is a session, and the other end has this channel."""
        return self.session is not None and self._shared >> line & 1 == 1

    def room(self, line):
        """How many octets the other end still takes on this line."""
        if self.session is None:
            return 0
        return self._limits[line] - self._positions[line] & _MODULUS_MASK

    def handle(self):
        """Do what the receiver's good frame says. 0, or what is left to the owner.

        HELLO, WELCOME: a good one of this version, for `join`. FOREIGN: a HELLO of another. STRAY: see there.
        """
        receiver = self.receiver
        frame = receiver.frame
        channel = frame[1]
        count = receiver.total - OVERHEAD_BYTES
        if channel == CONTROL:
            kind = frame[PAYLOAD] if count else 0
            if kind == CREDIT:
                if self._named and count == 1 + 2 * self._named and self.session is not None:
                    self.asked = not self._take_credit(PAYLOAD + 1, 2)
                    return 0
            elif count > 1 and (kind == HELLO or kind == WELCOME):
                if frame[PAYLOAD + 1] != VERSION:
                    if kind == HELLO:
                        return FOREIGN
                elif self._has_sense(count):
                    return kind
        elif self.session is None:
            return STRAY
        else:
            line = self._line_of.get(channel)
            if line is not None and self.inflows[line].accept(frame, count):
                return 0
        self.refused += 1
        return 0

    def _has_sense(self, count):
        """Whether HELLO or WELCOME, `count` octets, lists one channel or more, each once, with a first credit."""
        count -= LIST
        if count < 3 or count % 3:
            return False
        frame = self.receiver.frame
        seen = 0
        at = PAYLOAD + LIST
        end = at + count
        while at < end:
            letter = frame[at]
            if not _FIRST <= letter <= _LAST or frame[at + 1] << 8 > MAX_WINDOW_BYTES:
                return False
            bit = 1 << letter - _FIRST
            if seen & bit:
                return False
            seen |= bit
            at += 3
        return True

    def _take_credit(self, at, step):
        """Take the credits at indices `at`, `at` + `step`, ... of the received frame, one for each channel that the
        other end has named; says whether there was anything new.

        One that goes back or too far is refused.
        """
        frame = self.receiver.frame
        order = self._order
        new = False
        for i in range(self._named):
            line = order[i]
            if line != _NOBODY:
                limit = frame[at] << 8 | frame[at + 1]
                position = self._positions[line]
                room = limit - position & _MODULUS_MASK
                if self._limits[line] - position & _MODULUS_MASK <= room <= MAX_WINDOW_BYTES:
                    new = new or limit != self._limits[line]
                    self._limits[line] = limit
                else:
                    new = True
                    self.refused += 1
            at += step
        return new

    def credit_due(self):
        if self.session is not None:
            for inflow in self.inflows:
                if inflow.taken and inflow.due():
                    return True
        return False

    def control(self, kind):
        """Build a HELLO, WELCOME or CREDIT message with all that can be granted; returns the frame's length."""
        self.asked = False
        if kind == CREDIT:
            message = self._credit
            at = 1
            step = 2
        else:
            message = self._hello
            message[0] = kind
            message[2] = self.session >> 8
            message[3] = self.session & 0xFF
            at = LIST + 1
            step = 3
        for inflow in self.inflows:
            limit = inflow.grant()
            message[at] = limit >> 8
            message[at + 1] = limit & 0xFF
            at += step
        out = self.out
        out[1] = CONTROL
        out[5] = out[6] = 0
        return seal(out, message, len(message), TABLE)

    def build(self, line, data, at, count):
        """Build a frame of `count` octets of `data` from index `at`; returns its length. Mind `room(line)`.

        Raises LocalError for more than a frame or the credit holds.
        """
        if count > MAX_PAYLOAD_BYTES or count > self.room(line):
            raise LocalError("%d octets for the cable, and it takes %d" % (count, self.room(line)))
        out = self.out
        position = self._positions[line]
        out[1] = self._letters[line]
        out[5] = position >> 8
        out[6] = position & 0xFF
        self._positions[line] = position + count & _MODULUS_MASK
        return seal(out, data, at << 8 | count, TABLE)
