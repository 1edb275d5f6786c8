"""A file as an answer, from where a download was cut (RFC 9110, 13 and 14): one range, a strong ETag, If-Range.

The file is open before the answer begins, so that it may be taken away meanwhile.
"""

import asyncio
import os
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from headend.http import problems
from headend.http.bodies import Receive, Scope, Send

CHUNK = 1 << 18
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


class FileAnswer(Response):
    """`count` octets of an open file from `at` on; closes it in the end."""

    def __init__(self, handle: int, at: int, count: int, status: int, headers: Mapping[str, str], kind: str) -> None:
        super().__init__(None, status, {**headers, "content-length": str(count)}, kind)
        self._handle, self._at, self._left = handle, at, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            left = 0 if scope["method"] == "HEAD" else self._left
            while left and not gone.done():
                data = await asyncio.to_thread(os.pread, self._handle, min(left, CHUNK), self._at)
                if not data:
                    raise OSError("the file became shorter while it was sent")
                self._at += len(data)
                left -= len(data)
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self.close()

    def close(self) -> None:
        """For an answer that is not sent."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    __del__ = close


async def _disconnected(receive: Receive) -> None:
    """Comes back when nobody reads any more: a server takes what is sent then, and drops it."""
    while (await receive())["type"] != "http.disconnect":
        pass


def file_answer(request: Request, handle: int, etag: str, kind: str, headers: Mapping[str, str]) -> Response:
    """The whole of an open file, a range of it, or that there is nothing new. etag: strong, with its quotes.

    Takes the descriptor over. Several ranges at once are answered by the whole (RFC 9110, 14.2).
    """
    size = os.fstat(handle).st_size
    asked = request.headers
    shared = {"etag": etag, "accept-ranges": "bytes", **headers}
    if _names(asked.get("if-none-match"), etag):
        os.close(handle)
        return Response(None, 304, shared)
    found = _range(asked.get("range", ""), size) if request.method == "GET" else None
    if found is None or asked.get("if-range", etag).strip() != etag:
        return FileAnswer(handle, 0, size, 200, shared, kind)
    if found[0] >= size:
        os.close(handle)
        return problems.general(problems.BAD_RANGE, {"content-range": f"bytes */{size}", "accept-ranges": "bytes"})
    part = {**shared, "content-range": f"bytes {found[0]}-{found[1]}/{size}"}
    return FileAnswer(handle, found[0], found[1] - found[0] + 1, 206, part, kind)


def _range(asked: str, size: int) -> tuple[int, int] | None:
    """(first, last) octet of what is asked for, `first` beyond the end where there is none of it; None: the whole."""
    found = _RANGE.fullmatch(asked.strip().lower())
    first, last = found.groups() if found else ("", "")
    if first:
        return None if last and int(last) < int(first) else (int(first), min(int(last or size), size - 1))
    if last:
        return (max(size - int(last), 0) if int(last) else size), size - 1
    return None


def _names(condition: str | None, etag: str) -> bool:
    """Whether If-None-Match names it (RFC 9110, 13.1.2: compared weakly)."""
    if condition is None:
        return False
    return condition.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in condition.split(","))
