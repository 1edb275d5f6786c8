"""Names to IPv4 addresses, without waiting: MicroPython's getaddrinfo asks the name service and stands still meanwhile.

Every try has a random id and comes from a random port, and its answer is believed from the server that was asked alone,
for the very question (RFC 5452). Who floods a try with wrong answers only brings about the next one, from another port.
"""

import struct

from settop.errors import LocalError, RemoteError
from settop.net.sockets import Sockets, is_ready
from settop.wire import dns

TRIES = 4  # from server to server
TRY_MS = 1500  # the first one waits for its answer so long, each one half as long again
MAX_WRONG = 8  # answers to one try that decide nothing
MAX_PENDING = 4
KEPT_S = 3600  # however long an answer says that it lives
CACHE_ENTRIES = 8
_LOWEST_PORT = 49152  # 16,384 ports from here on are nobody's (RFC 6335)
_DATAGRAMS = 4  # read in a step


class Lookup:
    """One name that is asked for, without IO. `addresses`: a list, or None while it is not known; `failure`: why it
    will not be, or ""."""

    def __init__(self, name, random, servers, addresses=None):
        self.name = name
        self.addresses = addresses
        self.failure = ""
        self.server = ""
        self.port = 0
        self.question = b""
        self.ttl_s = 0
        self.due_ms = None
        self._random = random
        self._servers = servers
        self._packed = dns.pack_name(name) if addresses is None else b""
        self._ident = 0
        self._tried = 0
        self._wrong = 0

    @property
    def done(self):
        return self.addresses is not None or bool(self.failure)

    def begin_try(self, now_ms):
        """Draws a new `question` to `server` from `port`; or sets `failure`, and returns False. Behind a flood of wrong
        answers it is the same try, and has what is left of its time."""
        if self._wrong < MAX_WRONG:
            if self._tried == TRIES or not self._servers:
                self.failure = "the name service does not answer" if self._servers else "no name service is known"
                return False
            self.server = self._servers[self._tried % len(self._servers)]
            self.due_ms = now_ms + (TRY_MS << self._tried) * 3**self._tried // 4**self._tried
            self._tried += 1
        self._wrong = 0
        self._ident, port = struct.unpack(">2H", self._random(4))
        self.port = _LOWEST_PORT + (port & 0x3FFF)
        self.question = dns.pack_question(self._ident, self._packed)
        return True

    def receive(self, data):
        """A datagram from the server. Returns whether the next try is due at once."""
        try:
            code, addresses, self.ttl_s = dns.unpack_answer(data, self._ident, self._packed)
        except RemoteError:
            return self.receive_wrong()
        if code == dns.NO_ERROR and addresses:
            self.addresses = addresses
        elif code in (dns.NO_ERROR, dns.NAME_ERROR):
            self.failure = "there is no such name, or it has no address"
        return code not in (dns.NO_ERROR, dns.NAME_ERROR)

    def receive_wrong(self):
        """A datagram that is no answer to this. Returns whether the next try is due at once."""
        self._wrong += 1
        return self._wrong >= MAX_WRONG


class Names:
    """servers: addresses of the name service, as str, in the order in which they are asked. `random(n)` gives n fresh
    bytes.
    `sockets`: settop.net.sockets."""

    def __init__(self, servers, random, sockets=None):
        self._sockets = sockets or Sockets()
        self._random = random
        self._servers = list(servers)
        self._pending = []  # [lookup, socket, its watch, the server's address as the port has it]
        self._cache = []  # (name, addresses, until when)

    def use(self, servers):
        """They are asked from the next try on, as another link is up; what was known is forgotten."""
        self._servers[:] = servers
        self._cache = []

    def drop(self, name):
        """Nobody is there who is who he should be: it is asked for anew."""
        self._cache = [entry for entry in self._cache if entry[0] != name]

    def look_up(self, name, now_ms):
        """The Lookup: done at once for numbers and for what is in the cache, else by and by in step().

        Raises LocalError for what is no name, and where MAX_PENDING are under way already.
        """
        name = name.lower()
        if dns.is_address(name):
            return Lookup(name, None, None, [name])
        self._cache = [entry for entry in self._cache if entry[2] > now_ms]
        for entry in self._cache:
            if entry[0] == name:
                return Lookup(name, None, None, entry[1])
        if len(self._pending) >= MAX_PENDING:
            raise LocalError("%d names are being looked up; expected fewer" % MAX_PENDING)
        lookup = Lookup(name, self._random, self._servers)
        asked = [lookup, None, None, None]
        self._pending.append(asked)
        self._try(asked, now_ms)
        self._tidy()
        return lookup

    def forget(self, lookup):
        """Nobody waits for it any more."""
        for asked in self._pending:
            if asked[0] is lookup:
                self._close(asked)
        self._pending = [asked for asked in self._pending if asked[0] is not lookup]

    def step(self, now_ms):
        """Reads answers and asks again. Returns when it wants to be called at the latest, or None."""
        due_ms = None
        for asked in self._pending:
            lookup = asked[0]
            if self._read(asked, now_ms) or (not lookup.done and now_ms >= lookup.due_ms):
                self._try(asked, now_ms)
            if lookup.done:
                self._close(asked)
            elif due_ms is None or lookup.due_ms < due_ms:
                due_ms = lookup.due_ms
        self._tidy()
        return due_ms

    def _tidy(self):
        self._pending = [asked for asked in self._pending if not asked[0].done]

    def _try(self, asked, now_ms):
        self._close(asked)
        lookup = asked[0]
        if not lookup.begin_try(now_ms):
            return
        sockets = self._sockets
        try:
            line = asked[1] = sockets.datagrams()
            asked[2] = sockets.watch(line)
            asked[3] = sockets.address(lookup.server, dns.PORT)
            line.bind(sockets.address("0.0.0.0", lookup.port))  # noqa: S104 (only the server's datagrams are believed)
            if hasattr(line, "connect"):
                line.connect(asked[3])  # the others' are dropped below us, and take no place of the server's
            line.sendto(lookup.question, asked[3])
        except OSError:
            pass  # no socket is left, no way there now, or the port is taken: as if nothing answered

    def _read(self, asked, now_ms):
        """Whether the next try is due at once."""
        lookup, line, watch, server = asked
        for _ in range(_DATAGRAMS):
            if watch is None or not is_ready(watch):  # recvfrom alone would cost half a kilobyte of heap each time
                return False
            try:
                data, source = line.recvfrom(dns.MAX_MESSAGE_BYTES + 1)
            except OSError:
                return False
            again = lookup.receive(data) if source == server else lookup.receive_wrong()
            if lookup.addresses is not None:
                self._remember(lookup, now_ms)
            if again or lookup.done:
                return again
        return False

    def _remember(self, lookup, now_ms):
        if len(self._cache) >= CACHE_ENTRIES:
            self._cache.sort(key=lambda entry: entry[2])
            self._cache.pop(0)
        self._cache.append((lookup.name, lookup.addresses, now_ms + 1000 * min(lookup.ttl_s, KEPT_S)))

    def _close(self, asked):
        if asked[1] is not None:
            asked[1].close()
            asked[1] = asked[2] = None
