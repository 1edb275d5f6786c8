"""What services use of the network: a transfer over HTTP that comes through, or says clearly why it does not.

A dropped connection is made anew and the rest asked for by range; redirects are followed; the name is looked up; a
server that cannot be reached is tried again in growing pauses. Octets go to a callback as views of one buffer, which
takes what it can: the rest stays with the server. The state table is `fetch_states.py`.
"""

from settop.errors import LocalError, RemoteError
from settop.net.connection import Connection
from settop.net.fetch_states import TABLE
from settop.net.http_core import UNANSWERED, HttpClient
from settop.net.ranges import mark_of
from settop.net.sockets import Sockets
from settop.net.url import REDIRECTS, Redirects, parse_url
from settop.states import row_of

TRIES = 6  # in a row that bring little or nothing
LITTLE_OCTETS = 1024
CONNECTIONS = 64  # in all
FIRST_PAUSE_MS = 500
LONGEST_PAUSE_MS = 30000
CONNECT_MS = 10000
KEPT_MS = 10000  # how long a connection that nobody uses is kept for the next request
CHANGED = "what is fetched has changed on the server meanwhile"
UNMARKED = "it broke off, and the server does not say what tells one version of it from another"
TOO_OFTEN = "it broke off too often"
TOO_LATE = "it took too long"
LINK_DOWN = "the link is down"
NO_AUTHORITY = "https without an authority that is trusted"
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # may be better in a while
_PASSED_OCTETS = 4096  # of a redirect's body, rather than a new connection
_SINK_MS = 10
_OVER = ("idle", "done", "failed")


