"""The shop as an ASGI application. Its own description is at /openapi.json.

Beside the interface for programs there are pages for people, `headend.shop.web.window`: the same core, the same desk.
A channel for clients, say, is one router more: `create_app(...).include_router(channel)`; its endpoints get at the shop
by `headend.shop.web.desk.At`.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from settop.errors import RingcastError
from settop.version import VERSION
from starlette.exceptions import HTTPException

from headend.http import problems
from headend.http.bodies import Bodies
from headend.shop.core import Shop
from headend.shop.delivering import Shelf
from headend.shop.refusals import Refused
from headend.shop.web import accounts, notices, streams, titles
from headend.shop.web.desk import Desk, refused, unavailable
from headend.shop.web.window import accounts as account_pages
from headend.shop.web.window import failures, pages
from headend.shop.web.window import streams as stream_pages
from headend.shop.web.window import titles as title_pages
from headend.stream.sales.core import TransactionServer

BODY_LIMIT = 1 << 16
BODY_WITHIN_S = 20.0
WINDOW = (title_pages.router, account_pages.router, stream_pages.router, pages.router)
THREADS = 12
"""Requests that are worked on at once: no more than the database has connections for (15)."""

_log = logging.getLogger("ringcast.shop")


def wall_ms() -> int:
    """Unix ms."""
    return time.time_ns() // 1_000_000


def create_app(shop: Shop, shelf: Shelf, now_ms: Callable[[], int] = wall_ms) -> FastAPI:
    """The application. now_ms: the time, for each request."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield

    app = FastAPI(
        title="ringcast shop",
        version=VERSION,
        docs_url=None,  # they load scripts of others
        redoc_url=None,
        redirect_slashes=False,  # to wherever the caller's Host says
        lifespan=running,
    )
    app.state.desk = Desk(shop, shelf, now_ms)
    app.state.streams = TransactionServer(shop)
    for router in (accounts.router, titles.router, streams.router, notices.router, *WINDOW):
        app.include_router(router)
    problems.install(app, report)
    app.add_exception_handler(Refused, refused)
    for kind in (RingcastError, OSError):
        app.add_exception_handler(kind, _failed)
    failures.install(app, RequestValidationError, HTTPException, Refused, RingcastError, OSError, Exception)
    app.add_middleware(Bodies, limit=BODY_LIMIT, within_s=BODY_WITHIN_S)

    return problems.described(app)


def report(error: Exception) -> None:
    """Writes down where it happened, without values: they may be keys."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else "nowhere"
    _log.error("a request failed by %s at %s", type(error).__name__, where)


def _failed(request: Any, error: Exception) -> Any:
    _log.error("a request failed: %s", error)
    return unavailable(request, error)
