"""One host: IPv4, ICMP, UDP, TCP and IGMP over one link, without IO or clock.

Packets come in by `receive` and leave by `take`; time comes with each call. What its user asks for in between (connect,
send, join ...) is done when time next passes, so that no user has to know what time it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from settop.errors import LocalError, RemoteError

from testbed.network.addresses import ANY, Endpoint, is_group, port_number, to_octets, to_text
from testbed.network.allowance import Allowance
from testbed.network.formats import icmp, igmp, ip, segment, udp
from testbed.network.groups import Memberships
from testbed.network.links import MTU_BYTES
from testbed.network.tcp.connection import Connection, Service
from testbed.network.tcp.settings import TcpSettings
from testbed.network.tcp.table import FIRST_PORT, LAST_PORT, TcpTable

MAX_PINGS = 256


class UdpServer(Protocol):
    """Whoever has a UDP port."""

    def received(self, source: Endpoint, data: bytes) -> Iterable[bytes]:
        """A datagram came; what is returned goes back to where it came from."""


class UdpPort:
    """A UDP port that is open. `number` is the port's."""

    def __init__(self, host: "Host", number: int, server: UdpServer) -> None:
        self.number = number
        self.server = server
        self._host = host

    def send(self, destination: Endpoint, data: bytes) -> None:
        """LocalError: no such address or port, or more than the link takes in one packet."""
        self._host.send_udp(self.number, destination, data)

    def close(self) -> None:
        """May be called twice."""
        self._host.close_udp(self)


class Ping:
    """One echo. `took_ns` once the answer is there, `data` what it carried."""

    def __init__(self, identifier: int) -> None:
        self.identifier = identifier
        self.sent_ns = 0
        self.took_ns: int | None = None
        self.data = b""


