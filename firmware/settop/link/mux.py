"""The cable: modem, stream and console as framed channels of one serial line, without IO. docs/protocols/cable.md.

A frame: sync, channel, length, link, check | position (2), payload, FCS-16 (2). `length` counts what follows the
header, so it is 4 at least. Octet 03 would interrupt MicroPython, so the sender may hide each one (`hide`): `link` is
the index in the frame of the first, in whose place the index of the next stands, and so on; 0 ends the chain. No other
header octet can be 03.

`position` is where the payload begins in its channel, modulo 65,536. The receiver of a channel grants credit as the
position up to which it has room, so a lost frame costs its octets and no credit. Channel STREAM carries the tuner's
octets to the board and the decoder's from it.
"""

from array import array

from settop.errors import LocalError
from settop.link.mux_kernels import accept, copy, missing, seal, unseal
from settop.wire.crc import fcs16

SYNC = 0xA5
CONTROL = 0x40  # @
MODEM = 0
STREAM = 1
CONSOLE = 2
CHANNELS = b"msc"  # on the wire, by line
HEADER_BYTES = 5
OVERHEAD_BYTES = 9
MAX_PAYLOAD_BYTES = 240
FRAME_BYTES = MAX_PAYLOAD_BYTES + OVERHEAD_BYTES
MAX_WINDOW_BYTES = 0x7FFF
VERSION = 0x31  # as text, "1"
# Kinds of control messages: the first octet of the payload.
HELLO = 0x48  # host: version, session (2), its credits (3 * 2)
WELCOME = 0x57  # board: the same
CREDIT = 0x43  # both: credits (3 * 2)
HELLO_BYTES = 10
CREDIT_BYTES = 7
INTERRUPT = 0x03
IDLE = bytes(FRAME_BYTES)  # ends whatever frame was begun; a REPL ignores it
NOTICE = b"# ringcast cable 1\r\n"  # the board, in plain text: there is no session, a host may say hello

STRAY = 0x3F  # what `Mux.handle` says of data without a session
PAYLOAD = 7  # index in the frame

POSITION, GRANTED, START, LEVEL, SIZE, LOST = range(6)  # of an inflow's state; the kernels know them by number

_MODEM, _STREAM, _CONSOLE = CHANNELS
_MODULUS_MASK = 0xFFFF
_FROM_PAYLOAD = PAYLOAD << 16  # as the copy kernel wants it

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


class Inflow:
    """One channel into this end: a ring of `size` octets, and the credit that says how far the other end may go.

    `state`: LEVEL octets are here, up to POSITION; up to GRANTED may come; frames that never came had LOST. `taken`:
    there may be more room than was granted. Raises LocalError for a size out of range.
    """

    def __init__(self, size):
        if not 1 <= size <= MAX_WINDOW_BYTES:
            raise LocalError("window of %d octets, expected 1 to %d" % (size, MAX_WINDOW_BYTES))
        self.taken = False
        self.state = array("i", [0, 0, 0, 0, size, 0])
        self._ring = bytearray(size)
        self._view = memoryview(self._ring)

    def restart(self):
        """A new session: what is here is of the old one."""
        state = self.state
        state[POSITION] = state[GRANTED] = state[START] = state[LEVEL] = 0

    @property
    def level(self):
        """Octets that can be read."""
        return self.state[LEVEL]

    @property
    def lost(self):
        return self.state[LOST]

    def grant(self):
        """The position up to which there is room: the other end is about to be told."""
        state = self.state
        self.taken = False
        state[GRANTED] = limit = state[POSITION] + state[SIZE] - state[LEVEL] & _MODULUS_MASK
        return limit

    def due(self):
        """Whether there is so much more room than was granted that the other end should hear of it: until `grant`."""
        if not self.taken:
            return False
        state = self.state
        self.taken = (
            4 * (state[SIZE] - state[LEVEL] - (state[GRANTED] - state[POSITION] & _MODULUS_MASK)) >= state[SIZE]
        )
        return self.taken

    def accept(self, frame, count):
        """Take in the `count` octets of payload of a good frame. False, and nothing done, if they have no credit."""
        state = self.state
        at = accept(frame, count, state)
        if at < 0:
            return False
        if not count:
            self.taken = True  # it says where the other end is: what never came is room
            return True
        first = state[SIZE] - at
        if count <= first:
            copy(self._ring, frame, count, _FROM_PAYLOAD | at)
        else:
            copy(self._ring, frame, first, _FROM_PAYLOAD | at)
            copy(self._ring, frame, count - first, _FROM_PAYLOAD + (first << 16))
        return True

    def readinto(self, view):
        """Move up to len(view) octets to `view`; returns their number."""
        state = self.state
        count = min(len(view), state[LEVEL])
        start = state[START]
        first = min(count, state[SIZE] - start)
        view[:first] = self._view[start : start + first]
        if first < count:
            view[first:count] = self._view[: count - first]
        state[START] = (start + count) % state[SIZE]
        state[LEVEL] -= count
        self.taken = True
        return count


