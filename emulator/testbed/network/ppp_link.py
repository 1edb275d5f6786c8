"""Two ends of PPP over a serial line: the provider's in a network, and one for a host of ours that calls a provider."""

import heapq
from dataclasses import replace
from typing import Protocol

from testbed.network.addresses import to_octets
from testbed.network.host import Host
from testbed.network.links import Way
from testbed.network.ppp import phases
from testbed.network.ppp.peer import Peer, Settings
from testbed.network.router import Attachment
from testbed.network.tcp.settings import TcpSettings

BITS_AN_OCTET = 10
"""On a serial line: a start bit, eight, a stop bit."""
UNTAKEN_BYTES = 256 * 1024
"""What is out of the line and was not taken; more is lost, frame by frame."""


class Surroundings(Protocol):
    """What a line needs of its network."""

    seed: int
    now_ns: int
    gateway: Host

    def advance(self, now_ns: int) -> None: ...
    def due_ns(self) -> int | None: ...
    def touch(self, address: str) -> None: ...
    def link(self, address: str) -> Attachment: ...


class _Provider:
    """The provider's modem as the router sees it: packets down become frames on the line."""

    def __init__(self, peer: Peer, way: Way, address: str) -> None:
        self.peer = peer
        self._address = to_octets(address)
        self.way = way
        self._frames: list[tuple[int, int, bytes]] = []
        self._serial = 0
        self.out = bytearray()

    def receive(self, data: bytes, now_ns: int) -> None:
        self.peer.send(data, now_ns)
        self._queue(now_ns)

    def take(self) -> list[bytes]:
        """Packets of the address that was given, and of no other (RFC 2827)."""
        found = self.peer.take_packets()
        own = [packet for packet in found if packet[12:16] == self._address]
        if len(own) < len(found):
            self.peer.refused["packet from another address"] += len(found) - len(own)
        return own

    def advance(self, now_ns: int) -> None:
        self.peer.advance(now_ns)
        self._queue(now_ns)
        while self._frames and self._frames[0][0] <= now_ns:
            frame = heapq.heappop(self._frames)[2]
            if len(self.out) + len(frame) <= UNTAKEN_BYTES:
                self.out += frame
            else:
                self.way.overflowed += 1

    def due_ns(self) -> int | None:
        times = [at for at in (self.peer.due_ns(), self._frames[0][0] if self._frames else None) if at is not None]
        return min(times, default=None)

    def clear(self) -> None:
        """What was on the line is gone."""
        self._frames.clear()
        self.out.clear()

    def _queue(self, now_ns: int) -> None:
        for frame in self.peer.take_frames():
            for passage in self.way.send(frame, now_ns, len(frame) * BITS_AN_OCTET):
                self._serial += 1
                heapq.heappush(self._frames, (passage.at_ns, self._serial, passage.data))


class PppLink:
    """The provider's end of a serial line, made by `Network.ppp`. Stepping it steps the network.

        line.receive(octets, now_ns)   # what the terminal's end of the line sent; b"" to let time pass
        line.take()                    # octets that are out of the line by then
        line.due_ns()                  # when `receive` must come again at the latest

    `peer` has the state, the problem and the counters of PPP. Frames come out when they have passed the line by its
    rate, so that a receiver without flow control is not flooded.
    """

    def __init__(self, network: Surroundings, address: str, settings: Settings, way: Way) -> None:
        names = settings.names or (network.gateway.address,)
        fixed = replace(settings, ours=network.gateway.address, theirs=address, names=names, passive=True)
        self.peer = Peer(fixed, network.seed)
        self.address = address
        self.way = way
        self.node = _Provider(self.peer, way, address)
        self._network = network
        self.peer.start(network.now_ns)

    @property
    def up(self) -> bool:
        """Whether packets pass."""
        return self.peer.up

    @property
    def waiting(self) -> bool:
        """Whether `take` has something."""
        return bool(self.node.out)

    def receive(self, octets: bytes, now_ns: int) -> None:
        """What the line brought. Nothing that comes raises. LocalError: time went back."""
        network = self._network
        network.advance(now_ns)
        if octets:
            links = self.peer.connections
            self.peer.receive(octets, now_ns)
            if self.peer.connections != links:  # somebody else, who has joined nothing yet
                network.link(self.address).listeners.forget()
            network.touch(self.address)
            network.advance(now_ns)

    def take(self) -> bytes:
        """What has come out of the line since the last time."""
        data = bytes(self.node.out)
        self.node.out.clear()
        return data

    def due_ns(self) -> int | None:
        """When something happens by itself; None for never."""
        return self._network.due_ns()

    def drop(self) -> None:
        """The line is cut: the call has ended, or the cable is out."""
        self.node.clear()
        self.way.down()
        self._network.link(self.address).drop()
        self.peer.lose_carrier(self._network.now_ns)

    def restore(self) -> None:
        """It is there again, and waits to be asked. Nothing if it was never cut."""
        if self.peer.phase == phases.DEAD:
            self.way.restore()
            self._network.link(self.address).restore()
            self.peer.start(self._network.now_ns)
            self._network.touch(self.address)


class PppTerminal:
    """The other end: a host that calls a provider over a serial line, without IO or clock.

    Its address is the one that it is given. receive, take, due_ns are those of PppLink; `start` begins.
    """

    def __init__(self, settings: Settings | None = None, seed: int = 0, tcp: TcpSettings | None = None) -> None:
        self.peer = Peer(replace(settings or Settings(asks_names=True), passive=False), seed)
        self.host = Host("0.0.0.0", seed, settings=tcp, touched=self._touch)  # noqa: S104
        self._touched = False
        self._now_ns = 0
        self._out = bytearray()

    def start(self, now_ns: int) -> None:
        """Ask the provider for a link; also after one that has ended."""
        self.peer.start(now_ns)
        self.receive(b"", now_ns)

    def receive(self, octets: bytes, now_ns: int) -> None:
        """What the line brought; b"" to let time pass."""
        self._now_ns, self._touched = now_ns, False
        self.peer.receive(octets, now_ns)
        self.peer.advance(now_ns)
        if self.peer.up:
            self.host.address = self.peer.ours
        for packet in self.peer.take_packets():
            self.host.receive(packet, now_ns)
        self.host.advance(now_ns)
        for packet in self.host.take():
            self.peer.send(packet, now_ns)
        for frame in self.peer.take_frames():
            self._out += frame

    def take(self) -> bytes:
        """What is to go on the line."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def due_ns(self) -> int | None:
        """When `receive` has something to do; None for never."""
        if self._touched:
            return self._now_ns
        times = [at for at in (self.peer.due_ns(), self.host.due_ns()) if at is not None]
        return min(times, default=None)

    def _touch(self) -> None:
        self._touched = True
