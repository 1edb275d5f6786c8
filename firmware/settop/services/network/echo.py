"""`echo`: datagrams to somebody who sends them back, one at a time."""

from settop.net.sockets import is_ready

WAIT_MS = 2000  # for each, before the next one goes
_READ = 4  # in a step


class Echo:
    """`count` datagrams of `octets` to `where`: (address, port). pace: how many times as long as usual one may take.

    Raises OSError where no socket is left. `done`: it has told what came of it.
    """

    def __init__(self, sockets, report, where, count, octets, now_ms, pace=1):
        self.done = False
        self._report = report
        self._line = sockets.datagrams()
        self._watch = sockets.watch(self._line)
        self._where = sockets.address(*where)
        self._count = count
        self._octets = octets
        self._wait_ms = WAIT_MS * pace
        self._since_ms = self._due_ms = now_ms
        self._sent = self._back = self._got = 0
        self._data = b""  # what must come back, or nothing

    def step(self, now_ms):
        """Returns when it wants to be called again at the latest, or None."""
        if self._data:
            self._read()
        if self._data and now_ms < self._due_ms:
            return self._due_ms
        if self._sent == self._count:
            self.end(now_ms)
            return None
        self._data = bytes([(self._sent + at) * 31 + 7 & 255 for at in range(self._octets)])
        self._sent += 1
        self._due_ms = now_ms + self._wait_ms
        try:
            self._line.sendto(self._data, self._where)
        except OSError:
            pass  # as if it were lost
        return self._due_ms

    def end(self, now_ms):
        """Tells what has come back so far."""
        if not self.done:
            self.done = True
            self._line.close()
            words = (self._sent, self._back, self._got, now_ms - self._since_ms)
            self._report("echoed", "sent=%d back=%d octets=%d ms=%d" % words)

    def _read(self):
        for _ in range(_READ):
            if not is_ready(self._watch):
                return
            try:
                data = self._line.recvfrom(len(self._data) + 1)[0]
            except OSError:
                return
            if data == self._data:  # others are late, or not ours
                self._back += 1
                self._got += len(data)
                self._data = b""
                return
