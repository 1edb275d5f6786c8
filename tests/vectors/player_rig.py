"""A player in virtual time between a tuner that is fed by hand and a sink that remembers; runs on MicroPython too."""

import gc

import small_stream as air
from settop.player.player import FLUSH_MS, Player
from settop.services.call.opener import CallOpener


class Tuner:
    """What is in the receive buffer; `most` octets at a time."""

    def __init__(self):
        self.data = b""
        self.most = 1 << 30

    def any(self):
        return min(len(self.data), self.most)

    def readinto(self, view):
        count = min(len(view), len(self.data))
        view[:count] = self.data[:count]
        self.data = self.data[count:]
        return count


class Sink:
    """Keeps what it gets; takes `takes` octets at each call, None for all."""

    def __init__(self):
        self.got = bytearray()
        self.takes = None

    def write(self, view):
        count = len(view) if self.takes is None else min(self.takes, len(view))
        self.got.extend(view[:count])
        return count


class Rig:
    """`now_ms` rises by `step_ms` with each step. `events` collects the player's."""

    def __init__(self, portions=(), slots=8, ring_bytes=2048, helper=None):
        gc.collect()  # a board's heap has no room for many of these
        self.tuner = Tuner()
        self.sink = Sink()
        self.player = Player(self.tuner, self.sink, slots, ring_bytes)
        self.opener = CallOpener(helper)
        self.keyring = self.opener.keyring
        self.player.add_opener(self.opener)
        self.now_ms = 1000
        self.step_ms = 1
        self.events = []
        self.keys = set(portions)  # come as soon as their portion or the one before it begins

    def feed(self, data):
        """Hand over packets (or octets) and step until the tuner is dry; returns what came out meanwhile."""
        self.tuner.data += data if isinstance(data, (bytes, bytearray)) else b"".join(data)
        before = len(self.sink.got)
        while self.step():
            pass
        return bytes(self.sink.got[before:])

    def step(self):
        self.now_ms += self.step_ms
        taken = self.player.step(self.now_ms)
        while True:
            event = self.player.next_event()
            if event is None:
                return taken
            self.events.append(event)
            if event[0] == "portion":
                for portion in (event[1], event[1] + 1):
                    if portion in self.keys:
                        self.give(portion)

    def give(self, portion):
        """The key comes over the telephone."""
        self.keyring.install(portion, bytearray(air.key_of(portion)))

    def wait(self, ms):
        """Nothing comes for so long; returns what came out."""
        before = len(self.sink.got)
        for _ in range(ms // 10):
            self.now_ms += 10 - self.step_ms
            self.step()
        return bytes(self.sink.got[before:])

    def flush(self, data=b""):
        """feed(), and wait for the last packet."""
        return self.feed(data) + self.wait(FLUSH_MS + 10)

    def tune(self, portion=0, remaining_ms=1000, pmt=None):
        """PAT, PMT and the first ECM; forgets what they put out."""
        self.flush(air.section_packets(0, air.pat(((1, air.PMT_PID),))))
        self.flush(air.section_packets(air.PMT_PID, pmt or air.pmt()))
        self.flush(air.ecm_packet(portion, remaining_ms))
        self.sink.got = bytearray()
        return self


def content(rng, count, portion, first=0):
    """(clear, on air): `count` packets of a portion."""
    clear = [air.stream_packet(rng, first + i, None if i % 3 else rng.below(183)) for i in range(count)]
    return clear, [air.scrambled(one, air.key_of(portion), portion & 1) for one in clear]
