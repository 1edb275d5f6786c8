"""A streaming server and its viewers in virtual time, core against core, over links that lose, delay, double and
damage what they carry."""

import heapq
import random
from pathlib import Path

from headend.media.rtsp import RtspServer
from headend.media.session import Title
from headend.media.source import TsSource
from headend.stream.gate import TokenGate
from headend.stream.tokens import KEY_BYTES, Tokens
from settop.media.guard import Guard
from settop.media.rtsp_client import RtspClient
from settop.wire import rtcp, rtsp, sdp
from settop.wire.rtsp_fields import Transport

BASE = "rtsp://192.0.2.1/"
URL = BASE + "film"
EPOCH_MS = 1_700_000_000_000
DAY_MS = 86_400_000
TOKENS = Tokens(bytes(range(KEY_BYTES)))
SUITES = (1, 2, 3)
REPORT_EVERY_MS = 5_000


def token(title="film", user="ann", lasts_ms=DAY_MS, number=b"number 1"):
    return TOKENS.issue(title, user, EPOCH_MS + lasts_ms, number)


class Titles:
    """Titles of one file, by name."""

    def __init__(self, path: Path, **suites):
        source = TsSource(path)
        self.titles = {name: Title(name, source, suites=what) for name, what in suites.items()}

    def find(self, name):
        return self.titles.get(name)


class StreamBench:
    """loss, doubled, damaged: shares of the datagrams; jitter_ms: by how much one may be late; tokens: what knows them,
    None: nobody does."""

    def __init__(
        self,
        path,
        suites=SUITES,
        seed=1,
        loss=0.0,
        doubled=0.0,
        damaged=0.0,
        jitter_ms=0,
        tokens=TOKENS,
        epoch_ms=EPOCH_MS,
    ):
        self.octets = path.read_bytes()
        self.now_ms = 0
        self.draw = random.Random(seed)
        self._links = random.Random(seed + 1)
        self._faults = loss, doubled, damaged, jitter_ms
        self._sent = []  # (due, number, viewer or None for the server, RTCP or not, octets, address that it came from)
        self._count = 0
        self.captured = []  # (RTCP or not, octets) as they went out to viewers
        self.titles = Titles(path, film=suites, other=suites, open=())
        self.viewers = []
        self.server = RtspServer(
            self.titles,
            self.draw.randbytes,
            self._out,
            (6000, 6001),
            epoch_ms=epoch_ms,
            gate=None if tokens is None else TokenGate(tokens),
        )

    def viewer(self, **options):
        one = Viewer(self, **options)
        self.viewers.append(one)
        return one

    def _out(self, is_rtcp, address, octets):
        self.captured.append((is_rtcp, octets))
        for one in self.viewers:
            if (one.peer, one.ports[is_rtcp]) == address:
                self.post(one, is_rtcp, octets)

    def post(self, to, is_rtcp, octets, peer=None):
        """A datagram; to None: the server, from the address `peer`."""
        loss, doubled, damaged, jitter_ms = self._faults
        for _ in range(2 if self._links.random() < doubled else 1):
            if self._links.random() < loss:
                continue
            if self._links.random() < damaged:
                changed = bytearray(octets)
                changed[self._links.randrange(len(changed))] ^= 1 << self._links.randrange(8)
                octets = bytes(changed)
            self._count += 1
            due_ms = self.now_ms + 20 + (self._links.randrange(jitter_ms) if jitter_ms else 0)
            heapq.heappush(self._sent, (due_ms, self._count, to, is_rtcp, octets, peer))

    def run(self, until_ms):
        while True:
            times = [self._sent[0][0]] if self._sent else []
            due_ms = self.server.next_timer()
            times += [due_ms] if due_ms is not None else []
            times += [one.next_timer() for one in self.viewers if one.next_timer() is not None]
            if not times or min(times) > until_ms:
                break
            self.now_ms = max(min(times), self.now_ms)
            while self._sent and self._sent[0][0] <= self.now_ms:
                _, _, to, is_rtcp, octets, peer = heapq.heappop(self._sent)
                if to is None:
                    self.server.reported(peer, octets, self.now_ms)
                else:
                    to.take(is_rtcp, octets)
            self.server.poll(self.now_ms)
            for one in self.viewers:
                one.step()
        self.now_ms = until_ms


