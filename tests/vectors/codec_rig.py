"""The wires of a decoder chip under a test's thumb, and a sink that takes what it is told to."""


class Wires:
    """A VS1053b as far as its driver sees it: registers, DREQ, and what came over either interface.

    room: octets of data that it takes before DREQ falls, None for any number. clears: how many octets of data it takes
    with SM_CANCEL set until it clears it. `version`: in SCI_STATUS. `log` has what was done in order: ("reset",),
    ("baud", n), ("write", register, value), ("read", register), ("data", octets).
    """

    def __init__(self, room=None, clears=0, end_fill=0, version=4):
        self.registers = [0] * 16
        self.registers[0] = 0x4800
        self.registers[1] = version << 4
        self.room = room
        self.clears = clears
        self.end_fill = end_fill
        self.busy = False  # DREQ low, whatever else
        self.data = bytearray()
        self.log = []
        self.logs = True  # a test that counts memory has no use for it
        self._xcs = self._xdcs = 1

    def wires(self):
        return self, self.xcs, self.xdcs, self.dreq, self.xreset

    def init(self, baudrate):
        self.log.append(("baud", baudrate))

    def xcs(self, level):
        self._xcs = level

    def xdcs(self, level):
        self._xdcs = level

    def xreset(self, level):
        if level:
            self.log.append(("reset",))

    def dreq(self):
        return 0 if self.busy or (self.room is not None and self.room < 32) else 1

    def write(self, octets):
        assert self._xcs != self._xdcs
        if not self._xcs:
            command, address, high, low = octets
            assert command == 2
            self.registers[address] = high << 8 | low
            self.log.append(("write", address, high << 8 | low))
            return
        if self.room is not None:
            self.room -= len(octets)
            assert self.room >= 0, "more than it has room for"
        if self.registers[0] & 8:
            self.clears -= len(octets)
            if self.clears <= 0:
                self.registers[0] &= ~8
        if self.logs:
            self.data += octets
            self.log.append(("data", bytes(octets)))

    def write_readinto(self, octets, into):
        assert not self._xcs and self._xdcs
        command, address = octets[0], octets[1]
        assert command == 3
        value = self.registers[address]
        if address == 6:
            value = self.end_fill if self.registers[7] == 0x1E06 else 0
        into[2] = value >> 8
        into[3] = value & 0xFF
        self.log.append(("read", address))

    def sent(self, value, count):
        """Whether the last `count` octets of data are all `value`, and those before are not more of the same log."""
        return bytes(self.data[-count:]) == bytes([value]) * count


class Sink:
    """`write` takes at most `most` octets in one go and `room` in all, None for any number."""

    def __init__(self, most=None, room=None):
        self.most = most
        self.room = room
        self.data = bytearray()

    def write(self, octets, start=0, end=None):
        if end is None:
            end = len(octets)
        count = end - start
        if self.most is not None:
            count = min(count, self.most)
        if self.room is not None:
            count = min(count, self.room)
            self.room -= count
        self.data += octets[start : start + count]
        return count


def play(unit, sample, step=None):
    """One sample through a unit, in pieces of `step` octets, whatever its sink takes at a time."""
    unit.begin(len(sample))
    at = 0
    while at < len(sample):
        end = len(sample) if step is None else min(len(sample), at + step)
        at += unit.write(sample, at, end)
    while not unit.flush():
        pass
