"""The streaming server's core (RFC 2326): requests in, answers and packets out; no socket, no clock.

The owner gives each connection what it received, sends what it has to say, calls `poll` when `next_timer` is due, and
closes what is `over`. A session outlives its connection, except where its frames go over that.
"""

from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote, urlsplit

from settop.errors import RemoteError
from settop.media import key_text
from settop.states import row_of
from settop.wire import rtp, rtsp, sdp
from settop.wire.http import Head
from settop.wire.rtsp import Refused
from settop.wire.rtsp_fields import Transport, pack_range, pack_rtp_info, parse_range, parse_transports

from headend.media import states
from headend.media.access import CHALLENGE, GIVES_WAY_MS, Access, Gate
from headend.media.adaptation import REPORT_EVERY, adapt
from headend.media.connection import MAX_BACKLOG, Connection
from headend.media.sender import RtpSender
from headend.media.session import GOODBYE_AFTER_MS, REPORT_EVERY_MS, TIMEOUT_S, Session, Title

TRACK = "stream"
SERVER = "ringcast"
MAX_SESSIONS = 256
_PUBLIC = ("Public", ", ".join(rtsp.METHODS))
_ALLOW = ("Allow", ", ".join(rtsp.METHODS))

Datagram = Callable[[bool, tuple[str, int], bytes], None]
Answer = tuple[int, list[tuple[str, str]], bytes]


class Library(Protocol):
    """Where the titles are."""

    def find(self, name: str) -> Title | None: ...


