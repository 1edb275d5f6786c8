"""HTTP/1.1 as a client (RFC 9110, 9112): one connection's core, without IO or clock.

The owner sends what `to_send` shows and says so with `sent`; it reads into `space()` and says so with `received`.
Octets of a body lie in the same buffer until they are `taken`: while there is no space, nothing is read, and the
server waits. What happened comes from `next_event`, one tuple each:

    ("head", status)             the answer's head: `head`, `first`, `length`, `total` tell more; body() follows
    ("done",)                    its body has been taken whole; where the state is idle, another request may follow
    ("failed", reason, again)    the connection is of no use any more; again: a new one may do better, as this one was
                                 cut or silent; where not, the server breaks the rules or says more than was allowed

The state table is `http_states.py`. `next_timer()` is the time at which `poll` wants to be called, or None.
"""

from settop.errors import LocalError, RemoteError
from settop.net import http_states as states
from settop.net.chunks import ChunkLines
from settop.net.http_states import BODY_STATES, TABLE
from settop.net.ranges import content_range
from settop.states import row_of
from settop.wire.http import CHUNKED, Head, pack_request

METHODS = ("GET", "HEAD", "POST")
CUT = "the connection ended in the middle of an answer"
UNANSWERED = "the connection ended before an answer"
SILENT = "the server has fallen silent"
_INTERIM_MAX = 8
_GONE_OCTETS = 512


