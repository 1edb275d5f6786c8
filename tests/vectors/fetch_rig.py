"""A transfer on a network of net_rig's, and servers for it."""

from certificates import SIGNED
from net_rig import Net, Select, Tls
from settop.net.fetch import Fetch
from settop.net.names import Names
from settop.net.sockets import Sockets

URL = "http://10.0.2.2/film"
DATE = "Date: Sat, 28 Nov 2026 12:01:00 GMT"
CONTENT = bytes(range(256)) * 20


class Bench:
    """A transfer, its network and what it handed on. `serve(line, request)` is called for every whole request."""

    def __init__(self, serve=None, link=None, window=512, trust=None):
        self.net = Net()
        self.sockets = Sockets(self.net, Select(), Tls((SIGNED,)))
        self.names = Names(("10.0.2.3",), lambda count: b"\x00" * count, self.sockets)
        self.fetch = Fetch(self.names, lambda count: b"\x00" * count, self.sockets, trust, link, window)
        self.serve = serve
        self.now_ms = 0
        self.body = bytearray()
        self.appetite = 1 << 30
        self.requests = []

    def sink(self, view, at):
        assert at == len(self.body)
        count = min(len(view), self.appetite)
        self.body += view[:count]
        return count

    def get(self, url=URL, **how):
        self.fetch.get(url, self.sink, self.now_ms, **how)
        return self

    def run(self, until=None, steps=20000):
        """Steps until the transfer is over, or is in that state."""
        for _ in range(steps):
            due_ms = self.fetch.step(self.now_ms)
            if self.fetch.state in (until, "done", "failed"):
                return self
            if not self.servers() and due_ms is not None:
                self.now_ms = max(self.now_ms, due_ms)
        raise AssertionError("no end: " + self.fetch.state)

    def servers(self):
        """Whether one of them had something to do."""
        busy = False
        for line in self.net.open():
            if not hasattr(line, "sent") or isinstance(line.sent, list):
                continue
            if self.serve is not None and not line.accepted and not line.refused:
                line.accepted = busy = True
            end = bytes(line.sent).find(b"\r\n\r\n")
            if self.serve is not None and end >= 0:
                request = bytes(line.sent[: end + 4])
                line.sent = line.sent[end + 4 :]
                self.requests.append(request)
                self.serve(line, request)
                busy = True
        return busy


def words_of(request):
    """Its fields."""
    found = {}
    for line in request.decode().split("\r\n")[1:-2]:
        name, _, value = line.partition(": ")
        found[name] = value
    return found


def head(status, length, *fields):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {length}"]
    lines.extend(fields)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def saying(data):
    """A server that answers that to everything."""

    def serve(line, request):
        line.incoming += data

    return serve


def breaking(line, request):
    line.reset = True


class Content:
    """A server of CONTENT with ranges, whose connections break after so many octets of a body."""

    def __init__(self, breaks=(), mark='ETag: "1"', ranges=True):
        self.breaks = list(breaks)
        self.mark = mark
        self.ranges = ranges

    def __call__(self, line, request):
        first = 0
        fields = [DATE] + ([self.mark] if self.mark else [])
        asked = words_of(request).get("Range")
        if asked and self.ranges:
            first = int(asked[6:-1])
            fields.append(f"Content-Range: bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        data = CONTENT[first:]
        body = data
        if self.breaks:
            body = data[: self.breaks.pop(0)]
            line.reset = True
        line.incoming += head(206 if first else 200, len(data), *fields) + body
