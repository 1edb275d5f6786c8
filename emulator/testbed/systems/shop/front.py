"""The shop's door for terminals: on the bench's internet in virtual time, or by the real server on this computer."""

import hashlib
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Protocol

from headend.accounts.master_key import MasterKey
from headend.provisioning import known_device_key
from headend.shop.buying import Bought
from headend.shop.channel import Channel
from headend.shop.channel_requests import Content
from headend.shop.codecs import Unit
from headend.shop.core import Shop
from headend.shop.delivering import Shelf
from settop.errors import LocalError

from testbed.internet.internet import Internet
from testbed.internet.pages import Pages
from testbed.machines.base import NETWORK
from testbed.network.links import Link
from testbed.station import Attachment
from testbed.world import World

HOST, ADDRESS = "shop.example", "203.0.113.30"
_RATE_BITS_S, _DELAY_NS = 1_000_000, 10_000_000
_START_S = 30.0

Event = MutableMapping[str, Any]
"""Of ASGI, as the rest here: what an application is made of."""
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front(Protocol):
    """url: what a terminal is told. carried: every message of the channel and its answer, copies: what was downloaded,
    as a listener on the network has them. ask: what the channel answers to a message, unheard."""

    url: str
    carried: list[tuple[bytes, bytes]]
    copies: list[bytes]

    def lines(self) -> dict[str, Attachment]: ...

    def ask(self, message: bytes) -> bytes: ...

    def close(self) -> None: ...


class BenchFront:
    """At a host of the bench's internet, 1 Mbit/s away. now_ms: the time of day."""

    def __init__(
        self, world: World, shop: Shop, shelf: Shelf, master_key: MasterKey, now_ms: Callable[[], int], seed: int
    ) -> None:
        self.url = f"http://{HOST}"
        self.carried: list[tuple[bytes, bytes]] = []
        self.copies: list[bytes] = []
        self._shop, self._shelf, self._now_ms = shop, shelf, now_ms
        self._channel = Channel(
            shop,
            master_key,
            lambda terminal: known_device_key(shop.engine, master_key, terminal),
            self._locate,
            place=self._place,
        )
        self._internet = world.add(Internet(seed))
        network = self._internet.network
        self._pages = Pages(lambda: network.now_ns)
        self._pages.posts["/channel"] = self._heard
        way = Link(rate_bits_s=100_000_000)
        network.host(ADDRESS, way, way).serve_tcp(80, self._pages.caller)
        network.names.set(HOST, ADDRESS)

    def lines(self) -> dict[str, Attachment]:
        """What hangs on a terminal's line to the network."""
        own = Link(rate_bits_s=_RATE_BITS_S, delay_ns=_DELAY_NS)
        return {NETWORK: self._internet.broadband(own, own)}

    def ask(self, message: bytes) -> bytes:
        """What the channel answers."""
        return self._channel.answer(message, self._now_ms())

    def close(self) -> None:
        """The world closes the internet."""

    def _heard(self, message: bytes) -> bytes:
        answer = self.ask(message)
        self.carried.append((message, answer))
        return answer

    def _locate(self, bought: Bought, user: int) -> Content:
        octets = self._shelf.copy_of(self._shop.engine, bought, user).read_bytes()
        path = f"/copies/{bought.title}-{user}"
        self._pages.put(path, octets)
        self.copies.append(octets)
        return Content(path, len(octets), hashlib.sha256(octets).digest())

    def _place(self, unit: Unit) -> str:
        self._pages.put(unit.path, self._shop.codec_octets(unit.digest))
        return unit.path


class RealFront:
    """The real application behind uvicorn on this computer: for terminals that have its network (unix)."""

    def __init__(self, shop: Shop, shelf: Shelf, master_key: MasterKey, now_ms: Callable[[], int]) -> None:
        import uvicorn
        from headend.shop.web.app import create_app
        from headend.shop.web.channel import router_of

        self.carried: list[tuple[bytes, bytes]] = []
        self.copies: list[bytes] = []
        self._unheard = False
        app = create_app(shop, shelf, now_ms)
        app.include_router(
            router_of(shop, shelf, master_key, lambda terminal: known_device_key(shop.engine, master_key, terminal))
        )
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._server = uvicorn.Server(uvicorn.Config(self._listened_to(app), log_level="critical"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        self._wait()

    def lines(self) -> dict[str, Attachment]:
        """Its terminals have this computer's network."""
        return {}

    def ask(self, message: bytes) -> bytes:
        """What the channel answers, by HTTP as to any terminal."""
        import http.client

        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_START_S)
        self._unheard = True
        try:
            line.request("POST", "/channel", message, {"Content-Type": "application/octet-stream"})
            return line.getresponse().read()
        finally:
            self._unheard = False
            line.close()

    def _listened_to(self, app: Application) -> Application:
        """The same, with what went over this computer's network noted: it is not encrypted there."""

        async def listening(scope: Scope, receive: Receive, send: Send) -> None:
            came, went = bytearray(), bytearray()

            async def hear() -> Event:
                event = await receive()
                came.extend(event.get("body", b""))
                return event

            async def tell(event: Event) -> None:
                went.extend(event.get("body", b""))
                await send(event)

            unheard, path = self._unheard, scope.get("path", "")
            await app(scope, hear, tell)
            if path == "/channel" and not unheard:
                self.carried.append((bytes(came), bytes(went)))
            elif path.startswith("/copies/"):
                self.copies.append(bytes(went))

        return listening

    def close(self) -> None:
        """Ends the server."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _wait(self) -> None:
        import time

        end_s = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > end_s or not self._thread.is_alive():
                raise LocalError("the shop's server does not start")
            time.sleep(0.01)


def add_song(shop: Shop, shelf: Shelf, source: Path, name: str, price: int, now_ms: int) -> int:
    """A title's number."""
    from headend.accounts.engine import transaction
    from headend.shop import catalogue

    original = shelf.add(source, {"title": name.encode()})
    with transaction(shop.engine) as connection:
        values = (name, price, None, original.file, original.digest, original.texts(), now_ms)
        return catalogue.add_title(connection, *values)
