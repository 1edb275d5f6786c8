"""All TCP connections of one host: who a segment is for, who listens, and what nobody waits for (RFC 9293, 3.5.2)."""

import hashlib
from collections import Counter
from collections.abc import Callable

from settop.errors import LocalError

from testbed.network.addresses import Endpoint, port_number, to_octets, to_text
from testbed.network.formats.segment import ACK, RST, SYN, Segment
from testbed.network.tcp import states
from testbed.network.tcp.connection import MASK, Connection, Service
from testbed.network.tcp.settings import TcpSettings

MAX_CONNECTIONS = 1024
MAX_CALLS = 64
"""Connections that have begun and do not stand: more callers are not heard."""
FIRST_PORT, LAST_PORT = 49_152, 65_535  # RFC 6335

Key = tuple[int, bytes, int]
"""Our port, their address and port."""


class TcpTable:
    """`emit` takes segments with the address that they go to; `touched` is told when the user wants something."""

    def __init__(
        self,
        settings: TcpSettings,
        secret: bytes,
        emit: Callable[[bytes, Segment], None],
        refused: Counter[str],
        touched: Callable[[], None],
    ) -> None:
        self.settings = settings
        self._secret = secret
        self._emit = emit
        self._refused = refused
        self._touched = touched
        self._listeners: dict[int, Callable[[], Service]] = {}
        self._connections: dict[Key, Connection] = {}
        self._to_open: list[Connection] = []
        self._next_port = FIRST_PORT
        self._gone = [0, 0]

    @property
    def repeats(self) -> int:
        """Segments that were sent again, of all connections that there were."""
        return self._gone[0] + sum(conn.sender.repeats for conn in self._connections.values())

    @property
    def timeouts(self) -> int:
        """How many of them for want of an answer."""
        return self._gone[1] + sum(conn.sender.timeouts for conn in self._connections.values())

    @property
    def connections(self) -> list[Connection]:
        """All that are not finished."""
        return list(self._connections.values())

    def serve(self, port: int, factory: Callable[[], Service]) -> None:
        """Each caller of `port` gets a service of its own. LocalError: the port has one, or is none."""
        if port_number(port) in self._listeners:
            raise LocalError(f"TCP port {port} has a server already")
        self._listeners[port] = factory

    def refuse(self, port: int) -> None:
        """Nobody listens there any more; connections that stand stay."""
        self._listeners.pop(port, None)

    def connect(self, here: str, there: Endpoint, service: Service) -> Connection:
        """Call somebody; it begins when time next passes. LocalError: too many connections, no port, no address."""
        address, port = to_octets(there[0]), port_number(there[1])
        if len(self._connections) >= MAX_CONNECTIONS:
            raise LocalError(f"{MAX_CONNECTIONS} connections are open already")
        connection = self._new((self._free_port(address, port), address, port), here, service)
        self._to_open.append(connection)
        self._touched()
        return connection

    def receive(self, here: str, source: bytes, segment: Segment, now_ns: int) -> None:
        """A segment for this host."""
        key = (segment.destination_port, source, segment.source_port)
        connection = self._connections.get(key)
        if connection is not None and connection.state == states.TIME_WAIT and self._reopens(segment, connection):
            del self._connections[key]
            connection = None
        if connection is not None:
            connection.segment(segment, now_ns)
            self._sweep(key, connection)
        elif segment.flags & (SYN | ACK | RST) == SYN and segment.destination_port in self._listeners:
            self._called(key, here, segment, now_ns)
        elif not segment.flags & RST:
            self._refused["segment for nobody"] += 1
            self._emit(source, _reset(segment))

    def too_big(self, here_port: int, there: bytes, there_port: int, mss: int) -> None:
        """A router says so."""
        connection = self._connections.get((here_port, there, there_port))
        if connection is not None:
            connection.too_big(mss)

    def advance(self, now_ns: int) -> None:
        """Do what is due, and what users have asked for."""
        calls, self._to_open = self._to_open, []
        for connection in calls:
            key = (connection.here[1], to_octets(connection.there[0]), connection.there[1])
            if connection.user_closed:
                self._connections.pop(key, None)
                continue
            connection.open(now_ns, self._first_sequence(key, now_ns))
        for key, connection in list(self._connections.items()):
            connection.advance(now_ns)
            self._sweep(key, connection)

    def lose_all(self) -> None:
        """The address that they have is gone: all end as "aborted", and nobody is told over the link."""
        self._to_open.clear()
        for key, connection in list(self._connections.items()):
            connection.lose()
            self._sweep(key, connection)

    def due_ns(self) -> int | None:
        """When `advance` has something to do; None for never."""
        times = [connection.due_ns() for connection in self._connections.values()]
        return min((at for at in times if at is not None), default=None)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _called(self, key: Key, here: str, segment: Segment, now_ns: int) -> None:
        calls = sum(other.state == states.SYN_RECEIVED for other in self._connections.values())
        if calls >= MAX_CALLS or len(self._connections) >= MAX_CONNECTIONS:
            self._refused["call that is one too many"] += 1
            return
        service = self._listeners[segment.destination_port]()
        self._new(key, here, service).accept(segment, now_ns, self._first_sequence(key, now_ns))

    def _new(self, key: Key, here: str, service: Service) -> Connection:
        port, address, their_port = key
        connection = Connection(
            (here, port),
            (to_text(address), their_port),
            service,
            self.settings,
            lambda segment: self._emit(address, segment),
            self._touched,
        )
        self._connections[key] = connection
        return connection

    def _first_sequence(self, key: Key, now_ns: int) -> int:
        """RFC 9293, 3.4.1: a clock of 4 us, and what nobody else can know."""
        port, address, their_port = key
        drawn = hashlib.sha256(self._secret + f"{port} {their_port} ".encode() + address).digest()
        return (int.from_bytes(drawn[:4], "big") + now_ns // 4_000) & MASK

    def _free_port(self, address: bytes, their_port: int) -> int:
        for _ in range(FIRST_PORT, LAST_PORT + 1):
            port = self._next_port
            self._next_port = port + 1 if port < LAST_PORT else FIRST_PORT
            if (port, address, their_port) not in self._connections and port not in self._listeners:
                return port
        raise LocalError("no TCP port is free")

    def _reopens(self, segment: Segment, connection: Connection) -> bool:
        """A new call where an old one lingers (RFC 9293, 3.10.7.4): its number must be a later one."""
        later = (segment.sequence - connection.awaited) & MASK
        return segment.flags & (SYN | ACK | RST) == SYN and 0 < later < 1 << 31

    def _sweep(self, key: Key, connection: Connection) -> None:
        if connection.finished and self._connections.pop(key, None) is not None:
            self._gone[0] += connection.sender.repeats
            self._gone[1] += connection.sender.timeouts


def _reset(segment: Segment) -> Segment:
    """The answer to what fits no connection."""
    ports = segment.destination_port, segment.source_port
    if segment.flags & ACK:
        return Segment(*ports, segment.acknowledgement, 0, RST)
    return Segment(*ports, 0, (segment.sequence + segment.length) & MASK, RST | ACK)
