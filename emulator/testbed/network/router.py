"""The router that all links of a network end at: by address, by group, one hop (RFC 791, RFC 1812)."""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from settop.errors import RemoteError

from testbed.network.addresses import ALL_SYSTEMS, is_group, to_text
from testbed.network.formats import icmp, igmp, ip
from testbed.network.groups import Listeners
from testbed.network.host import Host
from testbed.network.links import Way


class Node(Protocol):
    """What is at the far end of a link. Times are ns and never go back."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """A packet has come over the link."""

    def take(self) -> list[bytes]:
        """Packets that it puts on the link."""

    def advance(self, now_ns: int) -> None:
        """Do what is due."""

    def due_ns(self) -> int | None:
        """When `advance` has something to do; None for never."""


class Attachment:
    """A link and who is at its end: `up` leads to the router, `down` from it. `groups` are listened to there."""

    def __init__(
        self, node: Node, up: Way, down: Way, say: Callable[["Attachment", bytes, igmp.Message], None]
    ) -> None:
        self.node = node
        self.up, self.down = up, down
        self.listeners = Listeners(lambda group, message: say(self, group, message))
        self.armed_ns: int | None = None

    @property
    def groups(self) -> frozenset[str]:
        """The multicast groups that the router sends here."""
        return frozenset(map(to_text, self.listeners.groups))

    def drop(self) -> None:
        """The link goes down, with what is on it."""
        self.up.down()
        self.down.down()
        self.listeners.forget()

    def restore(self) -> None:
        """It is there again."""
        self.up.restore()
        self.down.restore()


class Router:
    """`gateway` is its own host; `send` puts a packet on a link. `refused` counts what went nowhere, by reason;
    `forwarded` and `copies` what went on, of single addresses and of groups."""

    def __init__(self, gateway: Host, send: Callable[[Attachment, bytes, int], None]) -> None:
        self.gateway = gateway
        self.attachments: dict[bytes, Attachment] = {}
        self.refused: Counter[str] = Counter()
        self.forwarded = 0
        self.copies = 0
        self._send = send

    def receive(self, data: bytes, source: Attachment | None, now_ns: int) -> None:
        """A packet from a link, or from the gateway's own host if `source` is None. Nothing that comes raises."""
        try:
            packet = ip.unpack(data)
            if is_group(packet.destination):
                self._to_group(packet, data, source, now_ns)
            elif packet.destination == self.gateway.octets:
                self.gateway.receive(data, now_ns)
            else:
                self._forward(packet, source, now_ns)
        except RemoteError as error:
            self.refused[str(error)] += 1

    def say(self, link: Attachment, destination: bytes, message: igmp.Message, now_ns: int) -> None:
        """A question of IGMP to one link."""
        packet = ip.Packet(self.gateway.octets, destination, ip.IGMP, igmp.pack(message), 1, 0, ip.ROUTER_ALERT)
        self._send(link, ip.pack(packet), now_ns)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _forward(self, packet: ip.Packet, source: Attachment | None, now_ns: int) -> None:
        link = self.attachments.get(packet.destination)
        if link is None:
            self.gateway.send_error(icmp.UNREACHABLE, icmp.NO_HOST, packet, now_ns)
            raise RemoteError("no such host")
        if source is not None:
            try:
                packet = ip.forwarded(packet)
            except RemoteError:
                self.gateway.send_error(icmp.TIME_EXCEEDED, 0, packet, now_ns)
                raise
        if packet.octets > link.down.link.mtu_octets:
            self.gateway.send_error(icmp.UNREACHABLE, icmp.TOO_BIG, packet, now_ns, link.down.link.mtu_octets)
            raise RemoteError("too long for the link")
        self.forwarded += 1
        self._send(link, ip.pack(packet), now_ns)

    def _to_group(self, packet: ip.Packet, data: bytes, source: Attachment | None, now_ns: int) -> None:
        if packet.protocol == ip.IGMP:
            if source is not None:
                self._listen(packet, source, now_ns)
            return
        if packet.destination[:3] == ALL_SYSTEMS[:3]:
            raise RemoteError("group of one link")
        if packet.destination in self.gateway.groups:
            self.gateway.receive(data, now_ns)
        onward = ip.forwarded(packet) if source is not None else packet
        octets = ip.pack(onward)
        for link in self.attachments.values():
            if link is not source and packet.destination in link.listeners.groups:
                self.copies += 1
                self._send(link, octets, now_ns)

    def _listen(self, packet: ip.Packet, source: Attachment, now_ns: int) -> None:
        try:
            source.listeners.receive(igmp.unpack(packet.payload), now_ns)
        except RemoteError:
            if packet.payload[:1] == bytes((igmp.REPORT_3,)):
                source.listeners.version_3(now_ns)
            raise
