"""RTSP as a viewer (RFC 2326): one connection's core, without IO or clock.

The owner sends what `to_send` shows and says so with `sent`, and gives what came to `receive`. What happened comes from
`next_event`, one tuple each:

    ("described", description, base)   a settop.wire.sdp.Description, and the URL that its controls are relative to
    ("set_up", transport, timeout_s)   the way that the server chose
    ("playing", start_ms, end_ms, info)  of normal play time, None where it is not told; info as parse_rtp_info has it
    ("paused", at_ms)
    ("refused", method, status)        the presentation stands as it did before
    ("ended",)                         after TEARDOWN: the connection may be closed
    ("failed", reason, again)          it is of no use any more; again: a new connection may do better

Frames of media that come between go to `on_frame(channel, view)` at once; the view is good during the call.
"""

from settop.errors import LocalError, RemoteError
from settop.media.rtsp_states import CLOSED, DESCRIBED, ENDING, IDLE, TABLE
from settop.states import row_of
from settop.wire import rtsp, sdp
from settop.wire.rtsp import Reader, Refused
from settop.wire.rtsp_fields import parse_range, parse_rtp_info, parse_transports

SILENT = "the server has fallen silent"
CUT = "the connection ended"
_KEEP = "GET_PARAMETER"
_MOST_ASKED = 4


