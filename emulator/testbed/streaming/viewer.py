"""A viewer behind sockets: control by TCP, media by UDP on a pair of ports or on the same connection, in real time."""

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from headend.stopping import undisturbed
from settop.errors import LocalError, RemoteError, RingcastError
from settop.media.rtsp_states import CLOSED, ENDING, PLAYING, READY

from testbed.streaming.faces import Seen, Sink, Wanted
from testbed.streaming.presentation import PATIENCE_MS, Presentation

PORT = 554
_TICK_MS = 50
_STUCK_MS = 5  # what is due cannot go: the sink takes nothing
_TELL_MS = 250
_LEAVE_MS = 1_000
_READ = 65_536
_DATAGRAM = 2_048
_AT_ONCE = 256
_ROOM = 1 << 20
_PAIRS = 64


def place_of(url: str) -> tuple[str, int]:
    """(host, port) of rtsp://HOST[:PORT]/NAME. Raises LocalError for another URL."""
    expected = "expected rtsp://HOST[:PORT]/NAME, as the shop's window has it"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise LocalError(f"{url!r} is no address of a title ({error}); {expected}") from None
    if "@" in parts.netloc:
        raise LocalError(f"an address with a name or password in it; {expected}, and --user, --token-file beside it")
    if parts.scheme.lower() != "rtsp" or not parts.hostname or len(parts.path) < 2 or port == 0:
        raise LocalError(f"{url!r} is no address of a title; {expected}")
    if parts.query or parts.fragment or not all(" " < letter < "\x7f" for letter in url):
        raise LocalError(f"{url!r} has something that no title's address has; {expected}")
    return parts.hostname, port or PORT


