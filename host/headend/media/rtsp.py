"""The streaming server's core (RFC 2326): requests in, answers and packets out; no socket, no clock.

The owner gives each connection what it received, sends what it has to say, calls `poll` when `next_timer` is due, and
closes what is `over`. A session outlives its connection, except where its frames go over that.
"""

from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote, urlsplit

from settop.errors import RemoteError
from settop.states import row_of
from settop.wire import rtp, rtsp, sdp
from settop.wire.http import Head
from settop.wire.rtsp import Refused
from settop.wire.rtsp_fields import Transport, pack_range, pack_rtp_info, parse_range, parse_transports

from headend.media import states
from headend.media.adaptation import REPORT_EVERY, adapt
from headend.media.sender import RtpSender
from headend.media.session import REPORT_EVERY_MS, TIMEOUT_S, Session, Title

TRACK = "stream"
SERVER = "ringcast"
MAX_SESSIONS = 256
MAX_BACKLOG = 256 * 1024
"""Octets that wait for a viewer's TCP connection; beyond, its title waits, and its requests too."""
IDLE_MS = 30_000
"""A connection without a session that says nothing for so long is closed."""
WITHIN_MS = 10_000
"""A request that has begun is whole within this time."""
_PUBLIC = ("Public", ", ".join(rtsp.METHODS))
_ALLOW = ("Allow", ", ".join(rtsp.METHODS))

Datagram = Callable[[bool, tuple[str, int], bytes], None]
Answer = tuple[int, list[tuple[str, str]], bytes]


class Library(Protocol):
    """Where the titles are."""

    def find(self, name: str) -> Title | None: ...


class Connection:
    """One viewer's control connection. peer: the address of its host."""

    def __init__(self, server: "RtspServer", peer: str, now_ms: int) -> None:
        self.peer = peer
        self.over = False
        self.sessions: set[str] = set()
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