class Fetch:
    """One transfer at a time, over a connection that is kept for the next one to the same server.

    names: settop.net.names; link: settop.net.link, or what has its state and pace; None where it is up anyway. While
    it is down nothing is tried, and nothing counts as failed. trust: settop.net.tls, needed for https. `random(n)`
    gives n fresh bytes. window: octets of the one buffer.

    `state`; `failure`: why it failed, or why it is tried again; `again`: whether a failed one may do better later;
    `status`: of the last answer; `got`: up to which octet was handed on; `total`: octets of the
    whole, None where nobody said.
    """

    def __init__(self, names, random, sockets=None, trust=None, link=None, window=2048):
        self.state = "idle"
        self.failure = ""
        self.again = False
        self.status = None
        self.got = 0
        self.total = None
        self._names = names
        self._random = random
        self._sockets = sockets or Sockets()
        self._trust = trust
        self._link = link
        self._core = HttpClient("", window)
        self._connection = None
        self._server = None  # (secure, host, port) of the connection
        self._kept_until_ms = 0
        self._lookup = None
        self._due_ms = None

    # --- the owner ------------------------------------------------------------------------------------------------

    def get(self, url, sink, now_ms, limit=1 << 24, longest_ms=600000, start=0):
        """Fetches `url` from octet `start` on, up to octet `limit`, within `longest_ms`. sink(view, at): takes octets,
        the first of which is number `at` of the whole, and returns how many it took; the view is of no use afterwards.

        Raises LocalError while another transfer runs, RemoteError for a URL that is none.
        """
        self._begin("GET", url, sink, now_ms, b"", (), limit, longest_ms, start)

    def post(self, url, body, sink, now_ms, fields=(), limit=65536, longest_ms=60000):
        """Sends `body` to `url`; `sink` takes the answer's, whatever its status. It is sent once: where the connection
        breaks behind it, nobody knows whether it arrived, and the owner decides. fields: (name, value) beside the usual
        ones."""
        self._begin("POST", url, sink, now_ms, body, fields, limit, longest_ms)

    def give_up(self):
        """Ends what runs, and closes the connection."""
        if self.state not in _OVER:
            self._fail("given up", True)
        self._close()

    def step(self, now_ms):
        """Moves what there is to move: to be called in every turn. Returns when at the latest, or None."""
        if self.state in _OVER:
            return self._keep(now_ms)
        try:
            if now_ms >= self._end_ms:
                self._fail(TOO_LATE, True)
            elif self.state != "pausing" and not self._link_is_up():
                self._retry(LINK_DOWN, now_ms, counts=False)
                self._due_ms = None
            else:
                getattr(self, "_on_" + self.state)(now_ms)
        except RemoteError as error:
            self._fail(str(error), False)
        if self.state in _OVER:
            return None
        return _earlier(self._due_ms, self._end_ms)

    # --- inside: one method for each state ------------------------------------------------------------------------

    def _begin(self, method, url, sink, now_ms, body, fields, limit, longest_ms, start=0):
        if self.state not in _OVER:
            raise LocalError("a transfer while %s; expected none, give_up() ends it" % self.state)
        way = Redirects(parse_url(url))
        if way.url.secure and self._trust is None:
            raise LocalError(NO_AUTHORITY)
        self._move("start")
        self._way = way
        self._method, self._body, self._fields = method, body, fields
        self._sink = sink
        self._limit = limit
        self._end_ms = now_ms + longest_ms
        self._due_ms = now_ms
        self._tried = self._connected = 0
        self._went_out = False  # an octet of a request
        self._reused = False
        self._mark = None  # what tells one version of the content from another, at the URL of before
        self._marked = None
        self._skip = 0  # octets to come that were handed on before
        self._got_before = start  # this try
        self.failure, self.again = "", False
        self.status = self.total = None
        self.got = self._start = start

    def _move(self, event):
        row = row_of(TABLE, self.state, event)
        if row is None:
            raise LocalError("%s is not possible in state %s" % (event, self.state))
        self.state = row[2]

    def _on_looking_up(self, now_ms):
        url = self._way.url
        self._reused = self._usable(url, now_ms)
        if self._reused:
            self._move("kept")
            self._ask(now_ms)
            return
        if self._lookup is None:
            self._close()
            try:
                self._lookup = self._names.look_up(url.host, now_ms)
            except LocalError:  # so many names are looked up already: ours comes when one of them is done
                self._due_ms = self._names.step(now_ms)
                return
        self._due_ms = self._names.step(now_ms)
        if not self._lookup.done:
            return
        lookup, self._lookup = self._lookup, None
        if lookup.failure:
            self._retry(lookup.failure, now_ms)
            return
        self._connected += 1
        if self._connected > CONNECTIONS:
            self._fail(TOO_OFTEN, True)
            return
        self._move("found")
        numbers = lookup.addresses[self._tried % len(lookup.addresses)]
        trust = self._trust if url.secure else None
        pace = 1 if self._link is None else self._link.pace
        self._connection = Connection(self._sockets, numbers, url.port, now_ms, trust, url.host, CONNECT_MS * pace)
        self._server = (url.secure, url.host, url.port)
        self._core.restart(url.authority, pace)
        self._on_connecting(now_ms)

    def _on_connecting(self, now_ms):
        self._due_ms = self._connection.step(now_ms)
        if self._connection.state == "failed":
            self._retry(self._connection.failure, now_ms, self._connection.again)
        elif self._connection.state == "open":
            self._move("open")
            self._ask(now_ms)

    def _ask(self, now_ms):
        self._got_before = self.got
        first = self.got if self.got else None
        target = self._way.url.target
        self._core.request(self._method, target, now_ms, self._fields, self._body, first, None, self._mark, self._limit)
        self._on_asking(now_ms)

    def _on_asking(self, now_ms):
        self._pump(now_ms)
        event = self._core.next_event()
        if event is None:
            return
        if event[0] == "failed":
            self._broken(event, now_ms)
            return
        self.status = event[1]
        if self._method == "GET" and self.status in REDIRECTS:
            self._way.follow(self._core.head.get(b"location"))
            if self._way.url.secure and self._trust is None:
                raise RemoteError(NO_AUTHORITY)
            self._move("elsewhere")
            self._on_passing(now_ms)
        elif self._method == "GET" and self.status in _BUSY:
            self._retry("the server says %d" % self.status, now_ms)
        elif self.status == 416 and self.got and self._core.total == self.got:
            self._move("head")  # all of it had come when the connection broke
            self._finish()
            self._close()
        elif self._method == "GET" and self.status not in (200, 206):
            self._fail("the server says %d" % self.status, False)
        elif not self._same_content():
            self._fail(CHANGED, True)
        else:
            self._move("head")
            self._on_reading(now_ms)

    def _on_reading(self, now_ms):
        core = self._core
        if not len(core.body()):
            self._pump(now_ms)
        view = core.body()
        while len(view):
            if self._skip:
                taken = min(self._skip, len(view))
                self._skip -= taken
            else:
                if self.got + len(view) > self._limit:
                    raise RemoteError("more than %d octets" % self._limit)
                taken = self._sink(view, self.got)
                if not taken:
                    self._due_ms = now_ms + _SINK_MS
                    return
                self.got += taken
            core.taken(taken, now_ms)
            self._due_ms = now_ms
            view = core.body()
        event = core.next_event()
        if event is None:
            return
        if event[0] == "failed":
            self._broken(event, now_ms)
            return
        self._finish()
        self._kept_until_ms = now_ms + KEPT_MS

    def _on_passing(self, now_ms):
        core = self._core
        if core.length is None or core.length > _PASSED_OCTETS:
            self._close()
        else:
            self._pump(now_ms)
            while len(core.body()):
                core.taken(len(core.body()), now_ms)
            if core.next_event() is None:
                return
            self._kept_until_ms = now_ms + KEPT_MS
        self._move("whole")
        self._due_ms = now_ms

    def _on_pausing(self, now_ms):
        if not self._link_is_up():
            self._due_ms = None
        elif self._due_ms is None or now_ms >= self._due_ms:
            self._move("timeout")
            self._on_looking_up(now_ms)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _link_is_up(self):
        return self._link is None or self._link.state == "up"

    def _pump(self, now_ms):
        """Octets both ways, once; what becomes of them the core tells."""
        core, connection = self._core, self._connection
        due_ms = connection.step(now_ms)
        data = core.to_send()
        while data is not None:
            count = connection.send(data)
            if not count:
                break
            self._went_out = True
            core.sent(count, now_ms)
            data = core.to_send()
        count = connection.read(core.space())
        if count:
            core.received(count, now_ms)
            due_ms = now_ms
        if connection.state in ("ended", "failed"):
            # Under TLS an end says nothing: whoever sits between may have made it.
            core.ended(now_ms, cut=connection.state == "failed" or self._server[0])
        core.poll(now_ms)
        self._due_ms = _earlier(due_ms, core.next_timer())

    def _broken(self, event, now_ms):
        """The core says ("failed", reason, again); the connection may know better."""
        connection = self._connection
        if connection.failure:
            self._retry(connection.failure, now_ms, connection.again)
        else:
            self._retry(event[1], now_ms, event[2], not (self._reused and event[1] == UNANSWERED))

    def _same_content(self):
        """Whether this answer is, or goes on with, the content whose beginning was handed on."""
        core = self._core
        mark = mark_of(core.head)
        self._skip = self.got - core.first
        if self.got == self._start:
            self._mark, self._marked, self.total = mark, self._way.url, core.total
            return True
        return core.total == self.total and mark == self._mark and self._way.url is self._marked

    def _usable(self, url, now_ms):
        """Whether the connection that is there may carry a request for this URL."""
        if self._connection is None or self._server != (url.secure, url.host, url.port):
            return False
        self._keep(now_ms)
        return self._connection is not None

    def _keep(self, now_ms):
        """Nothing is asked: the connection is kept a while for what may come."""
        if self._connection is None:
            return None
        if self._core.state == "idle" and now_ms < self._kept_until_ms:
            self._pump(now_ms)
        if self._core.state != "idle" or now_ms >= self._kept_until_ms:
            self._close()
            return None
        return self._kept_until_ms

    def _retry(self, reason, now_ms, again=True, counts=True):
        if self._connection is not None and self._connection.state == "failed" and self.state != "reading":
            self._names.drop(self._way.url.host)
        self._close()
        if self.got - self._got_before >= LITTLE_OCTETS:
            self._tried = 0
        self._tried += 1 if counts else 0
        if not again or self._tried >= TRIES or (self._method == "POST" and self._went_out):
            self._fail(reason, again)
            return
        if self.got != self._start and self._mark is None:
            self._fail(UNMARKED, True)
            return
        self.failure = reason
        self._move("retry")
        pause_ms = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << self._tried >> 1) if counts else 0
        self._due_ms = now_ms + pause_ms + (pause_ms * self._random(1)[0] >> 10)

    def _finish(self):
        self._move("whole")
        self.failure = ""

    def _fail(self, reason, again):
        self._close()
        self._move("give_up")
        self.failure, self.again = reason, again

    def _close(self):
        if self._lookup is not None:
            self._names.forget(self._lookup)
            self._lookup = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _earlier(one_ms, other_ms):
    if one_ms is None or other_ms is None:
        return other_ms if one_ms is None else one_ms
    return min(one_ms, other_ms)