class RtspClient:
    """Of the presentation at `url`, rtsp://HOST[:PORT]/NAME as str.

    on_frame: takes frames between the messages, None: there are to be none. reply_ms: how long an answer may take.
    head_octets, body_octets, frame_octets: at most. guard: a settop.media.guard.Guard of this connection, without which
    only what is in the clear can be had, and with which nothing else; it is closed with the connection.
    """

    def __init__(
        self, url, on_frame=None, reply_ms=10000, head_octets=1024, body_octets=2048, frame_octets=1504, guard=None
    ):
        self.url = url
        self._guard = guard
        self.state = IDLE
        self.session = None
        self._on_frame = on_frame
        self._reply_ms = reply_ms
        self._reader = Reader(head_octets, body_octets, frame_octets if on_frame else 0)
        self._cseq = 0
        self._asked = []  # (number, method) that wait for their answers, in their order
        self._out = []
        self._events = []
        self._due_ms = None  # when an answer is overdue
        self._timeout_ms = 1000 * rtsp.DEFAULT_TIMEOUT_S
        self._keep_ms = None  # when the server wants to hear from us

    # --- the owner asks -------------------------------------------------------------------------------------------

    def describe(self, now_ms, fields=()):
        """fields: more of the head, (name, value) as str."""
        shown = self._guard.fields() if self._guard is not None else []
        self._ask("DESCRIBE", self.url, [("Accept", sdp.MEDIA_TYPE)] + shown + list(fields), now_ms)

    def set_up(self, url, transports, now_ms, fields=()):
        """url: the medium's control; transports: ways that suit us, the best first."""
        way = ",".join([way.text() for way in transports])
        if self.state == DESCRIBED and self._guard is not None:
            try:
                fields = self._guard.fields() + self._guard.answer(self.url) + list(fields)
            except RemoteError as error:
                self._fail(str(error), False)
                return
        self._ask("SETUP", url, [("Transport", way)] + list(fields), now_ms)

    def play(self, now_ms, start_ms=None, fields=()):
        """start_ms: of normal play time, None: where it is."""
        where = [] if start_ms is None else [("Range", "npt=%d.%03d-" % (start_ms // 1000, start_ms % 1000))]
        self._ask("PLAY", self.url, where + list(fields), now_ms)

    def pause(self, now_ms):
        self._ask("PAUSE", self.url, [], now_ms)

    def tear_down(self, now_ms):
        self._ask("TEARDOWN", self.url, [], now_ms)

    def to_send(self):
        """Octets to be sent next, or None."""
        return self._out[0] if self._out else None

    def sent(self, count):
        """So many of them went out."""
        rest = self._out[0][count:]
        if len(rest):
            self._out[0] = rest
        else:
            self._out.pop(0)

    def send_frame(self, channel, octets):
        """A frame between our messages, RTCP's say. Raises LocalError unless the way is this connection."""
        if self._on_frame is None:
            raise LocalError("a frame on a connection without media")
        self._out.append(memoryview(rtsp.pack_frame_head(channel, len(octets)) + octets))

    def heard(self, now_ms):
        """The server has got a report by another way, which tells it that we are here."""
        if self._keep_ms is not None:
            self._keep_ms = now_ms + self._timeout_ms // 2

    def next_event(self):
        return self._events.pop(0) if self._events else None

    def next_timer(self):
        """When `poll` wants to be called, or None."""
        if self._due_ms is None or self._keep_ms is None:
            return self._keep_ms if self._due_ms is None else self._due_ms
        return min(self._due_ms, self._keep_ms)

    def poll(self, now_ms):
        """Gives up where an answer is overdue; says that we are here, where the server wants to hear it."""
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._fail(SILENT, True)
        elif self._keep_ms is not None and now_ms >= self._keep_ms:
            self._request(_KEEP, self.url, [], now_ms)

    def ended(self):
        """The connection is over."""
        if self.state == ENDING:
            self._move("done")
            self._close(("ended",))
        elif self.state != CLOSED:
            self._fail(CUT, True)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _ask(self, method, url, fields, now_ms):
        self._move(method)
        self._request(method, url, fields, now_ms)

    def _request(self, method, url, fields, now_ms):
        if len(self._asked) == _MOST_ASKED:
            raise LocalError("more than %d requests at once" % _MOST_ASKED)
        self._cseq += 1
        if self.session is not None:
            fields = [("Session", self.session)] + fields
        self._out.append(memoryview(rtsp.pack(method, url, self._cseq, fields)))
        if not self._asked:
            self._due_ms = now_ms + self._reply_ms
        self._asked.append((self._cseq, method))
        self.heard(now_ms)

    def _move(self, event):
        row = row_of(TABLE, self.state, event)
        if row is None:
            raise LocalError("%s is not possible in state %s" % (event, self.state))
        self.state = row[2]

    def _close(self, event):
        self.state = CLOSED
        if self._guard is not None:
            self._guard.close()
        self._due_ms = self._keep_ms = None
        self._out = []
        self._asked = []
        self._events.append(event)

    def _fail(self, reason, again):
        self._move("failed")
        self._close(("failed", reason, again))

    def receive(self, data, now_ms):
        """What came."""
        view = memoryview(data)
        try:
            while len(view) and self.state != CLOSED:
                took, what = self._reader.feed(view)
                view = view[took:]
                if what == rtsp.FRAME and self._on_frame is not None:
                    self._on_frame(self._reader.channel, self._reader.frame)
                elif what == rtsp.MESSAGE:
                    self._on_message(now_ms)
        except RemoteError as error:
            if self.state != CLOSED:
                self._fail(str(error), False)

    def _on_message(self, now_ms):
        head = self._reader.head
        number = rtsp.cseq_of(head)
        if head.status is None:  # the server asks: there is nothing that it could ask us for
            self._out.append(memoryview(rtsp.pack_answer(rtsp.NOT_IMPLEMENTED, number)))
            return
        if head.status < 200:
            if self._asked:
                self._due_ms = now_ms + self._reply_ms
            return
        if not self._asked or self._asked[0][0] != number:
            raise RemoteError("an answer to nothing that was asked")
        method = self._asked.pop(0)[1]
        self._due_ms = now_ms + self._reply_ms if self._asked else None
        if method == _KEEP:
            if head.status == rtsp.SESSION_NOT_FOUND:
                raise RemoteError("the server has forgotten the session")
            return
        if head.status >= 300:
            if method == "TEARDOWN":
                self._close(("ended",))
                return
            self._move("refused")
            self._events.append(("refused", method, head.status))
            return
        self._done(method, head, now_ms)

    def _done(self, method, head, now_ms):
        self._move("done")
        if method == "DESCRIBE":
            found = sdp.parse(self._reader.body)
            if self._guard is not None:
                self._guard.offered(found)
            self._events.append(("described", found, _base(head, self.url)))
        elif method == "SETUP":
            named = rtsp.session_of(head)
            value = head.get(b"transport")
            if named is None or value is None:
                raise RemoteError("an answer to SETUP without session or transport")
            if self.session not in (None, named[0]):
                raise RemoteError("another session than ours")
            way = parse_transports(value)[0]
            if self._guard is not None:
                self._guard.proved(head.get(b"keymgmt"), way)
            self.session = named[0]
            self._timeout_ms = 1000 * max(named[1], 2)
            self._keep_ms = now_ms + self._timeout_ms // 2
            self._events.append(("set_up", way, named[1]))
        elif method == "PLAY":
            start_ms, end_ms = _range(head)
            info = head.get(b"rtp-info")
            self._events.append(("playing", start_ms, end_ms, parse_rtp_info(info) if info else []))
        elif method == "PAUSE":
            self._events.append(("paused", _range(head)[0]))
        else:
            self._close(("ended",))


def _base(head, url):
    """RFC 2326 C.1.1"""
    for name in (b"content-base", b"content-location"):
        value = head.get(name)
        if value and b"://" in value and all(32 < octet < 127 for octet in value):
            return value.decode()
    return url


def _range(head):
    value = head.get(b"range")
    if value is None:
        return None, None
    try:
        return parse_range(value)
    except Refused:
        return None, None  # of another unit