class Mux:
    """What both ends have: frames in by `receiver`, `inflows` and `credits` by line, frames out by `build`.

    windows: the sizes of the inflows, by line. `session`: its number, or None. `refused`: frames without credit or
    session, and messages that make no sense. `asked`: the other end has repeated its credits, as it does when nothing
    comes; it wants to hear ours. Frames are built in `out`, one at a time.
    """

    def __init__(self, windows, receiver):
        self.receiver = receiver
        self.inflows = [Inflow(size) for size in windows]
        self.session = None
        self.refused = 0
        self.asked = False
        self.out = bytearray(FRAME_BYTES)
        self.out[0] = SYNC
        self._positions = [0, 0, 0]  # of what we send
        self._limits = [0, 0, 0]
        self._message = bytearray(HELLO_BYTES)

    def restart(self, session):
        """Begin a session: all positions are 0, nothing is granted yet in either direction."""
        self.session = session
        for line in range(3):
            self.inflows[line].restart()
            self._positions[line] = self._limits[line] = 0

    def room(self, line):
        """How many octets the other end still takes on this line."""
        if self.session is None:
            return 0
        return self._limits[line] - self._positions[line] & _MODULUS_MASK

    def handle(self):
        """Do what the receiver's good frame says, all but HELLO, WELCOME and STRAY: those are returned to the owner."""
        receiver = self.receiver
        frame = receiver.frame
        channel = frame[1]
        count = receiver.total - OVERHEAD_BYTES
        if channel == CONTROL:
            kind = frame[PAYLOAD] if count else 0
            if kind == CREDIT and count == CREDIT_BYTES and self.session is not None:
                self.asked = not self.credit(PAYLOAD + 1)
                return 0
            if count == HELLO_BYTES and kind in (HELLO, WELCOME):
                return kind
        elif self.session is None:
            return STRAY
        else:
            line = STREAM if channel == _STREAM else CHANNELS.find(b"%c" % channel)
            if line >= 0 and self.inflows[line].accept(frame, count):
                return 0
        self.refused += 1
        return 0

    def credit(self, at):
        """Take the credits at index `at` of the received frame; says whether there was anything new.

        One that goes back or too far is refused.
        """
        frame = self.receiver.frame
        new = False
        for line in range(3):
            limit = frame[at + 2 * line] << 8 | frame[at + 2 * line + 1]
            position = self._positions[line]
            room = limit - position & _MODULUS_MASK
            if self._limits[line] - position & _MODULUS_MASK <= room <= MAX_WINDOW_BYTES:
                new = new or limit != self._limits[line]
                self._limits[line] = limit
            else:
                new = True
                self.refused += 1
        return new

    def credit_due(self):
        if self.session is None:
            return False
        inflows = self.inflows
        return inflows[STREAM].due() or inflows[MODEM].due() or inflows[CONSOLE].due()

    def control(self, kind):
        """Build a HELLO, WELCOME or CREDIT message with all that can be granted; returns the frame's length."""
        self.asked = False
        message = self._message
        message[0] = kind
        at = 1
        if kind != CREDIT:
            message[1] = VERSION
            message[2] = self.session >> 8
            message[3] = self.session & 0xFF
            at = 4
        for inflow in self.inflows:
            limit = inflow.grant()
            message[at] = limit >> 8
            message[at + 1] = limit & 0xFF
            at += 2
        out = self.out
        out[1] = CONTROL
        out[5] = out[6] = 0
        return seal(out, message, at, TABLE)

    def build(self, line, data, at, count):
        """Build a frame of `count` octets of `data` from index `at`; returns its length. Mind `room(line)`.

        Raises LocalError for more than a frame or the credit holds.
        """
        if count > MAX_PAYLOAD_BYTES or count > self.room(line):
            raise LocalError("%d octets for the cable, and it takes %d" % (count, self.room(line)))
        out = self.out
        position = self._positions[line]
        out[1] = CHANNELS[line]
        out[5] = position >> 8
        out[6] = position & 0xFF
        self._positions[line] = position + count & _MODULUS_MASK
        return seal(out, data, at << 8 | count, TABLE)
