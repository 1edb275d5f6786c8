"""A server of pages on the bench's internet: HTTP/1.1 with ranges and kept connections, and what went over each.

    pages = Pages(lambda: network.now_ns)
    pages.put("/film", octets)
    host.serve_tcp(80, pages.caller)
    pages.served                              # every request, oldest first

A POST is answered by what `posts` has for its path, or with the octets that it brought.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from testbed.network.tcp.connection import Connection

HEAD_BYTES = 8192
BODY_BYTES = 4 * 1024 * 1024
REASONS = {
    200: "OK",
    206: "Partial Content",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    416: "Range Not Satisfiable",
    431: "Request Header Fields Too Large",
}
METHODS = ("GET", "HEAD", "POST")


@dataclass
class Served:
    """One request and what became of its answer. `caller`: the address that it came from. `octets`: of the answer's
    body. `ended_ns`: when the caller had acknowledged all of it; None if it never did."""

    caller: str
    method: str
    path: str
    status: int
    octets: int
    begun_ns: int
    ended_ns: int | None = None
    connection: Connection | None = field(default=None, repr=False)
    repeats_before: int = 0
    repeats_after: int | None = None

    @property
    def repeats(self) -> int:
        """Segments that the server sent again for it."""
        if self.connection is None:
            return 0
        after = self.connection.sender.repeats if self.repeats_after is None else self.repeats_after
        return after - self.repeats_before


class Pages:
    """All that one host has. `now_ns` is the network's clock."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.now_ns = now_ns
        self.served: list[Served] = []
        self.posts: dict[str, Callable[[bytes], bytes]] = {}
        self._pages: dict[str, bytes] = {}

    def put(self, path: str, octets: bytes) -> None:
        """A page, or a newer version of it."""
        self._pages[path] = octets

    def get(self, path: str) -> bytes | None:
        return self._pages.get(path)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self._pages)

    def caller(self) -> "_Caller":
        """A service of its own for one connection (testbed.network.tcp.connection.Service)."""
        return _Caller(self)


class _Caller:
    """One connection: requests in their order, each answered when it is whole. What breaks a rule ends it."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._came = b""
        self._over = False
        self._given = 0  # octets of answers, on the whole connection
        self._under_way: list[tuple[Served, int]] = []  # and where in them it ends

    def opened(self, conn: Connection) -> None:
        conn.on_acknowledged = self._acknowledged

    def received(self, conn: Connection, data: bytes) -> None:
        if self._over:
            return
        self._came += data
        while not self._over and self._request(conn):
            pass

    def closed(self, conn: Connection) -> None:
        conn.close()

    def _request(self, conn: Connection) -> bool:
        """Answer the first request, if it is whole. False: it is not."""
        head, end, rest = self._came.partition(b"\r\n\r\n")
        if not end or len(head) > HEAD_BYTES:
            if len(self._came) > HEAD_BYTES:
                self._refuse(conn, 431)
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
            self._refuse(conn, 400)
            return False
        if words[0] not in METHODS:
            self._refuse(conn, 405)
            return False
        length = fields.get("content-length", "" if words[0] == "POST" else "0")
        if not (length.isascii() and length.isdecimal() and len(length) < 12):
            self._refuse(conn, 411 if "content-length" not in fields else 400)
            return False
        if int(length) > BODY_BYTES:
            self._refuse(conn, 413)
            return False
        if len(rest) < int(length):
            return False
        body, self._came = rest[: int(length)], rest[int(length) :]
        self._answer(conn, words[0], words[1], fields, body)
        if fields.get("connection", "").lower() == "close" or words[2] == "HTTP/1.0":
            self._end(conn)
        return True

    def _answer(self, conn: Connection, method: str, path: str, fields: dict[str, str], body: bytes) -> None:
        page = self._pages.posts.get(path, bytes)(body) if method == "POST" else self._pages.get(path)
        if page is None:
            self._say(conn, method, path, 404, b"there is no such page\n")
            return
        tag = '"' + hashlib.sha256(page).hexdigest()[:16] + '"'
        more = ["Accept-Ranges: bytes", f"ETag: {tag}"]
        wanted = fields.get("range") if method == "GET" and fields.get("if-range", tag) == tag else None
        part = _range(wanted, len(page)) if wanted else None
        if part is None:
            self._say(conn, method, path, 200, page, more)
        elif not part:
            self._say(conn, method, path, 416, b"", [f"Content-Range: bytes */{len(page)}"])
        else:
            more.append(f"Content-Range: bytes {part[0]}-{part[-1]}/{len(page)}")
            self._say(conn, method, path, 206, page[part.start : part.stop], more)

    def _say(
        self, conn: Connection, method: str, path: str, status: int, body: bytes, more: list[str] | None = None
    ) -> None:
        lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Content-Length: {len(body)}", *(more or [])]
        sent = b"" if method == "HEAD" else body
        now_ns, repeats = self._pages.now_ns(), conn.sender.repeats
        served = Served(conn.there[0], method, path, status, len(sent), now_ns, None, conn, repeats)
        self._pages.served.append(served)
        answer = "\r\n".join((*lines, "", "")).encode() + sent
        self._given += len(answer)
        self._under_way.append((served, self._given))
        conn.send(answer)

    def _refuse(self, conn: Connection, status: int) -> None:
        self._say(conn, "", "", status, b"", ["Connection: close"])
        self._end(conn)

    def _end(self, conn: Connection) -> None:
        self._over = True
        conn.close()

    def _acknowledged(self, conn: Connection) -> None:
        while self._under_way and self._under_way[0][1] <= self._given - conn.unsent:
            served, _ = self._under_way.pop(0)
            served.ended_ns, served.repeats_after = self._pages.now_ns(), conn.sender.repeats
            for other, _ in self._under_way[:1]:
                other.repeats_before = conn.sender.repeats  # what went again until now was the earlier one's


def _range(text: str, length: int) -> range | None:
    """`bytes=FIRST-LAST`, of which either may be left out (RFC 9110, 14.1.2): empty where there is nothing of it, None
    for what we do not have, which is passed over."""
    unit, _, numbers = text.partition("=")
    first, dash, last = numbers.partition("-")
    if unit.strip().lower() != "bytes" or not dash or not all(_is_number(part) for part in (first, last) if part):
        return None
    if not first:
        return range(max(0, length - int(last)), length) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1 if last else length, length))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 12