class Viewer:
    """A viewer's cores: control by a connection of its own, media by UDP or on that."""

    def __init__(self, bench, url=URL, text=None, user="ann", suites=SUITES, peer="192.0.2.9", port=5000, tcp=False):
        self.bench, self.url, self.peer = bench, url, peer
        self.ports = port, port + 1
        self.guard = None if text == "" else Guard(text or token(), user, suites, bench.draw.randbytes)
        self.client = RtspClient(url, self._frame if tcp else None, guard=self.guard)
        self.way = Transport(self.guard is not None, (0, 1) if tcp else None, None if tcp else self.ports, tcp=tcp)
        self.line = bench.server.connect(peer, bench.now_ms)
        self.ssrc = bench.draw.getrandbits(32)
        self.packets = {}  # sequence number: payload
        self.reports = 0
        self.raw = []  # what came, as it came
        self.said = b""  # all that the server said on the connection
        self.asked = b""
        self.report_ms = None

    def pump(self):
        """What the connection carries, both ways, until it is silent."""
        while True:
            data = self.client.to_send()
            if data is not None:
                octets = bytes(data)
                self.asked += octets
                self.client.sent(len(octets))
                if not self.line.over:
                    self.line.receive(octets, self.bench.now_ms)
            said = self.line.to_send()
            if said:
                self.said += said
                self.line.sent(len(said), self.bench.now_ms)
                self.client.receive(said, self.bench.now_ms)
            if data is None and not said:
                return

    def event(self):
        self.pump()
        return self.client.next_event()

    def describe(self):
        self.client.describe(self.bench.now_ms)
        return self.event()

    def set_up(self, fields=()):
        """The event of SETUP behind a description."""
        event = self.describe()
        assert event[0] == "described", event
        control = sdp.control_url(event[2], event[1].media[0].control)
        self.client.set_up(control, [self.way], self.bench.now_ms, fields)
        return self.event()

    def play(self, start_ms=None, fields=()):
        self.client.play(self.bench.now_ms, start_ms, fields)
        self.report_ms = self.bench.now_ms
        return self.event()

    def leave(self):
        """The connection is cut."""
        self.bench.server.disconnected(self.line)
        self.client.ended()
        self.bench.viewers.remove(self)

    def next_timer(self):
        times = [ms for ms in (self.client.next_timer(), self.report_ms) if ms is not None]
        return min(times, default=None)

    def step(self):
        if self.client.state == "closed":
            self.report_ms = None
            return
        self.client.poll(self.bench.now_ms)
        self.pump()
        if self.report_ms is not None and self.report_ms <= self.bench.now_ms:
            self.report_ms = self.bench.now_ms + REPORT_EVERY_MS
            self.report()

    def report(self, sealed=True, blocks=(), more=b""):
        """Sends a report of these blocks, with `more` of RTCP behind it; its octets as they went out."""
        packet = bytearray(rtcp.pack_receiver(self.ssrc, blocks) + rtcp.pack_description(self.ssrc, b"viewer") + more)
        size = len(packet)
        if self.guard is not None and sealed:
            packet += bytes(self.guard.report_overhead)
            size = self.guard.seal_report(packet, size)
        octets = bytes(packet[:size])
        if self.way.tcp:
            self.client.send_frame(1, octets)
            self.pump()
        else:
            self.bench.post(None, True, octets, (self.peer, self.ports[1]))
        return octets

    def _frame(self, channel, view):
        self.bench.captured.append((channel == 1, bytes(view)))
        self.take(channel == 1, bytes(view))

    def take(self, is_rtcp, octets):
        self.raw.append((is_rtcp, octets))
        packet, size = bytearray(octets), len(octets)
        if self.guard is not None:
            size = (self.guard.open_report if is_rtcp else self.guard.open)(packet, size)
        if not size:
            return
        if is_rtcp:
            self.reports += 1
            rtcp.unpack(packet, size)
        else:
            self.packets[int.from_bytes(packet[2:4], "big")] = bytes(packet[12:size])

    def payload(self):
        """What came, in the order of its sequence numbers."""
        return b"".join(self.packets[number] for number in sorted(self.packets))


def statuses(octets):
    """Of all answers in what a server said."""
    found, view = [], memoryview(octets)
    reader = rtsp.Reader(4096, 4096, 2048)
    while len(view):
        took, what = reader.feed(view)
        view = view[took:]
        if what == rtsp.MESSAGE:
            found.append(reader.head.status)
    return found
