"""The board's end of the cable over a wire in memory; a small host beside it, made of the same core."""

from settop.link import mux
from settop.link.cable import Cable
from settop.link.channels import CHANNELS

LETTERS = "".join([channel[1] for channel in CHANNELS])
WINDOWS = [channel[2] for channel in CHANNELS]
CONSOLE, MODEM, STREAM = [[channel[0] for channel in CHANNELS].index(name) for name in ("console", "modem", "stream")]


class Wire:
    """What the Cable reads and writes. `room` is what the host's side still takes, None for no limit."""

    def __init__(self):
        self.inward = b""
        self.outward = b""
        self.room = None
        self.short = 0  # writes that found too little room

    def readinto(self, view, count):
        # As on a board, where this would wait for ever: here it shows as a closed line.
        data = self.inward[:count]
        memoryview(view)[: len(data)] = data
        self.inward = self.inward[count:]
        return len(data)

    def write(self, data, count):
        if self.room is not None:
            self.short += count > self.room
            count = min(count, self.room)
            self.room -= count
        self.outward += bytes(memoryview(data)[:count])
        return count

    def readable(self, wait_ms):
        return len(self.inward) > 0

    def writable(self):
        return self.room is None or self.room > 0


class Host(mux.Receiver):
    """Says hello, grants credit, keeps what comes."""

    def __init__(self, wire, windows=(256, 256, 4096), letters=LETTERS):
        super().__init__()
        self.wire = wire
        self.core = mux.Mux(letters, windows, self)
        self.said = b""
        self.kinds = []

    def text(self, octets, fresh):
        self.said += bytes(octets)

    def hello(self, session=7):
        self.core.restart(session)
        self._send(self.core.control(mux.HELLO))

    def send(self, line, data):
        for at in range(0, len(data), 240):
            part = data[at : at + 240]
            self._send(self.core.build(line, part, 0, len(part)))

    def grant(self):
        self._send(self.core.control(mux.CREDIT))

    def _send(self, total):
        mux.hide(self.core.out, total)
        self.wire.inward += bytes(self.core.out[:total])

    def hear(self):
        data, self.wire.outward = self.wire.outward, b""
        at = 0
        while at < len(data):
            count = min(self.missing, len(data) - at)
            self.view[self.have : self.have + count] = data[at : at + count]
            self.have += count
            at += count
            while self.ready():
                kind = self.core.handle()
                if kind:
                    self.kinds.append((kind, bytes(self.frame[mux.PAYLOAD : mux.PAYLOAD + 4])))
                if kind == mux.WELCOME:
                    self.core.join()
                self.done()

    def take(self, line):
        inflow = self.core.inflows[line]
        data = bytearray(inflow.level)
        inflow.readinto(data)
        return bytes(data)


def board(channels=CHANNELS):
    wire = Wire()
    return wire, Cable(wire, wire, wire.readable, wire.writable, channels)


def attached(windows=(256, 256, 4096), letters=LETTERS, channels=CHANNELS):
    """windows: the host's, as `letters`."""
    wire, cable = board(channels)
    host = Host(wire, windows, letters)
    host.hello()
    cable.poll()
    host.hear()
    assert host.kinds[-1][0] == mux.WELCOME
    return wire, cable, host


def read(line, count=10000):
    data = bytearray(count)
    taken = line.readinto(data) if line.any() else 0
    return bytes(data[:taken])


def noise_of(count):
    seed, out = 5, bytearray(count)
    for i in range(count):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        out[i] = seed >> 16 & 0xFF
    return out
