"""A decoder chip's wires over a serial line, for a port without pins: the chip is at its far end, with a bench.

To the chip: `W`, chip select (0: XCS, 1: XDCS), a count, so many octets that go out on SI; `E` the same, and as many
are wanted back from SO; `R` and the level of XRESET; `B` and the clock's rate in Hz, four octets. From the chip: `E`, a
count, the octets; `Q`, the room in its FIFO (two octets, 0 while DREQ is low for another reason), how many commands
(`R`, and `W` with XCS) it has carried out (one octet, modulo 256), how many octets of data (four). Numbers are
big-endian.

DREQ is high where no command is under way and the room is 32 octets and those that are under way.
"""

import time

_ROOM = 32
_STATUS_BYTES = 7
_ANSWER_MS = 1000
_NOTHING = 0xFF  # what a bus without a chip reads


class Wires:
    """line: `any()`, `readinto(view)`, `write(data)`."""

    def __init__(self, line):
        self._line = line
        self._octet = bytearray(1)
        self._status = bytearray(_STATUS_BYTES)
        self._select = 1
        self._commands = 0
        self._sent = 0
        self._answer = bytearray()

    def xcs(self, level):
        self._select = 1 if level else 0

    def xdcs(self, level):
        self._select = 1

    def xreset(self, level):
        self._commands += 1
        self._line.write(bytes((82, level)))

    def dreq(self):
        while self._line.any():
            self._message()
        room, commands = self._status[0] << 8 | self._status[1], self._status[2]
        if commands != self._commands & 0xFF:
            return 0
        under_way = self._sent - int.from_bytes(memoryview(self._status)[3:], "big") & 0xFFFFFFFF
        return 1 if room >= _ROOM + under_way else 0

    def init(self, baudrate):
        self._line.write(b"B" + baudrate.to_bytes(4, "big"))

    def write(self, octets):
        if self._select:
            self._sent += len(octets)
        else:
            self._commands += 1
        self._line.write(bytes((87, self._select, len(octets))) + octets)

    def write_readinto(self, octets, into):
        self._line.write(bytes((69, self._select, len(octets))) + octets)
        self._answer = bytearray()
        began_ms = time.ticks_ms()
        while not self._answer and time.ticks_diff(time.ticks_ms(), began_ms) < _ANSWER_MS:
            if self._line.any():
                self._message()
        for i in range(len(into)):
            into[i] = self._answer[i] if i < len(self._answer) else _NOTHING

    def _message(self):
        self._take(self._octet)
        if self._octet == b"Q":
            self._take(self._status)
        elif self._octet == b"E":
            self._take(self._octet)
            answer = bytearray(self._octet[0])
            self._take(answer)
            self._answer = answer

    def _take(self, into):
        """Fills it; what has begun comes whole."""
        view = memoryview(into)
        while len(view):
            view = view[self._line.readinto(view) if self._line.any() else 0 :]


def codec(line):
    """(SPI, XCS, XDCS, DREQ, XRESET)"""
    wires = Wires(line)
    return wires, wires.xcs, wires.xdcs, wires.dreq, wires.xreset
