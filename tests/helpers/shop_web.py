"""The shop's HTTP interface without a network: its application called in this process, in virtual time."""

import asyncio
import shutil

import httpx
from anyio.from_thread import start_blocking_portal
from headend.accounts.engine import transaction
from headend.shop import catalogue
from headend.shop.delivering import Shelf
from headend.shop.web.app import create_app
from headend.shop.web.channel import router_of

from tests.helpers.shop import MASTER, NOW, PASSWORD, Stall
from tests.helpers.tunes import tune

OCTETS = "application/octet-stream"


class Visitor:
    """Who calls an application: `get("/api/titles")` and so on. `token`: shown with every request."""

    def __init__(self, call, token=None):
        self._call, self.token = call, token

    def request(self, method, path, **more):
        headers = dict(more.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("authorization", f"Bearer {self.token}".encode("latin-1"))
        return self._call(method, path, headers=headers, **more)

    def __getattr__(self, method):
        return lambda path, **more: self.request(method.upper(), path, **more)

    def as_somebody(self, token):
        return Visitor(self._call, token)


class Counter:
    """A shop with its shelf, and its application; `now_ms` is what its clock says."""

    def __init__(self, url, folder):
        self.stall, self.shelf, self.now_ms = Stall(url), Shelf(folder), NOW
        self.app = create_app(self.stall, self.shelf, lambda: self.now_ms)
        self.device_keys = {}
        self.app.include_router(router_of(self.stall, self.shelf, MASTER, self.device_keys.get))

    def __enter__(self):
        self._portal = start_blocking_portal()
        portal = self._portal.__enter__()
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="https://shop.test")
        self._lifespan = portal.wrap_async_context_manager(self.app.router.lifespan_context(self.app))
        self._lifespan.__enter__()

        async def call(method, path, more):
            return await self._client.request(method, path, **more)

        async def all_at_once(calls):
            return await asyncio.gather(*(call(method, path, more) for method, path, more in calls))

        self._all_at_once = lambda calls: portal.call(all_at_once, calls)
        self.nobody = Visitor(lambda method, path, **more: portal.call(call, method, path, more))
        return self

    def __exit__(self, *ended):
        self._lifespan.__exit__(*ended)
        self._portal.__exit__(*ended)
        self.stall.engine.dispose()

    def race(self, *calls):
        """Answers to requests (visitor, method, path, json) that are made at the same instant."""
        ready = []
        for who, method, path, body in calls:
            headers = {"authorization": f"Bearer {who.token}"}
            content = {"content": body} if isinstance(body, bytes) else {"json": body}
            if isinstance(body, bytes):
                headers = {"content-type": OCTETS}
            ready.append((method, path, {"headers": headers, **content}))
        return self._all_at_once(ready)

    def visitor(self, login="ann", units=0):
        """Somebody with a new account."""
        made = self.nobody.post("/api/accounts", json={"login": login, "password": PASSWORD})
        assert made.status_code == 201, made.text
        who = self.nobody.as_somebody(made.json()["token"])
        if units:
            card = {"number": self.stall.new_card(units, NOW)}
            assert who.post("/api/account/cards", json=card).status_code == 200
        return who

    def client(self, login="ann"):
        """A client on which the user has signed in."""
        made = self.stall.register_client(NOW)
        self.stall.sign_in(login, PASSWORD, NOW, made.client_id)
        return made

    def put(self, kind="aac", price=30, group=None, name="Blue", seconds=3, **extras):
        """A title that can be downloaded; its number."""
        original = self.shelf.add(tune(kind, seconds), extras)
        with transaction(self.stall.engine) as connection:
            values = (name, price, group, original.file, original.digest, original.texts(), NOW)
            return catalogue.add_title(connection, *values)

    def forget_copies(self):
        shutil.rmtree(self.shelf.folder / "copies")
        (self.shelf.folder / "copies").mkdir()


def code_of(answer, status):
    """The code of a refusal, which must have this status and be a Problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["type"] == f"urn:ringcast:problem:{body['code']}" and body["title"]
    return body["code"]