class RtspServer:
    """library: the titles. random: n octets. datagram: takes (RTCP or RTP, address, octets). ports: where RTP and RTCP
    come from. epoch_ms: the time of day at now_ms 0, in ms since 1970. gate: who knows the tokens of titles that are
    not in the clear.
    """

    def __init__(
        self,
        library: Library,
        random: Callable[[int], bytes],
        datagram: Datagram,
        ports: tuple[int, int],
        epoch_ms: int = 0,
        gate: Gate | None = None,
    ) -> None:
        self.sessions: dict[str, Session] = {}
        self._library = library
        self._random = random
        self._datagram = datagram
        self._ports = ports
        self._epoch_ms = epoch_ms
        self._access = Access(gate, random, epoch_ms)

    def connect(self, peer: str, now_ms: int) -> Connection:
        """A viewer has come."""
        return Connection(self, peer, now_ms)

    def disconnected(self, connection: Connection) -> None:
        """It is closed; sessions whose frames it carried, or whose keys it has, end with it."""
        _forget_offer(connection)
        for number in list(connection.sessions):
            session = self.sessions.get(number)
            if session is not None and connection in (session.line, session.owner):
                self._end(session)

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
            elif status == rtsp.UNAUTHORIZED:
                fields, connection.over = CHALLENGE, True
        except RemoteError:
            status, fields, body = rtsp.BAD_REQUEST, [], b""
        fields = [("Server", SERVER), *fields]
        connection.say(rtsp.pack_answer(status, cseq, fields, body, sdp.MEDIA_TYPE))

    def heard(self, connection: Connection, channel: int, octets: bytes, now_ms: int) -> None:
        """A frame came: its sessions live, and RTCP tells of the one on its channel."""
        for number in connection.sessions:
            session = self.sessions.get(number)
            if session is None:
                continue
            if session.way.channels is not None and session.way.channels[1] == channel:
                self._hear(session, octets, now_ms)
            elif session.guard is None:
                session.seen_ms = now_ms

    def reported(self, peer: tuple[str, int], octets: bytes, now_ms: int) -> None:
        """A datagram of RTCP came from there."""
        for session in self.sessions.values():
            if session.peer == peer[0] and session.way.client is not None and session.way.client[1] == peer[1]:
                self._hear(session, octets, now_ms)

    def _hear(self, session: Session, octets: bytes, now_ms: int) -> None:
        """What a viewer reports; what his keys do not open is counted, and nothing else comes of it."""
        if session.guard is not None:
            try:
                octets = session.guard.heard(octets)
            except RemoteError:
                session.dropped += 1
                return
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
            return self._describe(connection, head, now_ms)
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
        """A session answers to its host alone, one with keys to the connection alone that they are of."""
        session = self.sessions.get(number)
        if session is None or session.peer != connection.peer or session.owner not in (None, connection):
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

    def _describe(self, connection: Connection, head: Head, now_ms: int) -> Answer:
        kinds = head.words(b"accept")
        if kinds and not any(
            kind.partition(b";")[0] in (b"application/sdp", b"*/*", b"application/*") for kind in kinds
        ):
            raise Refused("a description of another kind", rtsp.NOT_ACCEPTABLE)
        title = self._title_of(head)
        found = sdp.Description()
        found.name, found.control, found.range_ms = title.name, "*", (0, title.source.duration_ms)
        if title.suites:
            _forget_offer(connection)
            connection.offer = self._access.offer(head, title.name, title.suites, now_ms)
            found.others.append(("key-mgmt", key_text.pack_attribute(connection.offer.octets)))
        medium = sdp.Medium("video", 0, "RTP/SAVP" if title.suites else "RTP/AVP", [str(rtp.MPEG_TS)])
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
        passed = self._access.admit(head, title.name, now_ms)[1] if title.suites else None
        words = self._random(10)
        first = 0x7FFF if title.suites else 0xFFFF  # RFC 3711 3.3.1: nobody may take the first cycle for the second one
        sender = RtpSender(
            title.source,
            int.from_bytes(words[:4], "big"),
            int.from_bytes(words[4:6], "big") & first,
            int.from_bytes(words[6:10], "big"),
            now_ms,
            self._epoch_ms,
            title.lighter,
        )
        return Session(self._random(16).hex(), title, sender, connection.peer, now_ms, passed=passed)

    # --- what a session is asked for: (connection, session, head, now_ms), as the table names them ------------------

    def _set_up(self, connection: Connection, session: Session, head: Head, now_ms: int) -> Answer:
        value = head.get(b"transport")
        if value is None:
            raise Refused("SETUP without a transport")
        secure = session.passed is not None
        way = next((way for way in parse_transports(value) if _fits(way, secure)), None)
        if way is None:
            raise Refused("a transport that we have not", rtsp.UNSUPPORTED_TRANSPORT)
        more = self._agree(connection, session, head, now_ms)
        session.way = way = Transport(secure, way.channels, way.client, tcp=way.tcp, ssrc=session.sender.ssrc)
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
        return rtsp.OK, [("Session", named), ("Transport", way.text()), *more], b""

    def _agree(self, connection: Connection, session: Session, head: Head, now_ms: int) -> list[tuple[str, str]]:
        """Keys for a session that needs them, and the field that proves us to its viewer."""
        if session.passed is None:
            return []
        if session.guard is not None:
            raise Refused("a session that has its keys and its way", rtsp.NOT_IN_STATE)
        offer, connection.offer = connection.offer, None
        guard, proof = self._access.conclude(head, session.title.name, offer, session.passed)
        for other in list(self.sessions.values()):
            if other.passed is not None and other.passed.user == session.passed.user:
                if now_ms - other.seen_ms < GIVES_WAY_MS:
                    guard.close()
                    raise Refused("a second session of one user", rtsp.NOT_ENOUGH_BANDWIDTH)
                self._end(other)
        session.guard, session.owner = guard, connection
        connection.sessions.add(session.number)
        return [proof]

    def _play(self, connection: Connection, session: Session, head: Head, now_ms: int) -> Answer:
        value = head.get(b"range")
        start_ms, end_ms = (None, None) if value is None else parse_range(value)
        if start_ms is not None and start_ms > session.title.source.duration_ms:
            raise Refused("a range behind the end", rtsp.INVALID_RANGE)
        if session.passed is not None:
            self._access.check_still(session.passed, now_ms)
        session.sender.play(now_ms, start_ms, end_ms)
        session.report_ms, session.bye_ms = now_ms, None
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
        for connection in (session.line, session.owner):
            if isinstance(connection, Connection):
                connection.sessions.discard(session.number)
        if session.guard is not None:
            session.guard.close()

    # --- time -----------------------------------------------------------------------------------------------------

    def next_timer(self) -> int | None:
        """When `poll` wants to be called, None: when somebody asks for something."""
        times = []
        for session in self.sessions.values():
            times.append(session.stale_ms)
            due_ms = session.sender.next_timer()
            if session.state == states.PLAYING and not _is_held(session):
                times += [session.report_ms] if session.bye_ms is None else [session.report_ms, session.bye_ms]
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
            if session.sender.ended and session.bye_ms is None:
                session.bye_ms = now_ms + GOODBYE_AFTER_MS
            bye = session.bye_ms is not None and session.bye_ms <= now_ms
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


def _forget_offer(connection: Connection) -> None:
    if connection.offer is not None:
        connection.offer.forget()
        connection.offer = None


def _fits(way: Transport, secure: bool) -> bool:
    return way.unicast and way.secure == secure and (way.tcp or way.client is not None)


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
