"""A title on its way to one viewer's buffer over a line with accidents, cores alone and in virtual time."""

import hashlib
import heapq
import itertools
import random
from dataclasses import replace

import numpy as np
from headend.media.flow import Flow
from headend.media.sender import RtpSender
from settop.media.buffer import PLAYING, MediaBuffer
from settop.media.feedback import Feedback
from settop.media.reception import Reception
from settop.wire.rtp import Packet
from testbed.network.links import NS_PER_MS, Link, Way

PACKET_BYTES = 188
BLOCK_PACKETS = 7 * 64


class EvenSource:
    """A title of a constant rate, as TsSource has it, without a file: packets tell their number; each `every_ms` one
    may be begun with."""

    def __init__(self, rate_bits_s, duration_ms, every_ms=2_000, name=0):
        self.rate_bits_s = rate_bits_s
        self.duration_ms = duration_ms
        self.name = name
        self.packets = rate_bits_s * duration_ms // 1000 // (8 * PACKET_BYTES)
        self._every = max(round(every_ms * rate_bits_s / 1000 / (8 * PACKET_BYTES)), 1)

    def ticks(self, packet):
        return packet * 8 * PACKET_BYTES * 27_000_000 // self.rate_bits_s

    def packet_at(self, ms):
        return min(-(-ms * self.rate_bits_s // (1000 * 8 * PACKET_BYTES)), self.packets)

    def read(self, first, count):
        count = min(count, self.packets - first)
        out = np.full((count, PACKET_BYTES), 0xFF, np.uint8)
        out[:, :6] = 0x47, 0x01, 0x00, 0x30, 7, 0x10
        numbers = np.arange(first, first + count, dtype=">u4")
        out[numbers % self._every == 0, 5] = 0x50
        out[:, 12:16] = numbers.view(np.uint8).reshape(-1, 4)
        out[:, 16] = self.name
        return out.tobytes()

    def sha256(self, first=0):
        return hashlib.sha256(self.read(first, self.packets - first)).hexdigest()


class Sink:
    """Takes all, and remembers its sum."""

    def __init__(self):
        self.octets = 0
        self.sum = hashlib.sha256()
        self.names = []

    def write(self, view):
        self.octets += len(view)
        self.sum.update(view)
        if len(view) >= 17 and (not self.names or self.names[-1] != view[16]) and view[0] == 0x47:
            self.names.append(view[16])
        return len(view)


class FlowLine:
    """to: the line to the viewer, `changes`: [(from ms, Link), ...] of it later; back: the one for its reports. adapts:
    whether the viewer tells of its buffer. tell: what becomes of a report. `levels`: (ms, octets, ms of media) at each
    step from the beginning of play on, until all has been sent. `lead`: most octets that ever went ahead of a clock."""

    def __init__(self, source, size, low_ms, preroll_ms, to, back, seed, changes=(), lighter=(), adapts=True):
        self.now_ms = 0
        self.sender = RtpSender(source, 0x51, 65_000, 0xFFFF0000, 0, lighter=lighter)
        if adapts:
            self.sender.flow = Flow(0x51, size, low_ms, 0)
        self.buffer = MediaBuffer(size, low_ms, preroll_ms)
        self.reception = Reception(0x51, 65_000, 0)
        self.feedback = Feedback(0x99, b"viewer", self.reception, self.buffer)
        self.sink = Sink()
        self.levels = []
        self.lead = 0
        self.reports = 0
        self.to, self.back = Way(to, "to", seed), Way(back, "back", seed)
        self.tell = lambda report: report
        self._changes = sorted(changes, key=lambda change: change[0])
        self._rate_bits_s = source.rate_bits_s
        self._queue = []
        self._order = itertools.count()
        self._packet = Packet()
        self._adapts = adapts
        self._has_played = False
        self.buffer.restart(65_000)
        self.sender.play(0)

    def run(self, until_ms):
        while self.now_ms < until_ms:
            self.step()
            times = [until_ms, self.now_ms + 50]
            if self.sender.next_timer() is not None:
                times.append(self.sender.next_timer())
            if self._queue:
                times.append(-(-self._queue[0][0] // NS_PER_MS))
            due_ms = self.buffer.next_timer()
            if due_ms is not None:
                times.append(due_ms)
            self.now_ms = max(min(times), self.now_ms + 1)

    def step(self):
        now_ns = self.now_ms * NS_PER_MS
        while self._changes and self._changes[0][0] <= self.now_ms:
            self.to.link = self._changes.pop(0)[1]
        while self._queue and self._queue[0][0] <= now_ns:
            _, _, is_report, data = heapq.heappop(self._queue)
            if is_report:
                self.sender.heard(data, self.now_ms)
            else:
                self._arrive(data)
        if self.sender.ended and not any(not is_report for _, _, is_report, _ in self._queue):
            self.buffer.end()  # BYE
        self.buffer.play(self.sink, self.now_ms)
        self._look()
        if self._adapts and self.feedback.due(self.now_ms):
            report = self.tell(bytes(self.feedback.report(self.now_ms)))
            self.reports += 1
            if report:
                self._send(self.back, True, report)
        if self.sender.next_timer() is not None and self.sender.next_timer() <= self.now_ms:
            for packet in self.sender.due(self.now_ms):
                self._send(self.to, False, packet)
            played = self._rate_bits_s * self.now_ms // 8000
            self.lead = max(self.lead, self.sender.sent_octets - played)

    def _send(self, way, is_report, data):
        for passage in way.send(data, self.now_ms * NS_PER_MS):
            heapq.heappush(self._queue, (passage.at_ns, next(self._order), is_report, passage.data))

    def _arrive(self, data):
        packet = self._packet
        packet.read(data, len(data))
        if self.reception.take(packet.sequence):
            view = memoryview(data)[packet.payload_at : packet.payload_end]
            self.buffer.put(packet.sequence, packet.timestamp, view, self.now_ms)

    def _look(self):
        buffer = self.buffer
        self._has_played = self._has_played or buffer.state == PLAYING
        if self._has_played and not self.sender.ended:
            self.levels.append((self.now_ms, buffer.level, buffer.level_ms(self.now_ms)))


def changing(link, draw, lowest_bits_s, highest_bits_s, until_ms, every_ms=(2_000, 20_000)):
    """Another rate every now and then, between those."""
    at_ms, found = 0, []
    while at_ms < until_ms:
        at_ms += draw.randrange(*every_ms)
        found.append((at_ms, replace(link, rate_bits_s=draw.randrange(lowest_bits_s, highest_bits_s))))
    return found


def uneven(link, draw, until_ms, worst_loss):
    """A line that always carries a title of RATE_BITS_S, with another rate and loss every now and then."""
    found = []
    for at_ms, now in changing(link, draw, RATE_BITS_S * 5 // 4, RATE_BITS_S * 5, until_ms):
        found.append((at_ms, replace(now, loss=draw.choice((0, worst_loss / 2, worst_loss)))))
    return found


RATE_BITS_S = 256_000
SIZE = 98 * 7 * PACKET_BYTES
"""Four seconds of it."""
LOW_MS, PREROLL_MS = 1_000, 2_000
LINE = Link(
    rate_bits_s=2 * RATE_BITS_S,
    delay_ns=60 * NS_PER_MS,
    jitter_ns=40 * NS_PER_MS,
    reorder=0.02,
    reorder_ns=80 * NS_PER_MS,
)


def watched(minutes, worst_loss, seed):
    """A title of so many minutes over an uneven line, reports as well; the FlowLine when all has been played."""
    draw = random.Random(f"flow {seed}")
    duration_ms = 60_000 * minutes
    line = replace(LINE, loss=worst_loss)
    back = Link(delay_ns=60 * NS_PER_MS, jitter_ns=40 * NS_PER_MS, loss=worst_loss)
    changes = uneven(line, draw, duration_ms, worst_loss)
    found = FlowLine(EvenSource(RATE_BITS_S, duration_ms), SIZE, LOW_MS, PREROLL_MS, line, back, seed, changes)
    found.run(duration_ms + 10_000)
    return found