class Host:
    """`address` is its own, "0.0.0.0" until it has one. `refused` counts what it did not take, by reason.

    seed and address settle its accidents. `touched` is called when its user asks for something.
    """

    def __init__(
        self,
        address: str,
        seed: int = 0,
        mtu_octets: int = MTU_BYTES,
        settings: TcpSettings | None = None,
        touched: Callable[[], None] = lambda: None,
    ) -> None:
        self.refused: Counter[str] = Counter()
        self.mtu_octets = mtu_octets
        self.touched = touched
        self.pings_answered = 0
        self._own = to_octets(address)
        self._out: list[bytes] = []
        self._identifier = 0
        self._ports: dict[int, UdpPort] = {}
        self._next_port = FIRST_PORT
        self._pings: dict[int, Ping] = {}
        self._to_ping: list[tuple[bytes, Ping, bytes]] = []
        self._errors = Allowance(Counter(), 20, 20)
        wanted = settings or TcpSettings()
        fitting = replace(wanted, mss=min(wanted.mss, mtu_octets - ip.HEADER_BYTES - segment.HEADER_BYTES))
        secret = f"{seed} {address}".encode()
        self.tcp = TcpTable(fitting, secret, self._send_segment, self.refused, self._touch)
        self._memberships = Memberships(self._send_igmp, f"{seed} {address}")

    @property
    def address(self) -> str:
        return to_text(self._own)

    @address.setter
    def address(self, text: str) -> None:
        self._own = to_octets(text)

    @property
    def octets(self) -> bytes:
        """The address, as it is in packets."""
        return self._own

    @property
    def groups(self) -> frozenset[bytes]:
        """The groups that it has joined."""
        return self._memberships.groups

    # --- What a user asks for ---------------------------------------------------------------------------------------

    def serve_tcp(self, port: int, factory: Callable[[], Service]) -> None:
        """Each caller gets a service of its own from `factory`. LocalError: the port is taken, or none."""
        self.tcp.serve(port, factory)

    def connect(self, there: Endpoint, service: Service) -> Connection:
        """Call a server. LocalError: no address or port, or too many connections."""
        return self.tcp.connect(self.address, there, service)

    def serve_udp(self, port: int, server: UdpServer) -> UdpPort:
        """LocalError: the port is taken, or none."""
        if port_number(port) in self._ports:
            raise LocalError(f"UDP port {port} has a server already")
        opened = self._ports[port] = UdpPort(self, port, server)
        return opened

    def open_udp(self, server: UdpServer) -> UdpPort:
        """A port that is free. LocalError: there is none."""
        for _ in range(FIRST_PORT, LAST_PORT + 1):
            number = self._next_port
            self._next_port = number + 1 if number < LAST_PORT else FIRST_PORT
            if number not in self._ports:
                return self.serve_udp(number, server)
        raise LocalError("no UDP port is free")

    def close_udp(self, port: UdpPort) -> None:
        """What comes for it from now on is refused."""
        if self._ports.get(port.number) is port:
            del self._ports[port.number]

    def send_udp(self, port: int, destination: Endpoint, data: bytes) -> None:
        """LocalError: no such address or port, or more than the link takes in one packet."""
        there = to_octets(destination[0])
        most = self.mtu_octets - ip.HEADER_BYTES - udp.HEADER_BYTES
        if len(data) > most:
            raise LocalError(f"datagram of {len(data)} octets, at most {most} on this link")
        datagram = udp.Datagram(port, port_number(destination[1]), data)
        self._send(ip.UDP, there, udp.pack(datagram, self._own, there))
        self._touch()

    def join(self, group: str) -> None:
        """Become a member of a multicast group. LocalError: it is none."""
        self._memberships.join(to_octets(group))
        self._touch()

    def leave(self, group: str) -> None:
        """Nothing if it was not joined."""
        self._memberships.leave(to_octets(group))
        self._touch()

    def ping(self, address: str, data: bytes = b"ringcast") -> Ping:
        """Ask for an echo. LocalError: no address, or more than the link takes."""
        if len(data) > self.mtu_octets - ip.HEADER_BYTES - 8:
            raise LocalError(f"ping of {len(data)} octets, at most {self.mtu_octets - ip.HEADER_BYTES - 8}")
        while len(self._pings) >= MAX_PINGS:
            del self._pings[next(iter(self._pings))]
        self._identifier = (self._identifier + 1) & 0xFFFF
        ping = self._pings[self._identifier] = Ping(self._identifier)
        self._to_ping.append((to_octets(address), ping, data))
        self._touch()
        return ping

    # --- The link ---------------------------------------------------------------------------------------------------

    def lose_link(self) -> None:
        """Its address and what was to go out are gone; connections end as "aborted". UDP ports and groups stay."""
        self.tcp.lose_all()
        self._out.clear()
        self.address = to_text(ANY)

    def forget_groups(self) -> None:
        """The link that it has joined them on is no more."""
        self._memberships.forget()

    def receive(self, data: bytes, now_ns: int) -> None:
        """A packet came. Nothing that comes raises, but for what a server of ours raises itself."""
        try:
            packet = ip.unpack(data)
            if not (packet.destination == self._own or packet.destination in self._memberships):
                raise RemoteError("packet for somebody else")
            if is_group(packet.source):
                raise RemoteError("packet from a group")
        except RemoteError as error:
            self.refused[str(error)] += 1
            return
        try:
            self._dispatch(packet, now_ns)
        except RemoteError as error:
            self.refused[str(error)] += 1

    def take(self) -> list[bytes]:
        """Packets that are to go out, in order."""
        out, self._out = self._out, []
        return out

    def advance(self, now_ns: int) -> None:
        """Do what is due, and what the user has asked for."""
        pings, self._to_ping = self._to_ping, []
        for address, ping, data in pings:
            ping.sent_ns = now_ns
            self._send(ip.ICMP, address, icmp.pack(icmp.echo(ping.identifier, 1, data)))
        self._memberships.advance(now_ns)
        self.tcp.advance(now_ns)

    def due_ns(self) -> int | None:
        """When `advance` has something to do; None for never."""
        times = [at for at in (self.tcp.due_ns(), self._memberships.due_ns()) if at is not None]
        return min(times, default=None)

    def send_error(self, kind: int, code: int, about: ip.Packet, now_ns: int, mtu: int = 0) -> None:
        """Tell the sender of a packet what became of it; never of an error, a group or a flood (RFC 1122, 3.2.2)."""
        if about.protocol == ip.ICMP and about.payload[:1] not in (b"\x08", b"\0"):
            return
        if is_group(about.destination) or about.source == bytes(4) or not self._errors.take(now_ns):
            return
        self._send(ip.ICMP, about.source, icmp.pack(icmp.error(kind, code, about, mtu)))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _touch(self) -> None:
        self.touched()

    def _send(self, protocol: int, destination: bytes, payload: bytes, ttl: int = ip.TTL, options: bytes = b"") -> None:
        self._identifier = (self._identifier + 1) & 0xFFFF
        packet = ip.Packet(self._own, destination, protocol, payload, ttl, self._identifier, options)
        self._out.append(ip.pack(packet))

    def _send_segment(self, destination: bytes, part: segment.Segment) -> None:
        self._send(ip.TCP, destination, segment.pack(part, self._own, destination))

    def _send_igmp(self, destination: bytes, message: igmp.Message) -> None:
        self._send(ip.IGMP, destination, igmp.pack(message), 1, ip.ROUTER_ALERT)

    def _dispatch(self, packet: ip.Packet, now_ns: int) -> None:
        if packet.protocol == ip.TCP:
            if is_group(packet.destination):
                raise RemoteError("TCP to a group")
            part = segment.unpack(packet.payload, packet.source, packet.destination)
            self.tcp.receive(self.address, packet.source, part, now_ns)
        elif packet.protocol == ip.UDP:
            self._datagram(packet, now_ns)
        elif packet.protocol == ip.ICMP:
            self._icmp(packet, now_ns)
        elif packet.protocol == ip.IGMP:
            self._memberships.receive(igmp.unpack(packet.payload), now_ns)
        else:
            raise RemoteError("protocol that we do not have")

    def _datagram(self, packet: ip.Packet, now_ns: int) -> None:
        datagram = udp.unpack(packet.payload, packet.source, packet.destination)
        port = self._ports.get(datagram.destination_port)
        if port is None:
            self.send_error(icmp.UNREACHABLE, icmp.NO_PORT, packet, now_ns)
            raise RemoteError("datagram for nobody")
        source = (to_text(packet.source), datagram.source_port)
        for answer in port.server.received(source, datagram.data):
            self._send_answer(port, source, answer)

    def _send_answer(self, port: UdpPort, source: Endpoint, answer: bytes) -> None:
        if not source[1]:
            raise RemoteError("datagram that cannot be answered")
        self.send_udp(port.number, source, answer)

    def _icmp(self, packet: ip.Packet, now_ns: int) -> None:
        message = icmp.unpack(packet.payload)
        if message.kind == icmp.ECHO:
            if is_group(packet.destination):
                raise RemoteError("ping of a group")
            self.pings_answered += 1
            answer = icmp.Message(icmp.ECHO_REPLY, 0, message.rest, message.data)
            self._send(ip.ICMP, packet.source, icmp.pack(answer))
        elif message.kind == icmp.ECHO_REPLY:
            ping = self._pings.pop(int.from_bytes(message.rest[:2], "big"), None)
            if ping is None:
                raise RemoteError("echo that nobody asked for")
            ping.took_ns, ping.data = now_ns - ping.sent_ns, message.data
        elif message.kind == icmp.UNREACHABLE and message.code == icmp.TOO_BIG:
            about = icmp.quote(message)
            mtu = int.from_bytes(message.rest[2:], "big")
            if about.protocol == ip.TCP and about.source == self._own and mtu:
                mss = mtu - ip.HEADER_BYTES - segment.HEADER_BYTES
                self.tcp.too_big(about.source_port, about.destination, about.destination_port, mss)
        else:
            self.refused[f"ICMP {message.kind} told us something"] += 1
