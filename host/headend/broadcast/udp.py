"""Transport streams on UDP: seven packets to a datagram, to one receiver or a group, with or without RTP (RFC 2250)."""

import ipaddress
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from settop.errors import LocalError, RemoteError
from settop.wire.transport import PACKET_BYTES, SYNC

from headend.ts.packets import Packets

DATAGRAM_PACKETS = 7
"""1,316 octets: as many whole packets as an Ethernet frame carries, and what every receiver expects."""
FIRST_S = 60.0
"""So long the first datagram is waited for."""
_RECEIVE_BUFFER_BYTES = 1 << 23
_QUEUED_DATAGRAMS = 1 << 14  # 21 MB
_RTP_HEADER_BYTES = 12
_RTP_MP2T = 33
_OPTIONS = ("localaddr", "ttl", "timeout")


@dataclass(frozen=True)
class UdpAddress:
    """`udp://HOST:PORT?ttl=N&localaddr=IP&timeout=S`: `local` is the interface's address, `silence_s` how long an input
    may be silent before it is over.
    """

    host: str
    port: int
    local: str = "0.0.0.0"  # noqa: S104 - the interface is the system's choice unless one is named
    ttl: int = 1
    silence_s: float = 5.0

    @classmethod
    def parse(cls, url: str) -> "UdpAddress":
        """Raises LocalError for what is no such address; IPv4 alone."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lstrip("@"), parts.port
            host = str(ipaddress.IPv4Address(socket.gethostbyname(host or "0.0.0.0")))  # noqa: S104 - any, for an input
            options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
            unknown = [name for name in options if name not in _OPTIONS]
            local = str(ipaddress.IPv4Address(options.get("localaddr", cls.local)))
            ttl, silence_s = int(options.get("ttl", cls.ttl)), float(options.get("timeout", cls.silence_s))
        except (ValueError, OSError):
            port = None  # and the rest is not asked for
        if not port or parts.scheme != "udp" or unknown or not 0 <= ttl <= 255 or not 0 < silence_s < 1e6:
            raise LocalError(
                f"{url} is no address; expected udp://HOST:PORT, with ?{'=&'.join(_OPTIONS)}= if need be, as in "
                "udp://239.1.2.3:5000?ttl=4"
            )
        return cls(host, port, local, ttl, silence_s)

    @property
    def is_group(self) -> bool:
        return ipaddress.IPv4Address(self.host).is_multicast


def packets_in(datagram: bytes) -> bytes:
    """The whole packets that a datagram carries, b"" where it carries none; an RTP header of payload type 33 goes."""
    start = 0
    if len(datagram) > _RTP_HEADER_BYTES and datagram[0] >> 6 == 2 and datagram[1] & 0x7F == _RTP_MP2T:
        start = _RTP_HEADER_BYTES + 4 * (datagram[0] & 0x0F)
        if datagram[0] & 0x10 and start + 4 <= len(datagram):
            start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    size = len(datagram) - start
    if size <= 0 or size % PACKET_BYTES or any(one != SYNC for one in datagram[start::PACKET_BYTES]):
        return b""
    return datagram[start:]


class UdpInput:
    """Receives in a thread of its own, so that nothing is lost while the rest works. A context manager.

    `refused` counts datagrams that are no transport packets, `lost` those that came while the queue was full.
    """

    def __init__(self, address: UdpAddress) -> None:
        self._address = address
        self._queue: deque[bytes] = deque()
        self._ready = threading.Condition()
        self._closing = self._over = False
        self._failed: OSError | None = None
        self.refused = self.lost = self.datagrams = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            self._socket.bind((address.host, address.port))
            if address.is_group:
                member = struct.pack("4s4s", socket.inet_aton(address.host), socket.inet_aton(address.local))
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except BaseException:
            self._socket.close()
            raise
        self._thread = threading.Thread(target=self._receive, name="udp-input", daemon=True)

    def __enter__(self) -> "UdpInput":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing = True
        self._thread.join()
        self._socket.close()

    def read(self, timeout_s: float) -> Packets | None:
        """What has come, shape (n, 188), after at most that long; None when the stream is over.

        Raises RemoteError where nothing ever came, OSError.
        """
        with self._ready:
            if not self._queue and not self._over:
                self._ready.wait(timeout_s)
            data = b"".join(self._queue)
            self._queue.clear()
            over = self._over
        if self._failed is not None:
            raise self._failed
        if not data and over:
            if not self.datagrams:
                raise RemoteError(
                    f"no transport stream came to {self._address.host}:{self._address.port} in {FIRST_S:g} s; "
                    + (f"{self.refused} datagrams were none" if self.refused else "is it sent there, and not filtered?")
                )
            return None
        return np.frombuffer(data, np.uint8).reshape(-1, PACKET_BYTES)

    def _receive(self) -> None:
        """Until closed, or until silence says that the stream is over."""
        step_s = min(0.1, self._address.silence_s / 4)
        self._socket.settimeout(step_s)
        silent_s = 0.0
        try:
            while not self._closing and silent_s < (self._address.silence_s if self.datagrams else FIRST_S):
                try:
                    datagram = self._socket.recv(1 << 16)
                except TimeoutError:
                    silent_s += step_s
                    continue
                silent_s = 0.0
                self._take(packets_in(datagram))
        except OSError as error:
            self._failed = error
        with self._ready:
            self._over = True
            self._ready.notify()

    def _take(self, packets: bytes) -> None:
        with self._ready:
            if not packets:
                self.refused += 1
            elif len(self._queue) >= _QUEUED_DATAGRAMS:
                self.lost += 1
            else:
                self.datagrams += 1
                self._queue.append(packets)
                self._ready.notify()


class UdpOutput:
    """Sends datagrams. A context manager."""

    def __init__(self, address: UdpAddress) -> None:
        self._to = (address.host, address.port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if address.is_group:
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, address.ttl)
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
            if address.local != UdpAddress.local:
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address.local))

    def __enter__(self) -> "UdpOutput":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def send(self, datagram: bytes) -> None:
        """One datagram. Raises OSError; that nobody listens (ECONNREFUSED) is no error."""
        try:
            self._socket.sendto(datagram, self._to)
        except ConnectionRefusedError:
            pass
