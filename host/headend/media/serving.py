"""The streaming server behind sockets: control by TCP, data by UDP from one pair of ports, all in one thread."""

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from settop.errors import LocalError

from headend.media.access import Gate
from headend.media.connection import Connection
from headend.media.rtsp import Library, RtspServer

MAX_CONNECTIONS = 512
PER_HOST = 64
_READ = 16_384
_DATAGRAM = 2048
_TICK_S = 1.0
_PAIRS = 64


class MediaServer:
    """Serves `library` on `address`; rtsp_port 0: any that is free; gate: who knows the tokens of what is not in the
    clear. Raises LocalError where a port cannot be had.

    `url(name)` is where a title lies. run() returns after stop(), which any thread may call.
    """

    def __init__(
        self,
        library: Library,
        address: str = "127.0.0.1",
        rtsp_port: int = 554,
        random: Callable[[int], bytes] = os.urandom,
        gate: Gate | None = None,
    ) -> None:
        self._selector = selectors.DefaultSelector()
        try:
            self._listener = socket.create_server((address, rtsp_port), backlog=128)
        except OSError as error:
            raise LocalError(
                f"port {rtsp_port} of {address} cannot be had ({error.strerror}); choose another one"
            ) from None
        self._listener.setblocking(False)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._rtp, self._rtcp = _pair(address)
        self._wake, self._woken = socket.socketpair()
        self._connections: dict[socket.socket, Connection] = {}
        self._stopped = threading.Event()
        now_ms = self._now_ms()
        ports = (self._rtp.getsockname()[1], self._rtcp.getsockname()[1])
        self.server = RtspServer(library, random, self._datagram, ports, round(time.time() * 1000) - now_ms, gate)
        for one in (self._listener, self._rtp, self._rtcp, self._woken):
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)

    def url(self, name: str) -> str:
        """Where a player finds a title."""
        return f"rtsp://{self.address[0]}:{self.address[1]}/{name}"

    def run(self) -> None:
        """Serves until stop()."""
        try:
            while not self._stopped.is_set():
                self._turn()
        finally:
            self._close()

    def stop(self) -> None:
        """Ends run()."""
        self._stopped.set()
        with suppress(OSError):  # it has seen it already, and is closed
            self._wake.send(b"\0")

    def _now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def _turn(self) -> None:
        due_ms = self.server.next_timer()
        now_ms = self._now_ms()
        wait_s = _TICK_S if due_ms is None else min(max((due_ms - now_ms) / 1000, 0), _TICK_S)
        for key, events in self._selector.select(wait_s):
            self._ready(key.fileobj, events)
        now_ms = self._now_ms()
        self.server.poll(now_ms)
        for one, connection in list(self._connections.items()):
            stale_ms = connection.stale_ms()
            if stale_ms is not None and stale_ms <= now_ms:
                connection.over = True
            self._send(one, connection, now_ms)

    def _ready(self, one: Any, events: int) -> None:
        if one is self._listener:
            self._accept()
        elif one is self._woken:
            one.recv(64)
        elif one in (self._rtp, self._rtcp):
            self._hear(one)
        elif one in self._connections and events & selectors.EVENT_READ:
            self._read(one)

    def _accept(self) -> None:
        try:
            one, peer = self._listener.accept()
        except OSError:
            return  # it has gone again, or there is no descriptor left for it
        same = sum(connection.peer == peer[0] for connection in self._connections.values())
        if len(self._connections) >= MAX_CONNECTIONS or same >= PER_HOST:
            one.close()
            return
        one.setblocking(False)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[one] = self.server.connect(peer[0], self._now_ms())
        self._selector.register(one, selectors.EVENT_READ)

    def _hear(self, one: socket.socket) -> None:
        try:
            octets, peer = one.recvfrom(_DATAGRAM)
        except OSError:
            return  # nothing there, or a port at the other end that nobody listens on
        if one is self._rtcp:
            self.server.reported(peer[:2], octets, self._now_ms())

    def _read(self, one: socket.socket) -> None:
        connection = self._connections[one]
        if not connection.wants:
            return
        try:
            data = one.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.receive(data, self._now_ms())

    def _send(self, one: socket.socket, connection: Connection, now_ms: int) -> None:
        """What waits goes; what is over is closed behind it."""
        octets = connection.to_send()
        if octets:
            try:
                connection.sent(one.send(octets), now_ms)
            except BlockingIOError:
                pass
            except OSError:
                connection.over = True
                octets = b""
        if connection.over and not (octets and connection.backlog):
            self._selector.unregister(one)
            del self._connections[one]
            one.close()
            self.server.disconnected(connection)
            return
        events = selectors.EVENT_WRITE if connection.backlog else 0
        self._watch(one, events | (selectors.EVENT_READ if connection.wants or not events else 0))

    def _watch(self, one: socket.socket, events: int) -> None:
        if self._selector.get_key(one).events != events:
            self._selector.modify(one, events)

    def _datagram(self, rtcp: bool, address: tuple[str, int], octets: bytes) -> None:
        try:
            (self._rtcp if rtcp else self._rtp).sendto(octets, address)
        except OSError:
            pass  # as if it had been lost on the way

    def _close(self) -> None:
        for one in (*self._connections, self._listener, self._rtp, self._rtcp, self._wake, self._woken):
            one.close()
        self._connections.clear()
        self._selector.close()


def _pair(address: str) -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets on an even port and the next one (RFC 3550 section 11)."""
    for _ in range(_PAIRS):
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind((address, 0))
        port = first.getsockname()[1]
        if port % 2 == 0:
            second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                second.bind((address, port + 1))
            except OSError:
                second.close()
            else:
                return first, second
        first.close()
    raise LocalError(f"no pair of UDP ports is free on {address}")
