"""Real servers on 127.0.0.1 as servers of a virtual host: the one part of the network with IO, which goes by the wall.

    bridge = Bridge(network)
    bridge.tcp(host, 80, real_port)         # who calls port 80 of the host has called 127.0.0.1:real_port
    bridge.udp(host, 5004, real_port)
    bridge.advance(now_ns); bridge.due_ns() # in place of the network's
    bridge.close()

A run with a bridge is in real time and never the same twice: `advance` waits for the wall where the bench is ahead of
it, and `NOTICE` is what a report has to say.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from testbed.network.addresses import Endpoint, port_number
from testbed.network.host import Host, UdpPort
from testbed.network.network import Network
from testbed.network.tcp.connection import Connection

NOTICE = "real servers on 127.0.0.1: this run is in real time, and another one will differ"
LOOPBACK = "127.0.0.1"
HELD_BYTES = 32 * 1024
"""What is taken from a real server before the terminal has acknowledged it."""
MAX_DATAGRAM_BYTES = 1472
MAX_ASKERS = 256
"""Real UDP sockets of one port, one for each that asks it."""


class _Real(Protocol):
    """A real socket, and what is to be done about it."""

    sock: socket.socket

    def wants_to_write(self) -> bool:
        """Whether there is something that the real socket has not taken."""

    def pump(self) -> bool:
        """Move what can be moved. False: it is over."""


class Bridge:
    """`network` with real servers in it. wall: the clock that it goes by, in ns."""

    virtual = False

    def __init__(self, network: Network, wall: Callable[[], int] = time.monotonic_ns) -> None:
        self.network = network
        self._wall = wall
        self._began_ns: int | None = None
        self._real: list[_Real] = []

    def tcp(self, host: Host, port: int, real_port: int) -> None:
        """LocalError: the port is taken, or one of them is none."""
        port_number(real_port)
        host.serve_tcp(port, lambda: _Stream(real_port, self._real))

    def udp(self, host: Host, port: int, real_port: int) -> None:
        """LocalError: the port is taken, or one of them is none."""
        port_number(real_port)
        answers = _Datagrams(real_port, self._real)
        answers.port = host.serve_udp(port, answers)

    def advance(self, now_ns: int) -> None:
        """What real servers have said is in the network by `now_ns`, which the wall has reached."""
        if self._began_ns is None:
            self._began_ns = self._wall() - now_ns
        while True:
            left_ns = now_ns - (self._wall() - self._began_ns)
            reading = [real.sock for real in self._real]
            writing = [real.sock for real in self._real if real.wants_to_write()]
            if left_ns > 0 and not reading:
                time.sleep(left_ns / 1e9)
            elif reading:
                ready = select.select(reading, writing, [], max(0.0, left_ns / 1e9))
                self._pump()
                if left_ns > 0 and any(ready):
                    continue
            break
        self.network.advance(now_ns)
        self._pump()
        self.network.advance(now_ns)

    def due_ns(self) -> int | None:
        """At once while a real socket is open; else the network's."""
        return self.network.now_ns if self._real else self.network.due_ns()

    def close(self) -> None:
        """Real sockets are closed. May be called twice."""
        for real in self._real:
            real.sock.close()
        self._real.clear()

    def _pump(self) -> None:
        for real in list(self._real):
            if not real.pump():
                real.sock.close()
                with suppress(ValueError):
                    self._real.remove(real)


def _socket(kind: int, real_port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.setblocking(False)
    with suppress(BlockingIOError, ConnectionError):
        made.connect((LOOPBACK, real_port))
    return made


class _Stream:
    """One connection: the terminal's at one side, the real one at the other."""

    def __init__(self, real_port: int, real: list[_Real]) -> None:
        self.sock = _socket(socket.SOCK_STREAM, real_port)
        self._conn: Connection | None = None
        self._waiting = b""
        self._they_have_ended = self._we_have_ended = self._real_has_ended = False
        real.append(self)

    def opened(self, conn: Connection) -> None:
        self._conn = conn
        conn.pulls = True  # the real server's pace is the terminal's

    def received(self, conn: Connection, data: bytes) -> None:
        """`pump` fetches it."""

    def closed(self, conn: Connection) -> None:
        self._conn, self._they_have_ended = conn, True

    def wants_to_write(self) -> bool:
        conn = self._conn
        return bool(self._waiting or (conn is not None and conn.receiver.unread))

    def pump(self) -> bool:
        conn = self._conn
        if conn is None:
            return True
        if conn.error:
            return False
        try:
            self._to_real(conn)
            self._from_real(conn)
        except OSError:
            conn.abort()
            return False
        return not (self._real_has_ended and self._we_have_ended)

    def _to_real(self, conn: Connection) -> None:
        if self._we_have_ended:
            return
        with suppress(BlockingIOError):
            while data := self._waiting or conn.recv(16_384):
                self._waiting = data
                self._waiting = data[self.sock.send(data) :]
        if self._they_have_ended and not self._waiting and not conn.receiver.unread:
            self._we_have_ended = True
            self.sock.shutdown(socket.SHUT_WR)

    def _from_real(self, conn: Connection) -> None:
        with suppress(BlockingIOError):
            while not self._real_has_ended and conn.unsent < HELD_BYTES:
                data = self.sock.recv(16_384)
                if data:
                    conn.send(data)
                else:
                    self._real_has_ended = True
                    conn.close()


class _Asker:
    """The real socket of one that asks by UDP: what comes to it goes back there."""

    def __init__(self, source: Endpoint, real_port: int, port: UdpPort) -> None:
        self.sock = _socket(socket.SOCK_DGRAM, real_port)
        self._source = source
        self._port = port

    def wants_to_write(self) -> bool:
        return False

    def pump(self) -> bool:
        with suppress(BlockingIOError, ConnectionError):
            while data := self.sock.recv(MAX_DATAGRAM_BYTES + 1):
                if len(data) <= MAX_DATAGRAM_BYTES:
                    self._port.send(self._source, data)
        return True


class _Datagrams:
    """A UDP port whose server is a real one."""

    port: UdpPort

    def __init__(self, real_port: int, real: list[_Real]) -> None:
        self._real_port = real_port
        self._real = real
        self._askers: dict[Endpoint, _Asker] = {}

    def received(self, source: Endpoint, data: bytes) -> Iterable[bytes]:
        asker = self._askers.get(source)
        if asker is None:
            if len(self._askers) >= MAX_ASKERS:
                oldest = self._askers.pop(next(iter(self._askers)))
                self._real.remove(oldest)
                oldest.sock.close()
            asker = self._askers[source] = _Asker(source, self._real_port, self.port)
            self._real.append(asker)
        with suppress(OSError):
            asker.sock.send(data)
        return ()
