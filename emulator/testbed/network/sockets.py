"""MicroPython's `socket` on CPython, over a host of a virtual network: what lwIP's sockets do, limits included.

    module = Sockets(network.host(...), network.names.find)     # for `import socket`
    module.select                                               # for `import select`

It is held against extmod/modlwip.c of MicroPython 1.25: the same calls, the same error numbers, one unread datagram
for a UDP socket, a send buffer that fills. Nothing waits, as the time of the network passes elsewhere: a call that
would block is a LocalError, so that a program that forgot `setblocking(False)` is found on the bench.
"""

import errno
import os
from collections.abc import Callable
from typing import Any

from settop.errors import LocalError

from testbed.network.addresses import ANY, Endpoint, to_octets, to_text
from testbed.network.host import Host, UdpPort
from testbed.network.polling import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, Select
from testbed.network.tcp.connection import Connection
from testbed.network.tcp.nobody import Nobody
from testbed.network.tcp.settings import TcpSettings

AF_INET = 2
SOCK_STREAM, SOCK_DGRAM = 1, 2
IPPROTO_IP, IPPROTO_TCP, SOL_SOCKET = 0, 6, 1
IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP = 0x400, 0x401
SO_REUSEADDR, SO_BROADCAST, TCP_NODELAY = 0x04, 0x20, 0x40
SEND_BUFFER_BYTES = 3_200
LIKE_LWIP = TcpSettings(window=6_400, mss=800)
"""For the host: about what lwIP has on a board of ours."""
NO_SUCH_NAME = -2

_ERRORS = {"refused": errno.ECONNRESET, "reset": errno.ECONNRESET, "silent": errno.ECONNABORTED}
_NEW, _CONNECTING, _CONNECTED, _PEER_CLOSED, _FAILED, _CLOSED = range(6)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Sockets:
    """The module. `lookup` has the addresses of a name; `up`: whether the link is there, without which nothing leaves.

    `opened` counts the sockets that are open. `stirs` counts what the program did with effect: octets that it took or
    gave, sockets that it opened or closed. While it stands still, so does what the program found.
    """

    AF_INET = AF_INET
    SOCK_STREAM, SOCK_DGRAM = SOCK_STREAM, SOCK_DGRAM
    IPPROTO_IP, IPPROTO_TCP, SOL_SOCKET = IPPROTO_IP, IPPROTO_TCP, SOL_SOCKET
    IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP = IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP
    SO_REUSEADDR, SO_BROADCAST, TCP_NODELAY = SO_REUSEADDR, SO_BROADCAST, TCP_NODELAY

    def __init__(
        self,
        host: Host,
        lookup: Callable[[str], tuple[bytes, ...]] = lambda name: (),
        up: Callable[[], bool] = lambda: True,
    ) -> None:
        self.host = host
        self.up = up
        self.opened = self.stirs = 0
        self.select = Select()
        self._lookup = lookup

    def socket(self, family: int = AF_INET, kind: int = SOCK_STREAM, protocol: int = 0) -> "Socket":
        """OSError EINVAL: a kind that is neither stream nor datagram."""
        if kind not in (SOCK_STREAM, SOCK_DGRAM):
            raise _error(errno.EINVAL)
        return Socket(self, kind)

    def getaddrinfo(self, name: str, port: int, *_constraints: int) -> list[tuple[int, int, int, str, Endpoint]]:
        """The first address of a name, or the address that it is. OSError NO_SUCH_NAME, as lwIP has it.

        On a board this waits for the name server; here the answer is there, as nothing can wait.
        """
        try:
            address = to_text(to_octets(name))
        except LocalError:
            found = self._lookup(name) if self.up() else ()
            if not found:
                raise OSError(NO_SUCH_NAME, "no such name") from None
            address = to_text(found[0])
        return [(AF_INET, SOCK_STREAM, 0, "", (address, port))]


