"""Both ends of PPP lines for tests, and a terminal by hand."""

from testbed.network.links import Link
from testbed.network.network import GATEWAY, TERMINAL, Network
from testbed.network.ppp import framing, lcp
from testbed.network.ppp.auth import Credentials
from testbed.network.ppp.automaton import ACK, REQUEST
from testbed.network.ppp.peer import Peer, Settings

from tests.helpers.network_services import KIB64, MS, SERVER, Client, Files, Line, digest, get

ACCOUNTS = {b"terminal": b"a secret of nobody's"}.get
RIGHT = Credentials(b"terminal", b"a secret of nobody's")


def line_to_a_server(seed=1, **wishes):
    network = Network(seed)
    network.host(SERVER, Link(delay_ns=20 * MS)).serve_tcp(80, Files)
    return Line(network, **wishes)


def fetched(line, seconds=60):
    service = Client(get("/film"))
    line.terminal.host.connect((SERVER, 80), service)
    line.run(seconds, lambda: service.over)
    return digest(service.body) == digest(KIB64)


def both_up(line, seconds=1.0):
    line.start()
    return line.run(seconds, lambda: line.terminal.peer.up and line.provider.up)


class Talker:
    """A terminal by hand: says packets to a provider's end, and reads what it says."""

    def __init__(self, settings=None, seed=1):
        self.peer = Peer(settings or Settings(ours=GATEWAY, theirs=TERMINAL, passive=True), seed)
        self.peer.start(0)
        self.deframer = framing.Deframer()
        self.now_ns = 0

    def say(self, protocol, code, identifier, data=b""):
        packet = bytes((code, identifier)) + (4 + len(data)).to_bytes(2, "big") + data
        return self.raw(framing.encode(protocol, packet))

    def raw(self, octets):
        self.peer.receive(octets, self.now_ns)
        return self.heard()

    def heard(self):
        """(protocol, code, identifier, data) of what it answered."""
        found = self.deframer.feed(b"".join(self.peer.take_frames()))
        return [(protocol, packet[0], packet[1], packet[4:]) for protocol, packet in found]

    def after(self, ns):
        self.now_ns += ns
        self.peer.advance(self.now_ns)
        return self.heard()

    def open_lcp(self):
        """The answers to the request that it agrees to, and to our agreement to its own."""
        asked = self.say(lcp.PROTOCOL, REQUEST, 1)
        request = next(packet for packet in asked if packet[1] == REQUEST)
        return self.say(lcp.PROTOCOL, ACK, request[2], request[3])