class RtspServer:
    """library: the titles. random: n octets. datagram: takes (RTCP or RTP, address, octets). ports: where RTP and RTCP
    come from. epoch_ms: the time of day at now_ms 0, in ms since 1970.
    """

    def __init__(
        self,
        library: Library,
        random: Callable[[int], bytes],
        datagram: Datagram,
        ports: tuple[int, int],
        epoch_ms: int = 0,
    ) -> None:
        self.sessions: dict[str, Session] = {}
        self._library = library
        self._random = random
        self._datagram = datagram
        self._ports = ports
        self._epoch_ms = epoch_ms

    def connect(self, peer: str, now_ms: int) -> Connection:
        """A viewer has come."""
        return Connection(self, peer, now_ms)

    def disconnected(self, connection: Connection) -> None:
        """It is closed; sessions whose frames it carried end with it."""
        for number in list(connection.sessions):
            session = self.sessions.get(number)
            if session is not None and session.line is connection:
                del self.sessions[number]

    # --- requests -------------------------------------------------------------------------------------------------

    def asked(self, connection: Connection, reader: rtsp.Reader, now_ms: int) -> None:
        """One request is whole."""
        cseq = None
        try:
            cseq = rtsp.cseq_of(reader.head)
            if reader.head.status is not None:
                return  # an answer to nothing that we asked
            status, fields, body = self._answer(connection, reader, now_ms)
        except Refused as refused:
            status, fields, body = refused.status, [], b""
            if status in (rtsp.METHOD_NOT_ALLOWED, rtsp.NOT_IN_STATE, rtsp.NOT_IMPLEMENTED):
                fields = [_ALLOW]
        except RemoteError:
            status, fields, body = rtsp.BAD_REQUEST, [], b""
        fields = [("Server", SERVER), *fields]
        connection.say(rtsp.pack_answer(status, cseq, fields, body, sdp.MEDIA_TYPE))

    def heard(self, connection: Connection, channel: int, octets: bytes, now_ms: int) -> None:
        """A frame came: its sessions live, and RTCP tells of the one on its channel."""
        for number in connection.sessions:
            session = self.sessions.get(number)
            if session is not None:
                session.seen_ms = now_ms
                if session.way.channels is not None and session.way.channels[1] == channel:
                    session.sender.heard(octets, now_ms)

    def reported(self, peer: tuple[str, int], octets: bytes, now_ms: int) -> None:
        """A datagram of RTCP came from there."""
        for session in self.sessions.values():
            if session.peer == peer[0] and session.way.client is not None and session.way.client[1] == peer[1]:
                session.seen_ms = now_ms
                session.sender.heard(octets, now_ms)

    def _answer(self, connection: Connection, reader: rtsp.Reader, now_ms: int) -> Answer:
        head = reader.head
        method = head.method.decode()
        if method not in rtsp.METHODS:
            raise Refused("a method that is not known", rtsp.NOT_IMPLEMENTED)
        required = head.words(b"require") + head.words(b"proxy-require")
        if required:
            return rtsp.OPTION_NOT_SUPPORTED, [("Unsupported", b", ".join(required).decode("latin-1"))], b""
        named = rtsp.session_of(head)
        session = self._session_of(connection, named[0]) if named is not None else None
        if session is not None:
            session.seen_ms = now_ms
        if method == "OPTIONS":
            return rtsp.OK, [_PUBLIC], b""
        if method == "DESCRIBE":
            return self._describe(head)
        if method in ("GET_PARAMETER", "SET_PARAMETER"):
            if len(reader.body):
                raise Refused("a parameter that is not known", rtsp.PARAMETER_NOT_UNDERSTOOD)
            return rtsp.OK, [], b""
        if session is None:
            if method != "SETUP":
                raise Refused("a request without its session", rtsp.SESSION_NOT_FOUND)
            session = self._begin(connection, head, now_ms)
        elif self._title_of(head) is not session.title:
            raise Refused("a session of another title", rtsp.AGGREGATE_NOT_ALLOWED)
        row = row_of(states.TABLE, session.state, method)
        if row is None:
            raise Refused("a method for another state", rtsp.NOT_IN_STATE)
        adapted = adapt(session.sender, head, now_ms)
        status, fields, body = getattr(self, row[2])(connection, session, head, now_ms)
        session.state = row[3]
        return status, fields + adapted, body

    def _session_of(self, connection: Connection, number: str) -> Session:
        """A session answers to its host alone."""
        session = self.sessions.get(number)
        if session is None or session.peer != connection.peer:
            raise Refused("a session that is not known", rtsp.SESSION_NOT_FOUND)
        return session

    def _title_of(self, head: Head) -> Title:
        name, _ = _path(head)
        try:
            title = self._library.find(name)
        except (RemoteError, OSError):
            raise Refused("a title that cannot be read", rtsp.UNSUPPORTED_MEDIA) from None
        if title is None:
            raise Refused("a title that is not known", rtsp.NOT_FOUND)
        return title

    def _describe(self, head: Head) -> Answer:
        kinds = head.words(b"accept")
        if kinds and not any(
            kind.partition(b";")[0] in (b"application/sdp", b"*/*", b"application/*") for kind in kinds
        ):
            raise Refused("a description of another kind", rtsp.NOT_ACCEPTABLE)
        title = self._title_of(head)
        found = sdp.Description()
        found.name, found.control, found.range_ms = title.name, "*", (0, title.source.duration_ms)
        medium = sdp.Medium("video", 0, "RTP/AVP", [str(rtp.MPEG_TS)])
        medium.maps = {str(rtp.MPEG_TS): ("MP2T", rtp.CLOCK_HZ)}
        medium.control = TRACK
        medium.others = [(sdp.ADAPTATION, str(REPORT_EVERY))]
        found.media.append(medium)
        base = head.target.decode().rstrip("/") + "/"
        return rtsp.OK, [("Content-Base", base)], sdp.pack(found, "0.0.0.0")  # noqa: S104 (RFC 2326 C.1.7: it is told by SETUP)

    def _begin(self, connection: Connection, head: Head, now_ms: int) -> Session:
        if len(self.sessions) >= MAX_SESSIONS:
            raise Refused("as many sessions as there may be", rtsp.NOT_ENOUGH_BANDWIDTH)
        title = self._title_of(head)
        words = self._random(10)
        sender = RtpSender(
            title.source,
            int.from_bytes(words[:4], "big"),
            int.from_bytes(words[4:6], "big"),
            int.from_bytes(words[6:10], "big"),
            now_ms,
            self._epoch_ms,
            title.lighter,
        )
        return Session(self._random(16).hex(), title, sender, connection.peer, now_ms)

    # --- what a session is asked for: (connection, session, head, now_ms), as the table names them ------------------

    def _set_up(self, connection: Connection, session: Session, head: Head, now_ms: int) -> Answer:
        value = head.get(b"transport")
        if value is None:
            raise Refused("SETUP without a transport")
        way = next((way for way in parse_transports(value) if _fits(way)), None)
        if way is None:
            raise Refused("a transport that we have not", rtsp.UNSUPPORTED_TRANSPORT)
        session.way = way = Transport(channels=way.channels, client=way.client, tcp=way.tcp, ssrc=session.sender.ssrc)
        session.line = None
        if way.tcp:
            way.channels = way.channels or (0, 1)
            way.client = None
            session.line = connection
            connection.sessions.add(session.number)
        else:
            way.server = self._ports
        self.sessions[session.number] = session
        named = f"{session.number};timeout={TIMEOUT_S}"
        return rtsp.OK, [("Session", named), ("Transport", way.text())], b""

    def _play(self, connection: Connection, session: Session, head: Head, now_ms: int) -> Answer:
        value = head.get(b"range")
        start_ms, end_ms = (None, None) if value is None else parse_range(value)
        if start_ms is not None and start_ms > session.title.source.duration_ms:
            raise Refused("a range behind the end", rtsp.INVALID_RANGE)
        session.sender.play(now_ms, start_ms, end_ms)
        session.report_ms = now_ms
        base = head.target.decode().rstrip("/")
        url = base if base.endswith("/" + TRACK) else f"{base}/{TRACK}"
        info = pack_rtp_info(url, session.sender.sequence, session.sender.play_time)
        return rtsp.OK, [("Session", session.number), ("Range", _now(session, end_ms)), ("RTP-Info", info)], b""

    def _pause(self, connection: Connection, session: Session, head: Head, now_ms: int) -> Answer:
        session.sender.pause(now_ms)
        return rtsp.OK, [("Session", session.number), ("Range", _now(session, None))], b""

    def _tear_down(self, connection: Connection, session: Session, head: Head, now_ms: int) -> Answer:
        self._end(session)
        return rtsp.OK, [], b""

    def _end(self, session: Session) -> None:
        self.sessions.pop(session.number, None)
        if isinstance(session.line, Connection):
            session.line.sessions.discard(session.number)

    # --- time -----------------------------------------------------------------------------------------------------

    def next_timer(self) -> int | None:
        """When `poll` wants to be called, None: when somebody asks for something."""
        times = []
        for session in self.sessions.values():
            times.append(session.stale_ms)
            due_ms = session.sender.next_timer()
            if session.state == states.PLAYING and not _is_held(session):
                times.append(session.report_ms)
                if due_ms is not None:
                    times.append(due_ms)
        return min(times, default=None)

    def poll(self, now_ms: int) -> None:
        """Sends what is due, and ends what nobody wants any more."""
        for session in list(self.sessions.values()):
            if session.stale_ms <= now_ms:
                self._end(session)
            elif session.state == states.PLAYING and not _is_held(session):
                self._continue(session, now_ms)

    def _continue(self, session: Session, now_ms: int) -> None:
        bye = False
        try:
            for packet in session.sender.due(now_ms):
                session.send(packet, False, self._datagram)
            bye = session.sender.ended
        except (RemoteError, OSError):
            bye = True  # the file went, or is another one
        if bye:
            session.sender.pause(now_ms)
            session.state = states.READY
        if bye or session.report_ms <= now_ms:
            session.report_ms = now_ms + REPORT_EVERY_MS
            session.send(session.sender.report(now_ms, bye), True, self._datagram)


def _is_held(session: Session) -> bool:
    return session.line is not None and session.line.backlog >= MAX_BACKLOG


def _fits(way: Transport) -> bool:
    return way.unicast and not way.secure and (way.tcp or way.client is not None)


def _now(session: Session, end_ms: int | None) -> str:
    end_ms = session.title.source.duration_ms if end_ms is None else end_ms
    text: str = pack_range(session.sender.at_ms, end_ms)
    return text


def _path(head: Head) -> tuple[str, str]:
    """(name of the title, of the medium or "") from an absolute URL."""
    try:
        parts = urlsplit(head.target.decode())
    except ValueError:  # brackets that hold no address
        raise Refused("a URL that is none") from None
    if parts.scheme.lower() not in ("rtsp", "rtspu") or not parts.netloc:
        raise Refused("a URL that is not of RTSP")
    name = unquote(parts.path).strip("/")
    if name.endswith("/" + TRACK):
        return name[: -len(TRACK) - 1], TRACK
    return name, ""