class HttpClient:
    """One connection to `host`, the value of the field of that name (a port other than the usual one included).

    window: octets of the buffer that a body passes through; head_octets: the head of an answer at most, with trailers.
    reply_ms: from the last octet sent to the first of the answer, and for each 512 that are sent; head_ms: what a head
    may take from its first octet on; stall_ms: without an octet of a body, while there is room for it.
    """

    def __init__(self, host, window=2048, head_octets=2048, reply_ms=15000, head_ms=10000, stall_ms=15000):
        self.head = Head(head_octets)
        self._lines = ChunkLines()
        self._view = memoryview(bytearray(window))
        self._times_ms = (reply_ms, head_ms, stall_ms)
        self.restart(host)

    def restart(self, host, pace=1):
        """Begins anew, on another connection, with the buffers that are there. pace: everything may take so many times
        as long, as the line is slow."""
        self._reply_ms, self._head_ms, self._stall_ms = [one_ms * pace for one_ms in self._times_ms]
        self.state = states.IDLE
        self.head.reset()
        self.first = 0  # which octet of the whole the body begins with
        self.length = None  # octets of the body, None: not told
        self.total = None  # octets of the whole of which a part was asked, None: not told
        self._host = host
        self._start = self._end = 0  # what has come and is not yet taken
        self._due_ms = None
        self._out = []  # octets still to be sent, as views
        self._events = []
        self._ended = self._cut = False
        self._clear()

    def _clear(self):
        self._method = ""
        self._asked = None  # (first, last) of the part that was asked for
        self._limit = 0
        self._got = 0  # octets of the body taken
        self._gone = 0  # octets sent since the time for an answer began
        self._left = 0  # of the body, or of the chunk
        self._interim = 0
        self._keep = False

    # --- the owner asks -------------------------------------------------------------------------------------------

    def request(self, method, target, now_ms, fields=(), body=b"", first=None, last=None, tag=None, limit=65536):
        """GET, HEAD or POST of `target`. fields: (name, value) beside those that are needed; body: octets, for POST.

        first, last: ask for these octets of it alone, last None for all that follow; tag: only while its entity tag is
        this one, and for the whole otherwise (RFC 9110 13.1.5). limit: octets of the answer's body at most.

        Raises LocalError unless idle, and for what cannot be asked.
        """
        if self.state != states.IDLE:
            raise LocalError("a request while %s; expected idle" % self.state)
        if method not in METHODS or (body and method != "POST"):
            raise LocalError("request %s with %d octets; expected GET, HEAD or POST" % (method, len(body)))
        lines = [("Host", self._host), ("Accept-Encoding", "identity")]
        if method == "POST":
            lines.append(("Content-Length", str(len(body))))
        if first is not None:
            if not 0 <= first <= (first if last is None else last):
                raise LocalError("a range from %d to %s" % (first, last))
            lines.append(("Range", "bytes=%d-%s" % (first, "" if last is None else last)))
            if tag is not None:
                lines.append(("If-Range", tag))
        lines.extend(fields)
        head = pack_request(method, target, lines)
        self._clear()
        self._method = method
        self._asked = None if first is None else (first, last)
        self._limit = limit
        self.first, self.length, self.total = 0, None, None
        self.head.reset()
        self._out = [memoryview(head)]
        if body:
            self._out.append(memoryview(body))
        self._move("request")
        self._due_ms = now_ms + self._reply_ms

    def to_send(self):
        """Octets to be sent next, or None."""
        return self._out[0] if self._out else None

    def sent(self, count, now_ms):
        """So many of them went out."""
        rest = self._out[0][count:]
        if len(rest):
            self._out[0] = rest
        else:
            self._out.pop(0)
        self._gone += count
        if self.state == states.WAITING and (self._gone >= _GONE_OCTETS or not self._out):
            self._gone = 0
            self._due_ms = now_ms + self._reply_ms

    # --- what comes -----------------------------------------------------------------------------------------------

    def space(self):
        """Where to read into: empty while the body at hand is not taken. What body() gave is not valid behind it."""
        if self.state == states.CLOSED:
            return self._view[:0]
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start and len(self._view) - self._end < len(self._view) // 4:
            have = self._end - self._start
            self._view[:have] = self._view[self._start : self._end]
            self._start, self._end = 0, have
        return self._view[self._end :]

    def received(self, count, now_ms):
        """So many octets were read into space()."""
        self._end += count
        if count and self.state == states.IDLE:
            self._fail("broken", "octets that nobody asked for", False)
        self._advance(now_ms)
        if count and self.state in (states.SIZE, states.CHUNK_END, states.TRAILERS) + BODY_STATES:
            self._due_ms = now_ms + self._stall_ms

    def receive(self, data, now_ms):
        """Takes as many octets as there is space for, and returns how many."""
        space = self.space()
        count = min(len(space), len(data))
        space[:count] = data[:count]
        self.received(count, now_ms)
        return count

    def ended(self, now_ms, cut=False):
        """The other end sends nothing more. cut: it was reset or lost, or TLS did not say that this is the end. What
        has come may still be taken."""
        self._ended = True
        self._cut = cut
        self._advance(now_ms)

    def poll(self, now_ms):
        """Gives up where octets are overdue."""
        due_ms = self.next_timer()
        if due_ms is not None and now_ms >= due_ms:
            self._fail("timeout", SILENT if self.state != states.HEAD else "a head without end", True)

    def next_timer(self):
        return None if self._at_hand() else self._due_ms

    def next_event(self):
        return self._events.pop(0) if self._events else None

    def body(self):
        """The octets of the body at hand, perhaps none: a view, valid until the next call of space()."""
        return self._view[self._start : self._start + self._at_hand()]

    def _at_hand(self):
        if self.state not in BODY_STATES:
            return 0
        have = self._end - self._start
        return have if self.state == states.REST else min(have, self._left)

    def taken(self, count, now_ms):
        """So many octets of body() are done with. Raises LocalError for more than there are."""
        if not 0 <= count <= self._at_hand():
            raise LocalError("%d octets taken of a body at hand of %d" % (count, self._at_hand()))
        self._start += count
        self._got += count
        self._left -= count
        if count:
            self._due_ms = now_ms + self._stall_ms
        self._advance(now_ms)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _move(self, event):
        row = row_of(TABLE, self.state, event)
        if row is None:
            raise LocalError("%s is not possible in state %s" % (event, self.state))
        self.state = row[2]

    def _fail(self, event, reason, again):
        self._move(event)
        self._due_ms = None
        self._out = []
        self._start = self._end = 0
        self._events.append(("failed", reason, again))

    def _finish(self):
        """The answer is whole. Octets behind it would be the answer to a request that nobody has made."""
        self._due_ms = None
        self._events.append(("done",))
        again = self._keep and not self._out and not self._ended and self._start == self._end
        self._move("done" if again else "last")

    def _advance(self, now_ms):
        try:
            while self._step(now_ms):
                pass
        except RemoteError as error:
            self._fail("broken", str(error), False)
        if self._ended and self._start == self._end and self.state != states.CLOSED:
            if self.state == states.REST and not self._cut:
                self._finish()
            elif self.state == states.IDLE:
                self._move("end")
            else:
                self._fail("end", UNANSWERED if self.state == states.WAITING else CUT, True)

    def _step(self, now_ms):
        """One step through what is at hand. Returns whether there may be another."""
        state = self.state
        have = self._start != self._end
        if state in (states.BODY, states.CHUNK):
            if self._left:
                return False
            if state == states.BODY:
                self._finish()
            else:
                self._move("chunk_end")
        elif state == states.REST:
            self._within_limit(self._end - self._start)
            return False
        elif not have or state in (states.IDLE, states.CLOSED):
            return False
        elif state == states.WAITING:
            self._move("answer")
            self._due_ms = now_ms + self._head_ms
        elif state == states.SIZE:
            self._read_size()
        elif state == states.CHUNK_END:
            self._read_chunk_end()
        else:
            self._start += self.head.feed(self._view[self._start : self._end])
            if self.head.whole:
                if state == states.HEAD:
                    self._on_head(now_ms)
                else:
                    self._check_length()
                    self._finish()
        return True

    def _on_head(self, now_ms):
        head = self.head
        status = head.status
        if status is None:
            raise RemoteError("a request where an answer was due")
        length = head.body_length()
        if status < 200:
            self._interim += 1
            if status == 101 or self._interim > _INTERIM_MAX:
                raise RemoteError("an interim answer that nobody asked for")
            head.reset()
            self._move("interim")
            self._due_ms = now_ms + self._reply_ms
            return
        if any(coding != b"identity" for coding in head.words(b"content-encoding")):
            raise RemoteError("a body in a coding that nobody asked for")
        asked = head.words(b"connection")
        self._keep = b"close" not in asked and (head.version != b"HTTP/1.0" or b"keep-alive" in asked)
        without = self._method == "HEAD" or status in (204, 304)  # RFC 9112 6.3
        if status in (206, 416) and not without:
            self.first, part, self.total = content_range(head, self._asked)
            if status == 206:
                if length not in (None, CHUNKED, part):
                    raise RemoteError("a part of another length than its range")
                self.length = part
        if status != 206 and length not in (None, CHUNKED):
            self.length = length
            if status == 200:
                self.total = length
        self._events.append(("head", status))
        if without:
            self._finish()
            return
        self._due_ms = now_ms + self._stall_ms
        if self.length is not None:
            self._within_limit(self.length)
        if length == CHUNKED:
            self._move("chunked")
            self._lines.begin()
        elif length is None:
            self._keep = False
            if self.length is not None:  # a part whose range alone tells its length
                self._left = self.length
                self._move("length")
            else:
                self._move("open")
        else:
            self._left = length
            self._move("length")

    def _within_limit(self, more):
        if self._got + more > self._limit:
            raise RemoteError("an answer of more than %d octets" % self._limit)

    def _check_length(self):
        if self.length is not None and self._got != self.length:
            raise RemoteError("a part of another length than its range")

    def _read_size(self):
        while self._start != self._end:
            size = self._lines.size(self._view[self._start])
            self._start += 1
            if size is None:
                continue
            self._left = size
            if size:
                self._within_limit(size)
                self._move("chunk")
            else:
                self._move("trailers")
                self.head.begin_trailers()
            return

    def _read_chunk_end(self):
        if self._lines.end(self._view[self._start]):
            self._move("size")
        self._start += 1
