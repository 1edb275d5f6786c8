"""What comes in is short and comes in time: a request's body is read to its end before anybody looks at it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from headend.http import problems

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LENGTH = re.compile(rb"[0-9]{1,19}")


class Bodies:
    """ASGI middleware. limit: octets of a body; within_s: how long it may take to come. Says what else answers share:
    they are not kept (an endpoint may say otherwise), and are what their type says.
    """

    def __init__(self, app: App, limit: int, within_s: float) -> None:
        self._app = app
        self._limit = limit
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                usual = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
                message["headers"] = [*message["headers"], *(one for one in usual if one[0] not in names)]
            await send(message)

        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not _LENGTH.fullmatch(said) or int(said) > self._limit:
            await problems.general(problems.TOO_LARGE, _CLOSE)(scope, receive, say)
            return
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self._within_s):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._limit:
                        await problems.general(problems.TOO_LARGE, _CLOSE)(scope, receive, say)
                        return
        except TimeoutError:
            await problems.general(problems.TOO_SLOW, _CLOSE)(scope, receive, say)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, say)


_CLOSE = {"connection": "close"}
"""The rest of the body would be taken for the next request."""
