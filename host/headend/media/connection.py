"""One viewer's control connection: octets in both directions, requests and frames out of them, within bounds."""

from typing import Protocol

from settop.wire import rtsp
from settop.wire.rtsp import Refused

from headend.media.access import Offer

MAX_BACKLOG = 256 * 1024
"""Octets that wait for a viewer's TCP connection; beyond, its title waits, and its requests too."""
IDLE_MS = 30_000
"""A connection without a session that says nothing for so long is closed."""
WITHIN_MS = 10_000
"""A request that has begun is whole within this time."""


class Server(Protocol):
    """Whom it tells what came."""

    def asked(self, connection: "Connection", reader: rtsp.Reader, now_ms: int) -> None: ...
    def heard(self, connection: "Connection", channel: int, octets: bytes, now_ms: int) -> None: ...


class Connection:
    """One viewer's control connection. peer: the address of its host."""

    def __init__(self, server: Server, peer: str, now_ms: int) -> None:
        self.peer = peer
        self.over = False
        self.sessions: set[str] = set()
        self.offer: Offer | None = None
        self._server = server
        self._reader = rtsp.Reader(head_octets=4096, body_octets=4096, frame_octets=2048)
        self._out: list[bytes] = []
        self._seen_ms = self._begun_ms = now_ms
        self.backlog = 0
        self._waiting = b""

    @property
    def wants(self) -> bool:
        """Whether it is to be read from: not while its answers wait to be fetched."""
        return not self.over and self.backlog < MAX_BACKLOG and not self._waiting

    def receive(self, data: bytes, now_ms: int) -> None:
        """What came; b"": the other side has ended it."""
        if not data:
            self.over = True
            return
        data, self._waiting = self._waiting + data, b""
        view = memoryview(data)
        if self._reader.between:
            self._begun_ms = now_ms
        self._seen_ms = now_ms
        while len(view) and not self.over:
            if self.backlog >= MAX_BACKLOG:
                self._waiting = bytes(view)
                return
            try:
                took, what = self._reader.feed(view)
            except Refused as refused:
                self.say(rtsp.pack_answer(refused.status, None, [("Connection", "close")]))
                self.over = True
                return
            view = view[took:]
            if what == rtsp.MESSAGE:
                self._begun_ms = now_ms
                self._server.asked(self, self._reader, now_ms)
            elif what == rtsp.FRAME:
                self._server.heard(self, self._reader.channel, bytes(self._reader.frame), now_ms)

    def say(self, octets: bytes) -> None:
        """To be sent, behind what waits."""
        self._out.append(octets)
        self.backlog += len(octets)

    def frame(self, channel: int, octets: bytes) -> None:
        """A packet between the messages (RFC 2326 10.12)."""
        self.say(rtsp.pack_frame_head(channel, len(octets)) + octets)

    def to_send(self) -> bytes:
        """What is to be sent next, b"" for nothing."""
        if len(self._out) > 1:
            self._out = [b"".join(self._out)]
        return self._out[0] if self._out else b""

    def sent(self, count: int, now_ms: int) -> None:
        """So many octets of it went."""
        self._out = [self._out[0][count:]] if count < len(self._out[0]) else []
        self.backlog -= count
        if self._waiting and self.backlog < MAX_BACKLOG:
            self.receive(self._take(), now_ms)

    def _take(self) -> bytes:
        waiting, self._waiting = self._waiting, b""
        return waiting

    def stale_ms(self) -> int | None:
        """When it is to be closed, None: as long as a session needs it."""
        if not self._reader.between:
            return self._begun_ms + WITHIN_MS
        return None if self.sessions else self._seen_ms + IDLE_MS
