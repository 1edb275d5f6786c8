"""One connection, plain or under TLS, that never waits.

States: "connecting"; "open": octets go both ways, under TLS the handshake goes with them; "ended": the other end sends
nothing more, which under TLS anybody on the way may have brought about (MicroPython does not tell a farewell from a
connection that was closed below it); "failed": `failure` says why, and `again` whether a new connection may do better;
"closed": by us.
"""

import errno

from settop.net.sockets import IN_PROGRESS, NOT_NOW, is_ready

UNREACHABLE = "the server cannot be reached"
NO_ANSWER = "the server does not answer"
LOST = "the connection was lost"
_NO_WAY = (
    errno.ECONNREFUSED,
    errno.ECONNRESET,  # what lwIP has for a connection that is refused
    errno.ECONNABORTED,
    errno.EHOSTUNREACH,
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    getattr(errno, "EPIPE", 32),
    getattr(errno, "ENETUNREACH", 101),
)


class Connection:
    """To `numbers` (an IPv4 address) and `port`. trust: a settop.net.tls.Trust for TLS with the server `name`, or None.

    connect_ms: how long the other end may take to accept, and again for the handshake.
    """

    def __init__(self, sockets, numbers, port, now_ms, trust=None, name=None, connect_ms=10000):
        self.state = "connecting"
        self.failure = ""
        self.again = True
        self._sockets = sockets
        self._trust = trust
        self._name = name
        self._connect_ms = connect_ms
        self._due_ms = now_ms + connect_ms
        self._secured = trust is None
        self._latest_s = 0  # of the server's chain, see Trust
        self._passed = False  # whether an octet went through
        self._line = None  # the socket
        self._stream = None  # it, or TLS over it
        self._watch = self._send = self._readinto = None
        try:
            self._line = sockets.stream()
            self._watch = sockets.watch(self._line, True)
            self._line.connect(sockets.address(numbers, port))
        except OSError as error:
            if error.errno not in IN_PROGRESS:
                self._fail(UNREACHABLE)

    def step(self, now_ms):
        """Looks whether it is there. Returns when it wants to be called at the latest, or None."""
        if self.state == "connecting" and is_ready(self._watch):
            self._begin(now_ms)
        if self._due_ms is not None and now_ms >= self._due_ms:
            self._fail(NO_ANSWER)
        return self._due_ms

    def send(self, data):
        """Sends what goes out now, and returns how many octets that were. Until they are gone, the same ones must be
        offered again: TLS may have sealed them already."""
        if self.state != "open":
            return 0
        try:
            count = self._turn(self._send, data) or 0
        except (OSError, ValueError) as error:
            return self._on_error(error)
        if count:
            self._on_octets()
        return count

    def read(self, view):
        """Reads what is there into `view`, and returns how many octets that were; the end shows in the state alone."""
        if self.state != "open" or not len(view):
            return 0
        try:
            count = self._turn(self._readinto, view)
        except (OSError, ValueError) as error:
            return self._on_error(error)
        if count:
            self._on_octets()
        elif count == 0:
            self.state = "ended"
        return count or 0

    def close(self):
        """Gives the socket back. May be said in any state, and twice."""
        self._due_ms = None
        if self.state not in ("ended", "failed"):
            self.state = "closed"
        for line in (self._stream, self._line):  # TLS closes what is below it, unless its handshake failed
            if line is not None:
                try:
                    line.close()
                except OSError:
                    pass
        self._stream = self._line = self._watch = self._send = self._readinto = None

    # --- inside ---------------------------------------------------------------------------------------------------

    def _begin(self, now_ms):
        """The connection is there, or broken, which the first octet will tell."""
        self.state = "open"
        self._due_ms = None
        stream = self._line
        if self._trust is not None:
            self._due_ms = now_ms + self._connect_ms
            try:
                stream = self._trust.wrap(self._sockets.tls(), stream, self._name)
            except (OSError, ValueError) as error:
                self._on_error(error)
                return
        self._stream = stream
        self._send = getattr(stream, "send", None) or stream.write
        self._readinto = getattr(stream, "readinto", None) or stream.recv_into

    def _turn(self, call, data):
        """Octets one way, and with them perhaps a turn of the handshake."""
        if self._secured:
            return call(data)
        trust = self._trust
        trust.begin()
        try:
            count = call(data)
        finally:
            trust.end()
        self._latest_s = max(self._latest_s, trust.latest_s)
        return count

    def _on_octets(self):
        self._passed = True
        if not self._secured:
            self._secured = True
            self._due_ms = None
            self._trust.proven(self._latest_s)

    def _on_error(self, error):
        """The number of octets that an error means: none."""
        code = getattr(error, "errno", None)
        if isinstance(error, OSError) and code in NOT_NOW:
            return 0
        if isinstance(error, OSError) and code in _NO_WAY and not self._passed:
            self._fail(UNREACHABLE)
        elif self._secured:
            self._fail(LOST)
        else:
            self._fail(*self._trust.reason(error))
        return 0

    def _fail(self, reason, again=True):
        self.state = "failed"
        self.failure = reason
        self.again = again
        self.close()
