"""How fast the shop answers by HTTP: its catalogue against a bare FastAPI endpoint of the same SQL and answer."""

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testbed.bench.figure import Figure
from testbed.bench.host_shop import URL

_NOW_MS = 1_800_000_000_000
_TITLES = 50
_PATH = "/api/titles"
_BARE = (
    "SELECT p.title_id, p.name, p.price, p.withdrawn, p.taste, p.right_id, p.begins_ms, p.ends_ms, p.holds_s, "
    "p.until_ms, e.name, e.value FROM "
    "(SELECT t.title_id, t.name, t.price, t.withdrawn, g.name AS taste, r.right_id, "
    "x.begins_ms, x.ends_ms, x.holds_s, x.until_ms, "
    "CASE WHEN m.user_id IS NULL THEN 1 ELSE 0 END AS rank FROM shop_titles t "
    "LEFT JOIN shop_groups g ON g.group_id = t.group_id "
    "LEFT JOIN shop_members m ON m.group_id = t.group_id AND m.user_id = {mark} "
    "LEFT JOIN shop_rights r ON r.title_id = t.title_id AND r.user_id = {mark} AND r.refunded_ms IS NULL "
    "LEFT JOIN shop_terms x ON x.right_id = r.right_id "
    "WHERE NOT t.withdrawn ORDER BY rank, t.title_id LIMIT {mark} OFFSET {mark}) p "
    "LEFT JOIN shop_extras e ON e.title_id = p.title_id ORDER BY p.rank, p.title_id, e.name"
)
_BARE_OFFERS = (
    "SELECT o.title_id, o.begins_ms, o.ends_ms, o.holds_s, o.rental_id, o.price FROM shop_rentals o "
    "JOIN shop_titles t ON t.title_id = o.title_id "
    "WHERE o.title_id IN ({marks}) AND NOT o.withdrawn AND NOT t.withdrawn ORDER BY o.rental_id"
)


def _bare(connect: Callable[[], Any], begin: str, mark: str) -> Any:
    """The endpoint as one would write it first: one connection of the driver's own for each thread."""
    from fastapi import FastAPI
    from headend.shop.web.schemas import Catalogue

    app, mine = FastAPI(), threading.local()

    sql = _BARE.format(mark=mark)

    @app.get(_PATH)
    def titles(after: int = 0) -> Catalogue:
        if not hasattr(mine, "cursor"):
            mine.cursor = connect().cursor()
        run = mine.cursor
        run.execute(begin)
        rows = run.execute(sql, (None, None, 50, after)).fetchall()
        told: dict[int, dict[str, Any]] = {}
        for title, name, price, withdrawn, taste, right, *term, until_ms, extra, value in rows:
            if title not in told:
                bought = right is not None and (until_ms is None or until_ms > _NOW_MS)
                held = None
                if bought and term[0] is not None:
                    held = {**_term(*term), "until_ms": until_ms}
                told[title] = {"title": title, "name": name, "price": price, "taste": taste, "bought": bought}
                told[title] |= {"sold": not withdrawn, "held": held, "offers": [], "extras": {}}
            if extra is not None:
                told[title]["extras"][extra] = value
        offers = _BARE_OFFERS.format(marks=", ".join(mark for _ in told))
        for title, *term, offer, price in run.execute(offers, tuple(told)).fetchall():
            told[title]["offers"].append({**_term(*term), "offer": offer, "price": price})
        run.execute("COMMIT")
        following = after + 50 if len(told) == 50 else None
        return Catalogue.model_validate({"titles": list(told.values()), "next": following})

    return app


def _term(begins_ms: int, ends_ms: int, seconds: int) -> dict[str, int | None]:
    return {"begins_ms": begins_ms or None, "ends_ms": ends_ms or None, "seconds": seconds or None}


async def _ask(app: Any) -> bytes:
    """One request, without a network: what the application answers."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": _PATH,
        "raw_path": _PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"shop"), (b"accept", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 443),
    }
    body = bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message
        body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return bytes(body)


async def _rates(apps: dict[str, Any], rounds: int, requests: int) -> dict[str, float]:
    """Requests a second of each, best of the rounds, which alternate: short ones, since others use the machine too."""
    answers = {await _ask(app) for app in apps.values()}
    assert len(answers) == 1, "they do not answer the same"
    best = dict.fromkeys(apps, 0.0)
    for _ in range(rounds):
        for name, app in apps.items():
            began_s = time.perf_counter()
            for _ in range(requests):
                await _ask(app)
            best[name] = max(best[name], requests / (time.perf_counter() - began_s))
    return best


def _measure(url: str, connect: Callable[[], Any], begin: str, mark: str, rounds: int) -> dict[str, float]:
    from headend.accounts.engine import open_database, transaction
    from headend.accounts.master_key import MasterKey
    from headend.shop import catalogue, rentals
    from headend.shop.core import Shop
    from headend.shop.delivering import Shelf
    from headend.shop.passwords import Passwords
    from headend.shop.web.app import create_app

    shop = Shop(open_database(url), MasterKey(bytes(32)), Passwords(1, 8))
    extras = {"artist": "The Singers", "lyrics": "la " * 100}
    with transaction(shop.engine) as connection:
        for number in range(_TITLES):
            values = (f"Song {number}", 3, None, "song.mp4", bytes(32), extras, _NOW_MS)
            title = catalogue.add_title(connection, *values)
            if number % 5 == 0:
                rentals.add_rental(connection, title, 1, rentals.Term(holds_s=86_400))
    apps = {"shop": create_app(shop, Shelf(Path(os.devnull)), lambda: _NOW_MS), "bare": _bare(connect, begin, mark)}
    best = asyncio.run(_rates(apps, rounds, 1))
    shop.engine.dispose()
    return best


def shop_requests_vs_bare_fastapi(rounds: int = 500) -> Figure:
    """Catalogue pages of 50 titles a second, application alone, against a FastAPI endpoint that makes the same queries
    by the database's driver and gives the same answer; on SQLite and, where RINGCAST_BENCH_DB names one, on PostgreSQL:
    the worse of both.
    """
    import sqlite3

    measured = {}
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as name:
        path = str(Path(name) / "shop.db")
        measured["SQLite"] = _measure(
            path, lambda: sqlite3.connect(path, isolation_level=None), "BEGIN IMMEDIATE", "?", rounds
        )
    if url := os.environ.get(URL):
        import psycopg

        plain = url.replace("+psycopg", "")
        measured["PostgreSQL"] = _measure(url, lambda: psycopg.connect(plain, autocommit=True), "BEGIN", "%s", rounds)
    told = [
        f"{name} {best['shop']:.0f} of {best['bare']:.0f} pages/s ({best['shop'] / best['bare']:.2f})"
        for name, best in measured.items()
    ]
    how = f"the quickest of {rounds} requests, made in turns: {'; '.join(told)}"
    if len(told) == 1:
        how += f"; PostgreSQL where {URL} names one"
    ratio = min(best["shop"] / best["bare"] for best in measured.values())
    return Figure("shop_requests_vs_bare_fastapi", round(ratio, 2), "ratio", 0.5, "higher", how)