class Socket:
    """One socket. Methods raise OSError with MicroPython's numbers: EAGAIN where it would block."""

    def __init__(self, module: Sockets, kind: int) -> None:
        self._module = module
        self._kind = kind
        self._state = _NEW
        self._blocks = True
        self._error = 0
        self._connection: Connection | None = None
        self._port: UdpPort | None = None
        self._datagram: tuple[Endpoint, bytes] | None = None
        self._peer: Endpoint | None = None
        self._groups: list[str] = []
        self.dropped = 0
        """Datagrams that found one unread."""
        module.opened += 1
        module.stirs += 1

    # --- Service and UdpServer ------------------------------------------------------------------------------------

    def opened(self, conn: Connection) -> None:
        self._state = _CONNECTED

    def closed(self, conn: Connection) -> None:
        if conn.error:
            self._state, self._error = _FAILED, _ERRORS.get(conn.error, errno.ECONNABORTED)
            conn.receiver.unread.clear()
        elif self._state == _CONNECTED:
            self._state = _PEER_CLOSED

    def received(self, source: Any, data: bytes) -> Any:
        if self._kind == SOCK_DGRAM and (self._peer is None or self._peer == source):
            if self._datagram is None:
                self._datagram = (source, data)
            else:
                self.dropped += 1
        return ()

    # --- Settings -------------------------------------------------------------------------------------------------

    def stir(self) -> None:
        """The program did something with effect: on this socket, or with what it had of it."""
        self._module.stirs += 1

    def setblocking(self, flag: bool) -> None:
        self._blocks = bool(flag)

    def settimeout(self, seconds: float | None) -> None:
        """0 is non-blocking; anything else would wait."""
        self._blocks = seconds != 0

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Groups to join and leave: eight octets, the group's address and the interface's. ValueError: other lengths.
        OSError EADDRNOTAVAIL: no group."""
        if (level, option) not in ((IPPROTO_IP, IP_ADD_MEMBERSHIP), (IPPROTO_IP, IP_DROP_MEMBERSHIP)):
            return
        raw = bytes(value)
        if len(raw) != 8:
            raise ValueError
        self.stir()
        group = to_text(raw[:4])
        try:
            if option == IP_ADD_MEMBERSHIP:
                self._module.host.join(group)
                self._groups.append(group)
            elif group in self._groups:
                self._groups.remove(group)
                self._module.host.leave(group)
            else:
                raise _error(errno.EADDRNOTAVAIL)
        except LocalError:
            raise _error(errno.EADDRNOTAVAIL) from None

    # --- Addresses ------------------------------------------------------------------------------------------------

    def bind(self, address: Endpoint) -> None:
        """A UDP port of one's own, 0 for any. OSError EADDRINUSE, EOPNOTSUPP for TCP, which serves nobody here."""
        self._check()
        if self._kind != SOCK_DGRAM:
            raise _error(errno.EOPNOTSUPP)
        self._open_port(address[1])

    def connect(self, address: Endpoint) -> None:
        """OSError EINPROGRESS: it has begun. EALREADY, EISCONN, EHOSTUNREACH."""
        self._check()
        where = _numeric(address)
        self.stir()
        if self._kind == SOCK_DGRAM:
            self._peer = where
            self._open_port(0)
            return
        if self._state != _NEW:
            raise _error(errno.EISCONN if self._state == _CONNECTED else errno.EALREADY)
        self._reachable()
        self._would_block()
        self._connection = self._module.host.connect(where, self)
        self._connection.pulls = True
        self._state = _CONNECTING
        raise _error(errno.EINPROGRESS)

    # --- Octets ---------------------------------------------------------------------------------------------------

    def send(self, data: Any) -> int:
        """How many octets were taken. EAGAIN: none for now. ENOTCONN, ECONNRESET, ECONNABORTED."""
        if self._kind == SOCK_DGRAM:
            self._check()
            # Without a peer lwIP sends it to nobody, and says nothing.
            return self.sendto(data, self._peer) if self._peer is not None else len(data)
        self._fail_once()
        return self._send(bytes(data))

    def sendall(self, data: Any) -> None:
        """All or nothing, as on a board that does not block: EAGAIN if it is more than fits now."""
        self._fail_once()
        whole = bytes(data)
        if self._state == _CONNECTING or len(whole) > self._room():
            self._again()
        self._send(whole)

    def recv(self, limit: int) -> bytes:
        """EAGAIN: nothing for now. b"": the other end has said all. ECONNRESET, ECONNABORTED."""
        if self._kind == SOCK_DGRAM:
            return self.recvfrom(limit)[0]
        self._fail_once()
        return self._recv(limit)

    def sendto(self, data: Any, address: Endpoint) -> int:
        """One datagram. EHOSTUNREACH: no link; EMSGSIZE: too long for it."""
        self._check()
        if self._kind == SOCK_STREAM:
            return self.send(data)
        self._reachable()
        port = self._open_port(0)
        self.stir()
        try:
            port.send(_numeric(address), bytes(data))
        except LocalError:
            raise _error(errno.EMSGSIZE) from None
        return len(data)

    def recvfrom(self, limit: int) -> tuple[bytes, Endpoint]:
        """The datagram that is there; what is longer than `limit` is cut. EAGAIN: none."""
        self._check()
        if self._kind == SOCK_STREAM:
            return self.recv(limit), self._connection.there if self._connection else (to_text(ANY), 0)
        if self._datagram is None:
            self._again()
        assert self._datagram is not None
        self.stir()
        (source, data), self._datagram = self._datagram, None
        return data[:limit], source

    def read(self, limit: int = -1) -> bytes | None:
        """As a stream: None where `recv` says EAGAIN. limit -1: all that is there."""
        try:
            return self._stream_recv(0xFFFF if limit < 0 else limit)
        except BlockingIOError:
            return None

    def readinto(self, buffer: Any, limit: int = -1) -> int | None:
        """As a stream: how many octets, None for none now, 0 at the end."""
        view = memoryview(buffer)
        try:
            data = self._stream_recv(len(view) if limit < 0 else min(limit, len(view)))
        except BlockingIOError:
            return None
        view[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int | None:
        """As a stream: how many octets were taken, None for none now."""
        self._stream_check()
        try:
            return self._send(bytes(data)) if self._kind == SOCK_STREAM else self.send(data)
        except BlockingIOError:
            return None

    def close(self) -> None:
        """May be called twice. A connection with octets unread is reset, as lwIP does."""
        if self._state == _CLOSED:
            return
        self._state = _CLOSED
        self._module.opened -= 1
        self.stir()
        for group in self._groups:
            self._module.host.leave(group)
        if self._port is not None:
            self._port.close()
        conn, self._connection = self._connection, None
        if conn is not None:
            conn.service = Nobody()
            if conn.receiver.unread:
                conn.abort()
            else:
                conn.pulls = False
                conn.close()

    def makefile(self, *_arguments: object) -> "Socket":
        return self

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll_flags(self, wanted: int) -> int:
        """What `select.poll` finds, of what is wanted and of what is always told."""
        found = 0
        if self._kind == SOCK_DGRAM:
            found = POLLIN if self._datagram is not None else 0
            found |= POLLOUT if self._state != _CLOSED else POLLNVAL
            return found & (wanted | POLLNVAL)
        if self._connection is not None and self._connection.receiver.unread:
            found |= POLLIN
        if self._state in (_NEW, _CONNECTED, _PEER_CLOSED) and self._room() > 0:
            found |= POLLOUT
        if self._state == _PEER_CLOSED:
            found |= POLLIN | POLLOUT
        found &= wanted
        if self._state == _NEW:
            found |= POLLHUP
        elif self._state == _FAILED and self._error == errno.ECONNRESET:
            found |= POLLHUP | (wanted & POLLOUT)
        elif self._state == _FAILED:
            found |= POLLERR
        elif self._state == _CLOSED:
            found |= POLLNVAL
        return found

    # --- inside ---------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._state == _CLOSED:
            raise _error(errno.EBADF)

    def _stream_check(self) -> None:
        self._check()
        if self._state == _FAILED:
            raise _error(self._error)

    def _fail_once(self) -> None:
        """lwIP's sockets tell an error once; after that they are none."""
        self._check()
        if self._state == _FAILED:
            number, self._error = self._error, errno.EBADF
            self.stir()
            raise _error(number)

    def _again(self) -> None:
        self._would_block()
        raise _error(errno.EAGAIN)

    def _would_block(self) -> None:
        if self._blocks:
            raise LocalError("a socket that blocks cannot wait in virtual time: setblocking(False) first")

    def _reachable(self) -> None:
        if not self._module.up():
            raise _error(errno.EHOSTUNREACH)

    def _room(self) -> int:
        conn = self._connection
        return SEND_BUFFER_BYTES - (conn.unsent if conn is not None else 0)

    def _send(self, data: bytes) -> int:
        if self._state == _NEW:
            raise _error(errno.ENOTCONN)
        count = min(len(data), self._room())
        if self._state == _CONNECTING or count <= 0 < len(data):
            self._again()
        assert self._connection is not None
        self._connection.send(data[:count])
        self.stir()
        return count

    def _recv(self, limit: int) -> bytes:
        conn = self._connection
        if conn is not None and conn.receiver.unread:
            self.stir()
            return conn.recv(limit)
        if self._state != _PEER_CLOSED:
            self._again()
        return b""

    def _stream_recv(self, limit: int) -> bytes:
        self._stream_check()
        return self._recv(limit) if self._kind == SOCK_STREAM else self.recvfrom(limit)[0]

    def _open_port(self, number: int) -> UdpPort:
        if self._port is None:
            self.stir()
            host = self._module.host
            try:
                self._port = host.serve_udp(number, self) if number else host.open_udp(self)
            except LocalError:
                raise _error(errno.EADDRINUSE) from None
        return self._port


def _numeric(address: Endpoint) -> Endpoint:
    """ValueError: a name, which only getaddrinfo understands."""
    try:
        to_octets(address[0])
    except LocalError:
        raise ValueError("invalid arguments") from None
    return (address[0], address[1])