class Viewer:
    """Plays what is wanted into the sink. `play` may be called once; `seen` at any time, also behind its end."""

    def __init__(self, wanted: Wanted, sink: Sink, random: Callable[[int], bytes] = os.urandom) -> None:
        """Raises LocalError for an address that is none, RemoteError for a token that is none."""
        self._place = place_of(wanted.url)
        self._wanted = wanted
        self._presentation = Presentation(wanted, sink, random, self._send_report)
        self._selector = selectors.DefaultSelector()
        self._line: socket.socket | None = None
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._peer = ""
        self._gone = False
        self._stopped = False
        self._told_ms = 0

    def seen(self) -> Seen:
        return self._presentation.seen()

    def stop(self) -> None:
        """Ends `play` soon, which returns how far it was then. Any thread may call it."""
        self._stopped = True

    def play(self, tell: Callable[[Seen], None] = lambda seen: None) -> Seen:
        """Until the title was played to its end, or `stop`. Whatever ends it, the server is told (TEARDOWN). tell: four
        times a second. Raises RemoteError where the server cannot be reached, refuses, falls silent or goes away, and
        what the sink raises."""
        try:
            self._connect()
            while not (self._presentation.over or self._stopped):
                self._turn()
                if _now_ms() - self._told_ms >= _TELL_MS:
                    self._told_ms = _now_ms()
                    tell(self.seen())
            tell(self.seen())
            return self.seen()
        finally:
            with undisturbed():
                self._leave()

    def _connect(self) -> None:
        host, port = self._place
        try:
            line = socket.create_connection(self._place, timeout=PATIENCE_MS / 1000)
        except (OSError, UnicodeError) as error:  # the latter: a name that no host can have
            why = "it does not answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or error
            raise RemoteError(f"no streaming server at {host}:{port} ({why})") from None
        self._line = line
        line.setblocking(False)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(line, selectors.EVENT_READ)
        self._peer = line.getpeername()[0]
        ports = None
        if not self._wanted.tcp:
            self._pair = _pair(line.family, line.getsockname()[0])
            ports = (self._pair[0].getsockname()[1], self._pair[1].getsockname()[1])
        self._presentation.begin(ports, _now_ms())
        self._send()

    def _turn(self) -> None:
        """Waits until something is to be done, and does it; a signal comes while it waits, and not between."""
        self._selector.select(self._wait_s())
        with undisturbed():
            self._read()
            self._hear()
            now_ms = _now_ms()
            if self._gone:
                self._presentation.cut(now_ms)
            self._presentation.step(now_ms)
            self._send()

    def _wait_s(self) -> float:
        due_ms = self._presentation.next_timer()
        if due_ms is None:
            return _TICK_MS / 1000
        wait_ms = due_ms - _now_ms()
        return min(wait_ms if wait_ms > 0 else _STUCK_MS, _TICK_MS) / 1000

    def _read(self) -> None:
        assert self._line is not None
        if self._gone:
            return
        try:
            octets = self._line.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if octets:
            self._presentation.receive(octets, _now_ms())
        else:
            self._gone = True
            self._selector.unregister(self._line)
        if self._pair is not None and self._presentation.begun and self._pair[0] not in self._selector.get_map():
            for one in self._pair:
                self._selector.register(one, selectors.EVENT_READ)

    def _hear(self) -> None:
        """Datagrams, once it is known where the title begins; media before what may say that they are over."""
        if self._pair is None or not self._presentation.begun:
            return
        reports = list(_datagrams(self._pair[1], self._peer))
        for octets in _datagrams(self._pair[0], self._peer):
            self._presentation.packet(False, octets, _now_ms())
        for octets in reports:
            self._presentation.packet(True, octets, _now_ms())

    def _send(self) -> None:
        client = self._presentation.client
        while not self._gone and self._line is not None and (octets := client.to_send()) is not None:
            try:
                client.sent(self._line.send(octets))
            except BlockingIOError:
                return
            except OSError:
                self._gone = True
                self._selector.unregister(self._line)

    def _send_report(self, octets: bytes) -> None:
        way = self._presentation.way
        if self._pair is not None and way.server is not None:
            with suppress(OSError):  # a port that nobody listens on any more: the connection says what became of it
                self._pair[1].sendto(octets, (self._peer, way.server[1]))

    def _leave(self) -> None:
        """TEARDOWN, and its answer if that comes soon; then everything is closed."""
        client = self._presentation.client
        end_ms = _now_ms() + _LEAVE_MS
        try:
            with suppress(RingcastError, OSError):
                while self._line is not None and not self._gone and client.state != CLOSED and _now_ms() < end_ms:
                    if client.state in (READY, PLAYING):
                        client.tear_down(_now_ms())
                    elif client.state != ENDING and client.session is None:
                        break  # there is nothing to end
                    self._send()
                    self._selector.select(_TICK_MS / 1000)
                    self._read_answer()
        finally:
            client.ended()  # keys are forgotten with the connection
            for one in (self._line, *(self._pair or ())):
                if one is not None:
                    one.close()
            self._selector.close()

    def _read_answer(self) -> None:
        """What comes while it ends: titles too, which nobody wants any more."""
        assert self._line is not None
        try:
            octets = self._line.recv(_READ)
        except BlockingIOError:
            return
        self._gone = not octets
        self._presentation.client.receive(octets, _now_ms())
        for one in self._pair or ():
            for _ in _datagrams(one, self._peer):
                pass


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _datagrams(one: socket.socket, peer: str) -> Iterator[bytes]:
    """Those that wait, of this host alone."""
    for _ in range(_AT_ONCE):
        try:
            octets, sender = one.recvfrom(_DATAGRAM)
        except BlockingIOError:
            return
        except OSError:
            continue  # what we sent met a port that nobody listens on
        if sender[0] == peer:
            yield octets


def _pair(family: int, address: str) -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets on an even port and the next one (RFC 3550 section 11). Raises LocalError."""
    for _ in range(_PAIRS):
        first = socket.socket(family, socket.SOCK_DGRAM)
        first.bind((address, 0))
        port = first.getsockname()[1]
        if port % 2 == 0:
            second = socket.socket(family, socket.SOCK_DGRAM)
            try:
                second.bind((address, port + 1))
            except OSError:
                second.close()
            else:
                for one in (first, second):
                    one.setblocking(False)
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
                return first, second
        first.close()
    raise LocalError(f"no pair of UDP ports is free on {address}; --tcp needs none")
